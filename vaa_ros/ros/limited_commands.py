# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands that pass the safety limits on their way out, and the hold that ends them.
"""
from __future__ import annotations

import time

import numpy as np

from vaa_ros.core.errors import RosError
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.ros.command_publisher import CommandPublisher


class LimitedCommands:
    """
    Sends action vectors inside the robot's limits.

    :param publisher: publishes what may be sent.
    :param robot: the robot whose limits hold.
    """

    def __init__(self, publisher: CommandPublisher, robot: RobotSpec) -> None:
        self.kind = publisher.kind
        self.refused = 0
        """How many commands the limits refused."""
        self._publisher = publisher
        self._robot = robot
        self._motion = LimitedMotion(
            CommandLimiter(SafetyLimits.from_robot(robot), publisher.kind))
        publisher.step = self._motion.step

    def send(
        self, wanted: np.ndarray, start: np.ndarray | None, dt_s: float, stamp_ns: int = 0,
    ) -> np.ndarray:
        """
        Publish a command, brought inside the limits.

        :param wanted: the action vector wanted.
        :param start: what is measured (:meth:`measured`), for the first command; None to go on.
        :param dt_s: time since the last command [s].
        :param stamp_ns: stamp of what it answers [ns].
        :return: what was sent.
        :raises RosError: if the limits refuse it.
        """
        if start is not None:
            self._motion.release()
        self._look_back()
        result = self._motion.move(wanted, start, dt_s)
        if result.command is None:
            self.refused += 1
            raise RosError(f'command refused: {result.refused}')
        self._publisher.publish(result.command, stamp_ns)
        return result.command

    def again(self) -> None:
        """
        Publish the last command once more.
        """
        self._publisher.again()

    def hold(self, stamp_ns: int = 0, dt_s: float = 0.02) -> np.ndarray | None:
        """
        Publish the command that keeps the arm where it is, if there was any; twists end slowly.

        :param stamp_ns: stamp of what it answers [ns].
        :param dt_s: time since the last command [s].
        :return: what was sent.
        """
        self._look_back()
        held = self._motion.hold(dt_s)
        if held is not None:
            self._publisher.publish(held, stamp_ns, moving=False)
        return held

    def _look_back(self) -> None:
        """
        Let a twist of before a long silence be over: whoever watches has stopped the arm.
        """
        if self._publisher.long_silent:
            self._motion.rest()

    def come_to_rest(self, period_s: float) -> None:
        """
        Hold before the process ends; returns when no motion is left.

        :param period_s: time between commands [s].
        """
        self.hold()
        while self.coasting:
            time.sleep(period_s)
            self.hold(dt_s=period_s)

    @property
    def coasting(self) -> bool:
        """
        Tell whether the arm goes on moving if no further command comes.
        """
        return self._motion.moving or self._publisher.coasts()

    def measured(self, joints: np.ndarray, tool: np.ndarray) -> np.ndarray:
        """
        Give what is measured, as the command's kind has it.

        :param joints: joint positions in the robot's order (n,) [rad or m].
        :param tool: pose x y z qx qy qz qw (7,); used for poses alone.
        :return: the vector that the first command is measured against.
        """
        if self.kind == 'joint_position':
            return joints
        names = self._robot.joint_names
        opening = joints[names.index(self._robot.gripper)] if self._robot.gripper else 0.0
        return np.append(tool if self.kind == 'end_effector_pose' else np.zeros(6), opening)
