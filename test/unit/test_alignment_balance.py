# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The weight of the contrast that follows from how hard each term pulls.
"""
from __future__ import annotations

import learning_samples  # noqa: F401 (sets the number of threads)
import pytest
import torch

from vaa_ros.alignment.balance import DECAY
from vaa_ros.alignment.balance import GradientBalance
from vaa_ros.alignment.balance import HEAVIEST


def terms(pull: float, other: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two terms, the norms of whose gradients are known."""
    shared = torch.randn(4, 3, requires_grad=True)
    return shared[0, 0] * pull, shared[1, 2] * other, shared


@pytest.mark.parametrize('pull, other', [(2.0, 0.5), (0.3, 6.0), (0.0, 1.0)])
def test_the_contrast_pulls_as_hard_as_it_is_told(pull, other):
    balance = GradientBalance(0.2)
    weight = balance(*terms(pull, other)).item()
    assert weight * other == pytest.approx(0.2 * pull)


def test_a_negative_likelihood_does_no_harm():
    cloning, align, shared = terms(2.0, 0.5)
    balance = GradientBalance(0.2)
    assert balance(cloning - 1000, align, shared).item() == pytest.approx(0.8)


def test_the_weight_is_an_average_over_batches():
    balance = GradientBalance(1.0)
    for pull in (1.0, 3.0):
        balance(*terms(pull, 1.0))
    assert balance.weight.item() == pytest.approx(2.0)
    for _ in range(1000):
        balance(*terms(5.0, 1.0))
    assert balance.weight.item() == pytest.approx(5.0, abs=0.01)
    balance(*terms(105.0, 1.0))
    moved = balance.weight.item() - 5.0
    assert moved == pytest.approx((1 - DECAY) * (HEAVIEST - 5.0), abs=0.01)


def test_where_the_contrast_says_nothing_the_weight_stays_finite():
    assert GradientBalance(0.5)(*terms(1.0, 0.0)).item() == HEAVIEST


def test_outside_training_it_measures_nothing():
    balance = GradientBalance(0.2)
    balance(*terms(2.0, 0.5))
    balance.eval()
    assert balance(*terms(9.0, 0.1)).item() == pytest.approx(0.8)
    balance.train()
    with torch.no_grad():
        assert balance(*terms(9.0, 0.1)).item() == pytest.approx(0.8)
    assert balance.seen.item() == 1


def test_the_weight_goes_with_the_checkpoint():
    balance, other = GradientBalance(0.2), GradientBalance(0.2)
    balance(*terms(2.0, 0.5))
    other.load_state_dict(balance.state_dict())
    assert other.weight == balance.weight and other.seen == balance.seen
