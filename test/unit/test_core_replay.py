# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Replays: the live parts on recorded inputs, bit for bit, with holds where the node would hold.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.control_setup import make_control_loop
from vaa_ros.core.control_setup import measured_command
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import RUNNING
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.replay import Arrival
from vaa_ros.core.replay import compare
from vaa_ros.core.replay import digest
from vaa_ros.core.replay import holds
from vaa_ros.core.replay import Replay
from vaa_ros.core.replay import ReplayedTick
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.tick import Tick
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation

ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
PERIOD_NS = 33_333_333
BEGIN_NS = 1_700_000_000_000_000_000
SPEC = PolicySpec(
    name='p', task='reach', robot=ROBOT.name, cameras=(CameraSpec('front', 8, 6),),
    joints=ROBOT.joints, action=ActionSpec.for_robot('joint_position', ROBOT),
    control_rate_hz=30.0, chunk_length=12, embedding_size=4)


class Follower:
    """Wants the first joint where the picture's first pixel says."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def reset(self) -> None:
        self.seen.clear()

    def infer(self, observation: Observation) -> ActionChunk:
        self.seen.append(observation.stamp_ns)
        goal = HOME.copy()
        goal[0] += observation.images['front'][0, 0, 0] / 1000
        return ActionChunk(observation.stamp_ns, np.tile(goal.astype(np.float32), (12, 1)), 1 / 30)


def arrivals(frames: int = 30, without: Sequence[int] = (), lag_ns: int = 2_000_000,
             first_ns: int = BEGIN_NS) -> list[Arrival]:
    found = []
    for index in range(frames):
        stamp_ns = first_ns + index * PERIOD_NS
        state = JointState(stamp_ns, ROBOT.joint_names, HOME)
        found.append(Arrival(stamp_ns + lag_ns, 'joint_states', stamp_ns, state))
        if index not in without:
            picture = np.full((6, 8, 3), index, np.uint8)
            found.append(Arrival(stamp_ns + lag_ns, 'front', stamp_ns, picture))
    return found


def replay(found: list[Arrival], lockstep: bool = False) -> tuple[list[ReplayedTick], Follower]:
    policy = Follower()
    made = Replay(make_control_loop(SPEC, ROBOT, ControlOptions(1 / 30)),
                  InputBuffer(ObservationSync(SPEC), lockstep), policy,
                  lambda seen: measured_command(SPEC, ROBOT, seen, None), 1 / 30, lockstep)
    return made.run(found), policy


def test_every_frame_is_answered_and_commanded() -> None:
    ticks, policy = replay(arrivals())
    assert policy.seen == [BEGIN_NS + index * PERIOD_NS for index in range(30)]
    moving = [each for each in ticks if each.tick.moving]
    assert len(moving) == 30
    assert holds(ticks) == []
    # Older chunks have a vote too.
    assert HOME[0] + 0.02 < moving[-1].tick.command[0] <= HOME[0] + 0.029


@pytest.mark.parametrize('lockstep', [False, True])
def test_the_same_inputs_give_the_same_bits(lockstep: bool) -> None:
    found = arrivals(lag_ns=0 if lockstep else 2_000_000)
    first, second = replay(found, lockstep)[0], replay(found, lockstep)[0]
    assert digest(first) == digest(second)
    changed = [*found[:-1], Arrival(found[-1].at_ns, 'front', found[-1].stamp_ns,
                                    np.full((6, 8, 3), 200, np.uint8))]
    assert digest(replay(changed, lockstep)[0]) != digest(first)


def test_lockstep_ticks_once_a_frame_on_the_clock_of_the_stamps() -> None:
    ticks, _ = replay(arrivals(first_ns=33_333_333, lag_ns=0), lockstep=True)
    assert [each.at_ns for each in ticks] == [PERIOD_NS * (index + 1) for index in range(30)]
    assert all(each.tick.moving for each in ticks)


def test_a_camera_that_falls_silent_ends_in_a_hold_and_comes_back() -> None:
    ticks, _ = replay(arrivals(60, without=range(20, 40)))
    found = holds(ticks)
    assert len(found) == 1
    at_ns, reason = found[0]
    assert 'front' in reason
    last_ns = BEGIN_NS + 19 * PERIOD_NS
    assert 0.2e9 <= at_ns - last_ns <= 0.2e9 + 2 * PERIOD_NS
    held = [each for each in ticks if each.tick.decision.state == HOLDING]
    assert all(each.tick.command is not None for each in held)
    assert ticks[-1].tick.moving


def test_nothing_in_nothing_out() -> None:
    assert replay([])[0] == []


def test_inputs_must_come_in_order() -> None:
    with pytest.raises(ValueError, match='before'):
        replay(arrivals()[::-1])


def ticked(at_ns: int, stamp_ns: int, value: float, moving: bool = True) -> ReplayedTick:
    decision = GateDecision(RUNNING if moving else HOLDING, moving, '' if moving else 'dark')
    return ReplayedTick(at_ns, Tick(decision, np.full(2, value), moving, stamp_ns, True))


def test_commands_are_compared_by_stamp_or_by_time() -> None:
    ticks = [ticked(12, 10, 1.0), ticked(22, 20, 2.0), ticked(32, 30, 3.0, moving=False),
             ticked(42, 40, 4.0)]
    recorded = np.array([[1.0, np.nan], [2.5, 2.0]])
    pairs = compare(ticks, [10, 20], recorded, 0, by_stamp=True)
    assert pairs.matched.tolist() == [True, True, False]
    assert pairs.identical == 1
    np.testing.assert_allclose(pairs.errors(), [[0.0, np.nan], [0.5, 0.0]])
    late = compare(ticks, [13, 26], recorded, 3, by_stamp=False)
    assert late.matched.tolist() == [True, False, False]
    assert compare([], [10, 20], recorded, 0, by_stamp=True).replayed.shape == (0, 2)
    assert holds(ticks) == [(32, 'dark')]
