# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a robot is: its joints with their limits, its frames, home pose and cameras.

Descriptions live in ``config/robots/<name>.yaml``. Topics in them are relative, so that an arm and
all that belongs to it move into a namespace together.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

import yaml

from vaa_ros.core.errors import SpecError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain
from vaa_ros.core.urdf import is_xml
from vaa_ros.core.urdf import parse_limits
from vaa_ros.core.urdf import read_urdf
from vaa_ros.core.urdf import urdf_path

DEFAULT_ROBOT = 'vaa_arm'
UNITS = ('rad', 'm')
GRIPPER_TYPES = ('joint_trajectory', 'commands')
"""What the controller of a gripper alone may take."""


@dataclass(frozen=True)
class JointSpec:
    """
    One joint and what it may do.

    :param name: the name in ``joint_states``.
    :param unit: ``rad`` or ``m``.
    :param lower: lowest position [unit].
    :param upper: highest position [unit].
    :param velocity: highest speed [unit/s].
    :param acceleration: highest acceleration [unit/s^2]; infinite for none.
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
        in the proportion of its speed. Infinite for none.
    :param command_type: the type of commands that its driver takes.
    :param command_topic: topic of those commands; empty for the name of their type.
    :param trajectory_action: action FollowJointTrajectory of its controller, for the way to the
        start pose; empty for none.
    :param joint_states_topic: topic of its joint states.
    :param camera_topics: topic of each camera's pictures; ``<camera>/image_raw`` where not named.
    :param gripper_topic: topic of the gripper's own controller; empty where the joint commands
        hold the gripper too.
    :param gripper_type: one of :data:`GRIPPER_TYPES`: what that controller takes.
    :param gripper_open: position of the open gripper [rad or m], its upper limit if None.
    :param gripper_closed: position of the closed gripper [rad or m], its lower limit if None.
    :param urdf: its URDF, for kinematics and limits, the stricter of which wins: a path, relative
        to the robot file, ``package://<package>/<path>``, or the XML itself; empty for none.
    :param defaults: the limits that its file does not give; not for files.
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
    command_type: str = 'joint_trajectory'
    command_topic: str = ''
    trajectory_action: str = ''
    joint_states_topic: str = 'joint_states'
    camera_topics: Mapping[str, str] = field(default_factory=dict)
    gripper_topic: str = ''
    gripper_type: str = 'joint_trajectory'
    gripper_open: float | None = None
    gripper_closed: float | None = None
    urdf: str = field(default='', compare=False)  # a path, of this computer alone
    defaults: tuple[str, ...] = field(default=(), compare=False)  # where it came from

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
        self._check_topics()
        box = self.workspace
        if box is None:
            return
        if [len(corner) for corner in box] != [3, 3]:
            raise ValueError(f'workspace {box}, expected two corners of three numbers')
        if not all(low < high for low, high in zip(*box, strict=True)):
            raise ValueError(f'workspace {box} has a lower corner that is not below the upper')

    def _check_topics(self) -> None:
        unknown = sorted(set(self.camera_topics) - set(self.cameras))
        if unknown:
            raise ValueError(f'camera_topics names {", ".join(unknown)}, expected cameras of the '
                             f'robot: {", ".join(self.cameras) or "none"}')
        if self.gripper_type not in GRIPPER_TYPES:
            raise ValueError(f'gripper_type {self.gripper_type!r}, expected one of '
                             f'{GRIPPER_TYPES}')
        named = [key for key in ('gripper_topic', 'gripper_open', 'gripper_closed')
                 if getattr(self, key) not in ('', None)]
        if named and self.gripper is None:
            raise ValueError(f'{", ".join(named)} without a gripper: name its joint, gripper')
        if self.gripper is not None:
            joint = self.joints[self.joint_names.index(self.gripper)]
            opened, closed = self.gripper_range
            if opened == closed or not all(
                    joint.lower <= value <= joint.upper for value in (opened, closed)):
                raise ValueError(f'gripper_open {opened} and gripper_closed {closed} must be two '
                                 f'positions inside {joint.lower} to {joint.upper}')

    @property
    def gripper_range(self) -> tuple[float, float]:
        """
        Give the positions of the gripper when open and when closed [rad or m].

        :raises ValueError: if the robot has no gripper.
        """
        joint = self.joints[self.joint_names.index(self.gripper)]
        return (joint.upper if self.gripper_open is None else self.gripper_open,
                joint.lower if self.gripper_closed is None else self.gripper_closed)

    @property
    def commanded_joints(self) -> tuple[str, ...]:
        """
        Give the joints that a joint command holds: all, without a gripper of its own controller.
        """
        return tuple(name for name in self.joint_names
                     if not (self.gripper_topic and name == self.gripper))

    def topic_of(self, command_type: str) -> str:
        """
        Give the topic of a command type: that of the file where it is the robot's own type.

        :param command_type: the type.
        :return: the topic, relative.
        """
        own = self.command_topic if command_type == self.command_type else ''
        return own or command_type

    def camera_topic(self, camera: str) -> str:
        """
        Give the topic of a camera's raw pictures.

        :param camera: the camera's key.
        :return: the topic, relative.
        """
        return self.camera_topics.get(camera, f'{camera}/image_raw')

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
    if 'defaults' in values:
        raise SpecError(f'{where}: unknown key defaults')
    plain = {key: _as_tuples(item) for key, item in values.items()}
    return from_mapping(RobotSpec, {**plain, 'joints': joints}, where, SpecError)


def robot_to_mapping(robot: RobotSpec) -> dict[str, Any]:
    """
    Give what :func:`robot_from_mapping` reads back: plain values, without what is not named.

    The path of the URDF is left out: it means nothing on another computer.

    :param robot: the robot.
    :return: a mapping that YAML and JSON can hold.
    """
    plain = to_plain(robot)
    plain['joints'] = [{key: value for key, value in joint.items() if value != math.inf}
                       for joint in plain['joints']]
    return {key: value for key, value in plain.items()
            if key not in ('urdf', 'defaults') and value not in (None, math.inf, '', {})}


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def robot_names() -> list[str]:
    """
    List the robots that ship with the package.
    """
    from vaa_ros.core.paths import share_dir
    return sorted(path.stem for path in (share_dir() / 'config' / 'robots').glob('*.yaml'))


def load_robot(name: str) -> RobotSpec:
    """
    Load a robot by name or by the path of its YAML file, with the limits of its URDF.

    Limits that neither gives are :mod:`vaa_ros.core.robot_defaults`.

    :param name: a name in ``config/robots``, or a path that ends in ``.yaml``.
    :return: the robot.
    :raises SpecError: if the file or its URDF is malformed.
    :raises ConfigError: if there is no such robot; lists those that exist.
    """
    from vaa_ros.core.paths import share_dir
    from vaa_ros.core.robot_defaults import with_default_limits
    path = Path(name)
    if path.suffix != '.yaml':
        known = robot_names()
        if name not in known:
            raise unknown_name('robot', name, known)
        path = share_dir() / 'config' / 'robots' / f'{name}.yaml'
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise SpecError(f'cannot read the robot file {path}: {problem}') from problem
    robot = robot_from_mapping(values, str(path))
    return with_default_limits(with_urdf(robot, path) if robot.urdf else robot, values)


def with_urdf(robot: RobotSpec, where: Path) -> RobotSpec:
    """
    Read a robot's URDF and take its limits where they are stricter.

    :param robot: the robot, which names its URDF.
    :param where: the robot's own file.
    :return: the robot with the absolute path of its URDF, or with its text.
    :raises SpecError: if there is no such URDF, or it lacks a joint of the robot.
    """
    source, text = str(where), robot.urdf
    if not is_xml(text):
        path = urdf_path(robot.urdf, where.parent)
        source, text = str(path), read_urdf(path)
        robot = replace(robot, urdf=source)
    limits = parse_limits(text, source)
    own = [name for name in robot.joint_names if name != robot.gripper]
    missing = [name for name in own if name not in limits]
    if missing:
        raise SpecError(f'{where}: the URDF {source} has no joint {", ".join(missing)}; it has: '
                        + (', '.join(limits) or 'none'))
    try:
        joints = tuple(
            replace(joint, lower=max(joint.lower, limit.lower),
                    upper=min(joint.upper, limit.upper),
                    velocity=min(joint.velocity, limit.velocity))
            if (limit := limits.get(joint.name)) is not None else joint for joint in robot.joints)
        return replace(robot, joints=joints)
    except ValueError as problem:
        raise SpecError(f'{where}: with the limits of {source}: {problem}') from problem
