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

from accelerate import Accelerator
from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import tiny_hub_model
from learning_samples import write_dataset
import pytest
import torch
from torch._dynamo.utils import counters

from vaa_ros.alignment.config import LossConfig
from vaa_ros.learning import checkpoint
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.learning.config import load_config
from vaa_ros.learning.engine import Engine
from vaa_ros.learning.train import train

ROOT = Path(__file__).parents[2]
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--nproc-per-node', '2',
            '--rdzv-backend', 'c10d', '--rdzv-endpoint', 'localhost:0']
ALONE = replace(TINY, state_dropout=0.0)
CASES = {
    'conv_flow': tiny_config(steps=50, model=replace(TINY, decoder='flow'), loss=LossConfig(
        balance='gradient', hard_negatives=2.0, contrast='sigmoid')),
    'resnet_laplace': tiny_config(steps=50, model=tiny_hub_model('resnet')),
    'no_dropout': tiny_config(steps=4, model=ALONE),
    **{vision: tiny_config(steps=4, model=tiny_hub_model(vision))
       for vision in ('vit', 'clip', 'dinov2')}}


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp('engine') / 'data', episodes=8, held_out=2)


@pytest.fixture(scope='module')
def two(data, tmp_path_factory) -> Path:
    """The runs of all cases, each learned by two processes."""
    folder = tmp_path_factory.mktemp('two')
    for name, config in CASES.items():
        (folder / f'{name}.yaml').write_text(config_to_yaml(replace(config, precision='float32')))
    done = run_two([str(ROOT / 'test/unit/train_several.py'), str(data), str(folder), *CASES])
    assert done.returncode == 0, done.stderr
    return folder


def run_two(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Something under torchrun with two processes."""
    return subprocess.run(
        [*TORCHRUN, *command], capture_output=True, text=True, timeout=240,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'})


@pytest.mark.parametrize('name', CASES)
def test_two_processes_learn_what_one_learns(name, data, two, tmp_path):
    train(load_config(two / f'{name}.yaml'), data, tmp_path / 'one', progress=False)
    ours, theirs = (checkpoint.load(folder)[2] for folder in (tmp_path / 'one', two / name))
    assert ours['step'] == theirs['step'] == CASES[name].steps
    for part, value in ours['model'].items():
        # A softmax over places has the same answer with any bias: it follows rounding errors.
        if not part.endswith('where.score.bias'):
            torch.testing.assert_close(theirs['model'][part], value, rtol=0.02, atol=2e-3,
                                       msg=part)
    one, both = ([line for line in checkpoint.read_metrics(folder) if line['split'] == 'train']
                 for folder in (tmp_path / 'one', two / name))
    assert len(one) == len(both) == ours['step'] // 50
    for ours, theirs in zip(one, both, strict=True):
        for figure in ('loss', 'cloning', 'align', 'reconstruct', 'gradient'):
            assert theirs[figure] == pytest.approx(ours[figure], rel=2e-3), figure


def test_a_batch_that_cannot_be_shared_is_refused(data, tmp_path):
    (tmp_path / 'config.yaml').write_text(config_to_yaml(tiny_config(batch_size=17)))
    done = run_two(['-m', 'vaa_ros.cli.main', 'train', '--data', str(data), '--out',
                    str(tmp_path / 'run'), '--config', str(tmp_path / 'config.yaml')])
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


def test_a_compiled_network_learns_the_same(data, tmp_path, monkeypatch):
    # Inductor takes minutes; this backend runs what it would be given.
    monkeypatch.setattr('vaa_ros.learning.engine.Accelerator', lambda dynamo_backend, **options: (
        Accelerator(dynamo_backend=dynamo_backend.replace('inductor', 'eager'), **options)))
    counters.clear()
    for name in ('plain', 'compiled'):
        assert counters['stats']['unique_graphs'] == 0
        train(tiny_config(steps=3, precision='float32', compile=name == 'compiled'), data,
              tmp_path / name, progress=False)
    assert counters['stats']['unique_graphs'] > 0
    plain, compiled = (checkpoint.load(tmp_path / name)[2]['averaged']
                       for name in ('plain', 'compiled'))
    assert plain.keys() == compiled.keys()
    for part, value in plain.items():
        torch.testing.assert_close(compiled[part], value, msg=part)
