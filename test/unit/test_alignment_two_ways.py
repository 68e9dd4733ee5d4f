# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations that pass an obstacle on either side of it: which decoders keep the ways apart.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from learning_samples import TINY
from learning_samples import tiny_spec
import pytest
import torch

from vaa_ros.alignment.action_decoder import Density
from vaa_ros.alignment.config import DECODERS
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.flow_decoder import FlowDensity
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.alignment.model import crop_size
from vaa_ros.alignment.model import PolicyGraph

SPEC = tiny_spec()
BULGE = torch.sin(torch.pi * (torch.arange(6) + 0.5) / 6)
"""How far aside a way leads, step by step, when it passes the obstacle at 1 [rad]."""
COUNT, STEPS = 32, 400


def picture() -> torch.Tensor:
    """A red obstacle in the middle: the one thing that there is to see."""
    scene = torch.zeros(1, 24, 32, 3, dtype=torch.uint8)
    scene[:, 8:16, 12:20, 0] = 250
    return scene


def demonstrations() -> Iterator[Batch]:
    """As many to the left as to the right, none through the middle."""
    generator = torch.Generator().manual_seed(0)
    rows, columns = crop_size(SPEC.cameras[0], TINY.crop)
    top, left = (24 - rows) // 2, (32 - columns) // 2
    seen = picture()[:, top:top + rows, left:left + columns].permute(0, 3, 1, 2) / 127.5 - 1
    side = torch.tensor([-1.0, 1.0]).repeat(COUNT // 2)
    while True:
        width = side + 0.1 * torch.randn(COUNT, generator=generator)
        actions = torch.zeros(COUNT, 6, 3)
        actions[..., 0] = width[:, None] * BULGE
        actions[..., 1] = torch.linspace(0.1, 1, 6)
        actions += 0.03 * torch.randn(COUNT, 6, 3, generator=generator)
        noise = 0.02 * torch.randn(COUNT, 3, rows, columns, generator=generator)
        yield Batch({'front': seen + noise}, {}, torch.zeros(COUNT, 3), actions,
                    torch.ones(COUNT, 6))


def aside(chunk: torch.Tensor) -> torch.Tensor:
    """How far aside chunks (..., T, D) pass the obstacle; the ways are about -1 and 1."""
    return chunk[..., 0] @ BULGE / BULGE.square().sum()


@pytest.fixture(scope='module', params=DECODERS)
def trained(request) -> tuple[str, AlignedPolicy]:
    torch.manual_seed(0)
    config = replace(TINY, decoder=request.param, decoder_width=64, decoder_layers=2,
                     state_dropout=0.0)
    policy = AlignedPolicy(SPEC, config, LossConfig()).train()
    optimiser = torch.optim.Adam(policy.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    with pytest.MonkeyPatch.context() as patch:
        # What goes to the training log is not what is tested here, and costs as much again.
        patch.setattr(FlowDensity, 'glance', lambda *_: {})
        for _, batch in zip(range(STEPS), demonstrations(), strict=False):
            optimiser.zero_grad()
            policy(batch)[0].backward()
            optimiser.step()
            schedule.step()
    return request.param, policy.eval()


@torch.no_grad()
def draw(density: Density, kind: str) -> torch.Tensor:
    """200 chunks of one scene, or where the components lie that make up 200 (N, T, D)."""
    generator = torch.Generator().manual_seed(1)
    if kind == 'mixture':
        which = torch.multinomial(density.log_weight[0].exp(), 200, True, generator=generator)
        return density.mean[0, which]
    return density.sample(torch.randn(200, 6, 3, generator=generator))[0]


def test_the_executed_chunk_is_one_of_the_ways_unless_there_is_but_one_mode(trained):
    kind, policy = trained
    with torch.no_grad():
        actions, scale, z_vision, z_action = PolicyGraph(policy)(picture(), torch.zeros(1, 3))
    way = aside(actions[0]).item()
    if kind == 'laplace':
        assert abs(way) < 0.5
    else:
        assert abs(way) == pytest.approx(1.0, abs=0.35)
    assert actions[0, :, 1].tolist() == pytest.approx(
        torch.linspace(0.1, 1, 6).tolist(), abs=0.25)
    assert actions.shape == scale.shape == (1, 6, 3) and z_vision.shape == z_action.shape


def test_samples_take_both_ways_and_never_the_middle(trained):
    kind, policy = trained
    if kind == 'laplace':
        pytest.skip('has one mode, see the other test')
    batch = next(demonstrations())
    with torch.no_grad():
        features, z_vision = policy.see(batch.pictures)
        density = policy.decide(features[:1], z_vision[:1], batch.state[:1])
    ways = aside(draw(density, kind))
    assert 0.25 < (ways > 0).float().mean() < 0.75
    assert ways.abs().min() > 0.5


def test_two_ways_are_more_likely_than_the_middle(trained):
    kind, policy = trained
    batch = next(demonstrations())
    with torch.no_grad():
        features, z_vision = policy.see(batch.pictures)
        density = policy.decide(features, z_vision, batch.state)
        chunk = policy.space.normal_chunk(batch.actions, batch.state)
        middle = chunk.clone()
        middle[..., 0] -= aside(chunk)[:, None] * BULGE
        costs = [density.chunk_nll(item, torch.ones_like(item)).mean().item()
                 for item in (chunk, middle)]
    if kind == 'laplace':
        assert costs[1] < costs[0] + 1
    else:
        assert costs[1] > costs[0] + 5
