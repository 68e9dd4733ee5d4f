# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The last gate before the arm: shape, finite, position, velocity, acceleration, step.

Whatever comes in, what goes out is finite, inside the position limits, no further from the last
command than speed and step limits allow, no faster changed than the acceleration limits allow,
and never so fast that the arm could not stop before a position limit. A command that already is
all that passes bit for bit. Nothing further down the line catches NaN, so it is refused here; it
is never clamped, because no clamped value of it means anything. So is a wish that lies so far
off that it must be a mistake.

This bounds motion; it is no certified safety function.
"""
from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np

from vaa_ros.core.bounding import approach
from vaa_ros.core.bounding import clamp
from vaa_ros.core.bounding import reachable
from vaa_ros.core.bounding import rotate_toward
from vaa_ros.core.bounding import toward
from vaa_ros.core.bounding import turn_between
from vaa_ros.core.bounding import within
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.spec import ACTION_KINDS

POSITION = slice(0, 3)
QUATERNION = slice(3, 7)
ANGULAR = slice(3, 6)
UNIT_TOLERANCE = 0.05
"""How far the norm of a quaternion may be from 1 and still be taken for a rounding error."""


@dataclass(frozen=True, eq=False)
class Motion:
    """
    What a command has to go on from, besides the one before it.

    :param velocity: with which velocity each joint moves until the next command (n,), zero for
        elements that are no joints.
    :param aim: the command that was wanted (n,).
    """

    velocity: np.ndarray
    aim: np.ndarray

    def of(self, part: slice) -> Motion:
        """
        Give some of the elements.
        """
        return Motion(self.velocity[part], self.aim[part])


@dataclass(frozen=True, eq=False)
class LimitResult:
    """
    What may be sent.

    :param command: the command (n,) float64 to send, or None where refused.
    :param clamped: which elements were changed (n,).
    :param refused: why nothing may be sent, or None.
    :param by_start: whether it would be another answer from another place of the arm.
    :param motion: the motion that it belongs to, for the next command.
    """

    command: np.ndarray | None
    clamped: np.ndarray
    refused: str | None = None
    motion: Motion | None = None
    by_start: bool = False

    @property
    def clamped_count(self) -> int:
        """
        Give the number of elements that were changed.
        """
        return int(np.count_nonzero(self.clamped))


class CommandLimiter:
    """
    Limits the commands of one kind; keeps no state, so it can be asked from any thread.

    ``previous`` is the last command sent, or, before the first one, what was measured: the joint
    positions; the tool pose and gripper opening; zero twist and gripper opening.

    :param limits: the limits.
    :param kind: one of the action kinds.
    :param unmeasured_start: for poses: let the first command pass without a known tool pose
        (``previous`` None) and so without a speed limit. Only where what follows ramps by itself.
    :raises ConfigError: if the kind is unknown.
    """

    def __init__(
        self,
        limits: SafetyLimits,
        kind: str = 'joint_position',
        unmeasured_start: bool = False,
    ) -> None:
        if kind not in ACTION_KINDS:
            raise ConfigError(f'action kind is {kind!r}, expected one of '
                              f'{", ".join(ACTION_KINDS)}')
        self.limits = limits
        self.kind = kind
        self._unmeasured_start = unmeasured_start and kind == 'end_effector_pose'
        own = {'end_effector_pose': 8, 'end_effector_twist': 7}
        self._width = own.get(kind, len(limits.names))

    def limit(self, command: object, previous: object, dt_s: float,
              motion: Motion | None = None, speed: float = 1.0) -> LimitResult:
        """
        Bring one command inside the limits, or refuse it.

        :param command: the command wanted (n,).
        :param previous: the last command sent, or what was measured before the first (n,).
        :param dt_s: time since the last command [s].
        :param motion: what the result of the last command gave; None while standing.
        :param speed: fraction of the speed limits to allow, above 0 up to 1.
        :return: what may be sent.
        """
        try:
            wanted = self._vector('command', command)
            if previous is None and self._unmeasured_start:
                previous = self._anywhere(wanted)
            last = self._start(previous)
            if not 0 < dt_s < math.inf:
                raise _Refused(f'time since the last command is {dt_s} s, expected more than 0')
            if motion is None or dt_s > self.limits.max_dt_s:
                motion = Motion(np.zeros(self._width), last)
            dt_s = min(float(dt_s), self.limits.max_dt_s)
            steps = {'joint_position': self._joints, 'end_effector_pose': self._pose,
                     'end_effector_twist': self._twist}
            result, velocity = steps[self.kind](wanted, last, motion, dt_s, speed)
        except _Refused as reason:
            return LimitResult(None, np.zeros(self._width, dtype=bool), str(reason),
                               by_start=isinstance(reason, _RefusedFromHere))
        if not np.isfinite(result).all():
            return LimitResult(None, np.zeros(self._width, dtype=bool), 'numbers overflowed')
        return LimitResult(result, result != wanted, None, Motion(velocity, wanted))

    def _start(self, previous: object) -> np.ndarray:
        try:
            return self._vector('previous command or measurement', previous)
        except _Refused as reason:
            raise _RefusedFromHere(str(reason)) from None

    def _vector(self, what: str, values: object) -> np.ndarray:
        if values is None:
            raise _Refused(f'{what} is not known yet')
        try:
            array = np.asarray(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as problem:
            raise _Refused(f'{what} is not made of numbers: {problem}') from None
        if array.shape != (self._width,):
            raise _Refused(f'{what} has shape {array.shape}, expected ({self._width},)')
        if not np.isfinite(array).all():
            bad = int(np.argmin(np.isfinite(array)))
            raise _Refused(f'{what} is not finite: {self._name(bad)} is {array[bad]}')
        return array

    def _name(self, index: int) -> str:
        if self.kind == 'joint_position':
            return self.limits.names[index]
        return f'element {index}'

    def _anywhere(self, wanted: np.ndarray) -> np.ndarray:
        inside = wanted.copy()
        inside[POSITION] = clamp(
            wanted[POSITION], self.limits.workspace_lower, self.limits.workspace_upper)
        return inside

    def _joints(self, wanted: np.ndarray, last: np.ndarray, motion: Motion, dt_s: float,
                speed: float) -> tuple[np.ndarray, np.ndarray]:
        return self._bounded(wanted, last, motion, dt_s, speed, slice(None))

    def _bounded(
        self, wanted: np.ndarray, last: np.ndarray, motion: Motion, dt_s: float,
        speed: float, joints: slice,
    ) -> tuple[np.ndarray, np.ndarray]:
        limits = self.limits
        lower, upper, top = limits.lower[joints], limits.upper[joints], limits.velocity[joints]
        inside = clamp(last, lower, upper)
        bad = _worst(np.abs(inside - last) - top * dt_s)
        if bad is not None:
            raise _RefusedFromHere(
                f'{limits.names[joints][bad]} is at {last[bad]:.4f}, outside its limits '
                f'{lower[bad]:.4f} to {upper[bad]:.4f} by more than one step; bring it back by '
                'hand')
        bad = _worst(np.abs(wanted - last) - limits.jump[joints])
        if bad is not None:
            raise _RefusedFromHere(
                f'{limits.names[joints][bad]} is told to go to {wanted[bad]:.4f}, too far from '
                f'{last[bad]:.4f} to be meant (limit {limits.jump[joints][bad]:.4f}); bring the '
                'arm nearer, or raise max_jump')
        outside = np.abs(wanted - clamp(wanted, lower, upper))
        bad = _worst(outside - limits.beyond[joints])
        if bad is not None:
            raise _Refused(f'{limits.names[joints][bad]} is told to go to {wanted[bad]:.4f}, too '
                           f'far outside its limits {lower[bad]:.4f} to {upper[bad]:.4f} to be '
                           'meant; check the units, or raise max_jump')
        acceleration = limits.acceleration[joints]
        low, high = reachable(inside, motion.velocity, lower, upper, speed * top, acceleration,
                              dt_s)
        target = approach(inside, clamp(wanted, lower, upper), clamp(motion.aim, lower, upper),
                          speed * top, acceleration, dt_s)
        # A way to a limit, divided by the time and multiplied again, may be a bit too short.
        bit = np.spacing(np.abs(inside))
        target = clamp(target, inside + low * dt_s - bit, inside + high * dt_s + bit)
        # A start just outside its limits comes back at once; that is no speed to go on with.
        target = np.where(inside == last, target, inside)
        result = within(last, target, np.minimum(
            np.maximum(top, np.abs(motion.velocity)) * dt_s, limits.step[joints]))
        result = clamp(result, lower, upper)
        return result, np.where(inside == last, clamp((result - last) / dt_s, low, high), 0.0)

    def _gripper(self, wanted: np.ndarray, last: np.ndarray, motion: Motion, dt_s: float,
                 speed: float) -> tuple[float, np.ndarray]:
        """
        Limit the last element; give it and the velocity of all elements.
        """
        moving = np.zeros(self._width)
        if self.limits.gripper is None:
            return wanted[-1], moving
        joint = slice(self.limits.gripper, self.limits.gripper + 1)
        opening, moving[-1:] = self._bounded(
            wanted[-1:], last[-1:], motion.of(slice(-1, None)), dt_s, speed, joint)
        return opening[0], moving

    def _pose(self, wanted: np.ndarray, last: np.ndarray, motion: Motion, dt_s: float,
              speed: float) -> tuple[np.ndarray, np.ndarray]:
        low, high = self.limits.workspace_lower, self.limits.workspace_upper
        start = clamp(last[POSITION], low, high)
        # What the way back into the box costs is not there for the way onward.
        outside = math.dist(start, last[POSITION])
        if outside > self.limits.linear_speed * dt_s:
            raise _RefusedFromHere(
                f'end effector is at {np.round(last[POSITION], 4).tolist()}, outside its '
                f'workspace {low.tolist()} to {high.tolist()} by more than one step; bring it '
                'back by hand')
        target = clamp(wanted[POSITION], low, high)
        if math.dist(wanted[POSITION], last[POSITION]) > self.limits.tool_jump:
            raise _RefusedFromHere(
                f'end effector is told to go to {np.round(wanted[POSITION], 4).tolist()}, too far '
                f'from {np.round(last[POSITION], 4).tolist()}; bring it nearer, or raise max_jump')
        result = wanted.copy()
        reach = max(speed * self.limits.linear_speed * dt_s - outside, 0.0)
        result[POSITION] = clamp(toward(start, target, reach), low, high)
        here, there = (self._unit('previous', last[QUATERNION]),
                       self._unit('command', wanted[QUATERNION]))
        turn = turn_between(here, there)
        if turn > self.limits.turn_jump:
            raise _RefusedFromHere(
                f'end effector is told to turn by {turn:.2f} rad at once (limit '
                f'{self.limits.turn_jump:.2f}); bring it nearer, or raise max_jump')
        result[QUATERNION] = rotate_toward(here, there, speed * self.limits.angular_speed * dt_s)
        result[7], velocity = self._gripper(wanted, last, motion, dt_s, speed)
        return result, velocity

    def _twist(self, wanted: np.ndarray, last: np.ndarray, motion: Motion, dt_s: float,
               speed: float) -> tuple[np.ndarray, np.ndarray]:
        limits, result = self.limits, wanted.copy()
        for part, top, acceleration, refused, unit in (
                (POSITION, limits.linear_speed, limits.linear_acceleration,
                 limits.linear_refused, 'm/s'),
                (ANGULAR, limits.angular_speed, limits.angular_acceleration,
                 limits.angular_refused, 'rad/s')):
            if (fast := math.hypot(*wanted[part])) > refused:
                raise _Refused(f'end effector is told to go at {fast:.3g} {unit}, too fast to be '
                               f'meant (limit {refused:.3g}); check the units of the policy')
            target = toward(np.zeros(3), wanted[part], speed * top)
            result[part] = toward(last[part], target, acceleration * dt_s)
        result[6], velocity = self._gripper(wanted, last, motion, dt_s, speed)
        return result, velocity

    def _unit(self, what: str, quaternion: np.ndarray) -> np.ndarray:
        norm = math.hypot(*quaternion)
        if abs(norm - 1.0) > UNIT_TOLERANCE:
            raise _Refused(f'{what} quaternion has length {norm:.3f}, expected 1')
        return quaternion if abs(norm - 1.0) < 1e-6 else quaternion / norm


class _Refused(Exception):
    """A command that must not be sent."""


class _RefusedFromHere(_Refused):
    """A command that must not be sent from where the arm is."""


def _worst(excess: np.ndarray) -> int | None:
    """
    Give the element that is most above zero, or None where none is.
    """
    worst = int(np.argmax(excess))
    return worst if excess[worst] > 0 else None
