# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Velocities that come to nothing, no faster than the arm may brake.

For whoever takes over an arm that somebody else set in motion and left: the last velocities that
were commanded are all that is known.
"""
from __future__ import annotations

import math

import numpy as np

from vaa_ros.core.bounding import toward
from vaa_ros.core.bounding import within
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import RobotSpec


class Braking:
    """
    Gives less and less velocity, down to none.

    :param velocity: the last velocities commanded (n,), of any units; what is not finite, or of
        another number than the robot has, ends at once.
    :param acceleration: how fast each may change (n,) [units/s]; infinite ends it at once.
    :param vectors: parts of the array that are vectors, whose length counts and whose direction
        stays; their acceleration is that of their first element. Empty for single joints.
    """

    def __init__(self, velocity: np.ndarray, acceleration: np.ndarray,
                 vectors: tuple[slice, ...] = ()) -> None:
        velocity = np.asarray(velocity, dtype=np.float64)
        known = velocity.shape == acceleration.shape and np.isfinite(velocity).all()
        self.velocity = velocity.copy() if known else np.zeros(velocity.shape)
        """What is to be commanded now (n,)."""
        self._acceleration = acceleration if known else np.full(velocity.shape, math.inf)
        self._vectors = vectors

    @classmethod
    def joints(cls, velocity: np.ndarray, robot: RobotSpec) -> Braking:
        """
        Brake joint velocities.

        :param velocity: of the joints that a joint command holds (n,) [rad/s or m/s].
        :param robot: the robot.
        """
        known = {joint.name: joint.acceleration for joint in robot.joints}
        return cls(velocity, np.array([known[name] for name in robot.commanded_joints]))

    @classmethod
    def twist(cls, twist: np.ndarray, robot: RobotSpec) -> Braking:
        """
        Brake an end-effector twist.

        :param twist: linear then angular velocity (6,) [m/s and rad/s].
        :param robot: the robot.
        """
        limits = SafetyLimits.from_robot(robot)
        return cls(twist, np.repeat([limits.linear_acceleration, limits.angular_acceleration], 3),
                   (slice(0, 3), slice(3, 6)))

    @property
    def moving(self) -> bool:
        """
        Tell whether any velocity is left.
        """
        return bool(self.velocity.any())

    def go_on(self, dt_s: float) -> np.ndarray:
        """
        Brake for a while.

        :param dt_s: how long [s].
        :return: what is to be commanded then (n,).
        """
        still = np.zeros(self.velocity.shape)
        if self._vectors:
            for part in self._vectors:
                most = float(self._acceleration[part][0]) * dt_s
                still[part] = toward(self.velocity[part], still[part], most)
            self.velocity = still
        else:
            self.velocity = within(self.velocity, still, self._acceleration * dt_s)
        return self.velocity.copy()
