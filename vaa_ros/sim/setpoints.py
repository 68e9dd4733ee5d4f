# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From joint commands to the setpoint of every physics step, as a joint trajectory controller does.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.robot import RobotSpec


class SetpointRamp:
    """
    Moves a setpoint along straight lines through the commanded points.

    :param lower: lowest positions (J,) [rad or m].
    :param upper: highest positions (J,) [rad or m].
    :param speed: highest speeds (J,) [rad/s or m/s].
    :param dt_s: time of one :meth:`advance` [s].
    """

    def __init__(self, lower: np.ndarray, upper: np.ndarray, speed: np.ndarray,
                 dt_s: float) -> None:
        self._lower = lower
        self._upper = upper
        self._most = speed * dt_s
        self._dt_s = dt_s
        self.reset(np.zeros_like(lower))

    @classmethod
    def for_robot(cls, robot: RobotSpec, dt_s: float) -> SetpointRamp:
        """
        Make a ramp with the limits of a robot's joints.
        """
        lower, upper, speed = np.array(
            [(joint.lower, joint.upper, joint.velocity) for joint in robot.joints]).T
        return cls(lower, upper, speed, dt_s)

    def reset(self, position: np.ndarray) -> None:
        """
        Jump to a position and stay there.

        :param position: the new setpoint (J,).
        """
        self.position = np.array(position, dtype=np.float64)
        self._times = np.zeros(1)
        self._points = self.position[None].copy()
        self._elapsed = 0.0

    def follow(self, times_s: np.ndarray, points: np.ndarray) -> None:
        """
        Go to the given points, from the present setpoint and from now on.

        :param times_s: time of each point from now (K,), growing and positive [s].
        :param points: positions (K, J).
        :raises SimulationError: if sizes do not fit, times do not grow or a value is not finite.
        """
        times_s = np.asarray(times_s, dtype=np.float64)
        points = np.asarray(points, dtype=np.float64)
        if points.ndim != 2 or points.shape[1] != len(self._lower) or len(points) == 0:
            raise SimulationError(f'joint targets have shape {points.shape}, expected '
                                  f'(points, {len(self._lower)})')
        if times_s.shape != points.shape[:1]:
            raise SimulationError(f'{len(points)} points came with {times_s.size} times')
        if not (np.all(np.isfinite(points)) and np.all(np.isfinite(times_s))):
            raise SimulationError('joint targets are not finite; the arm keeps its setpoint')
        if np.any(np.diff(times_s, prepend=0.0) <= 0):
            raise SimulationError(f'times {times_s} do not grow from zero')
        self._times = np.concatenate([[0.0], times_s])
        self._points = np.vstack([self.position, np.clip(points, self._lower, self._upper)])
        self._elapsed = 0.0

    def advance(self) -> tuple[np.ndarray, np.ndarray]:
        """
        Go one time step on.

        :return: the setpoint (J,) and its velocity (J,), which obeys the speed limits.
        """
        self._elapsed += self._dt_s
        wanted = self._at(self._elapsed)
        step = np.minimum(np.maximum(wanted - self.position, -self._most), self._most)
        self.position = self.position + step
        return self.position, step / self._dt_s

    def _at(self, elapsed: float) -> np.ndarray:
        times = self._times
        if elapsed >= times[-1] - 1e-9:
            return self._points[-1]
        index = int(np.searchsorted(times, elapsed, side='right'))
        part = (elapsed - times[index - 1]) / (times[index] - times[index - 1])
        return self._points[index - 1] + part * (self._points[index] - self._points[index - 1])
