# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The learner and its replay, on problems whose answers are known.
"""
from __future__ import annotations

from improve_runs import small_config
import numpy as np
import pytest
import torch

from vaa_ros.alignment.residual import Residual
from vaa_ros.core.spec import ActionSpec
from vaa_ros.learning.actor_critic import Learner
from vaa_ros.learning.actor_critic import Transitions
from vaa_ros.learning.replay import decisions
from vaa_ros.learning.replay import draw_mixed
from vaa_ros.learning.replay import Replay
from vaa_ros.learning.replay import Trajectory

STAY, PUSH, PRICE, DISCOUNT = 0.8, 0.5, 0.3, 0.9


def riccati() -> tuple[float, float]:
    """Solve the discounted scalar linear-quadratic regulator: value -p s^2, action -k s."""
    p = 1.0
    for _ in range(200):
        k = DISCOUNT * STAY * PUSH * p / (PRICE + DISCOUNT * PUSH ** 2 * p)
        p = 1 + PRICE * k ** 2 + DISCOUNT * p * (STAY - PUSH * k) ** 2
    return p, k


def test_the_learner_finds_the_linear_quadratic_regulator():
    torch.manual_seed(0)
    learner = Learner(Residual(1, 1, 1, 32), small_config(
        learning_rate=3e-3, actor_after=200, shrink=0.0, target_rate=0.02))
    p, k = riccati()
    generator = torch.Generator().manual_seed(1)
    for _ in range(1000):
        seen, action = (torch.rand(64, 1, generator=generator) * 2 - 1 for _ in range(2))
        learner.update(Transitions(
            seen, action, -(seen ** 2 + PRICE * action ** 2).squeeze(1),
            STAY * seen + PUSH * action, torch.full((64,), DISCOUNT)))
    seen = torch.linspace(-0.8, 0.8, 17)[:, None]
    with torch.no_grad():
        action = learner.residual.act(seen)
        value = learner.averaged(seen, action).mean(0)
    assert (action + k * seen).abs().max() < 0.12
    assert (value + p * seen.squeeze(1) ** 2).abs().max() < 0.2


def test_a_residual_starts_at_nothing_and_keeps_to_its_bound():
    torch.manual_seed(0)
    residual = Residual(4, 3, 2, 8)
    scale = torch.tensor([[0.1, 0.2], [0.2, 0.3], [0.4, 0.5]])
    residual.set_bounds(0.5, scale, ActionSpec('joint_position', ('joint_1', 'gripper')))
    chunk, seen = torch.randn(5, 3, 2), torch.randn(5, 4)
    assert torch.equal(residual(seen, chunk), chunk)
    with torch.no_grad():
        residual.body[-1].weight.fill_(100.0)
    moved = (residual(seen, chunk) - chunk) * scale
    assert moved.abs().max() > 0.1
    # The same physical offset at every step of the chunk, and never beyond the bound.
    torch.testing.assert_close(moved, moved[:, :1].expand_as(moved))
    assert (moved.abs() <= torch.tensor([0.2, 0.25]) + 1e-6).all()


def test_a_quaternion_is_left_alone():
    names = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'gripper')
    residual = Residual(4, 1, 8, 8)
    residual.set_bounds(0.1, torch.ones(1, 8), ActionSpec('end_effector_pose', names))
    assert residual.bound.tolist() == pytest.approx([0.1] * 3 + [0.0] * 4 + [0.1])


def replay_of(ended: bool) -> Replay:
    replay = Replay(10, 1, 1, 3, 0.5)
    replay.add(Trajectory(np.arange(5.0)[:, None], np.zeros((5, 1)), np.arange(5.0), ended))
    return replay


@pytest.mark.parametrize('ended', [True, False])
def test_a_transition_looks_several_ticks_ahead_and_not_beyond_the_end(ended):
    batch = replay_of(ended).draw(200, torch.Generator().manual_seed(0))
    found = {int(seen): (float(reward), float(later), float(discount)) for seen, reward, later,
             discount in zip(batch.seen, batch.reward, batch.later, batch.discount, strict=True)}
    assert found[0] == (0 + 0.5 * 1 + 0.25 * 2, 3.0, 0.125)
    assert found[1] == (1 + 0.5 * 2 + 0.25 * 3, 4.0, 0.125)
    # Cut off, the last thing seen stands for what came next; ended, nothing does.
    assert found[2] == (2 + 0.5 * 3 + 0.25 * 4, 4.0, 0.0 if ended else 0.125)
    assert found[4] == (4.0, 4.0, 0.0 if ended else 0.5)


def test_a_replay_takes_episodes_shorter_than_its_look_ahead_and_says_when_it_is_full():
    replay = replay_of(True)
    replay.add(Trajectory(np.ones((1, 1)), np.zeros((1, 1)), np.ones(1), True))
    with pytest.raises(ValueError, match='no room for 5 ticks more: 6 of 10'):
        replay.add(Trajectory(np.ones((5, 1)), np.zeros((5, 1)), np.ones(5), True))


def test_a_decision_is_the_mean_of_its_ticks_and_earns_what_they_earn():
    thin = decisions(Trajectory(np.arange(5.0)[:, None], np.arange(5.0)[:, None],
                                np.arange(5.0), True), 2)
    assert thin.seen[:, 0].tolist() == [0, 2, 4]
    assert thin.action[:, 0].tolist() == [0.5, 2.5, 4]
    assert thin.reward.tolist() == [1, 5, 4]


def test_a_batch_holds_its_part_of_demonstrations():
    own, shown = replay_of(True), Replay(2, 1, 1, 1, 0.5)
    shown.add(Trajectory(np.full((2, 1), 9.0), np.zeros((2, 1)), np.zeros(2), True))
    batch = draw_mixed(own, shown, 0.25, 16, torch.Generator().manual_seed(0))
    assert len(batch.seen) == 16 and (batch.seen == 9).sum() == 4
    empty = draw_mixed(own, Replay(2, 1, 1, 1, 0.5), 0.25, 16, torch.Generator())
    assert len(empty.seen) == 16
