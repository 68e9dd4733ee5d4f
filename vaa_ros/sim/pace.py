# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How the time of a simulated world passes: in steps, some of which are control ticks.
"""
from __future__ import annotations

from dataclasses import dataclass

from vaa_ros.core.types import NANOSECONDS

PHYSICS_HZ = 600
"""Physics steps a second: a multiple of the 100 Hz of joint states and the 30 Hz of control."""

CONTROL_HZ = 30


@dataclass(frozen=True)
class Pace:
    """
    The steps of a simulated world.

    :param step_hz: steps a second [Hz].
    :param steps_a_tick: steps between two control ticks.
    :param steps_a_joint_state: steps between two joint states.
    :param steps_an_update: steps between two updates of the arm's controller.
    """

    step_hz: float
    steps_a_tick: int = 1
    steps_a_joint_state: int = 1
    steps_an_update: int = 1

    @property
    def control_hz(self) -> float:
        """
        Give the control ticks a second [Hz].
        """
        return self.step_hz / self.steps_a_tick

    @property
    def tick_s(self) -> float:
        """
        Give the time between two control ticks [s].
        """
        return self.steps_a_tick / self.step_hz

    def time_ns(self, steps: int) -> int:
        """
        Give the time that a number of steps takes, rounded down [ns].
        """
        return int(steps * NANOSECONDS // self.step_hz)


ARM_PACE = Pace(PHYSICS_HZ, PHYSICS_HZ // CONTROL_HZ, PHYSICS_HZ // 100, 2)
"""The pace of the simulated arm that ships with vaa_ros."""
