# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The commands of one motion: each inside the limits, measured against the one before.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.safety import LimitResult
from vaa_ros.core.safety import Motion
from vaa_ros.core.safety import QUATERNION
from vaa_ros.core.workspace import Workspace

GAP_PERIODS, GAP_S = 5, 0.25


def gap_s(period_s: float) -> float:
    """
    Give the silence after which the velocity of before does not count any more [s].

    :param period_s: control period [s].
    """
    return max(GAP_PERIODS * period_s, GAP_S)


class LimitedMotion:
    """
    Remembers where the arm was sent, and how fast, for the limits of the next command.

    Not thread-safe.

    :param limiter: the limits.
    :param workspace: where the end effector of an arm that is told joint positions may be; None
        for anywhere.
    """

    def __init__(self, limiter: CommandLimiter, workspace: Workspace | None = None) -> None:
        self.kind = limiter.kind
        self._limiter = limiter
        self._workspace = workspace if limiter.kind == 'joint_position' else None
        self._last: np.ndarray | None = None
        self._motion: Motion | None = None
        self._start: np.ndarray | None = None
        self._dt_s, self._speed = limiter.limits.max_dt_s, 1.0

    def step(self) -> tuple[float, np.ndarray]:
        """
        Give what velocities that are made from the last command need to know.

        :return: the time since the command before it [s], and the highest speeds of the joints
            that were allowed for it (n,) [rad/s or m/s].
        """
        return self._dt_s, self._speed * self._limiter.limits.velocity

    @property
    def last(self) -> np.ndarray | None:
        """
        Give the last command, or None while the arm was not commanded or let go.
        """
        return self._last

    def release(self) -> None:
        """
        Let go of the arm: the next motion starts where it then is.
        """
        self._last = self._motion = None

    def stand(self, position: np.ndarray | None) -> None:
        """
        Begin at a command that keeps the arm where it is.

        :param position: what is measured, as the command's kind has it; None is not known.
        """
        self._last, self._motion = position, None

    def rest(self) -> None:
        """
        Take note that the arm stands still by now: a twist of before is over.
        """
        self._motion = None
        if self.kind == 'end_effector_twist' and self._last is not None:
            self._last = np.where(np.arange(len(self._last)) < 6, 0.0, self._last)

    def lead(self, places: np.ndarray, period_s: float) -> None:
        """
        Take note that the arm was led on since the last command.

        :param places: where it was led to last, and before that (2, n), oldest first.
        :param period_s: time between the two [s].
        """
        before, self._last = places
        self._motion = Motion((self._last - before) / period_s, self._last)

    def move(self, wanted: object, measured: object, dt_s: float, speed: float = 1.0,
             share: float = 1.0) -> LimitResult:
        """
        Bring a wish inside the limits; what is refused changes nothing.

        :param wanted: the command wanted (n,).
        :param measured: where the arm is, for the first command of a motion (n,).
        :param dt_s: time since the last command [s].
        :param speed: fraction of the speed limits to allow.
        :param share: part of the way from where the motion began to the wish that is wanted yet.
        :return: what may be sent.
        """
        previous = measured if self._last is None else self._last
        result = self._limiter.limit(wanted, previous, dt_s, self._motion, speed)
        if result.command is None:
            return result
        if self._motion is None:
            self._start = np.array(result.command if previous is None else previous, np.float64)
        if share < 1:
            # The wish itself was checked before: a way that is too far is too far from the start.
            wanted = _between(self._start, np.asarray(wanted, np.float64), share, self.kind)
            result = self._limiter.limit(wanted, previous, dt_s, self._motion, speed)
        if self._workspace is not None:
            result = self._inside(wanted, result, previous, dt_s, speed)
            if result.command is None:
                return result
        self._last, self._motion = result.command, result.motion
        self._dt_s, self._speed = dt_s, speed
        return result

    def _inside(self, wanted: object, result: LimitResult, previous: object, dt_s: float,
                speed: float) -> LimitResult:
        """
        Bring a wish that the limits took into the workspace, or refuse it.
        """
        wish = np.asarray(wanted, dtype=np.float64)
        led = self._workspace.led_inside(wish)
        if led is not wish:
            inside = self._limiter.limit(led, previous, dt_s, self._motion, speed)
            result = replace(inside, clamped=inside.clamped | (led != wish))
        if result.command is not None and (
                reason := self._workspace.refusal(np.asarray(previous), result.command)):
            return LimitResult(None, result.clamped, reason, by_start=result.by_start)
        return result

    def hold(self, dt_s: float) -> np.ndarray | None:
        """
        Give the next command that ends the motion and keeps the arm where it is.

        A position is held by saying it again. A velocity is taken back to zero as fast as the
        acceleration limits allow, command by command.

        :param dt_s: time since the last command [s].
        :return: the command, or None when nothing was commanded.
        """
        self._motion, self._dt_s = None, dt_s
        if self._last is None or self.kind != 'end_effector_twist':
            return self._last
        still = self._last.copy()
        still[:6] = 0.0
        result = self._limiter.limit(still, self._last, dt_s)
        self._last = still if result.command is None else result.command
        return self._last

    @property
    def moving(self) -> bool:
        """
        Tell whether the last command itself keeps the arm in motion.
        """
        return (self.kind == 'end_effector_twist' and self._last is not None
                and bool(self._last[:6].any()))


def _between(start: np.ndarray, end: np.ndarray, share: float, kind: str) -> np.ndarray:
    """
    Give the command at a part of the way from one to another.
    """
    mixed = start + share * (end - start)
    if kind == 'end_effector_pose':
        one, other = start[QUATERNION], end[QUATERNION]
        other = other if one @ other >= 0 else -other
        turned = one + share * (other - one)
        mixed[QUATERNION] = turned / np.linalg.norm(turned)
    return mixed
