# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A leader arm: a small arm moved by hand whose joints another one follows, as ALOHA and SO-101 do.

The leader's angles become the follower's by ``scale * (angle - zero) + offset``, the gripper's by
its closed and open positions. Before it follows, the follower is led slowly to where the leader
is; while they are too far apart it refuses.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.records import from_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.smoothing import Smoother

LIMIT = 1e-6
LED_SPEED_PART = 0.3
"""Part of its speed limit with which a joint is led to the leader."""
TOGETHER = 0.05
"""How near the follower must be to the leader to follow it freely [rad]."""


@dataclass(frozen=True)
class LeaderJoint:
    """
    Which joint of the leader a joint follows, and how.

    :param name: name of the leader's joint in its joint states.
    :param scale: follower angle per leader angle; negative where they turn against each other.
    :param zero: leader's angle that belongs to ``offset`` [rad].
    :param offset: follower's angle there [rad].
    """

    name: str
    scale: float = 1.0
    zero: float = 0.0
    offset: float = 0.0

    def __post_init__(self) -> None:
        numbers = (self.scale, self.zero, self.offset)
        if not all(map(math.isfinite, numbers)) or abs(self.scale) < LIMIT:
            raise ValueError(f'scale {self.scale}, zero {self.zero}, offset {self.offset}: '
                             'expected numbers, and a scale that is not 0')


@dataclass(frozen=True)
class LeaderGripper:
    """
    How the leader's gripper or trigger becomes the follower's opening.

    :param name: name of its joint in the leader's joint states.
    :param closed: its position when closed.
    :param open: its position when open.
    """

    name: str
    closed: float
    open: float

    def __post_init__(self) -> None:
        if not math.isfinite(self.closed) or not math.isfinite(self.open) or (
                abs(self.open - self.closed) < LIMIT):
            raise ValueError(f'closed {self.closed} and open {self.open} must differ')


class LeaderMap:
    """
    From the leader's joint states to positions of the follower's joints.

    :param robot: the follower.
    :param joints: what each joint of the follower follows, by its name.
    :param gripper: what its gripper follows, or None to leave it as it is.
    :raises ConfigError: naming a joint that the robot lacks, or that nothing leads.
    """

    def __init__(self, robot: RobotSpec, joints: Mapping[str, LeaderJoint],
                 gripper: LeaderGripper | None = None) -> None:
        led = [name for name in robot.joint_names if name != robot.gripper]
        for name in joints:
            if name not in led:
                raise unknown_name(f'joint of {robot.name}', name, led)
        missing = [name for name in led if name not in joints]
        if missing:
            raise ConfigError(f'leader: nothing leads {", ".join(missing)} of {robot.name}')
        if gripper is not None and robot.gripper is None:
            raise ConfigError(f'leader: {robot.name} has no gripper that could follow '
                              f'{gripper.name!r}')
        self._robot, self._joints, self._gripper = robot, dict(joints), gripper
        self.lower = np.array([joint.lower for joint in robot.joints])
        self.upper = np.array([joint.upper for joint in robot.joints])

    @classmethod
    def same_names(cls, robot: RobotSpec) -> LeaderMap:
        """
        Make the map of a leader that is the same arm: equal names, angles and opening.
        """
        joints = {name: LeaderJoint(name) for name in robot.joint_names if name != robot.gripper}
        gripper = None
        if robot.gripper is not None:
            joint = robot.joints[robot.joint_names.index(robot.gripper)]
            gripper = LeaderGripper(robot.gripper, joint.lower, joint.upper)
        return cls(robot, joints, gripper)

    def positions(self, names: Sequence[str], position: np.ndarray,
                  stay: np.ndarray) -> np.ndarray:
        """
        Give where the follower has to be.

        :param names: the leader's joint names.
        :param position: its joint positions.
        :param stay: position of each joint of the follower where nothing leads it (n,).
        :return: joint positions in the robot's order (n,), inside the position limits.
        :raises RosError: if a joint is missing, or its position no finite number.
        """
        told = dict(zip(names, (float(value) for value in position), strict=True))
        result = np.array(stay, dtype=np.float64)
        for index, name in enumerate(self._robot.joint_names):
            if name in self._joints:
                joint = self._joints[name]
                angle = self._told(told, joint.name)
                result[index] = joint.scale * (angle - joint.zero) + joint.offset
            elif self._gripper is not None:
                grip = self._gripper
                part = (self._told(told, grip.name) - grip.closed) / (grip.open - grip.closed)
                result[index] = self.lower[index] + part * (self.upper[index] - self.lower[index])
        return np.clip(result, self.lower, self.upper)

    @staticmethod
    def _told(told: Mapping[str, float], name: str) -> float:
        if name not in told:
            raise RosError(f'the leader has no joint {name!r}; it has: '
                           f'{", ".join(told) or "none"}')
        if not math.isfinite(told[name]):
            raise RosError(f'joint {name!r} of the leader is at {told[name]}')
        return told[name]


def load_leader(name: str, robot: RobotSpec) -> LeaderMap:
    """
    Load the map of a leader arm.

    :param name: a name in ``config/leaders``, the path of a YAML file, or empty for a leader that
        is the same arm.
    :param robot: the follower.
    :return: the map.
    :raises ConfigError: if there is no such file, or it does not fit the robot.
    """
    from vaa_ros.core.paths import share_dir
    if not name:
        return LeaderMap.same_names(robot)
    path = Path(name)
    if path.suffix != '.yaml':
        folder = share_dir() / 'config' / 'leaders'
        known = [file.stem for file in folder.glob('*.yaml')]
        if name not in known:
            raise unknown_name('leader', name, known)
        path = folder / f'{name}.yaml'
    try:
        values: Any = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ConfigError(f'cannot read the leader file {path}: {problem}') from problem
    if not isinstance(values, dict) or not isinstance(values.get('joints'), dict):
        raise ConfigError(f'{path}: expected joints, a mapping from joints of the robot to those '
                          'of the leader')
    unknown = sorted(map(str, set(values) - {'joints', 'gripper'}))
    if unknown:
        raise ConfigError(f'{path}: unknown key {", ".join(unknown)}. Known: joints, gripper')
    joints = {str(key): from_mapping(LeaderJoint, joint, f'{path}: joints: {key}')
              for key, joint in values['joints'].items()}
    gripper = None
    if values.get('gripper') is not None:
        gripper = from_mapping(LeaderGripper, values['gripper'], f'{path}: gripper')
    return LeaderMap(robot, joints, gripper)


class LeaderFollow:
    """
    When the follower may follow, and how it gets to the leader first.

    :param robot: the follower: speed limits.
    :param max_gap: gap of a joint above which it refuses to begin [rad].
    :param smoothing_s: latency of the low-pass on the leader's positions [s].
    """

    def __init__(self, robot: RobotSpec, max_gap: float, smoothing_s: float) -> None:
        self._names = robot.joint_names
        self._speed = np.array([joint.velocity for joint in robot.joints])
        # Whatever slides is a gripper or a finger: its leader is a trigger that may be anywhere.
        self._turns = np.array([joint.unit == 'rad' and joint.name != robot.gripper
                                for joint in robot.joints])
        self._max_gap = max_gap
        self._filter = Smoother(smoothing_s)
        self._target: np.ndarray | None = None
        self.together = False
        """Whether it follows freely: it was led to the leader."""

    @property
    def following(self) -> bool:
        """
        Tell whether it has hold of the arm.
        """
        return self._target is not None

    def begin(self, leader: np.ndarray, measured: np.ndarray) -> None:
        """
        Take hold of the arm, if the leader is near enough.

        :param leader: where the leader wants the follower to be (n,).
        :param measured: where it is (n,).
        :raises RosError: naming the joint that is furthest off.
        """
        gap = np.where(self._turns, np.abs(leader - measured), 0.0)
        worst = int(np.argmax(gap))
        if gap[worst] > self._max_gap:
            raise RosError(
                f'the leader is too far from the arm: {self._names[worst]} is at '
                f'{measured[worst]:.2f}, the leader wants {leader[worst]:.2f}, at most '
                f'{self._max_gap:g} rad apart is allowed; bring the leader there, then try again')
        self._target, self.together = np.array(measured, dtype=np.float64), False

    def let_go(self) -> None:
        """
        Let go of the arm.
        """
        self._target, self.together = None, False

    def step(self, leader: np.ndarray, dt_s: float) -> np.ndarray:
        """
        Give the next joint positions.

        :param leader: where the leader wants the follower to be (n,).
        :param dt_s: time since the last step [s].
        :return: joint positions (n,), slowly towards the leader until they have met.
        """
        assert self._target is not None
        if self.together:
            wanted, step = self._filter.step(leader, dt_s), self._speed * dt_s
            # A trigger is faster than a gripper; joints that are too fast are the limiter's.
            step = np.where(self._turns, np.inf, step)
        else:
            wanted, step = leader, LED_SPEED_PART * self._speed * dt_s
        self._target = np.clip(wanted, self._target - step, self._target + step)
        gap = np.where(self._turns, np.abs(leader - self._target), 0.0)
        if not self.together and gap.max() < TOGETHER:
            self.together = True
            self._filter.reset(self._target)
        return self._target
