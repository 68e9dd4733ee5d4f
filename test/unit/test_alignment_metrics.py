# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Retrieval, the quality of the space, and action errors.
"""
from __future__ import annotations

from learning_samples import arm_spec
from learning_samples import tiny_spec
import pytest
import torch
from torch.nn import functional

from vaa_ros.alignment.metrics import action_errors
from vaa_ros.alignment.metrics import errors_along
from vaa_ros.alignment.metrics import near_enough
from vaa_ros.alignment.metrics import recall
from vaa_ros.alignment.metrics import reciprocal_rank
from vaa_ros.alignment.metrics import retrieval
from vaa_ros.alignment.metrics import space_quality
from vaa_ros.alignment.metrics import tolerances


def unit(count: int, seed: int = 0) -> torch.Tensor:
    return functional.normalize(
        torch.randn(count, 32, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_a_perfect_space_finds_every_pair():
    assert recall(unit(50), unit(50)) == {1: 1.0, 5: 1.0, 10: 1.0}


def test_an_unrelated_space_is_at_chance():
    found = recall(unit(400), unit(400, seed=1))
    assert found[10] == pytest.approx(10 / 400, abs=0.025)


def test_a_collapsed_space_finds_nothing():
    same = torch.ones(50, 4) / 2
    assert recall(same, same) == {1: 0.0, 5: 0.0, 10: 0.0}


def test_the_rank_counts():
    keys = torch.eye(6)
    query = keys.roll(1, 0) * 0.9 + keys * 0.5
    assert recall(query, keys, (1, 2)) == {1: 0.0, 2: 1.0}


def test_a_near_duplicate_is_a_right_answer_with_tolerance():
    keys = unit(40)
    query = keys.clone()
    query[[0, 1]] = query[[1, 0]]
    distances = torch.full((40, 40), 5.0)
    distances[0, 1] = distances[1, 0] = 0.0
    distances.fill_diagonal_(0.0)
    found = retrieval(query, keys, distances + torch.eye(40).roll(1, 0))
    assert found['recall_at_1'] == pytest.approx(38 / 40)
    assert found['tolerance_recall_at_1'] == 1.0


def test_ranks_and_tolerance_are_those_of_a_search_by_hand():
    query, key = unit(30), functional.normalize(unit(30) + 3 * unit(30, seed=1), dim=1)
    chunks = torch.randn(30, 4, generator=torch.Generator().manual_seed(2))
    chunks[:10] = chunks[10:20] + 0.01
    query[:10], key[:10] = key[10:20], query[10:20]  # what they find is another, and as good
    apart = [[float((a - b).abs().mean()) for b in chunks] for a in chunks]
    pairs = sorted(apart[i][j] for i in range(30) for j in range(30) if i != j)
    limit = pairs[round(0.05 * (len(pairs) - 1))]
    found = retrieval(query, key, torch.tensor(apart))
    for side, (ours, theirs) in {'': (query, key), '_back': (key, query)}.items():
        ranks, near, five = [], 0, 0
        for i in range(30):
            order = sorted(range(30), key=lambda j: -float(ours[i] @ theirs[j]))
            ranks.append(order.index(i) + 1)
            near += order[0] == i or apart[i][order[0]] <= limit * (1 + 1e-6)
            five += i in order[:5]
        assert found[f'mrr{side}'] == pytest.approx(sum(1 / rank for rank in ranks) / 30)
        assert found[f'recall{side}_at_5'] == pytest.approx(five / 30)
        assert found[f'tolerance_recall{side}_at_1'] == pytest.approx(near / 30)
        assert found[f'tolerance_recall{side}_at_1'] > found[f'recall{side}_at_1']
    right = sum(apart[i][j] <= limit * (1 + 1e-6) or i == j for i in range(30) for j in range(30))
    assert found['chance_tolerance_at_1'] == pytest.approx(right / 900)


def test_the_reciprocal_rank_counts_ties_against():
    same = torch.ones(4, 2) / 2 ** 0.5
    assert reciprocal_rank(same, same) == pytest.approx(0.25)
    assert reciprocal_rank(torch.eye(4), torch.eye(4)) == 1.0


def test_a_chunk_is_always_near_enough_to_itself():
    distances = torch.zeros(3, 3)
    assert near_enough(distances).all()
    assert near_enough(torch.full((3, 3), 2.0) + torch.eye(3)).diagonal().all()


def test_space_quality_tells_spread_from_collapse():
    good, z = space_quality(unit(100), unit(100)), torch.ones(100, 32) / 32 ** 0.5
    flat = space_quality(z, z)
    assert good['alignment'] == pytest.approx(0.0, abs=1e-5)
    assert good['uniformity_vision'] < -2 < flat['uniformity_vision'] + 1.9
    assert good['cosine_matched'] == pytest.approx(1.0) and abs(good['cosine_unmatched']) < 0.05
    assert flat['cosine_unmatched'] == pytest.approx(1.0)


def test_tolerances_know_their_units():
    assert tolerances(tiny_spec()).tolist() == pytest.approx([0.02, 0.02, 0.005])
    assert tolerances(arm_spec('end_effector_pose')).tolist() == pytest.approx(
        [0.005] * 3 + [0.02] * 4 + [0.005])


def test_action_errors_leave_padding_out():
    actual = torch.zeros(2, 6, 3)
    predicted = actual.clone()
    predicted[:, 0, 0] = 0.01
    predicted[:, 1, 2] = 0.5
    predicted[:, 4:] = 9.0
    mask = torch.tensor([[1.0, 1, 1, 1, 0, 0]] * 2)
    found = action_errors(tiny_spec(), predicted, actual, mask)
    assert found['first_l1'] == pytest.approx(0.005)
    assert found['chunk_l1'] == pytest.approx(0.005 / 4)
    assert found['gripper_l1'] == pytest.approx(0.5 / 4)
    assert found['first_accuracy'] == 1.0 and found['accuracy'] == pytest.approx(0.75)


def test_errors_along_the_chunk_leave_padding_out():
    actual = torch.zeros(3, 4, 3)
    predicted = actual.clone()
    predicted[0, 1, :2] = 0.03
    predicted[1, 1, 0] = 0.01
    predicted[2, 1:] = 9.0
    predicted[:, 3] = 9.0
    mask = torch.tensor([[1.0, 1, 1, 0], [1, 1, 1, 0], [1, 0, 0, 0]])
    found = errors_along(tiny_spec(length=4), predicted, actual, mask)
    assert found['l1'][:3] == pytest.approx([0, (0.03 + 0.005) / 2, 0])
    assert found['l1_p90'][1] == pytest.approx(0.005 + 0.9 * 0.025)
    assert found['accuracy'][:3] == pytest.approx([1, 0.5, 1])
    assert all(torch.tensor(values[3]).isnan() for values in found.values())
