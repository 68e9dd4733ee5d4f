# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which topic of an episode of teleop_recorder is what: as it was recorded, unless people say else.
"""
from __future__ import annotations

from collections.abc import Sequence

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.learning.bag_topics import candidates
from vaa_ros.learning.bag_topics import find_command_type
from vaa_ros.learning.bag_topics import find_topics
from vaa_ros.learning.bag_topics import GRIPPER
from vaa_ros.learning.bag_topics import JOINTS
from vaa_ros.learning.bag_topics import kinds_of
from vaa_ros.learning.topic_mapping import find_commands
from vaa_ros.learning.topic_mapping import given
from vaa_ros.learning.topic_mapping import measured_type
from vaa_ros.learning.topic_mapping import of_types
from vaa_ros.learning.topic_mapping import TopicMapping
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.image_encoder import topic_in_bag


def recorded_roles(bag: BagReader, robot: RobotSpec, cameras: Sequence[CameraSpec],
                   mapping: TopicMapping, command_type: str | None, measured: bool,
                   notes: list[str]) -> tuple[str, dict[str, str]]:
    """
    Tell which topics of a recorded episode to read.

    :param bag: an open bag.
    :param robot: the robot.
    :param cameras: the cameras wanted.
    :param mapping: what people say of the topics; it wins over what was recorded.
    :param command_type: the command type wanted, None for the one that is there.
    :param measured: take the measured joints for commands.
    :param notes: gets a line for what people say that this bag does not have.
    :return: the command type; and topic to camera key, ``joint_states``, ``gripper_commands`` or
        command type.
    :raises BagError: if something is not there; lists what is.
    :raises ConfigError: if one topic is said to be two things.
    """
    told = {key: topic for key, topic in mapping.cameras.items()
            if key in {camera.key for camera in cameras}}
    told |= {JOINTS: mapping.joint_states, GRIPPER: mapping.gripper}
    named = {role: choose(bag, robot, role, topic, notes) for role, topic in told.items()
             if topic and not (measured and role == GRIPPER)}
    if measured:
        return (measured_type(bag, command_type),
                find_topics(bag, robot, cameras, None, named))
    commands = mapping.commands
    if commands in named.values():
        raise ConfigError(f'{bag.path}: {commands} cannot be the commands and something else; to '
                          'learn from what the joints did, say --actions measured')
    if commands and bag.counts.get(commands):
        topic, command_type = find_commands(bag, mapping, command_type)
        named[command_type] = topic
    else:
        command_type = command_type or find_command_type(bag)
        if commands:
            named[command_type] = choose(bag, robot, command_type, commands, notes)
    return command_type, find_topics(bag, robot, cameras, command_type, named)


def choose(bag: BagReader, robot: RobotSpec, role: str, topic: str, notes: list[str]) -> str:
    """
    Take the topic that people name, or the one that was recorded where it is not in this bag.

    :raises BagError: if none of them is.
    """
    named, kinds = topic_in_bag(topic, bag.counts), kinds_of(role)
    found = candidates(bag, robot, role)
    if named in of_types(bag, kinds) or len(found) != 1:
        return given(bag, named, kinds, role)
    notes.append(f'{bag.path}: {role}: no {" or ".join(kinds)} on {topic}; '
                 f'{found[0]} is taken, as it was recorded')
    return found[0]
