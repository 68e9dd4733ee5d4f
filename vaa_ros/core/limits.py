# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What an arm may be told to do: the limits that :mod:`vaa_ros.core.safety` keeps.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
import math

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.types import frozen_array

TWIST_EXCESS = 4.0
"""A twist of so many times the robot's own speed is no wish but a mistake, such as other units;
a policy that overshoots what it was shown stays well below."""
TURN = 2 * math.pi


@dataclass(frozen=True, eq=False)
class SafetyLimits:
    """
    What an arm may be told to do.

    :param names: joint names, in the order of the arrays.
    :param lower: lowest position (n,) [rad or m].
    :param upper: highest position (n,) [rad or m].
    :param velocity: highest speed (n,) [rad/s or m/s].
    :param acceleration: highest acceleration (n,) [rad/s^2 or m/s^2]; infinite for none.
    :param step: largest change from one command to the next (n,) [rad or m]; infinite for none.
    :param jump: how far a wish may lie from the last command (n,) [rad or m] before it is refused
        instead of limited; infinite for any.
    :param beyond: how far outside its position limits a wish may lie (n,) [rad or m] before it is
        refused; infinite for any.
    :param gripper: index of the gripper joint, or None.
    :param workspace_lower: lowest corner of the end effector's box (3,) [m].
    :param workspace_upper: highest corner (3,) [m].
    :param linear_speed: highest translation speed of the end effector [m/s].
    :param angular_speed: highest rotation speed of the end effector [rad/s].
    :param linear_acceleration: highest acceleration of twists [m/s^2]; infinite for none.
    :param angular_acceleration: the same of their rotation [rad/s^2].
    :param tool_jump: how far a wished pose may lie from the last one [m] before it is refused.
    :param turn_jump: how far it may be turned from the last one [rad] before it is refused.
    :param linear_refused: translation speed of a wished twist [m/s] beyond which it is refused.
    :param angular_refused: the same of its rotation [rad/s].
    :param max_dt_s: longest time between two commands that is counted [s], so that a pause does
        not buy a leap; after a longer one the arm counts as standing.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray | float = math.inf
    step: np.ndarray | float = math.inf
    jump: np.ndarray | float = math.inf
    beyond: np.ndarray | float = math.inf
    gripper: int | None = None
    workspace_lower: np.ndarray = field(default_factory=lambda: np.full(3, -math.inf))
    workspace_upper: np.ndarray = field(default_factory=lambda: np.full(3, math.inf))
    linear_speed: float = 1.0
    angular_speed: float = 2.0
    linear_acceleration: float = math.inf
    angular_acceleration: float = math.inf
    tool_jump: float = math.inf
    turn_jump: float = math.inf
    linear_refused: float = math.inf
    angular_refused: float = math.inf
    max_dt_s: float = 0.1

    def __post_init__(self) -> None:
        joints = len(self.names)
        positive = ('acceleration', 'step', 'jump', 'beyond')
        for name in positive:
            value = np.asarray(getattr(self, name), dtype=np.float64)
            object.__setattr__(self, name, np.full(joints, value) if value.ndim == 0 else value)
        shapes = {**dict.fromkeys(('lower', 'upper', 'velocity', *positive), joints),
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
        for name in positive:
            if not (getattr(self, name) > 0).all():
                raise ConfigError(f'safety limit {name} is {getattr(self, name)}, expected more '
                                  'than 0')
        for name in ('linear_speed', 'angular_speed', 'max_dt_s'):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f'safety limit {name} is {getattr(self, name)}, expected a '
                                  'positive number')
        for name in ('linear_acceleration', 'angular_acceleration', 'tool_jump', 'turn_jump',
                     'linear_refused', 'angular_refused'):
            if not getattr(self, name) > 0:
                raise ConfigError(f'safety limit {name} is {getattr(self, name)}, expected more '
                                  'than 0')

    @classmethod
    def from_robot(
        cls,
        robot: RobotSpec,
        speed: float = 1.0,
        angular_speed: float = 2.0,
        max_dt_s: float = 0.1,
        max_jump: float = 0.5,
    ) -> SafetyLimits:
        """
        Take the limits from a robot's description.

        :param robot: the robot.
        :param speed: fraction of the robot's own speed limits to allow, above 0 up to 1.
        :param angular_speed: highest rotation speed of the end effector [rad/s].
        :param max_dt_s: longest time between two commands that is counted [s].
        :param max_jump: part of a joint's range (of a whole turn, where it turns further), or of
            the workspace's diagonal, that a wish may lie from the last command before it is
            refused, above 0; of half a turn, for orientations. Grippers may jump, for open and
            close are far apart: for them it is the part of the range that a wish may lie outside
            of it.
        :return: the limits.
        :raises ConfigError: if an option is out of range.
        """
        if not 0 < speed <= 1:
            raise ConfigError(f'speed is {speed}, expected a fraction above 0 and up to 1')
        if not max_jump > 0:
            raise ConfigError(f'max_jump is {max_jump}, expected a fraction above 0')
        names = robot.joint_names
        low, high = robot.workspace or ((-math.inf,) * 3, (math.inf,) * 3)
        return cls(
            names=names,
            lower=[joint.lower for joint in robot.joints],
            upper=[joint.upper for joint in robot.joints],
            velocity=[joint.velocity * speed for joint in robot.joints],
            acceleration=[joint.acceleration for joint in robot.joints],
            step=[joint.step for joint in robot.joints],
            jump=[math.inf if joint.name == robot.gripper else
                  max_jump * min(joint.upper - joint.lower, TURN if joint.unit == 'rad' else
                                 math.inf) for joint in robot.joints],
            beyond=[max_jump * (joint.upper - joint.lower) if joint.name == robot.gripper else
                    math.inf for joint in robot.joints],
            gripper=names.index(robot.gripper) if robot.gripper else None,
            workspace_lower=low,
            workspace_upper=high,
            linear_speed=robot.tool_speed * speed,
            angular_speed=angular_speed * speed,
            linear_acceleration=robot.tool_acceleration,
            angular_acceleration=robot.tool_acceleration * angular_speed / robot.tool_speed,
            tool_jump=max_jump * math.dist(low, high) if robot.workspace else math.inf,
            turn_jump=max_jump * math.pi,
            # Of the robot's own speeds: a policy that was trained at them may run slowly.
            linear_refused=TWIST_EXCESS * robot.tool_speed,
            angular_refused=TWIST_EXCESS * angular_speed,
            max_dt_s=max_dt_s,
        )
