# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands of every type, from message to action vector: what CommandPublisher writes, read back.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import math
from typing import Any

import numpy as np
from rclpy.node import Node
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.action_spec import POSE_NAMES
from vaa_ros.core.action_spec import TWIST_NAMES
from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.ros.command_publisher import array_stamp_ns
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.command_publisher import gripper_topic_of
from vaa_ros.ros.conversions import joint_trajectory_from_msg
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.conversions import twist_from_msg
from vaa_ros.ros.qos import COMMAND


class CommandReader:
    """
    Subscribes to commands of one type below a prefix, with the gripper's beside them.

    A command with a number that is not finite is left out as a whole and named in the log.

    :param node: the node that subscribes.
    :param prefix: where they are published, such as ``policy`` for ``policy/joint_trajectory``.
    :param command_type: one of the command types.
    :param robot: the robot: joint order.
    :param period_s: control period: which point of a trajectory is meant [s].
    :param on_command: called with the action vector, NaN for what it leaves out, and the stamp
        [ns], 0 where there is none.
    """

    def __init__(
        self, node: Node, prefix: str, command_type: str, robot: RobotSpec, period_s: float,
        on_command: Callable[[np.ndarray, int], None],
    ) -> None:
        self._node = node
        self._robot = robot
        self._period_s = period_s
        self._on_command = on_command
        self._opening = float('nan')
        self._joints = [robot.joint_names.index(name) for name in robot.commanded_joints]
        readers: dict[str, Callable[[Any], tuple[np.ndarray, int]]] = {
            'joint_trajectory': self._trajectory, 'commands': self._positions,
            'target_pose': self._pose, 'delta_twist_cmds': self._twist}
        self._read = readers[command_type]
        self.topic = f'{prefix}/{command_type}'
        node.create_subscription(
            COMMAND_MESSAGES[command_type], self.topic, self._on_message, COMMAND)
        self._gripper = -1 if COMMAND_KINDS[command_type] != 'joint_position' else None
        own = gripper_topic_of(robot, command_type)
        if own:
            if self._gripper is None:
                self._gripper = robot.joint_names.index(robot.gripper)
            kind = robot.gripper_type if robot.gripper_topic else 'commands'
            node.create_subscription(COMMAND_MESSAGES[kind], f'{prefix}/{own.lstrip("/")}',
                                     self._on_gripper, COMMAND)

    def _on_gripper(self, message: Float64MultiArray | JointTrajectory) -> None:
        if isinstance(message, Float64MultiArray):
            opening = message.data
        else:
            opening = message.points[-1].positions if message.points else []
        if len(opening) == 1 and math.isfinite(opening[0]):
            self._opening = opening[0]

    def _on_message(self, message: Any) -> None:
        try:
            vector, stamp_ns = self._read(message)
        except RosError as error:
            self._node.get_logger().warning(
                f'{self.topic}: {error}', throttle_duration_sec=2.0)
            return
        if self._gripper is not None:
            vector[self._gripper] = self._opening
        self._on_command(vector, stamp_ns)

    def _trajectory(self, message: Any) -> tuple[np.ndarray, int]:
        names, points, times = joint_trajectory_from_msg(message)
        _check_finite(names, points)
        vector = np.full(len(self._robot.joints), np.nan)
        for column, name in enumerate(names):
            if name not in self._robot.joint_names:
                raise RosError(f'joint {name!r} is not one of {self._robot.name}: '
                               f'{", ".join(self._robot.joint_names)}')
            vector[self._robot.joint_names.index(name)] = np.interp(
                self._period_s, times, points[:, column])
        return vector, stamp_to_ns(message.header.stamp)

    def _positions(self, message: Float64MultiArray) -> tuple[np.ndarray, int]:
        if len(message.data) != len(self._joints):
            raise RosError(f'{len(message.data)} numbers, expected {len(self._joints)}: '
                           f'{", ".join(self._robot.commanded_joints)}')
        _check_finite(self._robot.commanded_joints, message.data)
        vector = np.full(len(self._robot.joints), np.nan)
        vector[self._joints] = message.data
        return vector, array_stamp_ns(message) or 0

    def _pose(self, message: Any) -> tuple[np.ndarray, int]:
        return self._in_base(message, pose_from_msg(message), POSE_NAMES[:7])

    def _twist(self, message: Any) -> tuple[np.ndarray, int]:
        return self._in_base(message, twist_from_msg(message), TWIST_NAMES[:6])

    def _in_base(self, message: Any, tool: np.ndarray, names: Sequence[str],
                 ) -> tuple[np.ndarray, int]:
        if message.header.frame_id not in ('', self._robot.base_frame):
            raise RosError(f'frame {message.header.frame_id!r}, expected '
                           f'{self._robot.base_frame!r}')
        _check_finite(names, tool)
        return np.append(tool, np.nan), stamp_to_ns(message.header.stamp)


def _check_finite(names: Sequence[str], values: Any) -> None:
    """
    Refuse numbers that are none: only what is not named may be left out.

    :param names: what the last axis holds (n,).
    :param values: the numbers (..., n).
    :raises RosError: naming those that are not finite.
    """
    finite = np.isfinite(np.asarray(values, dtype=float)).reshape(-1, len(names)).all(axis=0)
    wrong = [name for name, good in zip(names, finite, strict=True) if not good]
    if wrong:
        raise RosError(f'not finite: {", ".join(wrong)}')
