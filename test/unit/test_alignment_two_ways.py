# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations that pass an obstacle on either side of it: which decoders keep the ways apart.
"""
from __future__ import annotations

import copy
from dataclasses import replace

from learning_samples import TINY
import numpy as np
import pytest
import torch
from two_ways import AHEAD
from two_ways import aside
from two_ways import demonstrations
from two_ways import picture
from two_ways import SPEC
from two_ways import trained
from two_ways import ways_of

from vaa_ros.alignment.action_decoder import Density
from vaa_ros.alignment.flow_decoder import FlowDensity
from vaa_ros.alignment.flow_decoder import lonely
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.core.types import Observation
from vaa_ros.learning.export import export_policy
from vaa_ros.policies.onnx_policy import OnnxPolicy


@torch.no_grad()
def look(policy: AlignedPolicy, batch: Batch) -> tuple[Density, torch.Tensor]:
    """What a policy makes of a batch: the densities, and z_vision."""
    features, z_vision = policy.see(batch.pictures)
    return policy.decide(features, z_vision, batch.state), z_vision


@torch.no_grad()
def executed(policy: AlignedPolicy) -> float:
    """Where the deployed graph passes the obstacle; it moves ahead as shown in any case."""
    actions = PolicyGraph(policy)(picture(), torch.zeros(1, 3))[0][0]
    assert actions[:, 1].tolist() == pytest.approx(AHEAD.tolist(), abs=0.15)
    return aside(actions).item()


def test_the_laplace_goes_through_the_middle():
    assert abs(executed(trained('laplace'))) < 0.5


@pytest.mark.parametrize('kind', ['mixture', 'flow'])
def test_the_others_take_one_of_the_ways(kind):
    assert abs(executed(trained(kind))) == pytest.approx(1.0, abs=0.35)


def test_the_mixture_has_both_ways_and_nothing_between_them():
    policy = trained('mixture')
    density, _ = look(policy, next(demonstrations()))
    ways, weight = ways_of(policy, density.mean[0]), density.log_weight[0].exp()
    assert weight[ways > 0].sum().item() == pytest.approx(0.5, abs=0.2)
    assert weight[ways.abs() < 0.65].sum() < 0.01


@torch.no_grad()
def test_samples_of_the_flow_take_both_ways_and_the_choice_keeps_out_of_the_middle():
    policy = trained('flow')
    density, z_vision = look(policy, next(demonstrations()))
    density, z_vision = FlowDensity(policy.decoder, density.features[:1]), z_vision[:1]
    fixed = density.sample(policy.decoder.noise)
    ways = ways_of(policy, fixed[0])[~lonely(fixed)[0]]
    assert ways.abs().min() > 0.65 and ways.min() < 0 < ways.max()
    noise = torch.randn(320, 12, 3, generator=torch.Generator().manual_seed(1))
    ways = ways_of(policy, density.sample(noise)[0])
    assert 0.3 < (ways > 0).float().mean() < 0.7
    # Of single samples, so few steps leave some in between, about 4 of 100 here.
    assert (ways.abs() < 0.5).float().mean() < 0.1
    chosen = []
    for group in noise.split(8):
        decoder = copy.deepcopy(policy.decoder)
        decoder.noise = group
        chosen.append(policy.answer(FlowDensity(decoder, density.features), z_vision)[0][0])
    # Of chosen ones about 3 of 1000.
    ways = ways_of(policy, torch.stack(chosen))
    assert (ways.abs() < 0.5).sum() <= 1 and ways.min() < 0 < ways.max()


@pytest.mark.parametrize('kind', ['laplace', 'mixture', 'flow'])
def test_only_one_mode_finds_the_middle_as_likely_as_the_ways(kind):
    policy, batch = trained(kind), next(demonstrations())
    density, _ = look(policy, batch)
    chunk = policy.space.normal_chunk(batch.actions, batch.state)
    middle = chunk.clone()
    middle[..., 0] -= aside(batch.actions)[:, None]  # in normal units a way is 1 or -1
    shown, between = (density.chunk_nll(item, torch.ones_like(item)).mean().item()
                      for item in (chunk, middle))
    assert between < shown + 1 if kind == 'laplace' else between > shown + 5


def test_the_exported_flow_takes_one_of_the_ways_too(tmp_path):
    policy, spec = trained('flow'), replace(SPEC, embedding_size=TINY.embedding_size)
    result = export_policy(copy.deepcopy(policy), spec, tmp_path / 'flow.onnx')
    chunk = OnnxPolicy(result.path).infer(
        Observation(0, {'front': picture()[0].numpy()}, np.zeros(3, np.float32)))
    assert result.parity <= 1e-5
    way = aside(torch.tensor(chunk.actions)).item()
    assert way == pytest.approx(executed(policy), abs=1e-4)
