# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The shared space and the contrastive losses.
"""
from __future__ import annotations

import learning_samples  # noqa: F401 (sets the number of threads)
import pytest
import torch
from torch.nn import functional

from vaa_ros.alignment.config import CONTRASTS
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.embedding import chunk_distances
from vaa_ros.alignment.embedding import Contrast
from vaa_ros.alignment.embedding import Projection
from vaa_ros.alignment.embedding import targets_of


def unit(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(*shape, generator=generator), dim=-1)


def chunks(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(seed))


def test_projections_have_unit_length():
    z = Projection(7, 4)(torch.randn(9, 7) * 100)
    assert torch.allclose(z.norm(dim=1), torch.ones(9), atol=1e-5)
    assert torch.isfinite(Projection(7, 4)(torch.zeros(1, 7))).all()


def test_distance_is_the_mean_absolute_difference():
    first, second = chunks(2)
    found = chunk_distances(torch.stack([first, second]))
    assert found[0, 1].item() == pytest.approx((first - second).abs().mean().item(), rel=1e-5)
    assert found.diagonal().tolist() == pytest.approx([0.0, 0.0], abs=1e-6)


def test_soft_targets_fall_with_distance():
    distances = torch.tensor([[0.0, 0.1, 2.0], [0.1, 0.0, 2.0], [2.0, 2.0, 0.0]])
    near = targets_of(distances, 'soft', 0.05)
    assert near.diagonal().tolist() == [1.0, 1.0, 1.0]
    assert near[0, 1] > 0.3 and near[0, 2] < 1e-6


def test_identical_chunks_all_count_as_the_same():
    for kind in ('near', 'soft'):
        assert torch.equal(targets_of(torch.zeros(4, 4), kind, 0.02), torch.ones(4, 4))


@pytest.mark.parametrize('form', CONTRASTS)
def test_matching_pairs_lose_less_than_shuffled_ones(form):
    contrast, z = Contrast(LossConfig(contrast=form)), unit(12, 16)
    with torch.no_grad():
        contrast.bias.fill_(-5.0 if form == 'sigmoid' else 0.0)
    matched = contrast(z, z, chunks(12))
    assert matched < contrast(z, z.roll(1, 0), chunks(12)) - 0.5


@pytest.mark.parametrize('form', ['infonce', 'sigmoid'])
@pytest.mark.parametrize('targets, pushed', [('one_hot', True), ('near', False), ('soft', False)])
def test_near_duplicates_are_not_punished(form, targets, pushed):
    actions = chunks(40)
    actions[1] = actions[0] + 1e-4
    z_vision = unit(40, 64, seed=3).requires_grad_(True)
    z_action = torch.eye(64)[:40]
    contrast = Contrast(LossConfig(contrast=form, targets=targets, target_quantile=0.001))
    contrast(z_vision, z_action, actions).backward()
    # Where the loss moves scene 0, seen from the action of its twin.
    away = (z_vision.grad[0] @ z_action[1]) > 0
    assert away.item() == pushed


def test_the_temperature_is_learned_but_bounded():
    contrast = Contrast(LossConfig(temperature=0.07))
    assert contrast.temperature == pytest.approx(0.07, rel=1e-4)
    contrast(unit(6, 8), unit(6, 8, seed=1), chunks(6)).backward()
    assert contrast.log_scale.grad.abs() > 0
    with torch.no_grad():
        contrast.log_scale.fill_(50.0)
    assert contrast.temperature == pytest.approx(0.01, rel=1e-4)
    assert torch.isfinite(contrast(unit(6, 8), unit(6, 8, seed=1), chunks(6)))


def test_both_directions_count():
    contrast = Contrast(LossConfig(contrast='infonce'))
    z_vision, z_action = unit(8, 16), unit(8, 16, seed=1)
    forth, back = contrast(z_vision, z_action, chunks(8)), contrast(z_action, z_vision, chunks(8))
    assert forth.item() == pytest.approx(back.item(), rel=1e-5)
