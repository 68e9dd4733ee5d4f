# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The commands that stop an arm whose commander is gone, made from the last one that came.
"""
from __future__ import annotations

from typing import Any

from geometry_msgs.msg import TwistStamped
import numpy as np

from vaa_ros.core.action_spec import VELOCITY_COMMANDS
from vaa_ros.core.braking import Braking
from vaa_ros.core.robot import RobotSpec
from vaa_ros.ros.conversions import positions_msg
from vaa_ros.ros.conversions import still_message
from vaa_ros.ros.conversions import twist_from_msg
from vaa_ros.ros.conversions import twist_msg


class StopCommands:
    """
    Says the last position that was due again; velocities are braked to nothing.

    :param robot: the robot.
    :param command_type: type of the commands.
    """

    def __init__(self, robot: RobotSpec, command_type: str) -> None:
        self._robot = robot
        self._velocities = command_type == VELOCITY_COMMANDS
        self._last: Any = None
        self._braking: Braking | None = None

    def begin(self, last: Any, stamp_ns: int, since_ns: int) -> None:
        """
        Begin to stop the arm, within the robot's accelerations.

        :param last: the last command that came.
        :param stamp_ns: the present [ns].
        :param since_ns: how long ago it came [ns].
        """
        # Once: what is due goes on from here to the end of a plan.
        self._last, self._braking = still_message(last, stamp_ns, since_ns), None
        if isinstance(last, TwistStamped):
            self._braking = Braking.twist(twist_from_msg(last), self._robot)
        elif self._velocities:
            self._braking = Braking.joints(np.array(last.data), self._robot)

    @property
    def moving(self) -> bool:
        """
        Tell whether the arm is still being braked.
        """
        return self._braking is not None and self._braking.moving

    def next(self, dt_s: float, stamp_ns: int) -> Any:
        """
        Give the next command.

        :param dt_s: time since the last one [s].
        :param stamp_ns: the present [ns].
        :return: a message of the type of the commands.
        """
        if self._braking is None:
            return still_message(self._last, stamp_ns)
        velocity = self._braking.go_on(dt_s)
        if isinstance(self._last, TwistStamped):
            return twist_msg(velocity, self._last.header.frame_id, stamp_ns)
        return positions_msg(velocity)
