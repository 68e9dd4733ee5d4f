# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The last gate before the arm: shape, finite, position, speed.

Whatever comes in, what goes out is finite, inside the position limits, and no further from the
last command than the speed limits allow in the time between. A command that already is all that
passes bit for bit. Nothing further down the line catches NaN, so it is refused here; it is never
clamped, because no clamped value of it means anything.

This bounds motion; it is no certified safety function.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
import math

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import ACTION_KINDS
from vaa_ros.core.types import frozen_array

POSITION = slice(0, 3)
QUATERNION = slice(3, 7)
ANGULAR = slice(3, 6)
UNIT_TOLERANCE = 0.05
"""How far the norm of a quaternion may be from 1 and still be taken for a rounding error."""
ALMOST_ONE = 1.0 - 1e-12
"""Keeps a shortened way from being a rounding error too long."""


@dataclass(frozen=True, eq=False)
class SafetyLimits:
    """
    What an arm may be told to do.

    :param names: joint names, in the order of the arrays.
    :param lower: lowest position (n,) [rad or m].
    :param upper: highest position (n,) [rad or m].
    :param velocity: highest speed (n,) [rad/s or m/s].
    :param gripper: index of the gripper joint, or None.
    :param workspace_lower: lowest corner of the end effector's box (3,) [m].
    :param workspace_upper: highest corner (3,) [m].
    :param linear_speed: highest translation speed of the end effector [m/s].
    :param angular_speed: highest rotation speed of the end effector [rad/s].
    :param max_dt_s: longest time between two commands that is counted [s], so that a pause does
        not buy a leap.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    gripper: int | None = None
    workspace_lower: np.ndarray = field(default_factory=lambda: np.full(3, -math.inf))
    workspace_upper: np.ndarray = field(default_factory=lambda: np.full(3, math.inf))
    linear_speed: float = 1.0
    angular_speed: float = 2.0
    max_dt_s: float = 0.1

    def __post_init__(self) -> None:
        shapes = {'lower': len(self.names), 'upper': len(self.names), 'velocity': len(self.names),
                  'workspace_lower': 3, 'workspace_upper': 3}
        for name, length in shapes.items():
            array = frozen_array(getattr(self, name), np.float64)
            if array.shape != (length,) or np.isnan(array).any():
                raise ConfigError(f'safety limit {name} is {array}, expected {length} numbers')
            object.__setattr__(self, name, array)
        if not np.isfinite([self.lower, self.upper]).all():
            raise ConfigError('safety limits lower and upper must be finite')
        if (self.lower > self.upper).any() or (self.workspace_lower > self.workspace_upper).any():
            raise ConfigError('safety limits have a lower bound above its upper bound')
        if (self.velocity < 0).any():
            raise ConfigError(f'safety limit velocity is {self.velocity}, expected 0 or more')
        for name in ('linear_speed', 'angular_speed', 'max_dt_s'):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f'safety limit {name} is {getattr(self, name)}, expected a '
                                  'positive number')

    @classmethod
    def from_robot(
        cls,
        robot: RobotSpec,
        speed: float = 1.0,
        angular_speed: float = 2.0,
        max_dt_s: float = 0.1,
    ) -> SafetyLimits:
        """
        Take the limits from a robot's description.

        :param robot: the robot.
        :param speed: fraction of the robot's own speed limits to allow, above 0 up to 1.
        :param angular_speed: highest rotation speed of the end effector [rad/s].
        :param max_dt_s: longest time between two commands that is counted [s].
        :return: the limits.
        :raises ConfigError: if an option is out of range.
        """
        if not 0 < speed <= 1:
            raise ConfigError(f'speed is {speed}, expected a fraction above 0 and up to 1')
        names = robot.joint_names
        low, high = robot.workspace or ((-math.inf,) * 3, (math.inf,) * 3)
        return cls(
            names=names,
            lower=[joint.lower for joint in robot.joints],
            upper=[joint.upper for joint in robot.joints],
            velocity=[joint.velocity * speed for joint in robot.joints],
            gripper=names.index(robot.gripper) if robot.gripper else None,
            workspace_lower=low,
            workspace_upper=high,
            linear_speed=robot.tool_speed * speed,
            angular_speed=angular_speed * speed,
            max_dt_s=max_dt_s,
        )


@dataclass(frozen=True, eq=False)
class LimitResult:
    """
    What may be sent.

    :param command: the command (n,) float64 to send, or None where refused.
    :param clamped: which elements were changed (n,).
    :param refused: why nothing may be sent, or None.
    """

    command: np.ndarray | None
    clamped: np.ndarray
    refused: str | None = None

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

    def limit(self, command: object, previous: object, dt_s: float) -> LimitResult:
        """
        Bring one command inside the limits, or refuse it.

        :param command: the command wanted (n,).
        :param previous: the last command sent, or what was measured before the first (n,).
        :param dt_s: time since the last command [s].
        :return: what may be sent.
        """
        try:
            wanted = self._vector('command', command)
            if previous is None and self._unmeasured_start:
                previous = self._anywhere(wanted)
            last = self._vector('previous command or measurement', previous)
            if not 0 < dt_s < math.inf:
                raise _Refused(f'time since the last command is {dt_s} s, expected more than 0')
            dt_s = min(float(dt_s), self.limits.max_dt_s)
            steps = {'joint_position': self._joints, 'end_effector_pose': self._pose,
                     'end_effector_twist': self._twist}
            result = steps[self.kind](wanted, last, dt_s)
        except _Refused as reason:
            return LimitResult(None, np.zeros(self._width, dtype=bool), str(reason))
        if not np.isfinite(result).all():
            return LimitResult(None, np.zeros(self._width, dtype=bool), 'numbers overflowed')
        return LimitResult(result, result != wanted)

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

    def _joints(self, wanted: np.ndarray, last: np.ndarray, dt_s: float) -> np.ndarray:
        return self._bounded(wanted, last, dt_s, slice(None))

    def _bounded(
        self, wanted: np.ndarray, last: np.ndarray, dt_s: float, joints: slice | list[int],
    ) -> np.ndarray:
        lower, upper = self.limits.lower[joints], self.limits.upper[joints]
        step = self.limits.velocity[joints] * dt_s
        outside = np.abs(clamp(last, lower, upper) - last)
        if (outside > step).any():
            bad = int(np.argmax(outside - step))
            name = np.array(self.limits.names)[joints][bad]
            raise _Refused(f'{name} is at {last[bad]:.4f}, outside its limits {lower[bad]:.4f} to '
                           f'{upper[bad]:.4f} by more than one step; bring it back by hand')
        target = clamp(wanted, lower, upper)
        return clamp(within(last, target, step), lower, upper)

    def _gripper(self, wanted: float, last: float, dt_s: float) -> float:
        if self.limits.gripper is None:
            return wanted
        joints = [self.limits.gripper]
        return self._bounded(np.array([wanted]), np.array([last]), dt_s, joints)[0]

    def _pose(self, wanted: np.ndarray, last: np.ndarray, dt_s: float) -> np.ndarray:
        low, high = self.limits.workspace_lower, self.limits.workspace_upper
        start = clamp(last[POSITION], low, high)
        # What the way back into the box costs is not there for the way onward.
        reach = self.limits.linear_speed * dt_s - math.dist(start, last[POSITION])
        if reach < 0:
            raise _Refused(f'end effector is at {np.round(last[POSITION], 4).tolist()}, outside '
                           f'its workspace {low.tolist()} to {high.tolist()} by more than one '
                           'step; bring it back by hand')
        result = wanted.copy()
        target = clamp(wanted[POSITION], low, high)
        result[POSITION] = clamp(toward(start, target, reach), low, high)
        result[QUATERNION] = rotate_toward(
            self._unit('previous', last[QUATERNION]), self._unit('command', wanted[QUATERNION]),
            self.limits.angular_speed * dt_s)
        result[7] = self._gripper(wanted[7], last[7], dt_s)
        return result

    def _twist(self, wanted: np.ndarray, last: np.ndarray, dt_s: float) -> np.ndarray:
        result = wanted.copy()
        result[POSITION] = toward(np.zeros(3), wanted[POSITION], self.limits.linear_speed)
        result[ANGULAR] = toward(np.zeros(3), wanted[ANGULAR], self.limits.angular_speed)
        result[6] = self._gripper(wanted[6], last[6], dt_s)
        return result

    def _unit(self, what: str, quaternion: np.ndarray) -> np.ndarray:
        norm = math.hypot(*quaternion)
        if abs(norm - 1.0) > UNIT_TOLERANCE:
            raise _Refused(f'{what} quaternion has length {norm:.3f}, expected 1')
        return quaternion if abs(norm - 1.0) < 1e-6 else quaternion / norm


class _Refused(Exception):
    """A command that must not be sent."""


def clamp(values: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """
    Bring values inside bounds; those inside keep every bit (numpy.clip may change -0).

    :param values: values (n,), finite.
    :param lower: lower bounds (n,).
    :param upper: upper bounds (n,).
    :return: the values inside the bounds (n,).
    """
    return np.where(values < lower, lower, np.where(values > upper, upper, values))


def within(start: np.ndarray, target: np.ndarray, step: np.ndarray) -> np.ndarray:
    """
    Go towards a target, each element by at most a step.

    :param start: where to start (n,).
    :param target: where to go (n,).
    :param step: longest way of each element (n,), not negative.
    :return: the target where it is near enough, else the point one step away (n,).
    """
    way = target - start
    result = np.where(np.abs(way) > step, start + np.copysign(step, way), target)
    # The sum may round to one unit in the last place beyond the step.
    return np.where(np.abs(result - start) > step, np.nextafter(result, start), result)


def toward(start: np.ndarray, target: np.ndarray, distance: float) -> np.ndarray:
    """
    Go straight towards a target by at most a distance.

    :param start: where to start (3,).
    :param target: where to go (3,).
    :param distance: longest way, not negative.
    :return: the target if it is near enough, else the point at that distance (3,).
    """
    way = target - start
    peak = float(np.abs(way).max())
    if peak == 0:
        return target
    # Dividing first keeps the squares of very large and very small ways from over- or underflow.
    length = float(np.linalg.norm(way / peak))
    if peak * length <= distance:
        return target
    return start + way / peak * (distance * ALMOST_ONE / length)


def rotate_toward(start: np.ndarray, target: np.ndarray, angle: float) -> np.ndarray:
    """
    Turn towards a rotation by at most an angle.

    :param start: unit quaternion (4,).
    :param target: unit quaternion (4,).
    :param angle: largest turn [rad], positive.
    :return: the target if it is near enough, else the rotation at that angle (4,), unit length.
    """
    near = target if start @ target >= 0 else -target
    # Between unit quaternions lies half the angle of the turn; atan2 is exact for small ones.
    between = 2.0 * math.atan2(float(np.linalg.norm(near - start)),
                               float(np.linalg.norm(near + start)))
    if 2.0 * between <= angle:
        return target
    share = angle * ALMOST_ONE / (2.0 * between)
    mixed = math.sin((1 - share) * between) * start + math.sin(share * between) * near
    return mixed / np.linalg.norm(mixed)
