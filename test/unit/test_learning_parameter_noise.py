# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Noise on weights: what is done moves as far as is wanted, and never beyond the bound.
"""
from __future__ import annotations

import pytest
import torch

from vaa_ros.alignment.residual import Residual
from vaa_ros.learning.parameter_noise import perturbed


def residual(learned: bool) -> Residual:
    """One of seven elements, the third of which must not be moved."""
    torch.manual_seed(3)
    made = Residual(40, 6, 7, 32)
    made.bound.copy_(torch.tensor([0.1, 0.2, 0.0, 0.1, 0.1, 0.05, 0.01]))
    made.step.copy_(made.bound.expand(6, 7))
    if learned:
        with torch.no_grad():
            made.body[-1].weight.normal_(std=0.3)
            made.body[-1].bias.normal_(std=0.3)
    return made


@torch.no_grad()
@pytest.mark.parametrize('learned', [False, True])
@pytest.mark.parametrize('noise', [0.05, 0.5, 0.9])
def test_actions_move_as_far_as_is_wanted_at_other_states_too(learned, noise):
    plain = residual(learned)
    states = torch.randn(512, 40, generator=torch.Generator().manual_seed(0))
    free = plain.bound > 0
    found = []
    for seed in range(5):
        moved = perturbed(plain, states[:256], noise, torch.Generator().manual_seed(seed))
        change = [(moved.act(part) - plain.act(part))[:, free].square().mean().sqrt().item()
                  for part in (states[:256], states[256:])]
        assert change[0] == pytest.approx(noise, abs=0.01)
        assert change[1] == pytest.approx(noise, rel=0.2)
        found.append(moved)
        chunk = torch.zeros(512, 6, 7)
        assert (moved(states, chunk).abs() <= plain.bound + 1e-7).all()
    actions = torch.stack([each.act(states[:1])[0] for each in found])
    assert (torch.pdist(actions) > 0.05 * noise).all()


@torch.no_grad()
def test_no_noise_changes_nothing_and_none_changes_what_was_given():
    plain, states = residual(True), torch.randn(64, 40)
    before = plain.act(states)
    same = perturbed(plain, states, 0.0, torch.Generator().manual_seed(0))
    perturbed(plain, states, 0.5, torch.Generator().manual_seed(0))
    assert torch.equal(same.act(states), before) and torch.equal(plain.act(states), before)


@torch.no_grad()
def test_it_stays_within_the_bound_however_far_it_is_sent():
    plain, states = residual(False), torch.randn(64, 40)
    moved = perturbed(plain, states, 5.0, torch.Generator().manual_seed(0))
    assert (moved(states, torch.zeros(64, 6, 7)).abs() <= plain.bound + 1e-7).all()
