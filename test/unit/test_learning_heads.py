# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every decoder goes the whole way: trained, exported, run by ONNX Runtime, judged from its file.
"""
from __future__ import annotations

from dataclasses import replace
import math
from pathlib import Path

from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import write_dataset
import numpy as np
import pytest
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.core.errors import ExportError
from vaa_ros.learning import checkpoint
from vaa_ros.learning.export import ask
from vaa_ros.learning.export import export
from vaa_ros.learning.export import ExportResult
from vaa_ros.learning.export import random_observations
from vaa_ros.learning.held_out import evaluate_held_out
from vaa_ros.learning.train import train
from vaa_ros.learning.train import TrainResult
from vaa_ros.policies.onnx_policy import OnnxPolicy

HEADS = ('mixture', 'flow')
"""The Laplace decoder is what every other test of training and export is about."""


@pytest.fixture(scope='module', params=HEADS)
def made(request, tmp_path_factory) -> tuple[str, Path, TrainResult, ExportResult]:
    folder = tmp_path_factory.mktemp(request.param)
    data = write_dataset(folder / 'data', episodes=5)
    config = tiny_config(
        steps=60, model=replace(TINY, decoder=request.param, components=3),
        loss=LossConfig(hard_negatives=2.0, balance='gradient', learn_temperature=False))
    result = train(config, data, folder / 'run', progress=False)
    return request.param, data, result, export(folder / 'run', folder / 'p.onnx')


def test_training_logs_the_likelihood(made):
    _, _, result, _ = made
    lines = checkpoint.read_metrics(result.folder)
    trained = [line for line in lines if line['split'] == 'train'][-1]
    assert all(math.isfinite(trained[name]) for name in ('nll', 'cloning', 'align_weight'))
    assert trained['temperature'] == pytest.approx(0.07, rel=1e-4)
    assert math.isfinite(result.metrics['nll']) and result.metrics['nll'] < 2.0


def test_the_file_agrees_with_torch_and_has_the_ends_it_always_had(made):
    kind, _, result, exported = made
    assert exported.parity <= 1e-5
    policy = OnnxPolicy(exported.path)
    assert policy.spec.provenance['decoder'] == kind
    graph = PolicyGraph(checkpoint.load_policy(result.folder)[0])
    for observation in random_observations(policy.spec, 77):
        found = policy.infer(observation)
        for ours, wanted in zip((found.actions, found.scale, found.z_vision, found.z_action),
                                ask(graph, observation), strict=True):
            assert np.abs(ours - wanted).max() < 1e-5
        assert found.actions.shape == found.scale.shape == (6, 3)
        assert (found.scale > 0).all()


def test_one_observation_has_one_answer(made):
    observation = random_observations(made[3].spec, 5)[0]
    other = random_observations(made[3].spec, 6)[0]
    answers = []
    for _ in range(2):
        policy = OnnxPolicy(made[3].path)
        torch.randn(3)
        policy.infer(other)
        answers.append(policy.infer(observation))
    assert np.array_equal(answers[0].actions, answers[1].actions)
    assert np.array_equal(answers[0].scale, answers[1].scale)


def test_the_file_is_judged_by_all_but_the_density_that_it_does_not_give(made):
    _, data, result, exported = made
    found = evaluate_held_out(exported.path, data)
    assert found.keys() == result.metrics.keys() - {'nll'}
    assert found['l1'] == pytest.approx(result.metrics['l1'], abs=1e-3)


def test_how_many_samples_are_chosen_from_is_decided_at_export(made, tmp_path):
    kind, _, result, exported = made
    if kind != 'flow':
        with pytest.raises(ExportError, match="only the flow decoder samples.*'mixture'"):
            export(result.folder, tmp_path / 'p.onnx', samples=4)
        return
    observation = random_observations(exported.spec, 5)[0]
    whole = OnnxPolicy(exported.path).infer(observation)
    single = export(result.folder, tmp_path / 'single.onnx', samples=1)
    assert single.parity <= 1e-5 and 'samples: 1\n' in single.spec.provenance['config']
    chunk = OnnxPolicy(single.path).infer(observation)
    assert not np.array_equal(chunk.actions, whole.actions)
    assert np.abs(chunk.z_vision - whole.z_vision).max() < 1e-6
    policy, _, _ = checkpoint.load_policy(result.folder)
    before = policy.decoder.noise
    policy.set_samples(16)
    assert policy.config.samples == len(policy.decoder.noise) == 16
    policy.set_samples(8)
    assert torch.equal(policy.decoder.noise, before)
    with pytest.raises(ExportError, match='samples 257, expected 1 to 256'):
        export(result.folder, tmp_path / 'p.onnx', samples=257)
