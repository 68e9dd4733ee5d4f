# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Checkpoints and logs of runs.
"""
from __future__ import annotations

import pickle

from learning_samples import tiny_config
from learning_samples import tiny_spec
import pytest
import torch

from vaa_ros.core.errors import ModelError
from vaa_ros.learning import checkpoint


def test_a_checkpoint_comes_back(tmp_path):
    state = {'averaged': {'weight': torch.arange(3.0)}, 'step': 7}
    checkpoint.save(tmp_path, tiny_config(), tiny_spec(), state)
    config, spec, found = checkpoint.load(tmp_path)
    assert (config, spec) == (tiny_config(), tiny_spec())
    assert found['step'] == 7 and torch.equal(found['averaged']['weight'], torch.arange(3.0))
    assert [path.name for path in tmp_path.iterdir()] == ['checkpoint.pt']


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(ModelError, match='no checkpoint.*vaa train'):
        checkpoint.load(tmp_path)


class Evil:
    def __reduce__(self):
        return (print, ('loaded',))


@pytest.mark.parametrize('content', [
    b'', b'garbage' * 100, pickle.dumps({'version': 1})])
def test_garbage_is_refused(tmp_path, content):
    (tmp_path / 'checkpoint.pt').write_bytes(content)
    with pytest.raises(ModelError, match='cannot read the checkpoint'):
        checkpoint.load(tmp_path)


def test_code_in_a_checkpoint_is_not_run(tmp_path, capsys):
    torch.save({'version': 1, 'evil': Evil()}, tmp_path / 'checkpoint.pt')
    with pytest.raises(ModelError, match='cannot read the checkpoint'):
        checkpoint.load(tmp_path)
    assert 'loaded' not in capsys.readouterr().out


def test_another_version_is_refused(tmp_path):
    torch.save({'version': 99}, tmp_path / 'checkpoint.pt')
    with pytest.raises(ModelError, match='version 99'):
        checkpoint.load(tmp_path)


def test_weights_of_another_shape_are_refused(tmp_path):
    checkpoint.save(tmp_path, tiny_config(), tiny_spec(), {'averaged': {'x': torch.zeros(1)}})
    with pytest.raises(ModelError, match='do not fit'):
        checkpoint.load_policy(tmp_path)


def test_figures_are_read_back(tmp_path):
    log = checkpoint.MetricLog(tmp_path, 0)
    log.write('train', 50, 1.25, {'loss': 0.5})
    # JSON has no NaN; a figure of nothing is none.
    log.write('held_out', 60, 2.0, {'recall_at_10': 0.25, 'auc': float('nan')})
    log.close()
    assert checkpoint.read_metrics(tmp_path) == [
        {'split': 'train', 'step': 50, 'elapsed_s': 1.25, 'loss': 0.5},
        {'split': 'held_out', 'step': 60, 'elapsed_s': 2.0, 'recall_at_10': 0.25}]
    assert list(tmp_path.glob('events.out.tfevents.*'))
    assert checkpoint.read_metrics(tmp_path / 'nowhere') == []


def test_a_log_goes_on_where_its_checkpoint_was(tmp_path):
    for begin, steps in ((0, (50, 100, 150)), (120, (150, 200))):
        log = checkpoint.MetricLog(tmp_path, begin)
        for step in steps:
            log.write('train', step, 1.0, {'loss': float(begin)})
        log.close()
    assert [(line['step'], line['loss']) for line in checkpoint.read_metrics(tmp_path)] == [
        (50, 0.0), (100, 0.0), (150, 120.0), (200, 120.0)]
