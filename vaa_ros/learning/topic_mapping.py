# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which topic of a plain bag is what: said by a mapping, or found by name and by message type.

A default is taken only where there is one candidate; several are an error that lists them.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import yaml

from vaa_ros.core.action_spec import VELOCITY_COMMANDS
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.records import from_mapping
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.learning.bag_pictures import PICTURES
from vaa_ros.learning.bag_topics import camera_topics
from vaa_ros.learning.bag_topics import GRIPPER
from vaa_ros.learning.bag_topics import GRIPPER_KINDS
from vaa_ros.learning.bag_topics import JOINTS
from vaa_ros.learning.bag_topics import NO_VELOCITIES
from vaa_ros.learning.bag_topics import topics_of
from vaa_ros.learning.cutting import DISCARD
from vaa_ros.learning.cutting import START
from vaa_ros.learning.cutting import STOP
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.messages import BOOL
from vaa_ros.recording.messages import COMMAND_TYPES
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.messages import JOINT_TRAJECTORY

RECORDING = 'recording'
SERVICE_EVENT = '/_service_event'
VERBS = {START: ('start',), STOP: ('stop', 'save', 'end'),
         DISCARD: ('discard', 'cancel', 'delete')}
"""How the name of a service begins that does so to an episode."""


@dataclass(frozen=True)
class TopicMapping:
    """
    What the metadata of an episode would have told.

    :param robot: name or file of the robot description.
    :param task: name of the task.
    :param instruction: what was asked for, in words.
    :param cameras: camera key to topic, the reference camera first.
    :param joint_states: topic of the joint states.
    :param commands: topic of the commands; a JointState (a leader arm) may stand for them.
    :param gripper: topic of gripper commands, a Float64MultiArray or a JointTrajectory.
    :param recording: Bool topic that is true during an episode.
    :param start: service that starts an episode, whose events are recorded.
    :param stop: service that ends it.
    :param discard: service that throws it away.
    """

    robot: str = ''
    task: str = ''
    instruction: str = ''
    cameras: Mapping[str, str] = field(default_factory=dict)
    joint_states: str = ''
    commands: str = ''
    gripper: str = ''
    recording: str = ''
    start: str = ''
    stop: str = ''
    discard: str = ''

    def __post_init__(self) -> None:
        for key, topic in self.cameras.items():
            if not (isinstance(key, str) and key and isinstance(topic, str) and topic):
                raise ValueError(f'cameras: {key!r}: {topic!r}, expected a name and its topic')
        if len(set(self.cameras.values())) < len(self.cameras):
            raise ValueError('cameras: one topic stands for two cameras')
        if bool(self.start) != bool(self.stop):
            raise ValueError('start and stop belong together: name both services')


def load_mapping(path: Path) -> TopicMapping:
    """
    Read a mapping file.

    :param path: a YAML file whose keys are the fields of :class:`TopicMapping`.
    :return: the mapping.
    :raises ConfigError: if it cannot be read, or names the key that is wrong.
    """
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ConfigError(f'cannot read the mapping {path}: {problem}') from problem
    return from_mapping(TopicMapping, {} if values is None else values, str(path))


def find_roles(bag: BagReader, cameras: Sequence[CameraSpec], mapping: TopicMapping,
               command_type: str | None, measured: bool) -> tuple[str, dict[str, str]]:
    """
    Tell which topics of a plain bag to read.

    :param bag: an open bag.
    :param cameras: the cameras wanted.
    :param mapping: what is known of the topics.
    :param command_type: the command type wanted, None for the one that is there.
    :param measured: take the measured joints for commands.
    :return: the command type; and topic to camera key, ``joint_states``, ``gripper_commands`` or
        command type.
    :raises BagError: if something is not there; lists what is.
    :raises ConfigError: if there are several candidates; lists them.
    """
    roles = find_cameras(bag, cameras, mapping)
    if mapping.joint_states:
        joints = given(bag, mapping.joint_states, (JOINT_STATE,), JOINTS)
    else:
        found = topics_of(bag, JOINTS, (JOINT_STATE,)) or of_types(bag, (JOINT_STATE,))
        joints = only(bag, 'joint states', found, '--joints TOPIC')
    roles[joints] = JOINTS
    if measured:
        return measured_type(bag, command_type), roles
    topic, command_type = find_commands(bag, mapping, command_type)
    if topic in roles:
        raise ConfigError(f'{bag.path}: {topic} cannot be {roles[topic]} and the commands; to '
                          'learn from what the joints did, say --actions measured')
    roles[topic] = command_type
    if mapping.gripper:
        roles[given(bag, mapping.gripper, GRIPPER_KINDS, 'gripper')] = GRIPPER
    else:
        roles.update(dict.fromkeys(topics_of(bag, GRIPPER, (FLOAT64_ARRAY,))[:1], GRIPPER))
    return command_type, roles


def find_cameras(bag: BagReader, cameras: Sequence[CameraSpec],
                 mapping: TopicMapping) -> dict[str, str]:
    """
    Find the topic of each camera: topic to camera key.

    :raises BagError: if there is no camera at all.
    :raises ConfigError: if it is not clear which is which.
    """
    there = picture_topics(bag)
    if not there and not mapping.cameras:
        raise BagError(f'{bag.path}: no camera: no message of type {" or ".join(PICTURES)}. '
                       f'It has: {listing(bag)}')
    roles, missing = {}, []
    for camera in cameras:
        if camera.key in mapping.cameras:
            roles[given(bag, mapping.cameras[camera.key], PICTURES, camera.key)] = camera.key
            continue
        found = next((topics for name in camera_topics(camera.key)
                      if (topics := topics_of(bag, name, PICTURES))), [])
        if len(found) == 1:
            roles[found[0]] = camera.key
        else:
            missing.append(camera.key)
    if len(cameras) == len(missing) == len(there) == 1:
        return {there[0]: missing[0]}
    if missing:
        raise ConfigError(
            f'{bag.path}: cannot tell which topic is camera {", ".join(missing)}. Candidates: '
            f'{", ".join(there) or "none"}. Name every camera to learn from, such as '
            f'--camera {missing[0]}={there[0] if there else "TOPIC"}')
    return roles


def find_commands(bag: BagReader, mapping: TopicMapping,
                  command_type: str | None) -> tuple[str, str]:
    """
    Find the topic of the commands, and its command type.

    :raises BagError: if there is none.
    :raises ConfigError: if there are several.
    """
    kinds = {**{kind: name for name, kind in COMMAND_TYPES.items()},
             JOINT_STATE: 'joint_trajectory'}
    if mapping.commands:
        topic = given(bag, mapping.commands, tuple(kinds), 'commands')
    else:
        wanted = [command_type] if command_type else list(COMMAND_KINDS)
        named = [topic for name in wanted
                 for topic in topics_of(bag, name, (COMMAND_TYPES[name],))]
        velocities = topics_of(bag, VELOCITY_COMMANDS, (FLOAT64_ARRAY,))
        # A pose or a twist of any other name may as well be a measurement.
        plain = [topic for topic in of_types(bag, (JOINT_TRAJECTORY, FLOAT64_ARRAY))
                 if kinds[bag.topics[topic]] in wanted
                 and topic not in topics_of(bag, GRIPPER, (FLOAT64_ARRAY,)) + velocities]
        if velocities and not named + plain:
            raise BagError(f'{bag.path}: {NO_VELOCITIES}. It has: {listing(bag)}')
        if not named + plain:
            raise BagError(f'{bag.path}: no commands on {", ".join(wanted)}. Name their topic '
                           'with --commands TOPIC, or learn from the next measured joint '
                           f'positions with --actions measured. It has: {listing(bag)}')
        topic = only(bag, 'commands', named or plain, '--commands TOPIC, or --actions measured')
    found = kinds[bag.topics[topic]]
    if command_type and COMMAND_KINDS[command_type] != COMMAND_KINDS[found]:
        raise ConfigError(f'{bag.path}: {topic} is a {bag.topics[topic]}, no {command_type}')
    return topic, found


def find_switches(bag: BagReader, mapping: TopicMapping) -> dict[str, str]:
    """
    Find the topics that tell when an episode was started and stopped.

    :param bag: an open bag.
    :param mapping: what is known of the topics.
    :return: topic to ``recording``, ``start``, ``stop`` or ``discard``; empty where there is none.
    :raises BagError: if one that the mapping names is not there.
    :raises ConfigError: if there are several candidates; lists them.
    """
    if mapping.recording:
        return {given(bag, mapping.recording, (BOOL,), RECORDING): RECORDING}
    events = [topic for topic in sorted(bag.topics)
              if topic.endswith(SERVICE_EVENT) and bag.counts.get(topic)]
    if mapping.start:
        named = {role: getattr(mapping, role).removesuffix(SERVICE_EVENT) + SERVICE_EVENT
                 for role in VERBS if getattr(mapping, role)}
        for topic in named.values():
            if topic not in bag.topics:
                raise BagError(f'{bag.path}: no events of a service on {topic}. Recorded '
                               f'services: {", ".join(events) or "none"}')
        return {topic: role for role, topic in named.items()}
    flags = topics_of(bag, 'is_recording', (BOOL,))
    if flags:
        return {only(bag, 'whether an episode runs', flags, 'recording: TOPIC'): RECORDING}
    roles = {}
    for role, verbs in VERBS.items():
        found = [topic for topic in events if topic.split('/')[-2].startswith(verbs)]
        if found:
            roles[only(bag, f'the service to {role}', found, f'{role}: SERVICE')] = role
    return roles if {START, STOP} <= set(roles.values()) else {}


def picture_topics(bag: BagReader) -> list[str]:
    """
    List the colour cameras of a bag; the compressed copy of one is not listed beside it.
    """
    found = [topic for topic in of_types(bag, PICTURES) if 'depth' not in topic.lower()]
    return [topic for topic in found if not any(
        topic.endswith(copy) and topic.removesuffix(copy) in found
        for copy in ('/compressed', '/video'))]


def of_types(bag: BagReader, types: Sequence[str]) -> list[str]:
    """
    List the topics with messages of some types.
    """
    return [topic for topic, kind in sorted(bag.topics.items())
            if kind in types and bag.counts.get(topic)]


def given(bag: BagReader, topic: str, types: Sequence[str], role: str) -> str:
    """
    Make sure that a topic that was named is there and fits.

    :raises BagError: if not; lists those that would fit.
    """
    if topic not in of_types(bag, types):
        there = f'is a {bag.topics[topic]} with {bag.counts.get(topic, 0)} messages' \
            if topic in bag.topics else 'is not in the bag'
        raise BagError(f'{bag.path}: {role}: {topic} {there}; expected {" or ".join(types)}. '
                       f'Candidates: {", ".join(of_types(bag, types)) or "none"}')
    return topic


def only(bag: BagReader, what: str, candidates: Sequence[str], how: str) -> str:
    """
    Take the only candidate.

    :raises BagError: if there is none.
    :raises ConfigError: if there are several; lists them.
    """
    if not candidates:
        raise BagError(f'{bag.path}: no topic for {what}. It has: {listing(bag)}')
    if len(candidates) > 1:
        raise ConfigError(f'{bag.path}: several topics may tell {what}: '
                          f'{", ".join(candidates)}. Say which ({how}, see --mapping)')
    return candidates[0]


def listing(bag: BagReader) -> str:
    """
    List what a bag holds.
    """
    return ', '.join(f'{topic} ({kind}, {bag.counts.get(topic, 0)})'
                     for topic, kind in sorted(bag.topics.items())) or 'nothing'


def measured_type(bag: BagReader, command_type: str) -> str:
    """
    Give the type of commands that measured joints stand for.

    :param bag: the recording.
    :param command_type: the one that was asked for; empty for what fits.
    :raises ConfigError: if it is no type of joint positions.
    """
    if command_type and COMMAND_KINDS[command_type] != 'joint_position':
        raise ConfigError(f'{bag.path}: measured joints are joint positions, which cannot be '
                          f'learned as {command_type}')
    return command_type or 'joint_trajectory'
