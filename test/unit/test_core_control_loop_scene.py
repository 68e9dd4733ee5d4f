# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The control loop in scenes that its policy does not know, and what a hold leaves behind.
"""
from __future__ import annotations

from dataclasses import replace

from control_rig import Line
from control_rig import PERIOD_S
from control_rig import Rig
import numpy as np
import pytest

from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation


class Seer(Line):
    """A line that knows scenes whose embedding is near 0."""

    familiarity = Familiarity(
        ('front',), np.zeros(3), np.zeros((3, 3)), np.zeros(11),
        np.diag(np.eye(11)[3]), np.ones(HUES), [0.0, 1.0], 2.0, 0.0, 1.0, 10, 2, 'a test')

    def __init__(self, goal: float) -> None:
        super().__init__(goal)
        self.distance = 0.0

    def infer(self, observation: Observation) -> ActionChunk:
        return replace(super().infer(observation), z_vision=np.array([self.distance]))


def watched(hold_after_s: float = 0.1, kind: str = 'joint_position') -> Rig:
    return Rig(kind, WatchOptions(hold_after_s=hold_after_s, recover_after_s=0.2))


def test_an_unknown_scene_slows_then_holds_then_goes_on() -> None:
    rig, policy = watched(), Seer(1.0)
    for _ in range(5):
        before = rig.tick(policy)
    assert before.decision.reason == ''
    policy.distance = 9.0
    ticks = [rig.tick(policy) for _ in range(12)]
    slow = [tick for tick in ticks if tick.decision.reason.startswith('slowed: the scene')]
    assert slow[0] is ticks[2] and 3 <= len(slow) <= 5
    steps = np.diff([tick.command[0] for tick in [ticks[1], *slow]])
    # The rig's slow limits are a fifth of its own.
    assert steps == pytest.approx(np.full(len(slow), 0.6 * PERIOD_S))
    held = ticks[2 + len(slow):]
    assert {tick.decision.state for tick in held} == {'holding'}
    assert all(np.array_equal(tick.command, slow[-1].command) for tick in held)
    policy.distance = 0.0
    again = [rig.tick(policy) for _ in range(15)]
    first = next(tick for tick in again if tick.moving)
    assert np.abs(first.command - slow[-1].command).max() <= 3.0 * PERIOD_S + 1e-9
    assert again[-1].decision == GateDecision('running', True, '')
    assert rig.loop.figures.values()['alarms'] == rig.loop.figures.values()['holds'] == 1


def test_after_a_hold_nothing_is_left_of_what_was_wanted_before() -> None:
    rig, policy = watched(hold_after_s=0.0), Seer(0.05)
    for _ in range(5):
        rig.tick(policy)
    policy.distance, policy.goal = 9.0, 1.0
    while rig.tick(policy).decision.state != 'holding':
        pass
    for _ in range(10):
        held = rig.tick(policy)
    policy.distance, policy.goal = 0.0, -0.05
    tick = rig.tick(policy)
    while not tick.moving:
        tick = rig.tick(policy)
    assert (tick.command < held.command).all()


def test_after_a_hold_no_chunk_from_before_it_has_a_say() -> None:
    rig, policy = Rig(), Line(0.9)
    for _ in range(8):
        rig.tick(policy)
    held = rig.tick(policy, fresh=False, age_s=0.3).command
    policy.goal = held[0] - 0.05
    tick = rig.tick(policy)
    while not tick.moving:
        tick = rig.tick(policy)
    # The chunks from before cover this instant, too, and want to go the other way.
    assert tick.command == pytest.approx(np.full(7, policy.goal))


@pytest.mark.parametrize('waited_for', [True, False])
def test_a_start_in_an_unknown_scene_commands_nothing_but_where_time_waits_for_it(
    waited_for: bool,
) -> None:
    rig, policy = watched(hold_after_s=0.0), Seer(1.0)
    policy.distance = 9.0
    ticks = [rig.tick(policy, paused=True)] + [rig.tick(policy) for _ in range(8)]
    # Two frames are too few to judge by; from the third on every tick is answered by the hold.
    assert [tick.moving for tick in ticks] == [False] + [True] * 2 + [False] * 6
    rig.loop.reset()
    rig.loop._watch._smoother.add(9.0)
    rig.loop._watch._smoother.add(9.0)
    first = rig.tick(policy, waited_for=waited_for)
    assert first.decision.state == 'holding'
    assert first.command == pytest.approx(np.zeros(7)) if waited_for else first.command is None


def test_other_faults_come_before_the_scene() -> None:
    rig, policy = watched(hold_after_s=0.0), Seer(0.1)
    policy.distance = 9.0
    for _ in range(5):
        rig.tick(policy)
    assert rig.tick(policy, fault='a bug').decision.reason == 'a bug'
    assert rig.tick(policy, e_stop=True).decision.state == 'stopped'


def test_another_policy_starts_with_a_clean_sheet() -> None:
    rig, policy = watched(hold_after_s=0.0), Seer(0.1)
    policy.distance = 9.0
    for _ in range(5):
        rig.tick(policy)
    other = Line(0.1)
    assert any(rig.tick(other).moving for _ in range(6))
    assert np.isnan(rig.loop.figures.confidence)
