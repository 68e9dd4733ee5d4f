# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the arm is, for nodes that begin to move it there.
"""
from __future__ import annotations

from collections.abc import Callable
import time

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState as JointStateMsg

from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.ros.conversions import joint_state_from_msg
from vaa_ros.ros.qos import JOINTS

MAX_JOINT_AGE_S = 0.5


class MeasuredJoints:
    """
    The newest ``joint_states``, in the robot's order.

    :param node: the node that subscribes.
    :param robot: the robot.
    :param trouble: told what cannot be read.
    """

    def __init__(self, node: Node, robot: RobotSpec, trouble: Callable[[str], None]) -> None:
        self._names = robot.joint_names
        self._trouble = trouble
        self.position: np.ndarray | None = None
        """Joint positions (n,) [rad or m]."""
        self.at_s = -np.inf
        """When they came, on the monotonic clock [s]."""
        node.create_subscription(JointStateMsg, 'joint_states', self._on_joints, JOINTS)

    def fresh(self) -> np.ndarray:
        """
        Give them, if they are there and not too old.

        :return: joint positions (n,) [rad or m].
        :raises RosError: if not.
        """
        if self.position is None or time.monotonic() - self.at_s > MAX_JOINT_AGE_S:
            raise RosError('cannot take hold of the arm: no fresh joint_states')
        return self.position

    def _on_joints(self, message: JointStateMsg) -> None:
        try:
            state = joint_state_from_msg(message)
        except VaaError as error:
            self._trouble(f'joint_states: {error}')
            return
        missing = [name for name in self._names if name not in state.names]
        if missing:
            self._trouble(f'joint_states: no {", ".join(missing)}; it has: '
                          f'{", ".join(state.names) or "none"}')
            return
        order = [state.names.index(name) for name in self._names]
        self.position, self.at_s = state.position[order], time.monotonic()
