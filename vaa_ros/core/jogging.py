# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From jogs to commands of every kind: keeps the target that a person steers.
"""
from __future__ import annotations

from typing import Protocol

import numpy as np

from vaa_ros.core.bounding import clamp
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.poses import move_pose
from vaa_ros.core.poses import pose_difference
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.teleop_mapping import Jog

LINEAR_SPEED = 0.15
ANGULAR_SPEED = 0.8
JOINT_SPEED_PART = 0.3
GRIPPER_SPEED_PART = 0.5
REACHED_M = 0.003
REACHED_RAD = 0.03
MAX_JOINT_AGE_S = 0.5
_W_LAST = [0, 1, 2, 4, 5, 6, 3]
_W_FIRST = [0, 1, 2, 6, 3, 4, 5]


class Kinematics(Protocol):
    """The arm's geometry; poses have w first."""

    def forward(self, q: np.ndarray) -> np.ndarray:
        """
        Give the tool's pose (7,).
        """

    def solve(self, q_start: np.ndarray, pose: np.ndarray) -> object:
        """
        Give an inverse solution: ``q``, ``position_error``, ``angle_error``.
        """


class JogTarget:
    """
    The joint target that a person steers, told as a command of any kind.

    :param robot: the robot and its limits.
    :param kind: one of the action kinds.
    :param kinematics: the arm's geometry; without it joint commands are jogged joint by joint,
        and twists by what the person asks for, with no box around the tool.
    :param speed: fraction of the jog speeds.
    :raises ConfigError: for end-effector poses without kinematics.
    """

    def __init__(
        self, robot: RobotSpec, kind: str, kinematics: Kinematics | None, speed: float = 1.0,
    ) -> None:
        if kinematics is None and kind == 'end_effector_pose':
            raise ConfigError(f'robot {robot.name!r} has no kinematics in vaa_ros, so nobody '
                              'knows where its tool is: use command_type joint_trajectory or '
                              'commands (joint by joint), or delta_twist_cmds')
        self._robot = robot
        self._kind = kind
        self._kinematics = kinematics
        self.speed = speed
        """Fraction of the jog speeds."""
        self._lower = np.array([joint.lower for joint in robot.joints])
        self._upper = np.array([joint.upper for joint in robot.joints])
        self._velocity = np.array([joint.velocity for joint in robot.joints])
        self._gripper = robot.joint_names.index(robot.gripper) if robot.gripper else None
        self.start(np.array(robot.home))

    def start(self, measured: np.ndarray) -> None:
        """
        Take hold of the arm where it is.

        :param measured: joint positions (n,) [rad or m].
        """
        self._joints = clamp(np.array(measured, dtype=np.float64), self._lower, self._upper)
        self._tool = self.tool_at(self._joints)

    def step(self, jog: Jog, dt_s: float) -> np.ndarray:
        """
        Move the target and give the command that goes there.

        :param jog: where to go.
        :param dt_s: time since the last step [s].
        :return: the command's action vector.
        :raises RosError: if the jog needs kinematics and there are none.
        """
        self._check(jog)
        before = self._tool
        if jog.home:
            step = JOINT_SPEED_PART * self.speed * self._velocity * dt_s
            way = np.array(self._robot.home) - self._joints
            self._set_joints(self._joints + clamp(way, -step, step))
        elif jog.joints:
            self._jog_joints(jog.joints, dt_s)
        elif np.any(jog.tool) and self._kinematics is not None:
            self._jog_tool(self._twist(jog), dt_s)
        if self._gripper is not None and jog.gripper and not jog.home:
            rate = GRIPPER_SPEED_PART * self.speed * self._velocity[self._gripper]
            self._joints = self._joints.copy()
            self._joints[self._gripper] += jog.gripper * rate * dt_s
            self._joints = clamp(self._joints, self._lower, self._upper)
        if self._kinematics is None and self._kind == 'end_effector_twist':
            return np.append(self._twist(jog), self._opening())
        return self._command(before, dt_s)

    def _check(self, jog: Jog) -> None:
        if self._kinematics is not None:
            return
        lacks = f'robot {self._robot.name!r} has no kinematics in vaa_ros'
        if self._kind == 'joint_position' and np.any(jog.tool):
            raise RosError(f'{lacks}, so its tool cannot be jogged: jog its joints (keys 1 to 8, '
                           'with shift back), or use command_type delta_twist_cmds')
        if self._kind == 'end_effector_twist' and (jog.joints or jog.home):
            raise RosError(f'{lacks}, so twists move its tool alone: jog the tool, or use '
                           'command_type joint_trajectory or commands for joints and home')

    def _twist(self, jog: Jog) -> np.ndarray:
        return jog.tool * self.speed * np.repeat([LINEAR_SPEED, ANGULAR_SPEED], 3)

    def _opening(self) -> float:
        return 0.0 if self._gripper is None else float(self._joints[self._gripper])

    def tool_at(self, joints: np.ndarray) -> np.ndarray:
        """
        Give the tool's pose x y z qx qy qz qw (7,) at joint positions; zeros where unknown.

        :param joints: joint positions (n,) [rad or m].
        :return: the pose.
        """
        return np.zeros(7) if self._kinematics is None else (
            self._kinematics.forward(joints)[_W_LAST])

    def _jog_joints(self, directions: dict[int, float], dt_s: float) -> None:
        joints = self._joints.copy()
        for index, part in directions.items():
            if index < len(joints) and index != self._gripper:
                rate = JOINT_SPEED_PART * self.speed * self._velocity[index]
                joints[index] += part * rate * dt_s
        self._set_joints(joints)

    def _jog_tool(self, twist: np.ndarray, dt_s: float) -> None:
        pose = move_pose(self._tool, twist, dt_s)
        if self._robot.workspace is not None:
            low, high = np.array(self._robot.workspace)
            # From outside the box the way in stays open, and only that.
            low, high = np.minimum(low, self._tool[:3]), np.maximum(high, self._tool[:3])
            pose[:3] = clamp(pose[:3], low, high)
        found = self._kinematics.solve(self._joints, pose[_W_FIRST])
        if found.position_error <= REACHED_M and found.angle_error <= REACHED_RAD:
            self._joints = found.q
            self._tool = pose

    def _set_joints(self, joints: np.ndarray) -> None:
        self._joints = clamp(joints, self._lower, self._upper)
        self._tool = self.tool_at(self._joints)

    def _command(self, before: np.ndarray, dt_s: float) -> np.ndarray:
        if self._kind == 'joint_position':
            return self._joints.copy()
        motion = self._tool if self._kind == 'end_effector_pose' else (
            pose_difference(before, self._tool, dt_s))
        return np.append(motion, self._opening())


class JogSession:
    """
    When a person takes hold of the arm and lets go.

    :param target: what is steered.
    """

    def __init__(self, target: JogTarget) -> None:
        self.target = target
        self.engaged = False
        self.starting = False
        """Whether the last step was the first of a hold: limits count from what is measured."""

    def step(
        self, jog: Jog, measured: np.ndarray | None, age_s: float, dt_s: float,
    ) -> np.ndarray | None:
        """
        Make one step.

        :param jog: where to go.
        :param measured: joint positions (n,), or None before the first [rad or m].
        :param age_s: how old they are [s].
        :param dt_s: time since the last step [s].
        :return: the command's action vector, or None while nobody has hold of the arm.
        :raises RosError: if there is no fresh measurement to start from, or no kinematics that
            the jog needs.
        """
        self.starting = jog.engaged and not self.engaged
        self.engaged = jog.engaged
        if not jog.engaged:
            return None
        if self.starting:
            if measured is None or not age_s <= MAX_JOINT_AGE_S:
                self.engaged = False
                raise RosError('cannot take hold of the arm: no fresh joint_states')
            self.target.start(measured)
        return self.target.step(jog, dt_s)
