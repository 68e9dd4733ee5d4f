# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations that pass an obstacle on either side of it, and policies that learn from them.

For the tests, and for benchmarks/best_of_k.py.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from unittest import mock

from learning_samples import TINY
from learning_samples import tiny_spec
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.flow_decoder import FlowDensity
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.alignment.model import crop_size

SPEC = tiny_spec(length=12)
BULGE = torch.sin(torch.pi * (torch.arange(12) + 0.5) / 12)
"""How far aside a way leads, step by step, when it passes the obstacle at 1 [rad]."""
AHEAD = torch.linspace(0.1, 1, 12)
COUNT = 32
STEPS = {'laplace': 150, 'mixture': 200, 'flow': 400}


def picture() -> torch.Tensor:
    """A red obstacle in the middle: the one thing that there is to see."""
    scene = torch.zeros(1, 24, 32, 3, dtype=torch.uint8)
    scene[:, 8:16, 12:20, 0] = 250
    return scene


def demonstrations(seed: int = 0) -> Iterator[Batch]:
    """As many to the left as to the right, none through the middle."""
    generator = torch.Generator().manual_seed(seed)
    rows, columns = crop_size(SPEC.cameras[0], TINY.crop)
    top, left = (24 - rows) // 2, (32 - columns) // 2
    seen = picture()[:, top:top + rows, left:left + columns].permute(0, 3, 1, 2) / 127.5 - 1
    side = torch.tensor([-1.0, 1.0]).repeat(COUNT // 2)
    while True:
        width = side + 0.1 * torch.randn(COUNT, generator=generator)
        actions = torch.zeros(COUNT, 12, 3)
        actions[..., 0] = width[:, None] * BULGE
        actions[..., 1] = AHEAD
        actions += 0.03 * torch.randn(COUNT, 12, 3, generator=generator)
        noise = 0.02 * torch.randn(COUNT, 3, rows, columns, generator=generator)
        yield Batch({'front': seen + noise}, {}, torch.zeros(COUNT, 3), actions,
                    torch.ones(COUNT, 12))


@lru_cache
@torch.enable_grad()
def trained(kind: str, seed: int = 0, steps: int | None = None) -> AlignedPolicy:
    """A small policy with a decoder of this kind, after seconds of training."""
    torch.manual_seed(seed)
    steps = STEPS[kind] if steps is None else steps
    config = replace(TINY, decoder=kind, decoder_width=64, decoder_layers=2, state_dropout=0.0)
    policy = AlignedPolicy(SPEC, config, LossConfig()).train()
    mean, scale = torch.zeros(12, 3), torch.full((12, 3), 0.1)
    mean[:, 1], scale[:, 0] = AHEAD, BULGE
    policy.space.set_statistics(torch.zeros(3), torch.ones(3), mean, scale)
    optimiser = torch.optim.Adam(policy.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    # What goes to the training log is not what is looked at here, and costs as much again.
    with mock.patch.object(FlowDensity, 'glance', lambda *_: {}):
        for _, batch in zip(range(steps), demonstrations(seed), strict=False):
            optimiser.zero_grad()
            policy(batch)[0].backward()
            optimiser.step()
            schedule.step()
    return policy.eval()


def aside(chunk: torch.Tensor) -> torch.Tensor:
    """How far aside chunks (..., T, D) pass the obstacle [rad]; the ways are about -1 and 1."""
    return chunk[..., 0] @ BULGE / BULGE.square().sum()


def ways_of(policy: AlignedPolicy, chunks: torch.Tensor) -> torch.Tensor:
    """Where normalised chunks (N, T, D) pass the obstacle (N,)."""
    return aside(policy.space.physical_chunk(chunks, torch.zeros(len(chunks), 3)))
