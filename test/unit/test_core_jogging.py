# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From jogs to commands, on a gantry whose first three joints are x, y and z.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.jogging import JogSession
from vaa_ros.core.jogging import JogTarget
from vaa_ros.core.jogging import LINEAR_SPEED
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.teleop_mapping import Jog

DT_S = 1 / 30
ROBOT = RobotSpec(
    'gantry', (*(JointSpec(name, 'm', -0.9, 0.9, 1.0) for name in 'xyz'),
               JointSpec('gripper', 'm', 0.0, 0.1, 0.3)), (0.1, 0.0, 0.0, 0.1), ('front',),
    'gripper', workspace=((-0.5, -0.5, -0.5), (0.5, 0.5, 0.5)))
START = np.array([0.1, 0.2, 0.3, 0.05])


@dataclass
class Solution:
    """What the gantry's inverse kinematics found."""

    q: np.ndarray
    position_error: float = 0.0
    angle_error: float = 0.0


class Gantry:
    """Kinematics with w first; the tool points down."""

    def forward(self, q: np.ndarray) -> np.ndarray:
        return np.array([*q[:3], 0.0, 1.0, 0.0, 0.0])

    def solve(self, start: np.ndarray, pose: np.ndarray) -> Solution:
        return Solution(np.array([*pose[:3], start[3]]), float(pose[0] > 0.45))


def jog(**values: object) -> Jog:
    tool = np.zeros(6)
    tool[0] = float(values.pop('x', 0.0))
    return Jog(tool, engaged=True, **values)


def target(kind: str = 'joint_position') -> JogTarget:
    made = JogTarget(ROBOT, kind, Gantry())
    made.start(START)
    return made


def test_standing_still_commands_where_the_arm_is() -> None:
    assert target().step(jog(), DT_S) == pytest.approx(START)


def test_a_tool_jog_moves_at_the_jog_speed() -> None:
    steered = target()
    for _ in range(30):
        command = steered.step(jog(x=1.0), DT_S)
    assert command[0] == pytest.approx(START[0] + LINEAR_SPEED)
    assert command[1:] == pytest.approx(START[1:])


def test_speed_scales() -> None:
    steered = JogTarget(ROBOT, 'joint_position', Gantry(), speed=0.5)
    steered.start(START)
    assert steered.step(jog(x=1.0), 1.0)[0] == pytest.approx(START[0] + 0.5 * LINEAR_SPEED)


def test_a_tool_jog_stops_where_the_arm_cannot_reach_and_at_the_workspace() -> None:
    steered = target()
    for _ in range(300):
        command = steered.step(jog(x=1.0), DT_S)
    assert 0.44 < command[0] <= 0.45
    for _ in range(300):
        command = steered.step(jog(x=-1.0), DT_S)
    assert command[0] == pytest.approx(-0.5)


def test_from_outside_the_workspace_only_the_way_in_is_open() -> None:
    steered = target()
    steered.start(np.array([-0.7, 0.0, 0.0, 0.05]))
    assert steered.step(jog(x=-1.0), DT_S)[0] == pytest.approx(-0.7)
    assert steered.step(jog(x=1.0), DT_S)[0] > -0.7


def test_joint_jogs_stop_at_the_limits() -> None:
    steered = target()
    for _ in range(300):
        command = steered.step(jog(joints={1: 1.0, 9: 1.0}), DT_S)
    assert command == pytest.approx([0.1, 0.9, 0.3, 0.05])


def test_the_gripper_opens_and_closes_within_its_limits() -> None:
    steered = target()
    for _ in range(60):
        command = steered.step(jog(gripper=-1.0), DT_S)
    assert command == pytest.approx([0.1, 0.2, 0.3, 0.0])


def test_home_goes_home_and_stays() -> None:
    steered = target()
    for _ in range(100):
        command = steered.step(jog(home=True), DT_S)
    assert command == pytest.approx(ROBOT.home)


def test_poses_are_the_tool_and_the_opening() -> None:
    command = target('end_effector_pose').step(jog(x=1.0), 0.1)
    assert command == pytest.approx([0.115, 0.2, 0.3, 1.0, 0.0, 0.0, 0.0, 0.05])


def test_twists_are_what_really_moves() -> None:
    steered = target('end_effector_twist')
    assert steered.step(jog(x=1.0), DT_S) == pytest.approx(
        [LINEAR_SPEED, 0, 0, 0, 0, 0, 0.05])
    assert steered.step(jog(joints={2: -1.0}), DT_S)[2] == pytest.approx(-0.3)
    assert steered.step(jog(), DT_S) == pytest.approx([0, 0, 0, 0, 0, 0, 0.05])


def test_without_kinematics_joints_move_and_the_tool_says_why_not() -> None:
    steered = JogTarget(ROBOT, 'joint_position', None)
    steered.start(START)
    assert steered.step(jog(joints={0: 1.0}), 0.1)[0] > START[0]
    with pytest.raises(RosError, match="'gantry' has no kinematics.*keys 1 to 8"):
        steered.step(jog(x=1.0), DT_S)
    with pytest.raises(ConfigError, match='no kinematics.*joint_trajectory'):
        JogTarget(ROBOT, 'end_effector_pose', None)


def test_twists_need_no_kinematics() -> None:
    steered = JogTarget(ROBOT, 'end_effector_twist', None, speed=0.5)
    steered.start(START)
    assert steered.step(jog(x=-1.0), DT_S) == pytest.approx(
        [-0.5 * LINEAR_SPEED, 0, 0, 0, 0, 0, 0.05])
    closing = steered.step(jog(gripper=-1.0), DT_S)
    assert closing[:6] == pytest.approx(np.zeros(6))
    assert closing[6] < 0.05
    for other in (jog(joints={0: 1.0}), jog(home=True)):
        with pytest.raises(RosError, match='no kinematics.*joint_trajectory'):
            steered.step(other, DT_S)


def test_a_session_starts_where_the_arm_is_every_time() -> None:
    session = JogSession(target())
    assert session.step(Jog(), START, 0.0, DT_S) is None
    moved = session.step(jog(x=1.0), START, 0.0, DT_S)
    assert session.starting
    assert moved[0] > START[0]
    session.step(jog(x=1.0), START, 0.0, DT_S)
    assert not session.starting
    assert session.step(Jog(), START, 0.0, DT_S) is None
    elsewhere = START + [-0.3, 0, 0, 0]
    again = session.step(jog(), elsewhere, 0.0, DT_S)
    assert session.starting
    assert again == pytest.approx(elsewhere)


@pytest.mark.parametrize(('measured', 'age_s'), [(None, 0.0), (START, 0.6), (START, np.nan)])
def test_no_hold_without_a_fresh_measurement(measured: object, age_s: float) -> None:
    session = JogSession(target())
    with pytest.raises(RosError, match='joint_states'):
        session.step(jog(), measured, age_s, DT_S)
    assert not session.engaged
    assert session.step(jog(), START, 0.0, DT_S) is not None
