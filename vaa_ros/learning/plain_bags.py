# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Episodes out of bags: those of teleop_recorder as they are, those of ``ros2 bag record`` cut.

A bag is cut by the times at which its messages were received, the one clock that they share. It
is read twice, once for the small messages that tell where to cut, and then episode by episode.
"""
from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np

from vaa_ros.core.errors import BagError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.bag_pictures import BagPictures
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.bag_streams import collect
from vaa_ros.learning.bag_streams import in_order
from vaa_ros.learning.bag_streams import joint_state
from vaa_ros.learning.bag_streams import measured_commands
from vaa_ros.learning.bag_topics import JOINTS
from vaa_ros.learning.clocks import align_clocks
from vaa_ros.learning.corrections import CORRECTIONS
from vaa_ros.learning.corrections import corrections
from vaa_ros.learning.corrections import SOURCE
from vaa_ros.learning.cutting import cut_activity
from vaa_ros.learning.cutting import cut_at_releases
from vaa_ros.learning.cutting import cut_events
from vaa_ros.learning.cutting import cut_length
from vaa_ros.learning.cutting import Cutting
from vaa_ros.learning.cutting import releases
from vaa_ros.learning.cutting import Span
from vaa_ros.learning.cutting import START
from vaa_ros.learning.cutting import STOP
from vaa_ros.learning.recorded_roles import recorded_roles
from vaa_ros.learning.topic_mapping import find_roles
from vaa_ros.learning.topic_mapping import find_switches
from vaa_ros.learning.topic_mapping import RECORDING
from vaa_ros.learning.topic_mapping import TopicMapping
from vaa_ros.recording.bag_reader import BagReader

SERVICE_CALL = slice(16, 44)
"""Where a service event's CDR holds who called (16 bytes), 4 of padding, and the call's number."""


@dataclass(frozen=True)
class PlainOptions:
    """
    What people say of bags; those of ``ros2 bag record`` say little themselves.

    :param mapping: which topic is what; it wins over what teleop_recorder recorded.
    :param cutting: how bags without metadata of ours are cut.
    :param measured: take the next measured joint positions for the actions.
    """

    mapping: TopicMapping = field(default_factory=TopicMapping)
    cutting: Cutting = field(default_factory=Cutting)
    measured: bool = False


@dataclass(frozen=True)
class Take:
    """
    One episode of a bag.

    :param streams: its messages.
    :param rule: the rule by which it was cut, '' for an episode of teleop_recorder.
    :param start_s: where it begins, from the start of the bag [s].
    :param stop_s: where it ends [s].
    """

    streams: BagStreams
    rule: str = ''
    start_s: float = 0.0
    stop_s: float = 0.0

    @property
    def name(self) -> str:
        """Say where in its bag it lies, '' where it is all of it."""
        return f'{self.rule}, {self.start_s:.2f} to {self.stop_s:.2f} s' if self.rule else ''


def read_takes(bag: BagReader, robot: RobotSpec, cameras: Sequence[CameraSpec], dt_s: float,
               command_type: str | None, options: PlainOptions, notes: list[str],
               only_corrections: bool = False) -> Iterator[Take]:
    """
    Read the episodes of a bag, one after the other.

    :param bag: an open bag.
    :param robot: the robot.
    :param cameras: the cameras wanted and their policy size.
    :param dt_s: control period [s].
    :param command_type: the command topic to learn from, None for the one that is there.
    :param options: what people say of the bag.
    :param notes: gets lines: how a plain bag was cut, whose stamps were missing, what that people
        say does not apply.
    :param only_corrections: leave out episodes that a person drove from the start.
    :return: the episodes; of one in which a person took over from a policy, what the person did.
    :raises BagError: if the bag is damaged, lacks a topic, or holds no episode.
    :raises ConfigError: if it is not clear which topic is what.
    """
    path = bag.path
    note(notes, path, f'metadata.yaml was changed: {", ".join(bag.edited)}' if bag.edited else '')
    if bag.metadata is not None:
        note(notes, path, not_cut(options))
        takes = recorded_takes(bag, robot, cameras, dt_s, command_type, options, notes,
                               only_corrections)
    else:
        takes = plain_takes(bag, robot, cameras, dt_s, command_type, options, notes)
    unstamped: set[str] = set()
    for take in takes:
        unstamped |= take.streams.unstamped
        note(notes, path, align_clocks(take.streams))
        yield take
    note(notes, path, f'no stamps on {", ".join(sorted(unstamped))}: times of arrival stand for '
                      'them' if unstamped else '')


def note(notes: list[str], path: Path, text: str) -> None:
    """
    Note something about a bag, once.
    """
    if text and f'{path}: {text}' not in notes:
        notes.append(f'{path}: {text}')


def not_cut(options: PlainOptions) -> str:
    """
    Say what of the rules for plain bags does not apply to an episode of teleop_recorder.
    """
    mapping = options.mapping
    asked = [f'--cut {options.cutting.rule}'] if options.cutting.rule != 'auto' else []
    asked += [name for name in ('recording', 'start', 'stop', 'discard') if getattr(mapping, name)]
    return (f'{", ".join(asked)} does not apply: it was recorded as one episode'
            if asked else '')


def recorded_takes(bag: BagReader, robot: RobotSpec, cameras: Sequence[CameraSpec], dt_s: float,
                   command_type: str | None, options: PlainOptions, notes: list[str],
                   only_corrections: bool) -> Iterator[Take]:
    """
    Read what teleop_recorder recorded: all of it, or what a person did who took over.

    :raises BagError: if it lacks a topic, or nobody took over from the policy.
    """
    measured = options.measured
    command_type, roles = recorded_roles(bag, robot, cameras, options.mapping, command_type,
                                         measured, notes)
    spans = corrections(bag, dt_s)
    if spans == []:
        raise BagError(f'{bag.path}: no person took over')
    if spans is None and only_corrections:
        raise BagError(f'{bag.path}: no message on {SOURCE}, so nothing says who drove')
    for span in spans or [None]:
        times = (span.start_ns, span.stop_ns) if span is not None else (None, None)
        streams = collect(bag, roles, command_type, robot, cameras, dt_s, *times)
        if measured:
            streams.commands = measured_commands(streams.joints, robot, dt_s)
        yield Take(streams) if span is None else Take(streams, CORRECTIONS, *seconds(bag, span))


def plain_takes(bag: BagReader, robot: RobotSpec, cameras: Sequence[CameraSpec], dt_s: float,
                command_type: str | None, options: PlainOptions,
                notes: list[str]) -> Iterator[Take]:
    """
    Read a bag that teleop_recorder did not write, cut by a rule.

    :raises BagError: if it lacks a topic, or the rule finds no episode.
    """
    command_type, roles = find_roles(bag, cameras, options.mapping, command_type,
                                     options.measured)
    rule, spans = cut(bag, roles, robot, options)
    actions = 'the next measured joint positions' if options.measured else command_type
    notes.append(f'{bag.path}: cut by {rule} into {len(spans)} episodes; actions: {actions}')
    pictures = BagPictures()
    for span in spans:
        streams = collect(bag, roles, command_type, robot, cameras, dt_s, span.start_ns,
                          span.stop_ns, pictures)
        if options.measured:
            streams.commands = measured_commands(streams.joints, robot, dt_s)
        yield Take(streams, rule, *seconds(bag, span))


def seconds(bag: BagReader, span: Span) -> tuple[float, float]:
    """
    Give where a span begins and ends, from the start of its bag [s].
    """
    return ((span.start_ns - bag.start_ns) / NANOSECONDS,
            (span.stop_ns - bag.start_ns) / NANOSECONDS)


def cut(bag: BagReader, roles: Mapping[str, str], robot: RobotSpec,
        options: PlainOptions) -> tuple[str, list[Span]]:
    """
    Cut a plain bag into episodes.

    :param bag: an open bag.
    :param roles: what its topics are.
    :param robot: the robot.
    :param options: the rule, and what is known of the topics.
    :return: the rule that was taken and the episodes, at least one.
    :raises BagError: if the rule finds no episode.
    """
    recorded, cutting = Span(bag.start_ns, bag.stop_ns), options.cutting
    rule = cutting.rule
    if rule == 'whole':
        return rule, [recorded]
    if rule == 'length':
        return rule, cut_length(recorded, cutting.length_s)
    if rule != 'activity':
        switches = find_switches(bag, options.mapping)
        events = read_switches(bag, switches) if switches else []
        # A recorder that nobody used says nothing of where episodes are.
        if rule == 'service' or any(what == START for _, what in events):
            return 'service', by_service(bag, switches, events, recorded)
    return 'activity', by_activity(bag, roles, robot, recorded, cutting)


def by_service(bag: BagReader, switches: Mapping[str, str], events: list[tuple[int, str]],
               recorded: Span) -> list[Span]:
    """
    Cut where an operator started and stopped.

    :raises BagError: if nobody did, or nothing was stopped.
    """
    if not switches:
        raise BagError(f'{bag.path}: nothing tells where episodes start and stop: no Bool topic '
                       'that ends in is_recording, no events of services start... and stop.... '
                       'Name them in the --mapping, or cut by activity')
    spans = cut_events(events, recorded)
    if not spans:
        raise BagError(f'{bag.path}: no episode was started and stopped on '
                       f'{", ".join(switches)}: {len(events)} events')
    return spans


def by_activity(bag: BagReader, roles: Mapping[str, str], robot: RobotSpec, recorded: Span,
                cutting: Cutting) -> list[Span]:
    """
    Cut where the joints stand still, or the gripper opens.

    :raises BagError: if nothing moves, or the gripper never opens.
    """
    topic = next(topic for topic, role in roles.items() if role == JOINTS)
    times, positions = read_joints(bag, topic, robot)
    spans = cut_activity(times, positions, [joint.velocity for joint in robot.joints], recorded,
                         cutting)
    if not spans:
        raise BagError(f'{bag.path}: nothing moves: no joint of {robot.name} on {topic} goes '
                       f'faster than 2 % of its speed limit for {cutting.shortest_s} s, in '
                       f'{bag.seconds:.1f} s. Cut by length, or take it whole')
    if not cutting.until_release:
        return spans
    if robot.gripper is None:
        raise BagError(f'{bag.path}: {robot.name} has no gripper that could open')
    column = robot.joint_names.index(robot.gripper)
    joint = robot.joints[column]
    opened = releases(times, positions[:, column], joint.upper - joint.lower)
    spans = cut_at_releases(spans, opened, cutting)
    if not spans:
        raise BagError(f'{bag.path}: the gripper ({robot.gripper}) never opens after it was '
                       'closed while the arm moves; cut without --until-release')
    return spans


def read_joints(bag: BagReader, topic: str, robot: RobotSpec) -> tuple[np.ndarray, np.ndarray]:
    """
    Read joint positions: times (n,) [ns], and positions (n, D) with NaN where one was not told.

    :raises BagError: if no message names a joint of the robot.
    """
    times, rows, problem = [], [], ''
    for _, log_ns, message in bag.messages([topic]):
        try:
            row = in_order(joint_state(message, log_ns), robot)
        except ValueError as error:
            problem = str(error)
            continue
        times.append(log_ns)
        rows.append(row)
    if not rows:
        raise BagError(f'{bag.path}: {topic}: {problem}. Is this the right robot '
                       f'({robot.name}) and topic?')
    return np.array(times, np.int64), np.stack(rows)


def read_switches(bag: BagReader, switches: Mapping[str, str]) -> list[tuple[int, str]]:
    """
    Read when episodes were started and stopped: times [ns] and what was done.

    A call of a service counts once, when its first event was received.
    """
    if RECORDING in switches.values():
        return [(log_ns, START if message.data else STOP)
                for _, log_ns, message in bag.messages(list(switches))]
    events, seen = [], set()
    for topic, log_ns, data in bag.raw_messages(list(switches)):
        call = (topic, bytes(data[SERVICE_CALL]))
        if call not in seen:
            seen.add(call)
            events.append((log_ns, switches[topic]))
    return events
