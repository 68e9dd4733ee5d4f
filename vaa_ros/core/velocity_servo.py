# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From joint positions to joint velocities, for arms that are driven by speed.

The velocity is the way from the last command to this one in the time between them, plus a part of
how far the arm was behind when it was last measured: without that an arm drifts off the path by
the sum of its errors, and never quite arrives. In a hold the arm is braked to no motion at all, as
fast as the acceleration limits allow; the rest of the lag is left alone. So is that of a gripper:
one that holds something never comes where it was told, and would be wound up.

An arm that is told a velocity goes on until it is told another one. Near a position limit it is
told no more than what it can still be stopped from, taken that the next command comes late and
that the last measurement was late, too.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.bounding import brakeable
from vaa_ros.core.robot import RobotSpec

LAG_GAIN = 0.2
"""Part of the lag that is made good from one measurement to the next; half of it in steady motion
would be the edge of swinging with one period of delay."""
LAG_SHARE = 0.1
"""Most speed for making good a lag, as a fraction of the speed that is allowed."""
NEW_START = 1.5
"""A way of more than so many periods at full speed is no next command: a motion begins anew."""
LATE_PERIODS, LATE_S = 2.0, 0.05
"""Latest that a command is expected after the one before: so many periods, but at least so long.
Time beyond it allows no more change of the velocity."""
BRAKING = 0.9
"""Part of the acceleration that is relied on to stop before a position limit."""


class VelocityServo:
    """
    Turns one joint command after another into velocities.

    Not thread-safe: who commands the arm owns it.

    :param robot: the robot with its limits.
    :param period_s: control period [s].
    """

    def __init__(self, robot: RobotSpec, period_s: float) -> None:
        joints = robot.joints
        self._period_s = period_s
        self._late_s = max(LATE_PERIODS * period_s, LATE_S)
        self._lower = np.array([joint.lower for joint in joints])
        self._upper = np.array([joint.upper for joint in joints])
        self._limit = np.array([joint.velocity for joint in joints])
        self._acceleration = np.array([joint.acceleration for joint in joints])
        self._follows = np.array([name != robot.gripper for name in robot.joint_names])
        self._last: np.ndarray | None = None
        self._velocity = np.zeros(len(self._limit))
        self._lag = np.zeros(len(self._limit))
        self._seen: np.ndarray | None = None
        self._gain, self._since = LAG_GAIN, 0
        # Where the arm may be: between the two.
        self._least = self._most = self._lag

    def velocity(self, command: np.ndarray, measured: np.ndarray | None, moving: bool = True,
                 dt_s: float | None = None, top: np.ndarray | None = None) -> np.ndarray:
        """
        Give the velocities that go to a command.

        :param command: joint positions inside the limits (n,) [rad or m].
        :param measured: newest measured positions (n,); the same array again is no new
            measurement, and None is none at all.
        :param moving: whether the arm is to move; otherwise the command is a hold.
        :param dt_s: time since the last command [s]; None for a control period.
        :param top: highest speeds to allow (n,) [rad/s or m/s]; None for the robot's own.
        :return: velocities (n,) [rad/s or m/s], inside the limits of speed and acceleration. An
            arm that is faster than what is allowed from now on is braked.
        """
        dt_s = self._period_s if dt_s is None else dt_s
        top = self._limit if top is None else top
        command = np.asarray(command, dtype=np.float64)
        last = self._start(command, measured, dt_s)
        self._look(last, measured, self._velocity * dt_s)
        wanted = np.zeros_like(command)
        if moving:
            # An arm that was held back does not rush after what it missed.
            most_lag = LAG_SHARE * top
            wanted = (command - last) / dt_s + np.clip(
                self._gain * self._lag / self._period_s, -most_lag, most_lag)
            low, high = self._safe(top)
            wanted = np.minimum(np.maximum(wanted, low), high)
            self._lag = (1 - self._gain) * self._lag
        most = self._acceleration * min(dt_s, self._late_s)
        change = np.minimum(np.maximum(wanted - self._velocity, -most), most)
        self._last, self._velocity = command.copy(), self._velocity + change
        return self._velocity.copy()

    def _start(self, command: np.ndarray, measured: np.ndarray | None,
               dt_s: float) -> np.ndarray:
        """
        Give what to go on from: the last command, or where the arm is.
        """
        last, known = self._last, measured is not None
        here = np.asarray(measured, dtype=np.float64) if known else command
        if last is None:
            self._least = self._most = here
        elif not (np.abs(command - last)
                  > NEW_START * self._limit * max(dt_s, self._period_s)).any():
            return last
        return here

    def _look(self, last: np.ndarray, measured: np.ndarray | None, moved: np.ndarray) -> None:
        """
        Take note of where the arm is, and of how far it went since the last command.
        """
        self._since += 1
        if measured is None or measured is self._seen:
            self._least, self._most = self._least + moved, self._most + moved
            return
        # Several commands to a measurement share what one would make good.
        self._gain, self._since = LAG_GAIN / self._since, 0
        self._seen, self._lag = measured, self._follows * (last - measured)
        # It may be as old as the last command.
        self._least = measured + np.minimum(moved, 0.0)
        self._most = measured + np.maximum(moved, 0.0)

    def _safe(self, top: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Give the lowest and the highest speeds from which the arm can be stopped in time.
        """
        braking = BRAKING * self._acceleration
        down, up = (brakeable(room, braking, braking * self._late_s, self._late_s)
                    for room in (self._least - self._lower, self._upper - self._most))
        return -np.minimum(top, down), np.minimum(top, up)

    def rest(self) -> None:
        """
        Take note that the arm stands still.
        """
        self._velocity = np.zeros_like(self._velocity)

    @property
    def moving(self) -> bool:
        """
        Tell whether the last velocities were not all zero.
        """
        return bool(self._velocity.any())
