# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Motions: what goes out speeds up, brakes, steps and arrives within every limit.
"""
from __future__ import annotations

import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.safety import Motion

NAMES = ('shoulder', 'elbow', 'gripper')
LOW, HIGH = np.array([-2.0, -0.5, 0.0]), np.array([2.0, 1.5, 0.09])
SPEED = np.array([3.0, 1.0, 0.2])
HOME = np.array([0.0, 0.5, 0.05])
HOME_POSE = np.array([0.3, 0.0, 0.2, 0.0, 1.0, 0.0, 0.0, 0.05])
ACCELERATION = np.array([8.0, 4.0, 1.0])
SOFT = CommandLimiter(SafetyLimits(
    names=NAMES, lower=LOW, upper=HIGH, velocity=SPEED, acceleration=ACCELERATION,
    gripper=2))
JUMPY = CommandLimiter(SafetyLimits(
    names=NAMES, lower=LOW, upper=HIGH, velocity=SPEED, acceleration=ACCELERATION,
    step=[0.02, 0.02, 0.002], gripper=2))
WILD = hnp.arrays(np.float64, 3, elements=st.one_of(
    st.floats(-3, 3), st.floats(width=64, allow_subnormal=True)))
SEQUENCE = st.lists(st.tuples(WILD, st.floats(1e-3, 0.1)), min_size=1, max_size=40)


def play(limiter: CommandLimiter, sequence: list) -> list[tuple]:
    """What is sent of a sequence of wishes and times: position, way and time of each command."""
    last, motion, sent = HOME, None, []
    for command, dt_s in sequence:
        result = limiter.limit(command, last, dt_s, motion)
        if result.command is None:
            continue
        sent.append((result.command, result.command - last, dt_s))
        last, motion = result.command, result.motion
    return sent


@settings(max_examples=300, deadline=None)
@given(SEQUENCE)
def test_no_sequence_whatsoever_gets_past_an_acceleration_limit(sequence: list) -> None:
    before = np.zeros(3)
    for position, way, dt_s in play(SOFT, sequence):
        assert (position >= LOW).all() and (position <= HIGH).all()
        velocity = way / dt_s
        assert (np.abs(velocity) <= SPEED * (1 + 1e-9)).all()
        assert (np.abs(velocity - before) <= ACCELERATION * dt_s + 1e-9).all()
        # It can still stop in time.
        room = np.where(velocity > 0, HIGH - position, position - LOW)
        assert (velocity**2 <= 2 * ACCELERATION * room + 1e-9).all()
        before = velocity


@settings(max_examples=200, deadline=None)
@given(SEQUENCE)
def test_no_sequence_whatsoever_gets_past_a_step_limit(sequence: list) -> None:
    for position, way, dt_s in play(JUMPY, sequence):
        assert (np.abs(way) <= [0.02, 0.02, 0.002]).all()
        assert (np.abs(way) <= SPEED * dt_s * (1 + 1e-9)).all()
        assert (position >= LOW).all() and (position <= HIGH).all()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(hnp.arrays(np.float64, 3, elements=st.floats(-1, 1)),
                          st.floats(5e-3, 0.1)), min_size=1, max_size=30))
def test_a_sequence_inside_all_limits_passes_bit_for_bit(pushes: list) -> None:
    middle = last = position = np.array([0.0, 0.5, 0.05])
    velocity, given = np.zeros(3), None
    for push, dt_s in pushes:
        velocity = np.clip(velocity + 0.4 * ACCELERATION * dt_s * push, -SPEED / 2, SPEED / 2)
        position = position + velocity * dt_s
        if (np.abs(position - middle) > [1.0, 0.5, 0.02]).any():
            return  # Near a limit speeds are bounded by what can be braked.
        result = SOFT.limit(position, last, dt_s, given)
        assert result.command.tobytes() == position.tobytes() and result.clamped_count == 0
        last, given = result.command, result.motion


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(np.float64, 3, elements=st.floats(0, 1)),
       st.floats(2e-3, 0.1))
def test_a_wish_that_stays_is_reached_and_never_overshot(share: np.ndarray, dt_s: float) -> None:
    wish = LOW + share * (HIGH - LOW)
    sent = play(SOFT, [(wish, dt_s)] * round(4.0 / dt_s))
    path = np.array([HOME, *(position for position, _, _ in sent)])
    assert (np.diff(np.abs(path - wish), axis=0) <= 1e-9).all()
    assert path[-1] == pytest.approx(wish, abs=1e-6)


def test_a_wish_that_moves_is_caught_up_with() -> None:
    start, step = HOME + [-1.0, 0.0, 0.0], np.array([0.5, 0.0, 0.0]) * 0.02
    wishes = [start + step * tick for tick in range(100)]
    sent = play(SOFT, [(wish, 0.02) for wish in wishes])
    behind = np.array([position for position, _, _ in sent])[:, 0] - np.array(wishes)[:, 0]
    assert behind[0] > 0.9 and not behind[-50:].any()
    assert (behind > -1e-9).all()


def test_it_arrives_at_a_limit_standing() -> None:
    sent = play(SOFT, [(np.array([2.0, 1.5, 0.09]), 0.02)] * 200)
    assert sent[-1][0] == pytest.approx(HIGH, abs=1e-6)
    assert np.abs(sent[-1][1]).max() < 1e-6


def test_a_lowered_speed_limit_is_braked_to() -> None:
    last, motion, speeds = HOME, Motion(np.array([3.0, 0.0, 0.0]), HOME), []
    for _ in range(20):
        result = SOFT.limit(last + [1.0, 0.0, 0.0], last, 0.02, motion, speed=0.1)
        last, motion = result.command, result.motion
        speeds.append(motion.velocity[0])
    assert speeds[0] == pytest.approx(3.0 - 8.0 * 0.02)
    assert speeds[-1] == pytest.approx(0.3)


def test_after_a_pause_the_arm_counts_as_standing() -> None:
    result = SOFT.limit([1.0, 0.5, 0.05], HOME, 0.2,
                        Motion(np.array([3.0, 0.0, 0.0]), HOME))
    assert result.command[0] == pytest.approx(8.0 * 0.1 * 0.1)


def test_a_wish_that_cannot_be_meant_is_refused() -> None:
    limits = SafetyLimits(names=NAMES, lower=LOW, upper=HIGH, velocity=SPEED,
                          jump=[1.0, 1.0, math.inf], gripper=2, tool_jump=0.2)
    assert CommandLimiter(limits).limit([0.9, 0.5, 0.0], HOME, 0.03).refused is None
    refused = CommandLimiter(limits).limit([0.0, -1.0, 0.0], HOME, 0.03).refused
    assert refused.startswith('elbow is told to go to -1.0000, too far from 0.5000')
    far = HOME_POSE + [0.3, 0, 0, 0, 0, 0, 0, 0]
    refused = CommandLimiter(limits, 'end_effector_pose').limit(far, HOME_POSE, 0.03).refused
    assert refused.startswith('end effector is told to go to [0.6, 0.0, 0.2], too far')


def test_a_twist_gains_speed_no_faster_than_it_may() -> None:
    limits = SafetyLimits(names=NAMES, lower=LOW, upper=HIGH, velocity=SPEED, gripper=2,
                          linear_speed=0.5, linear_acceleration=1.0, angular_acceleration=2.0)
    twists = CommandLimiter(limits, 'end_effector_twist')
    result = twists.limit([0.5, 0, 0, 0, 0, 1.0, 0.05], np.append(np.zeros(6), 0.05), 0.02)
    assert result.command == pytest.approx([0.02, 0, 0, 0, 0, 0.04, 0.05])


LEFT = st.floats(-10, 10)
STRICT = SafetyLimits(names=NAMES, lower=LOW, upper=HIGH, velocity=SPEED, gripper=2,
                      linear_speed=0.5, angular_speed=1.0, linear_refused=2.0, angular_refused=4.0,
                      turn_jump=1.5, beyond=[math.inf, math.inf, 0.05])


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, 6, elements=LEFT))
def test_a_twist_too_fast_to_be_meant_is_refused(twist: np.ndarray) -> None:
    twists = CommandLimiter(STRICT, 'end_effector_twist')
    result = twists.limit([*twist, 0.05], np.append(np.zeros(6), 0.05), 0.02)
    fast = math.hypot(*twist[:3]) > 2.0 or math.hypot(*twist[3:]) > 4.0
    assert (result.command is None) == fast
    if fast:
        assert 'too fast to be meant' in result.refused


@settings(max_examples=200, deadline=None)
@given(st.floats(-math.pi, math.pi))
def test_a_turn_too_far_to_be_meant_is_refused(angle: float) -> None:
    poses = CommandLimiter(STRICT, 'end_effector_pose')
    turned = HOME_POSE.copy()
    turned[3:7] = [0.0, math.cos(angle / 2), 0.0, math.sin(angle / 2)]
    result = poses.limit(turned, HOME_POSE, 0.02)
    if abs(abs(angle) - 1.5) > 1e-6:
        assert (result.command is None) == (abs(angle) > 1.5)
    if result.command is None:
        assert 'told to turn by' in result.refused


@pytest.mark.parametrize('kind', ['joint_position', 'end_effector_pose', 'end_effector_twist'])
@pytest.mark.parametrize(('opening', 'meant'), [
    (0.09, True), (0.139, True), (0.141, False), (-0.049, True), (-0.051, False), (90.0, False)])
def test_a_gripper_wish_far_outside_its_range_is_refused(
        kind: str, opening: float, meant: bool) -> None:
    last = {'joint_position': HOME, 'end_effector_pose': HOME_POSE,
            'end_effector_twist': np.append(np.zeros(6), 0.05)}[kind]
    result = CommandLimiter(STRICT, kind).limit([*last[:-1], opening], last, 0.02)
    assert (result.command is not None) == meant
    if not meant:
        assert result.refused.startswith('gripper is told to go to')
