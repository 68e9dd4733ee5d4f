# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Setpoints at the arm's rate between those of the policy, with continuous velocity.

The plan says where to be and how fast. With every new answer, and whenever the last piece of the
path ends, a cubic Hermite piece leads from what was commanded last, at its speed, to what the
plan says for now, at the plan's speed. It arrives one policy period from now, which is when an
arm told at the policy's rate would be there: the motion keeps the timing that the policy learned
with. Every piece begins with the position and velocity at which the one before is left, so the
velocity is continuous across the points of a chunk and across the seam between two chunks.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vaa_ros.core.types import NANOSECONDS

PATIENCE = 1.5
"""How long a path may rest at its end while no chunk covers the present [policy periods]."""

Motion = tuple[np.ndarray, np.ndarray]
"""Position (D,) and velocity (D,) [1/s]."""


@dataclass(frozen=True, eq=False)
class HermitePiece:
    """
    A cubic between two instants.

    :param start_ns: when it begins [ns].
    :param end_ns: when it ends [ns].
    :param start: position and velocity there.
    :param end: position and velocity there.
    """

    start_ns: int
    end_ns: int
    start: Motion
    end: Motion

    def at(self, now_ns: int) -> Motion:
        """
        Give position and velocity.

        :param now_ns: the instant [ns]; after the end the path rests there.
        """
        if now_ns > self.end_ns:
            return self.end[0], np.zeros_like(self.end[0])
        length_s = (self.end_ns - self.start_ns) / NANOSECONDS
        s = (now_ns - self.start_ns) / (self.end_ns - self.start_ns)
        (p0, v0), (p1, v1) = self.start, self.end
        way = p1 - p0
        # From the start, so that a path without way and speed stays where it is to the bit.
        position = p0 + (3 - 2 * s) * s * s * way + length_s * s * (1 - s) * (
            (1 - s) * v0 - s * v1)
        velocity = 6 * s * (1 - s) / length_s * way + (1 - s) * (1 - 3 * s) * v0 + s * (
            3 * s - 2) * v1
        return position, velocity


class SetpointInterpolator:
    """
    Leads from setpoint to setpoint. Time is passed in; not thread-safe.

    :param period_s: the policy's period [s].
    :param step_s: time from a command until the arm is there [s], shorter than the period.
    :param rotation: the elements that are a quaternion, if any.
    :raises ValueError: if the times do not fit.
    """

    def __init__(self, period_s: float, step_s: float, rotation: slice | None = None) -> None:
        if not 0 < step_s < period_s:
            raise ValueError(f'step_s is {step_s}, expected more than 0 and less than the period '
                             f'of {period_s} s')
        self._period_ns = round(period_s * NANOSECONDS)
        self._step_ns = round(step_s * NANOSECONDS)
        self._quaternion = rotation
        self._piece: HermitePiece | None = None
        self._planned_ns = 0
        self._sent: tuple[int, Motion] | None = None
        self._wanted: Motion | None = None

    def start(self, position: np.ndarray, now_ns: int) -> None:
        """
        Begin at rest.

        :param position: where the arm is (D,).
        :param now_ns: the present, on a clock that does not jump [ns].
        """
        # As if it had been commanded to stay one step ago.
        self._sent = now_ns - self._step_ns, (position, np.zeros_like(position))
        self._piece = None

    def at(self, now_ns: int, new: bool, plan: Callable[[], Motion | None]) -> np.ndarray | None:
        """
        Give the setpoint to command now.

        :param now_ns: the present, on the clock of :meth:`start` [ns].
        :param new: whether the plan has changed.
        :param plan: gives position and velocity for now, or None where nothing is planned.
        :return: the setpoint (D,), or None where nothing is planned.
        """
        assert self._sent is not None, 'start() comes first'
        if new or self._piece is None or now_ns > self._piece.end_ns:
            goal = plan()
            if goal is not None:
                self._lead_to(goal, now_ns)
            elif self._piece is None or now_ns - self._planned_ns > PATIENCE * self._period_ns:
                return None
        position, velocity = self._piece.at(now_ns)
        if self._quaternion is not None:
            norm = float(np.linalg.norm(position[self._quaternion]))
            if norm > 0:
                position = position.copy()
                position[self._quaternion] /= norm
        self._wanted = position, velocity
        return position

    def sent(self, command: np.ndarray, now_ns: int) -> None:
        """
        Note what was commanded.

        :param command: the setpoint of :meth:`at`, inside the limits (D,).
        :param now_ns: when [ns].
        """
        before_ns, (before, _) = self._sent
        wanted, velocity = self._wanted
        changed = command != wanted
        if changed.any() and now_ns > before_ns:
            # The limits decided how fast it really is.
            real = (command - before) / ((now_ns - before_ns) / NANOSECONDS)
            velocity = np.where(changed, real, velocity)
        self._sent = now_ns, (command, velocity)

    def _lead_to(self, goal: Motion, now_ns: int) -> None:
        sent_ns, start = self._sent
        if self._quaternion is not None:
            # q and -q are one rotation, and the near one is meant.
            own, other = start[0][self._quaternion], goal[0][self._quaternion]
            if float(own @ other) < 0:
                goal = goal[0].copy(), goal[1].copy()
                for part in goal:
                    part[self._quaternion] *= -1.0
        arrival_ns = now_ns + self._period_ns - self._step_ns
        self._piece = HermitePiece(sent_ns, arrival_ns, start, goal)
        self._planned_ns = now_ns
