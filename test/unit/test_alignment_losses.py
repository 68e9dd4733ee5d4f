# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The contrastive losses against closed forms and against loops over numbers; who is a negative.
"""
from __future__ import annotations

import math

import learning_samples  # noqa: F401 (sets the number of threads)
import numpy as np
import pytest
import torch
from torch.nn import functional

from vaa_ros.alignment.config import CONTRASTS
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import TARGETS
from vaa_ros.alignment.embedding import Contrast
from vaa_ros.alignment.embedding import episode_weights
from vaa_ros.alignment.embedding import sigmoid_contrast
from vaa_ros.alignment.embedding import softmax_contrast
from vaa_ros.alignment.embedding import targets_of

SECOND = 1_000_000_000
FORMS = [(form, targets) for form in ('infonce', 'sigmoid') for targets in TARGETS]


def unit(count: int, size: int = 16, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return functional.normalize(torch.randn(count, size, generator=generator), dim=-1)


def chunks(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(count, 5, 3, generator=torch.Generator().manual_seed(seed))


def contrast_of(**changes: object) -> Contrast:
    return Contrast(LossConfig(**changes))


def some_weights(count: int, hard: float = 3.0) -> torch.Tensor:
    """Two frames of each episode, every other pair of them close in time."""
    place = torch.arange(count)
    stamp = torch.where(place % 4 == 1, SECOND, 3 * SECOND * (place % 2))
    return episode_weights(place // 2, stamp, 2 * SECOND, hard)


def by_hand(form: str, targets: str, z_vision: torch.Tensor, z_action: torch.Tensor,
            actions: torch.Tensor, scale: float, bias: float, quantile: float,
            weight: np.ndarray) -> float:
    """The loss again, one number after the other."""
    ours, theirs = z_vision.double().numpy(), z_action.double().numpy()
    flat = actions.flatten(1).double().numpy()
    count = len(ours)
    distance = np.array([[np.abs(a - b).mean() for b in flat] for a in flat])
    others = [distance[i, j] for i in range(count) for j in range(count) if i != j]
    near = np.quantile(others, quantile)
    count_as = {'one_hot': lambda i, j: float(i == j),
                'near': lambda i, j: float(distance[i, j] <= near),
                'soft': lambda i, j: math.exp(-distance[i, j] / near)}[targets]
    target = np.array([[count_as(i, j) for j in range(count)] for i in range(count)])
    logit = np.array([[scale * float(a @ b) + bias for b in theirs] for a in ours])
    if form == 'sigmoid':
        total = 0.0
        for i in range(count):
            for j in range(count):
                yes = 1 / (1 + math.exp(-logit[i, j]))
                total -= weight[i, j] * (target[i, j] * math.log(yes)
                                         + (1 - target[i, j]) * math.log(1 - yes))
        return total / count
    total = 0.0
    for table in (logit, logit.T):
        for i in range(count):
            every = sum(weight[i, k] * math.exp(table[i, k]) for k in range(count))
            shares = [target[i, j] * (weight[i, j] > 0) for j in range(count)]
            for j in range(count):
                total -= shares[j] / sum(shares) * (table[i, j] - math.log(every))
    return total / (2 * count)


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('form, targets', FORMS)
def test_the_loss_is_what_loops_over_numbers_give(form, targets, weighted):
    contrast = contrast_of(contrast=form, targets=targets, temperature=0.2, target_quantile=0.3)
    with torch.no_grad():
        contrast.bias.fill_(-2.0 if form == 'sigmoid' else 0.0)
    z_vision, z_action, actions = unit(9), unit(9, seed=1), chunks(9)
    weight = some_weights(9) if weighted else None
    wanted = by_hand(form, targets, z_vision, z_action, actions, 5.0, contrast.bias.item(), 0.3,
                     np.ones((9, 9)) if weight is None else weight.numpy())
    assert contrast(z_vision, z_action, actions, weight).item() == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize('word, form, targets', [
    ('soft_infonce', 'infonce', 'soft'), ('infonce', 'infonce', 'one_hot'),
    ('sigmoid', 'sigmoid', 'soft')])
def test_a_form_alone_says_its_targets(word, form, targets):
    assert LossConfig(contrast=word).chosen_targets == targets
    pair = unit(9), unit(9, seed=1), chunks(9)
    plain, told = contrast_of(contrast=word), contrast_of(contrast=form, targets=targets)
    assert torch.equal(plain(*pair), told(*pair))


def test_near_chunks_are_right_answers_and_all_others_wrong():
    distances = torch.tensor([[0.0, 0.1, 2.0], [0.1, 0.0, 0.2], [2.0, 0.2, 0.0]])
    assert targets_of(distances, 'near', 0.5).tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    assert targets_of(distances, 'near', 0.01).tolist() == [[1, 1, 0], [1, 1, 0], [0, 0, 1]]
    assert targets_of(distances, 'one_hot', 0.5).tolist() == torch.eye(3).tolist()


def test_a_space_without_difference_costs_the_logarithm_of_the_batch():
    same = unit(1).expand(7, -1)
    found = contrast_of(contrast='infonce')(same, same, chunks(7))
    assert found.item() == pytest.approx(math.log(7), rel=1e-5)


def test_a_perfect_space_costs_what_its_temperature_leaves():
    z = torch.eye(8)
    found = contrast_of(contrast='infonce', temperature=0.5)(z, z, chunks(8))
    assert found.item() == pytest.approx(math.log(1 + 7 * math.exp(-2.0)), rel=1e-5)


def test_yes_or_no_of_a_perfect_space_is_two_logistic_losses():
    logits = 4.0 * torch.eye(6) - 1.0
    found = sigmoid_contrast(logits, torch.eye(6)).item()
    wanted = math.log1p(math.exp(-3.0)) + 5 * math.log1p(math.exp(-1.0))
    assert found == pytest.approx(wanted, rel=1e-5)


def test_soft_targets_are_best_met_by_their_own_logarithm():
    near = torch.rand(6, 6, generator=torch.Generator().manual_seed(0)) + 0.1
    target = (near + near.T) / 2
    entropy = -(target / target.sum(1, keepdim=True)
                * (target / target.sum(1, keepdim=True)).log()).sum(1).mean()
    best = softmax_contrast(target.log(), target)
    assert best.item() == pytest.approx(entropy.item(), rel=1e-5)
    assert softmax_contrast(target.log() + 0.3 * unit(6, 6), target) > best


@pytest.mark.parametrize('weighted', [False, True])
@pytest.mark.parametrize('form, targets', FORMS)
def test_any_exchange_of_pairs_raises_the_loss(form, targets, weighted):
    contrast, z, actions = contrast_of(contrast=form, targets=targets), unit(10, 32), chunks(10)
    with torch.no_grad():
        contrast.bias.fill_(-5.0 if form == 'sigmoid' else 0.0)
    weight = some_weights(10) if weighted else None
    best = contrast(z, z, actions, weight)
    random = np.random.default_rng(0)
    for _ in range(20):
        order = random.permutation(10)
        if (order == np.arange(10)).all():
            continue
        assert contrast(z, z[order], actions, weight) > best


@pytest.mark.parametrize('form, targets', FORMS)
def test_a_gradient_reaches_both_sides_and_what_is_learned(form, targets):
    contrast = contrast_of(contrast=form, targets=targets)
    z_vision, z_action = unit(6).requires_grad_(True), unit(6, seed=1).requires_grad_(True)
    contrast(z_vision, z_action, chunks(6), some_weights(6)).backward()
    assert z_vision.grad.abs().sum(1).min() > 0 and z_action.grad.abs().sum(1).min() > 0
    assert contrast.log_scale.grad.abs() > 0
    assert (contrast.bias.grad is not None) == (form == 'sigmoid')


def test_a_fixed_temperature_is_no_weight_that_is_learned():
    learned, fixed = contrast_of(), contrast_of(learn_temperature=False)
    assert learned.log_scale.requires_grad and not fixed.log_scale.requires_grad
    assert learned.state_dict().keys() == fixed.state_dict().keys()
    assert fixed.temperature == pytest.approx(0.07)


def test_frames_of_one_episode_count_by_the_time_between_them():
    episode = torch.tensor([0, 0, 0, 1])
    stamp = torch.tensor([0, SECOND, 2 * SECOND, 0])
    found = episode_weights(episode, stamp, 2 * SECOND, 4.0)
    assert found.tolist() == [[1, 0, 4, 1], [0, 1, 0, 1], [4, 0, 1, 1], [1, 1, 1, 1]]


def test_where_all_count_alike_the_weights_change_nothing():
    ones = torch.ones(8, 8)
    for form in CONTRASTS:
        contrast = contrast_of(contrast=form)
        assert contrast(unit(8), unit(8, seed=1), chunks(8), ones).item() == pytest.approx(
            contrast(unit(8), unit(8, seed=1), chunks(8)).item(), rel=1e-5)


@pytest.mark.parametrize('form', CONTRASTS)
def test_within_the_horizon_nothing_is_pushed_and_beyond_it_harder(form):
    actions = chunks(12)
    actions[[8, 10]] = actions[[9, 11]] + 1e-3  # these set the scale, 0 and 1 are far apart
    z_action = torch.eye(12)
    pushes = {}
    for name, stamp, hard in (('near', 0.5, 1.0), ('far', 3.0, 1.0), ('harder', 3.0, 5.0)):
        z_vision = unit(12, 12, seed=3).requires_grad_(True)
        times = torch.zeros(12, dtype=torch.int64)
        times[1] = round(stamp * SECOND)
        episode = torch.arange(12)
        episode[1] = 0
        contrast_of(contrast=form, temperature=0.3)(
            z_vision, z_action, actions,
            episode_weights(episode, times, SECOND, hard)).backward()
        pushes[name] = z_vision.grad[0, 1].item()  # of scene 0, along the action of frame 1
    assert pushes['near'] == 0.0 and pushes['far'] > 0
    if form == 'sigmoid':
        assert pushes['harder'] == pytest.approx(5 * pushes['far'], rel=1e-4)
    else:
        assert pushes['harder'] > 1.5 * pushes['far']


@pytest.mark.parametrize('change, message', [
    ({'hard_negatives': 0.0}, 'hard_negatives 0'),
    ({'hard_negatives': float('inf')}, 'hard_negatives inf'),
    ({'targets': 'hard'}, "targets 'hard', expected one of .*one_hot.*near.*soft.* or null"),
    ({'targets': 'near'}, 'soft_infonce is infonce with soft ones'),
    ({'balance': 'uncertainty'}, "balance 'uncertainty', expected one of .*fixed.*gradient")])
def test_a_loss_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        LossConfig(**change)
