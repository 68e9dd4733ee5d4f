# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which topic of a bag is what: as it was recorded, as the robot's file says, or by its name.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from vaa_ros.core.action_spec import VELOCITY_COMMANDS
from vaa_ros.core.errors import BagError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.learning.bag_pictures import PICTURES
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.image_encoder import topic_in_bag
from vaa_ros.recording.messages import COMMAND_TYPES
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.messages import JOINT_TRAJECTORY
from vaa_ros.recording.recorded_spec import camera_topics_of
from vaa_ros.recording.recorded_spec import topics_told

JOINTS, GRIPPER = 'joint_states', 'gripper_commands'
GRIPPER_KINDS = (FLOAT64_ARRAY, JOINT_TRAJECTORY)
NO_VELOCITIES = (f'{VELOCITY_COMMANDS} are not learned from; learn from the next measured joint '
                 'positions with --actions measured')


def find_command_type(bag: BagReader) -> str:
    """
    Tell which command topic a bag was recorded with.

    :param bag: an open bag.
    :return: one of ``COMMAND_KINDS``.
    :raises BagError: if there is none, or several and nothing says which.
    """
    recorded = recorded_topics(bag)
    found = [name for name in COMMAND_KINDS
             if name in recorded or topics_of(bag, name, (COMMAND_TYPES[name],))]
    told = bag.metadata.command_type if bag.metadata is not None else ''
    if told in found:
        return told
    if len(found) == 1:
        return found[0]
    listed = ', '.join(sorted(bag.counts)) or 'none'
    if not found and (told == VELOCITY_COMMANDS or topics_of(
            bag, VELOCITY_COMMANDS, (FLOAT64_ARRAY,))):
        raise BagError(f'{bag.path}: {NO_VELOCITIES}. It has: {listed}')
    problem = f'holds commands of several types ({", ".join(found)}); say which to learn from' \
        if found else f'no message on {", ".join(COMMAND_KINDS)}'
    raise BagError(f'{bag.path}: {problem}. It has: {listed}')


def find_topics(bag: BagReader, robot: RobotSpec, cameras: Sequence[CameraSpec],
                command_type: str | None,
                named: Mapping[str, str] | None = None) -> dict[str, str]:
    """
    Find the topics that are needed.

    :param bag: an open bag.
    :param robot: the robot; its file may name topics.
    :param cameras: the cameras wanted.
    :param command_type: the command topic to learn from, None for none.
    :param named: what is known better, the other way round: topic by what it is.
    :return: topic to camera key, ``joint_states``, ``gripper_commands`` or command type.
    :raises BagError: naming what is missing and what is there.
    """
    wanted = [*(camera.key for camera in cameras), JOINTS]
    if command_type is not None:
        wanted.append(command_type)
    named, roles, missing = named or {}, {}, []
    for role in wanted:
        found = [named[role]] if role in named else candidates(bag, robot, role)
        if not found:
            missing.append(expected_name(bag, robot, role))
        elif len(found) > 1:
            raise BagError(f'{bag.path}: several topics end in '
                           f'{expected_name(bag, robot, role)}: {", ".join(found)}')
        elif found[0] in roles:
            raise BagError(f'{bag.path}: {found[0]} cannot be {roles[found[0]]} and {role}')
        else:
            roles[found[0]] = role
    if missing:
        listed = ', '.join(f'{name} ({count})' for name, count in sorted(bag.counts.items()))
        raise BagError(f'{bag.path}: no message on {", ".join(missing)}. It has: {listed}')
    if command_type is not None:
        found = [named[GRIPPER]] if GRIPPER in named else candidates(bag, robot, GRIPPER)
        roles.update({topic: GRIPPER for topic in found[:1] if topic not in roles})
    return roles


def candidates(bag: BagReader, robot: RobotSpec, role: str) -> list[str]:
    """
    List the topics that may be what is looked for: as recorded, else by the best name.

    :param bag: an open bag.
    :param robot: the robot; its file may name topics.
    :param role: camera key, ``joint_states``, ``gripper_commands`` or command type.
    """
    recorded = recorded_topics(bag)
    if role in recorded:
        return [recorded[role]]
    return next((topics for name in names_of(robot, role)
                 if (topics := topics_of(bag, name, kinds_of(role)))), [])


def recorded_topics(bag: BagReader) -> dict[str, str]:
    """
    Give the topics that the recorder of an episode knew, by what they are.

    :param bag: an open bag.
    :return: topic by camera key, ``joint_states``, ``gripper_commands`` or command type; those
        without a message, or of another type than it would have, are left out.
    """
    known = bag.metadata
    if known is None:
        return {}
    told = topics_told(known.spec)
    names = {**camera_topics_of(known.spec), JOINTS: told.get('joint_states', ''),
             known.command_type: told.get('commands', ''), GRIPPER: told.get('gripper', '')}
    there = {role: topic_in_bag(topic, bag.counts) for role, topic in names.items()}
    return {role: topic for role, topic in there.items()
            if bag.counts.get(topic) and bag.topics.get(topic) in kinds_of(role)}


def expected_name(bag: BagReader, robot: RobotSpec, role: str) -> str:
    """
    Give the name under which a topic was to be found first.
    """
    cameras = camera_topics_of(bag.metadata.spec) if bag.metadata is not None else {}
    return cameras.get(role) or names_of(robot, role)[0]


def kinds_of(role: str) -> tuple[str, ...]:
    """
    Give the message types that a topic may have, by what it is.
    """
    if role in COMMAND_TYPES:
        return (COMMAND_TYPES[role],)
    return {JOINTS: (JOINT_STATE,), GRIPPER: GRIPPER_KINDS,
            VELOCITY_COMMANDS: (FLOAT64_ARRAY,)}.get(role, PICTURES)


def names_of(robot: RobotSpec, role: str) -> tuple[str, ...]:
    """
    Give the names that a topic may have, the best one first.
    """
    if role == JOINTS:
        told, names = robot.joint_states_topic, (JOINTS,)
    elif role == GRIPPER:
        told, names = robot.gripper_topic, (GRIPPER,)
    elif role in COMMAND_TYPES:
        told, names = robot.topic_of(role), (role,)
    else:
        told, names = robot.camera_topics.get(role, ''), camera_topics(role)
    copies = (told, f'{told}/compressed') if told else ()
    return tuple(dict.fromkeys([*(name.lstrip('/') for name in copies), *names]))


def camera_topics(key: str) -> tuple[str, ...]:
    """
    Give the names that a camera's topic may have, the best one first.
    """
    return (f'{key}/image_raw', f'vision/{key}', f'{key}/image_raw/compressed',
            f'{key}/image_raw/video')


def topics_of(bag: BagReader, name: str, types: Sequence[str]) -> list[str]:
    """
    Find the topics with messages whose name ends in ``name`` and whose type fits.
    """
    return [topic for topic, kind in sorted(bag.topics.items())
            if ('/' + topic.lstrip('/')).endswith('/' + name) and kind in types
            and bag.counts.get(topic)]
