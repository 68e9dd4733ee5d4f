# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Several processes that share every batch learn what one learns; half precision learns, too.
"""
from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import subprocess
import sys

from learning_samples import tiny_config
from learning_samples import write_dataset
import pytest
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.learning import checkpoint
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.learning.engine import Engine
from vaa_ros.learning.train import train

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node', '2',
            '--rdzv-backend', 'c10d', '--rdzv-endpoint', 'localhost:0', '-m',
            'vaa_ros.cli.main', 'train']


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp('engine') / 'data', episodes=8, held_out=2)


def run_two(folder: Path, data: Path, config: Path) -> subprocess.CompletedProcess[str]:
    """`vaa train` under torchrun with two processes."""
    return subprocess.run(
        [*TORCHRUN, '--data', str(data), '--out', str(folder), '--config', str(config)],
        capture_output=True, text=True, timeout=240,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})


@pytest.mark.parametrize('loss, decoder', [
    (LossConfig(), 'laplace'),
    (LossConfig(balance='gradient', hard_negatives=2.0, contrast='sigmoid'), 'flow')])
def test_two_processes_learn_what_one_learns(data, tmp_path, loss, decoder):
    config = tiny_config(steps=50, loss=loss, precision='float32')
    config = replace(config, model=replace(config.model, decoder=decoder))
    (tmp_path / 'config.yaml').write_text(config_to_yaml(config))
    train(config, data, tmp_path / 'one', progress=False)
    done = run_two(tmp_path / 'two', data, tmp_path / 'config.yaml')
    assert done.returncode == 0, done.stderr
    one, two = ([line for line in checkpoint.read_metrics(tmp_path / name)
                 if line['split'] == 'train'] for name in ('one', 'two'))
    assert one[-1]['step'] == two[-1]['step'] == 50
    for name in ('loss', 'cloning', 'align', 'reconstruct', 'gradient'):
        assert two[-1][name] == pytest.approx(one[-1][name], rel=2e-3), name
    ours, theirs = (checkpoint.load(tmp_path / name)[2]['model'] for name in ('one', 'two'))
    for name, value in ours.items():
        torch.testing.assert_close(theirs[name], value, rtol=0.02, atol=2e-3, msg=name)


def test_a_batch_that_cannot_be_shared_is_refused(data, tmp_path):
    (tmp_path / 'config.yaml').write_text(config_to_yaml(tiny_config(batch_size=17)))
    done = run_two(tmp_path / 'run', data, tmp_path / 'config.yaml')
    assert done.returncode != 0 and not (tmp_path / 'run').exists()
    assert 'batch_size 17 cannot be shared by 2 processes' in done.stderr


def test_half_precision_learns_as_full_precision_does(data, tmp_path):
    last = {}
    for precision in ('float32', 'bfloat16'):
        train(tiny_config(steps=100, precision=precision), data, tmp_path / precision,
              progress=False)
        first, *_, last[precision] = (line['loss'] for line in checkpoint.read_metrics(
            tmp_path / precision) if line['split'] == 'train')
        assert last[precision] < 0.8 * first
    assert last['bfloat16'] != last['float32']
    assert last['bfloat16'] == pytest.approx(last['float32'], rel=0.1, abs=0.05)


def test_automatic_precision_is_what_the_processor_has(monkeypatch):
    for has in (True, False):
        monkeypatch.setattr('vaa_ros.learning.machine.has_bfloat16', lambda gpu, has=has: has)
        assert Engine(tiny_config()).half == has
        assert not Engine(tiny_config(precision='float32')).half


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision 'half', expected one of"):
        tiny_config(precision='half')
