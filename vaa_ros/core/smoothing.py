# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A low-pass filter for what hands do, with a known latency.
"""
from __future__ import annotations

from dataclasses import replace
import math

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.teleop_mapping import Jog


class Smoother:
    """
    Two equal first-order low-passes, one after the other: no step in the slope of the output.

    A slow motion comes out ``latency_s`` later; 90 % of a step is there after 1.9 times that.

    :param latency_s: time by which slow motions are delayed [s]; 0 passes everything at once.
    :raises ConfigError: if it is no time.
    """

    def __init__(self, latency_s: float) -> None:
        if not 0 <= latency_s < math.inf:
            raise ConfigError(f'smoothing_s is {latency_s}, expected 0 or a time in seconds')
        self._pole_s = latency_s / 2.0
        self._first: np.ndarray | None = None
        self._second: np.ndarray | None = None

    def reset(self, value: np.ndarray) -> None:
        """
        Begin at a value, as if it had been there for ever.

        :param value: the value (n,).
        """
        self._first = self._second = np.array(value, dtype=np.float64)

    def step(self, value: np.ndarray, dt_s: float) -> np.ndarray:
        """
        Take the next value.

        :param value: what is wanted (n,).
        :param dt_s: time since the last one [s].
        :return: the smoothed value (n,).
        """
        if self._first is None or self._pole_s == 0:
            self.reset(value)
            return self._second
        part = 1.0 - math.exp(-dt_s / self._pole_s)
        self._first = self._first + part * (value - self._first)
        self._second = self._second + part * (self._first - self._second)
        return self._second


class JogSmoother:
    """
    Smooths how fast a jog goes; taking hold begins at rest, letting go is at once.

    :param latency_s: as :class:`Smoother`.
    :param joints: how many joints the robot has.
    """

    def __init__(self, latency_s: float, joints: int) -> None:
        self._filter = Smoother(latency_s)
        self._joints = joints

    def step(self, jog: Jog, dt_s: float) -> Jog:
        """
        Smooth a jog.

        :param jog: what the device says.
        :param dt_s: time since the last one [s].
        :return: the jog to follow.
        """
        if not jog.engaged:
            self._filter.reset(np.zeros(6 + self._joints))
            return jog
        joints = np.zeros(self._joints)
        for index, part in jog.joints.items():
            if index < self._joints:
                joints[index] = part
        smooth = self._filter.step(np.concatenate([jog.tool, joints]), dt_s)
        smooth = np.where(np.abs(smooth) < 1e-3, 0.0, smooth)
        moving = {index: float(part) for index, part in enumerate(smooth[6:]) if part}
        return replace(jog, tool=smooth[:6], joints=moving)
