# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Exported files: one file, whole, and the same as torch.
"""
from __future__ import annotations

from dataclasses import replace

from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import pytest
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.errors import ExportError
from vaa_ros.core.errors import ModelError
from vaa_ros.learning import export as export_module
from vaa_ros.learning.export import export
from vaa_ros.learning.export import export_policy
from vaa_ros.learning.export import random_observations
from vaa_ros.learning.train import train
from vaa_ros.policies.base import synthetic_observations
from vaa_ros.policies.onnx_policy import OnnxPolicy

SPEC = replace(tiny_spec(cameras=('front', 'wrist')), embedding_size=TINY.embedding_size)


def fresh_policy(seed: int = 0) -> AlignedPolicy:
    torch.manual_seed(seed)
    policy = AlignedPolicy(SPEC, TINY, LossConfig())
    policy.space.set_statistics(torch.randn(3), torch.rand(3) + 0.5, torch.randn(6, 3) * 0.1,
                                torch.rand(6, 3) * 0.1)
    return policy.eval()


@pytest.fixture(scope='module')
def exported(tmp_path_factory):
    return export_policy(fresh_policy(), SPEC, tmp_path_factory.mktemp('export') / 'tiny.onnx')


def test_the_file_agrees_with_torch_and_says_so(exported):
    assert exported.parity <= 1e-5
    assert set(exported.parity_each) == {'actions', 'scale', 'z_vision', 'z_action'}
    stored = OnnxPolicy(exported.path).spec.parity
    assert stored['max_abs_difference'] == exported.parity and stored['seeds'] >= 5
    assert stored['tolerance'] == 1e-5


def test_the_deployed_file_answers_like_torch_on_fresh_input(exported):
    from vaa_ros.learning.export import ask
    policy = OnnxPolicy(exported.path)
    observation = random_observations(SPEC, 99)[1]
    chunk = policy.infer(observation)
    wanted = ask(PolicyGraph(fresh_policy()), observation)
    assert np.abs(chunk.actions - wanted[0]).max() < 1e-5
    assert chunk.alignment == pytest.approx(float(wanted[2] @ wanted[3]), abs=1e-4)


def test_pictures_of_one_colour_get_finite_answers(exported):
    policy = OnnxPolicy(exported.path)
    for observation in synthetic_observations(SPEC):
        assert np.isfinite(policy.infer(observation).actions).all()


def test_one_file_is_left_and_holds_its_weights(exported):
    assert [path.name for path in exported.path.parent.iterdir()] == ['tiny.onnx']
    assert exported.bytes == exported.path.stat().st_size


@pytest.fixture(scope='module')
def traced():
    """One trace for all tests of what happens after it: tracing takes seconds."""
    policy = fresh_policy()
    return (export_module.policy_to_onnx(PolicyGraph(policy).eval(), SPEC),
            export_module.encoder_to_onnx(policy, SPEC))


@pytest.fixture
def ready(traced, monkeypatch):
    monkeypatch.setattr(export_module, 'policy_to_onnx', lambda *_: traced[0])
    monkeypatch.setattr(export_module, 'encoder_to_onnx', lambda *_: traced[1])


@pytest.mark.usefixtures('ready')
def test_a_graph_that_differs_is_not_written(tmp_path, monkeypatch):
    honest = export_module.ask

    def other(graph, observation):
        return [value + 2e-5 for value in honest(graph, observation)]

    monkeypatch.setattr(export_module, 'ask', other)
    with pytest.raises(ExportError, match=r'differs from torch by .*e-05 \(allowed 1e-05\)'):
        export_policy(fresh_policy(), SPEC, tmp_path / 'tiny.onnx')
    assert list(tmp_path.iterdir()) == []


def test_weights_that_are_not_finite_are_not_written(tmp_path):
    policy = fresh_policy()
    with torch.no_grad():
        policy.decoder.outlet[-1].bias.fill_(float('nan'))
    with pytest.raises(ExportError, match='not usable.*not finite'):
        export_policy(policy, SPEC, tmp_path / 'tiny.onnx')
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures('ready')
def test_an_older_file_stays_when_export_fails(tmp_path, monkeypatch):
    path = tmp_path / 'tiny.onnx'
    path.write_bytes(b'older')
    monkeypatch.setattr(export_module, 'TOLERANCE', -1.0)
    with pytest.raises(ExportError):
        export_policy(fresh_policy(), SPEC, path)
    assert path.read_bytes() == b'older'


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(ExportError, match='must end in .onnx'):
        export_policy(fresh_policy(), SPEC, tmp_path / 'tiny.pt')


@pytest.mark.usefixtures('ready')
def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / 'file').write_text('')
    with pytest.raises(ExportError, match='cannot write'):
        export_policy(fresh_policy(), SPEC, tmp_path / 'file' / 'tiny.onnx')


def test_a_run_without_checkpoint_is_refused(tmp_path):
    with pytest.raises(ModelError, match='no checkpoint'):
        export(tmp_path, tmp_path / 'tiny.onnx')


def test_a_run_becomes_a_policy_with_its_history(tmp_path):
    data = write_dataset(tmp_path / 'data')
    train(tiny_config(steps=12), data, tmp_path / 'run', progress=False)
    result = export(tmp_path / 'run', tmp_path / 'out' / 'p.onnx', name='mine')
    spec = OnnxPolicy(result.path).spec
    assert spec.name == 'mine' and spec.embedding_size == TINY.embedding_size
    assert spec.provenance['steps'] == 12 and len(spec.provenance['dataset_sha256']) == 64
    assert 'alignment_low' in spec.calibration
    assert 'learning_rate' in spec.provenance['config']
    assert spec.provenance['held_out']['pool'] > 1
