# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands that go nowhere: published where no arm listens, and compared with those that move it.
"""
from __future__ import annotations

import time
from typing import Any

from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.action_spec import VELOCITY_COMMANDS
from vaa_ros.core.command_difference import CommandDifference
from vaa_ros.core.control_setup import JOINTS_TOPIC
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import ActionSpec
from vaa_ros.ros.command_publisher import Ahead
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.command_publisher import CommandPublisher
from vaa_ros.ros.command_publisher import Measured
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.conversions import twist_from_msg
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import JOINTS

WOULD_COMMAND = '~/would_command'
WOULD_GRIPPER = '~/would_gripper_command'
FRESH_S = 0.5
"""Age up to which a command, or a joint state, is what moves the arm now [s]."""


class DryRun(CommandPublisher):
    """
    Stands where the command publisher stands, and has none for the command topic.

    What would have been commanded goes to ``~/would_command``. It is compared with the newest
    command on the command topic, whoever sends it; where nobody does, with the measured joints.

    :param node: the node that speaks.
    :param command_type: type and topic of the commands.
    :param robot: the robot.
    :param period_s: control period [s].
    :param stamped: put the stamp of the observation into every message.
    :param points: as for the command publisher, like what follows.
    :param ahead: gives the commands that follow.
    :param measured: gives the measured joint positions.
    """

    def __init__(
        self, node: Node, command_type: str, robot: RobotSpec, period_s: float, stamped: bool,
        points: int = 1, ahead: Ahead | None = None, measured: Measured | None = None,
    ) -> None:
        super().__init__(node, command_type, robot, period_s, stamped, points, ahead, measured,
                         WOULD_COMMAND, WOULD_GRIPPER)
        self._joint_names = robot.joint_names
        names = ActionSpec.for_robot(self.kind, robot).names
        self._width = len(names)
        self._difference = CommandDifference(names)
        self._command: tuple[float, np.ndarray] | None = None
        self._measured: tuple[float, np.ndarray] | None = None
        # Velocities cannot be compared with the positions that they are made from.
        self._subscriptions = [] if command_type == VELOCITY_COMMANDS else [
            node.create_subscription(
                COMMAND_MESSAGES[command_type], command_type, self._on_command, COMMAND)]
        if self.kind == 'joint_position':
            self._subscriptions.append(node.create_subscription(
                JointStateMsg, JOINTS_TOPIC, self._on_joints, JOINTS))

    def publish(self, command: np.ndarray, stamp_ns: int, moving: bool = True) -> None:
        """
        Say what would have been commanded, and compare it.

        :param command: the action vector.
        :param stamp_ns: stamp of the observation behind it [ns].
        :param moving: whether it would move the arm.
        """
        super().publish(command, stamp_ns, moving)
        now_s = time.monotonic()
        for known, source in ((self._command, 'commands'), (self._measured, 'measured joints')):
            if known is not None and now_s - known[0] <= FRESH_S:
                self._difference.add(now_s, command, known[1], source)
                return

    def others(self, wait: bool = True, discovery_s: float = 0.0) -> list[str]:
        """
        Find nobody: whoever commands the arm is welcome.
        """
        return []

    def figures(self) -> dict[str, object]:
        """
        Say how the commands differ from what moves the arm.
        """
        return {'dry_run': True, **self._difference.figures(time.monotonic())}

    def close(self) -> None:
        """
        Give publishers and subscriptions back.
        """
        super().close()
        for each in self._subscriptions:
            self._node.destroy_subscription(each)

    def _on_command(self, message: Any) -> None:
        values = np.full(self._width, np.nan)
        if isinstance(message, JointTrajectory):
            if message.points:
                self._by_name(values, message.joint_names, message.points[0].positions)
        elif isinstance(message, TwistStamped):
            values[:6] = twist_from_msg(message)
        elif isinstance(message, PoseStamped):
            values[:7] = pose_from_msg(message)
        elif len(message.data) == self._width:
            values[:] = message.data
        self._command = time.monotonic(), values

    def _on_joints(self, message: JointStateMsg) -> None:
        values = np.full(self._width, np.nan)
        self._by_name(values, message.name, message.position)
        self._measured = time.monotonic(), values

    def _by_name(self, values: np.ndarray, names: list[str], positions: Any) -> None:
        known = dict(zip(names, positions, strict=False))
        for index, name in enumerate(self._joint_names):
            values[index] = known.get(name, np.nan)
