# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One bag to streams: fitted pictures, joint states and commands, each with its times.

Works on recordings of teleop_recorder and on any bag with the same message types on topics whose
names end as the ROS interface says (``front/image_raw``, ``joint_states``, ...).
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.errors import ImageError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.bag_pictures import BagPictures
from vaa_ros.learning.bag_topics import find_command_type
from vaa_ros.learning.bag_topics import find_topics
from vaa_ros.learning.bag_topics import GRIPPER
from vaa_ros.learning.bag_topics import JOINTS
from vaa_ros.learning.timed import Timed
from vaa_ros.learning.timed import vector
from vaa_ros.learning.trajectories import replace_rest
from vaa_ros.learning.trajectories import trajectory
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.messages import COMPRESSED_VIDEO
from vaa_ros.recording.messages import header_stamp_ns
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.messages import JOINT_TRAJECTORY

STAMP_LABEL = 'stamp_ns='
"""How vaa_ros nodes put the stamp of the observation into a Float64MultiArray."""


@dataclass
class BagStreams:
    """
    What a bag holds for learning.

    :param metadata: what vaa_ros recorded about the episode, None for a foreign bag.
    :param command_type: the command topic's name in the ROS interface.
    :param pictures: camera key to fitted pictures.
    :param joints: joint states.
    :param commands: command vectors; NaN where a message leaves an element out.
    :param gripper: gripper openings (1,), where there is such a topic.
    :param gripper_joint: the joint that these open, by its name.
    :param bad: messages left out, by reason.
    :param unstamped: topics of messages without a stamp; their time of arrival stands for it.
    :param by_arrival: whether times of arrival stand for all stamps.
    """

    metadata: EpisodeMetadata | None
    command_type: str
    pictures: dict[str, list[Timed]]
    joints: list[Timed] = field(default_factory=list)
    commands: list[Timed] = field(default_factory=list)
    gripper: list[Timed] = field(default_factory=list)
    gripper_joint: str = ''
    bad: Counter[str] = field(default_factory=Counter)
    unstamped: set[str] = field(default_factory=set)
    by_arrival: bool = False


def read_streams(path: Path, robot: RobotSpec, cameras: Sequence[CameraSpec], dt_s: float,
                 command_type: str | None = None) -> BagStreams:
    """
    Read a bag.

    :param path: the bag.
    :param robot: the robot; gives joint order.
    :param cameras: the cameras wanted and their policy size.
    :param dt_s: control period, to step through longer trajectories [s].
    :param command_type: the command topic to learn from, None for the one that is there.
    :return: its streams.
    :raises BagError: if it cannot be read, or lacks a topic; names those it has.
    """
    with BagReader(path) as bag:
        command_type = command_type or find_command_type(bag)
        roles = find_topics(bag, robot, cameras, command_type)
        return collect(bag, roles, command_type, robot, cameras, dt_s)


def collect(bag: BagReader, roles: Mapping[str, str], command_type: str, robot: RobotSpec,
            cameras: Sequence[CameraSpec], dt_s: float, start_ns: int | None = None,
            stop_ns: int | None = None, pictures: BagPictures | None = None) -> BagStreams:
    """
    Read the messages of topics whose roles are known.

    :param bag: an open bag.
    :param roles: topic to camera key, ``joint_states``, ``gripper_commands`` or command type.
    :param command_type: the command topic's name in the ROS interface.
    :param robot: the robot; gives joint order.
    :param cameras: the cameras and their policy size.
    :param dt_s: control period, to step through longer trajectories [s].
    :param start_ns: leave out what was received before; None for nothing [ns].
    :param stop_ns: leave out what was received then or later; None for nothing [ns].
    :param pictures: what decoded the pictures of this bag up to ``start_ns``; None if nothing was.
    :return: the streams.
    :raises BagError: if a topic is missing, or the bag is damaged.
    """
    streams = BagStreams(bag.metadata, command_type, {c.key: [] for c in cameras},
                         gripper_joint=robot.gripper or '')
    pictures = pictures or BagPictures()
    by_key = {camera.key: camera for camera in cameras}
    first_ns = start_ns
    if start_ns and COMPRESSED_VIDEO in map(bag.topics.get, roles):
        first_ns = min(start_ns, pictures.read_to_ns)
    for topic, log_ns, message in bag.messages(list(roles), first_ns, stop_ns):
        role, kind = roles[topic], bag.topics[topic]
        if start_ns is not None and log_ns < start_ns:
            if kind == COMPRESSED_VIDEO:
                pictures.follow(topic, message)
            continue
        stamp_ns = message_stamp_ns(message)
        if not stamp_ns:
            streams.unstamped.add(topic)
        try:
            if role in by_key:
                value = pictures.fitted(topic, kind, message, by_key[role])
                streams.pictures[role].append(Timed(stamp_ns, log_ns, value))
            elif role == JOINTS:
                state = joint_state(message, stamp_ns or log_ns)
                streams.joints.append(Timed(stamp_ns, log_ns, state))
                require_joints(state, robot)
            elif role == GRIPPER:
                new = openings(message, kind, robot, dt_s, stamp_ns, log_ns)
                replace_rest(streams.gripper, new, dt_s)
            elif kind == JOINT_STATE:
                values = in_order(joint_state(message, stamp_ns), robot)
                streams.commands.append(Timed(stamp_ns, log_ns, values))
            else:
                new = commands(message, role, robot, dt_s, stamp_ns, log_ns)
                replace_rest(streams.commands, new, dt_s)
        except (ImageError, ValueError) as problem:
            streams.bad[f'{topic}: {problem}'] += 1
    pictures.read_to_ns = stop_ns or bag.stop_ns
    return streams


def message_stamp_ns(message: Any) -> int:
    """
    Give the stamp of a message [ns], 0 where it has none.
    """
    stamp_ns = header_stamp_ns(message)
    if stamp_ns is not None:
        return stamp_ns
    layout = getattr(message, 'layout', None)
    label = layout.dim[0].label if layout is not None and layout.dim else ''
    text = label[len(STAMP_LABEL):] if label.startswith(STAMP_LABEL) else ''
    return int(text) if text.isdecimal() else 0


def joint_state(message: Any, stamp_ns: int) -> JointState:
    """
    Read a joint state.

    :raises ValueError: if names and positions do not fit.
    """
    return JointState(stamp_ns, tuple(message.name), message.position)


def in_order(state: JointState, robot: RobotSpec) -> np.ndarray:
    """
    Put the positions of a joint state in the robot's order (n,); NaN for a joint that it lacks.

    :raises ValueError: if it has no joint of the robot.
    """
    told = dict(zip(state.names, state.position, strict=True))
    if not set(told) & set(robot.joint_names):
        raise ValueError(f'no joint of {robot.name}; it has {", ".join(state.names) or "none"}, '
                         f'expected {", ".join(robot.joint_names)}')
    return np.array([told.get(name, np.nan) for name in robot.joint_names], dtype=np.float64)


def require_joints(state: JointState, robot: RobotSpec) -> None:
    """
    Make sure that a joint state tells of every joint, without which it makes no observation.

    :raises ValueError: if it does not.
    """
    absent = [name for name in robot.joint_names if name not in state.names]
    if absent:
        raise ValueError(f'no {", ".join(absent)} of {robot.name}; it has '
                         f'{", ".join(state.names) or "no joints"}, expected '
                         f'{", ".join(robot.joint_names)}')


def measured_commands(joints: Sequence[Timed], robot: RobotSpec, dt_s: float) -> list[Timed]:
    """
    Make commands of what the joints did: to be, now, where they are a control period later.

    :param joints: joint states.
    :param robot: the robot; gives joint order.
    :param dt_s: control period [s].
    :return: joint positions in the robot's order, each one period earlier than it was measured.
    """
    earlier = round(dt_s * NANOSECONDS)
    known = set(robot.joint_names)
    return [Timed(item.stamp_ns - earlier if item.stamp_ns else 0, item.log_ns - earlier,
                  in_order(item.value, robot))
            for item in joints if known <= set(item.value.names)]


def commands(message: Any, command_type: str, robot: RobotSpec, dt_s: float, stamp_ns: int,
             log_ns: int) -> list[Timed]:
    """
    Read a command message as action vectors; NaN where it leaves an element out.

    :raises ValueError: if it holds no usable command.
    """
    if command_type == 'commands':
        values = np.full(len(robot.joints), np.nan)
        told = [robot.joint_names.index(name) for name in robot.commanded_joints]
        values[told] = vector(message.data, len(told))
        return [Timed(stamp_ns, log_ns, values)]
    if command_type == 'target_pose':
        pose = message.pose
        values = [getattr(part, axis) for part, axes in
                  ((pose.position, 'xyz'), (pose.orientation, 'xyzw')) for axis in axes]
        return [Timed(stamp_ns, log_ns, np.append(vector(values, 7), np.nan))]
    if command_type == 'delta_twist_cmds':
        values = [getattr(part, axis) for part in (message.twist.linear, message.twist.angular)
                  for axis in 'xyz']
        return [Timed(stamp_ns, log_ns, np.append(vector(values, 6), np.nan))]
    return trajectory(message, robot.joint_names, dt_s, stamp_ns, log_ns)


def openings(message: Any, kind: str, robot: RobotSpec, dt_s: float, stamp_ns: int,
             log_ns: int) -> list[Timed]:
    """
    Read the command of a gripper of its own as openings (1,).

    :raises ValueError: if it holds none.
    """
    if kind != JOINT_TRAJECTORY:
        return [Timed(stamp_ns, log_ns, vector(message.data, 1))]
    return trajectory(message, (robot.gripper or '',), dt_s, stamp_ns, log_ns)


def stamps_agree(commands_: Sequence[Timed], pictures: Mapping[str, Sequence[Timed]]) -> bool:
    """
    Tell whether commands carry stamps on the clock of the pictures.
    """
    stamps = [item.stamp_ns for item in next(iter(pictures.values()))]
    if not stamps or not commands_ or not all(item.stamp_ns for item in commands_):
        return False
    return commands_[0].stamp_ns <= max(stamps) and commands_[-1].stamp_ns >= min(stamps)
