# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The last gate before the arm: whatever comes in, what goes out is inside every limit.
"""
from __future__ import annotations

import math
import re

from hypothesis import example
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.safety import CommandLimiter

DT_S = 1 / 30
LOW, HIGH = np.array([-2.0, -0.5, 0.0]), np.array([2.0, 1.5, 0.09])
SPEED = np.array([3.0, 1.0, 0.2])
LIMITS = SafetyLimits(
    names=('shoulder', 'elbow', 'gripper'), lower=LOW, upper=HIGH, velocity=SPEED, gripper=2,
    workspace_lower=[0.1, -0.4, 0.0], workspace_upper=[0.6, 0.4, 0.5], linear_speed=0.5,
    angular_speed=1.5)
JOINTS = CommandLimiter(LIMITS)
POSES = CommandLimiter(LIMITS, 'end_effector_pose')
TWISTS = CommandLimiter(LIMITS, 'end_effector_twist')
HOME = np.array([0.0, 0.5, 0.05])
HOME_POSE = np.array([0.3, 0.0, 0.2, 0.0, 1.0, 0.0, 0.0, 0.05])
NO_TWIST = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.05])

ANY_NUMBER = st.floats(width=64, allow_subnormal=True)
ANY_STEP = st.floats(1e-4, 10.0)


def wild(size: int) -> st.SearchStrategy:
    ordinary = st.floats(-3, 3)
    return hnp.arrays(np.float64, size, elements=st.one_of(ordinary, ANY_NUMBER))


# --- joints -----------------------------------------------------------------------------------

@pytest.mark.parametrize('command', [[0.05, 0.51, 0.05], [-0.1, 0.5, 0.0555], [0.0, 0.5, 0.05]])
def test_commands_inside_all_limits_pass_bit_for_bit(command: list) -> None:
    result = JOINTS.limit(command, HOME, DT_S)
    assert result.command.tobytes() == np.array(command).tobytes()
    assert (result.clamped_count, result.refused) == (0, None)


def test_minus_zero_keeps_its_sign() -> None:
    command = np.array([-0.0, 0.5, 0.05])
    assert JOINTS.limit(command, HOME, DT_S).command.tobytes() == command.tobytes()


def test_position_is_clamped() -> None:
    last = np.array([1.99, -0.49, 0.001])
    result = JOINTS.limit([2.05, -0.52, -0.001], last, DT_S)
    assert result.command.tolist() == [2.0, -0.5, 0.0]
    assert result.clamped.tolist() == [True, True, True]


def test_speed_is_clamped_relative_to_the_last_command() -> None:
    result = JOINTS.limit([2.0, 0.5, 0.0], HOME, DT_S)
    assert result.command == pytest.approx([0.1, 0.5, 0.05 - 0.2 / 30])
    assert result.clamped.tolist() == [True, False, True]
    assert result.clamped_count == 2


@pytest.mark.parametrize('bad', [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize('place', [0, 1, 2])
def test_a_command_that_is_not_finite_is_refused_by_name(bad: float, place: int) -> None:
    command = HOME.copy()
    command[place] = bad
    result = JOINTS.limit(command, HOME, DT_S)
    assert result.command is None
    assert result.refused == f'command is not finite: {LIMITS.names[place]} is {bad}'
    assert result.clamped_count == 0


@pytest.mark.parametrize(('command', 'reason'), [
    ([0.0, 0.5], r'shape \(2,\), expected \(3,\)'),
    ([[0.0, 0.5, 0.05]], r'shape \(1, 3\)'),
    ([], r'shape \(0,\)'),
    (0.0, r'shape \(\)'),
    (None, 'command is not known yet'),
    (['a', 'b', 'c'], 'not made of numbers'),
    ([[1], [2, 3], [4]], 'not made of numbers'),
    ([10**400, 0, 0], 'not made of numbers'),
    (object(), 'not made of numbers'),
])
def test_what_is_no_command_is_refused_not_raised(command: object, reason: str) -> None:
    result = JOINTS.limit(command, HOME, DT_S)
    assert result.command is None
    assert re.search(reason, result.refused)


@pytest.mark.parametrize('previous', [None, [0.0], [0.0, math.nan, 0.0]])
def test_nothing_moves_from_an_unknown_start(previous: object) -> None:
    assert 'previous command or measurement' in JOINTS.limit(HOME, previous, DT_S).refused


@pytest.mark.parametrize('dt_s', [0.0, -0.01, math.nan, math.inf])
def test_time_must_go_on(dt_s: float) -> None:
    assert 'time since the last command' in JOINTS.limit(HOME, HOME, dt_s).refused


def test_a_pause_does_not_buy_a_leap() -> None:
    far = JOINTS.limit([2.0, 1.5, 0.09], HOME, 3600.0).command
    assert far == pytest.approx(HOME + SPEED * LIMITS.max_dt_s)


def test_the_first_command_starts_from_the_measured_position() -> None:
    measured = np.array([1.0, 0.5, 0.05])
    assert JOINTS.limit([-1.0, 0.5, 0.05], measured, DT_S).command[0] == pytest.approx(0.9)


def test_a_measured_position_slightly_outside_is_a_start() -> None:
    result = JOINTS.limit([2.1, 0.5, -0.01], [2.02, 0.5, -0.0004], DT_S)
    assert result.command.tolist() == [2.0, 0.5, 0.0]


def test_a_measured_position_far_outside_needs_a_hand() -> None:
    reason = JOINTS.limit(HOME, [0.0, 1.9, 0.05], DT_S).refused
    assert reason == ('elbow is at 1.9000, outside its limits -0.5000 to 1.5000 by more than one '
                      'step; bring it back by hand')


@settings(max_examples=300, deadline=None)
@given(commands=st.lists(st.tuples(wild(3), ANY_STEP), max_size=12))
def test_no_sequence_whatsoever_gets_joints_past_a_limit(commands: list) -> None:
    last = HOME
    for command, dt_s in commands:
        result = JOINTS.limit(command, last, dt_s)
        assert (result.command is None) == bool(result.refused) == (not np.isfinite(command).all())
        if result.command is None:
            continue
        assert (result.command >= LOW).all()
        assert (result.command <= HIGH).all()
        assert (np.abs(result.command - last) <= SPEED * min(dt_s, LIMITS.max_dt_s)).all()
        again = JOINTS.limit(result.command, last, dt_s)
        assert again.command.tobytes() == result.command.tobytes()
        assert again.clamped_count == 0
        last = result.command


@settings(max_examples=200, deadline=None)
@given(command=wild(3), previous=wild(3), dt_s=ANY_NUMBER)
def test_no_call_whatsoever_raises_or_breaks_a_limit(
    command: np.ndarray, previous: np.ndarray, dt_s: float,
) -> None:
    result = JOINTS.limit(command, previous, dt_s)
    if result.refused is None:
        assert np.isfinite(result.command).all()
        assert (result.command >= LOW).all()
        assert (result.command <= HIGH).all()
        assert (np.abs(result.command - previous) <= SPEED * min(dt_s, LIMITS.max_dt_s)).all()


@settings(max_examples=100, deadline=None)
@given(
    last=st.tuples(*(st.floats(low, high) for low, high in zip(LOW, HIGH, strict=True))),
    share=hnp.arrays(np.float64, 3, elements=st.floats(-1, 1)))
@example(last=(0.0, 0.0, 0.0032037532180335853), share=np.full(3, -1.0))
def test_what_is_inside_passes_unchanged(last: tuple, share: np.ndarray) -> None:
    command = np.clip(last + share * SPEED * DT_S, LOW, HIGH)
    if (np.abs(command - last) <= SPEED * DT_S).all():
        result = JOINTS.limit(command, last, DT_S)
        assert result.command.tobytes() == command.tobytes()
        assert not result.clamped.any()


# --- end effector -------------------------------------------------------------------------------

def angle_between(one: np.ndarray, other: np.ndarray) -> float:
    near = other if one @ other >= 0 else -other
    return 4 * math.atan2(math.dist(one, near), math.hypot(*(one + near)))


def test_a_near_pose_passes_bit_for_bit() -> None:
    pose = HOME_POSE + [0.01, 0, -0.01, 0, 0, 0, 0, 0.001]
    assert POSES.limit(pose, HOME_POSE, DT_S).command.tobytes() == pose.tobytes()


def test_a_pose_outside_the_workspace_is_clamped() -> None:
    last = HOME_POSE.copy()
    last[:3] = [0.595, 0.0, 0.005]
    result = POSES.limit([0.605, 0, -0.005, *HOME_POSE[3:]], last, DT_S)
    assert result.command[:3].tolist() == [0.6, 0.0, 0.0]
    assert result.clamped.tolist() == [True, False, True] + [False] * 5


def test_translation_keeps_its_direction_and_loses_its_speed() -> None:
    goal = HOME_POSE + [0.2, 0.1, 0.0, 0, 0, 0, 0, 0]
    moved = POSES.limit(goal, HOME_POSE, DT_S).command - HOME_POSE
    assert np.linalg.norm(moved[:3]) == pytest.approx(0.5 / 30)
    assert moved[0] == pytest.approx(2 * moved[1])


def test_rotation_is_limited() -> None:
    goal = HOME_POSE.copy()
    goal[3:7] = [1.0, 0.0, 0.0, 0.0]
    command = POSES.limit(goal, HOME_POSE, DT_S).command
    assert angle_between(command[3:7], HOME_POSE[3:7]) == pytest.approx(1.5 / 30)
    assert np.linalg.norm(command[3:7]) == pytest.approx(1.0)


def test_the_other_sign_is_the_same_rotation() -> None:
    goal = HOME_POSE.copy()
    goal[3:7] *= -1
    result = POSES.limit(goal, HOME_POSE, DT_S)
    assert result.command.tolist() == goal.tolist()
    assert result.clamped_count == 0


@pytest.mark.parametrize('quaternion', [(0, 0, 0, 0), (0, 2, 0, 0), (0, 0.9, 0, 0), (1, 1, 1, 1)])
def test_what_is_no_rotation_is_refused(quaternion: tuple) -> None:
    goal = HOME_POSE.copy()
    goal[3:7] = quaternion
    assert 'command quaternion has length' in POSES.limit(goal, HOME_POSE, DT_S).refused
    assert 'previous quaternion has length' in POSES.limit(HOME_POSE, goal, DT_S).refused


def test_a_rounded_quaternion_is_brought_to_unit_length() -> None:
    goal = HOME_POSE.copy()
    goal[3:7] *= 1.01
    assert POSES.limit(goal, HOME_POSE, DT_S).command[3:7] == pytest.approx(HOME_POSE[3:7])


def test_the_gripper_of_a_pose_is_limited_like_its_joint() -> None:
    goal = HOME_POSE.copy()
    goal[7] = 1.0
    command = POSES.limit(goal, HOME_POSE, DT_S).command
    assert command[7] == pytest.approx(0.05 + 0.2 / 30)


def test_a_tool_just_outside_its_box_comes_back_within_its_speed() -> None:
    last = HOME_POSE.copy()
    last[:3] = [0.61, 0.0, 0.2]
    command = POSES.limit([0.2, 0.3, 0.2, *HOME_POSE[3:]], last, DT_S).command
    assert command[0] <= 0.6
    assert math.dist(command[:3], last[:3]) <= 0.5 / 30
    last[0] = 0.7
    assert 'outside its workspace' in POSES.limit(HOME_POSE, last, DT_S).refused


def test_the_first_pose_needs_a_measured_one_unless_told_otherwise() -> None:
    goal = [0.9, 0.0, 0.2, *HOME_POSE[3:]]
    assert 'not known yet' in POSES.limit(goal, None, DT_S).refused
    trusting = CommandLimiter(LIMITS, 'end_effector_pose', unmeasured_start=True)
    result = trusting.limit(goal, None, DT_S)
    assert result.command.tolist() == [0.6, 0.0, 0.2, *HOME_POSE[3:]]
    assert 'length' in trusting.limit([0.3, 0, 0.2, 0, 0, 0, 0, 0.05], None, DT_S).refused
    joints = CommandLimiter(LIMITS, 'joint_position', unmeasured_start=True)
    assert joints.limit(HOME, None, DT_S).command is None


def test_twists_keep_their_direction_and_lose_their_speed() -> None:
    result = TWISTS.limit([3, 4, 0, 0, 0, -6, 0.05], NO_TWIST, DT_S)
    assert result.command == pytest.approx([0.3, 0.4, 0, 0, 0, -1.5, 0.05])
    assert result.clamped.tolist() == [True, True, False, False, False, True, False]


def test_a_slow_twist_passes_bit_for_bit() -> None:
    twist = np.array([0.3, -0.3, -0.0, 0.1, 0.2, 0.3, 0.05])
    assert TWISTS.limit(twist, NO_TWIST, DT_S).command.tobytes() == twist.tobytes()


def test_a_robot_without_a_gripper_has_nothing_to_limit_there() -> None:
    limits = SafetyLimits(('a',), [-1], [1], [1])
    twist = [0.1, 0, 0, 0, 0, 0, 7.0]
    assert CommandLimiter(limits, 'end_effector_twist').limit(
        twist, [0] * 7, DT_S).command.tolist() == twist


@settings(max_examples=300, deadline=None)
@given(commands=st.lists(st.tuples(wild(8), ANY_STEP, st.booleans()), max_size=10))
def test_no_sequence_whatsoever_gets_poses_past_a_limit(commands: list) -> None:
    last = HOME_POSE
    for command, dt_s, unit in commands:
        norm = math.hypot(*command[3:7])
        if unit and 1e-3 < norm < 1e6:
            command[3:7] /= norm
        result = POSES.limit(command, last, dt_s)
        if result.command is None:
            assert result.refused
            continue
        step_s = min(dt_s, LIMITS.max_dt_s)
        assert np.isfinite(result.command).all()
        assert (result.command[:3] >= LIMITS.workspace_lower).all()
        assert (result.command[:3] <= LIMITS.workspace_upper).all()
        assert math.dist(result.command[:3], last[:3]) <= 0.5 * step_s + 1e-12
        assert abs(np.linalg.norm(result.command[3:7]) - 1) <= 1e-6
        assert angle_between(result.command[3:7], last[3:7]) <= 1.5 * step_s + 1e-5
        assert 0 <= result.command[7] <= 0.09
        assert abs(result.command[7] - last[7]) <= 0.2 * step_s
        last = result.command


@settings(max_examples=300, deadline=None)
@given(commands=st.lists(st.tuples(wild(7), ANY_STEP), max_size=6))
def test_no_sequence_whatsoever_gets_twists_past_a_limit(commands: list) -> None:
    last = NO_TWIST
    for command, dt_s in commands:
        result = TWISTS.limit(command, last, dt_s)
        assert (result.command is None) == (not np.isfinite(command).all())
        if result.command is None:
            continue
        assert np.linalg.norm(result.command[:3]) <= 0.5 + 1e-12
        assert np.linalg.norm(result.command[3:6]) <= 1.5 + 1e-12
        assert 0 <= result.command[6] <= 0.09
        assert abs(result.command[6] - last[6]) <= 0.2 * min(dt_s, LIMITS.max_dt_s)
        last = result.command


def test_an_unknown_kind_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match='joint_position, end_effector_pose'):
        CommandLimiter(LIMITS, 'torque')
