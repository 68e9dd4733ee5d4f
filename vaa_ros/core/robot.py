# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a robot is: its joints with their limits, its frames, home pose and cameras.

Descriptions live in ``config/robots/<name>.yaml``.
"""
from __future__ import annotations

from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import yaml

from vaa_ros.core.errors import SpecError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain

UNITS = ('rad', 'm')


@dataclass(frozen=True)
class JointSpec:
    """
    One joint and what it may do.

    :param name: the name in ``joint_states``.
    :param unit: ``rad`` or ``m``.
    :param lower: lowest position [unit].
    :param upper: highest position [unit].
    :param velocity: highest speed [unit/s].
    :param acceleration: highest acceleration [unit/s^2]; infinite where the robot names none.
    :param step: largest change from one command to the next [unit]; infinite for none.
    """

    name: str
    unit: str
    lower: float
    upper: float
    velocity: float
    acceleration: float = math.inf
    step: float = math.inf

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise ValueError(f'joint {self.name}: unit {self.unit!r}, expected one of {UNITS}')
        if not all(map(math.isfinite, (self.lower, self.upper, self.velocity))):
            raise ValueError(f'joint {self.name}: lower {self.lower}, upper {self.upper} and '
                             f'velocity {self.velocity} must be finite')
        if not self.lower < self.upper:
            raise ValueError(f'joint {self.name}: lower {self.lower} is not below upper '
                             f'{self.upper}')
        if not (self.velocity > 0 and self.acceleration > 0 and self.step > 0):
            raise ValueError(f'joint {self.name}: velocity {self.velocity}, acceleration '
                             f'{self.acceleration} and step {self.step} must be positive')


@dataclass(frozen=True)
class RobotSpec:
    """
    A robot as vaa_ros needs to know it.

    :param name: the name of its file in ``config/robots``.
    :param joints: every commanded joint, in the order of states and commands.
    :param home: start position of each joint [rad or m].
    :param cameras: camera keys, the reference camera first.
    :param gripper: name of the gripper joint, or None.
    :param base_frame: frame of end-effector commands.
    :param end_effector_frame: the frame that end-effector commands move.
    :param workspace: lowest and highest corner (2, 3) of the end effector's box [m], or None.
    :param tool_speed: highest speed of the end effector [m/s].
    :param tool_acceleration: highest acceleration of end-effector twists [m/s^2]; rotation has it
        in the proportion of its speed. Infinite where the robot names none.
    """

    name: str
    joints: tuple[JointSpec, ...]
    home: tuple[float, ...]
    cameras: tuple[str, ...]
    gripper: str | None = None
    base_frame: str = 'base_link'
    end_effector_frame: str = 'tool0'
    workspace: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    tool_speed: float = 1.0
    tool_acceleration: float = math.inf

    def __post_init__(self) -> None:
        names = self.joint_names
        if not names or len(set(names)) != len(names):
            raise ValueError(f'joints are {names}, expected at least one and no name twice')
        if len(self.home) != len(names):
            raise ValueError(f'home has {len(self.home)} values for {len(names)} joints')
        if self.gripper is not None and self.gripper not in names:
            raise ValueError(f'gripper {self.gripper!r} is not one of the joints {names}')
        for joint, position in zip(self.joints, self.home, strict=True):
            if not joint.lower <= position <= joint.upper:
                raise ValueError(f'home of {joint.name} is {position}, outside its limits '
                                 f'{joint.lower} to {joint.upper}')
        if not 0 < self.tool_speed < math.inf:
            raise ValueError(f'tool_speed is {self.tool_speed}, expected a positive speed [m/s]')
        if not self.tool_acceleration > 0:
            raise ValueError(f'tool_acceleration is {self.tool_acceleration}, expected more than '
                             '0 m/s^2')
        box = self.workspace
        if box is None:
            return
        if [len(corner) for corner in box] != [3, 3]:
            raise ValueError(f'workspace {box}, expected two corners of three numbers')
        if not all(low < high for low, high in zip(*box, strict=True)):
            raise ValueError(f'workspace {box} has a lower corner that is not below the upper')

    @property
    def joint_names(self) -> tuple[str, ...]:
        """
        Give the joint names in order.
        """
        return tuple(joint.name for joint in self.joints)


def robot_from_mapping(values: Any, where: str) -> RobotSpec:
    """
    Read a robot description.

    :param values: the mapping of a robot file.
    :param where: the file's name, for errors.
    :return: the robot.
    :raises SpecError: naming the key that is wrong.
    """
    if not isinstance(values, dict) or not isinstance(values.get('joints'), list):
        raise SpecError(f'{where}: expected a mapping with a list of joints')
    joints = tuple(
        from_mapping(JointSpec, joint, f'{where}: joints[{index}]', SpecError)
        for index, joint in enumerate(values['joints'])
    )
    plain = {key: _as_tuples(item) for key, item in values.items()}
    return from_mapping(RobotSpec, {**plain, 'joints': joints}, where, SpecError)


def robot_to_mapping(robot: RobotSpec) -> dict[str, Any]:
    """
    Give what :func:`robot_from_mapping` reads back: plain values, without what is not named.

    :param robot: the robot.
    :return: a mapping that YAML and JSON can hold.
    """
    plain = to_plain(robot)
    plain['joints'] = [{key: value for key, value in joint.items() if value != math.inf}
                       for joint in plain['joints']]
    return {key: value for key, value in plain.items() if value not in (None, math.inf)}


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def load_robot(name: str) -> RobotSpec:
    """
    Load a robot by name or by the path of its YAML file.

    :param name: a name in ``config/robots``, or a path that ends in ``.yaml``.
    :return: the robot.
    :raises SpecError: if the file is malformed.
    :raises ConfigError: if there is no such robot; lists those that exist.
    """
    from vaa_ros.core.paths import share_dir
    path = Path(name)
    if path.suffix != '.yaml':
        folder = share_dir() / 'config' / 'robots'
        known = [file.stem for file in folder.glob('*.yaml')]
        if name not in known:
            raise unknown_name('robot', name, known)
        path = folder / f'{name}.yaml'
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise SpecError(f'cannot read the robot file {path}: {problem}') from problem
    return robot_from_mapping(values, str(path))
