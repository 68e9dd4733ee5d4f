# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From joint positions to joint velocities, for arms that are driven by speed.

The velocity is the way from the last command to this one in a control period, plus a part of how
far the arm was behind when it was last measured: without that an arm drifts off the path by the
sum of its errors, and never quite arrives. In a hold the arm is braked to no motion at all, as
fast as the acceleration limits allow; the rest of the lag is left alone. So is that of a gripper:
one that holds something never comes where it was told, and would be wound up.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.robot import RobotSpec

LAG_GAIN = 0.2
"""Part of the lag that is made good from one measurement to the next; half of it in steady motion
would be the edge of swinging with one period of delay."""
NEW_START = 1.5
"""A way of more than so many periods at full speed is no next command: a motion begins anew."""


class VelocityServo:
    """
    Turns one joint command after another into velocities.

    Not thread-safe: who commands the arm owns it.

    :param robot: the robot with its limits.
    :param period_s: control period [s].
    """

    def __init__(self, robot: RobotSpec, period_s: float) -> None:
        self._period_s = period_s
        self._limit = np.array([joint.velocity for joint in robot.joints])
        self._most_change = np.array([joint.acceleration for joint in robot.joints]) * period_s
        self._follows = np.array([name != robot.gripper for name in robot.joint_names])
        self._last: np.ndarray | None = None
        self._velocity = np.zeros(len(self._limit))
        self._lag = np.zeros(len(self._limit))
        self._seen: np.ndarray | None = None
        self._gain, self._since = LAG_GAIN, 0

    def velocity(self, command: np.ndarray, measured: np.ndarray | None,
                 moving: bool = True) -> np.ndarray:
        """
        Give the velocities that go to a command in one control period.

        :param command: joint positions inside the limits (n,) [rad or m].
        :param measured: newest measured positions (n,); the same array again is no new
            measurement, and None is none at all.
        :param moving: whether the arm is to move; otherwise the command is a hold.
        :return: velocities (n,) [rad/s or m/s], inside the limits of speed and acceleration.
        """
        command = np.asarray(command, dtype=np.float64)
        last = self._last
        if last is None or (np.abs(command - last)
                            > NEW_START * self._limit * self._period_s).any():
            last = command if measured is None else np.asarray(measured, dtype=np.float64)
            self._velocity = np.zeros_like(self._velocity)
        self._since += 1
        if measured is not None and measured is not self._seen:
            # Several commands to a measurement share what one would make good.
            self._gain, self._since = LAG_GAIN / self._since, 0
            self._seen, self._lag = measured, self._follows * (last - measured)
        wanted, most = np.zeros_like(command), self._most_change
        if moving:
            wanted = (command - last + self._gain * self._lag) / self._period_s
            wanted = np.minimum(np.maximum(wanted, -self._limit), self._limit)
            self._lag = (1 - self._gain) * self._lag
        change = np.minimum(np.maximum(wanted - self._velocity, -most), most)
        self._last, self._velocity = command.copy(), self._velocity + change
        return self._velocity.copy()

    @property
    def moving(self) -> bool:
        """
        Tell whether the last velocities were not all zero.
        """
        return bool(self._velocity.any())
