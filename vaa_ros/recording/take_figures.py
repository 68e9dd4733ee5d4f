# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Figures of an episode: how its streams kept time, what its cameras saw, how its arm moved.

Each function gives a figure for every subject that has it: a topic, a camera or a joint.
"""
from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from vaa_ros.core.errors import VaaError
from vaa_ros.core.lateness import later_s
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.recorded_spec import camera_topics_of
from vaa_ros.recording.recorded_spec import command_topics
from vaa_ros.recording.recorded_spec import control_rate_hz
from vaa_ros.recording.recorded_spec import topics_told
from vaa_ros.recording.take import array_quantity
from vaa_ros.recording.take import CAMERAS
from vaa_ros.recording.take import COMMANDS
from vaa_ros.recording.take import Stream
from vaa_ros.recording.take import Take
from vaa_ros.recording.take_motion import command_names
from vaa_ros.recording.take_motion import motion
from vaa_ros.recording.take_motion import runs
from vaa_ros.recording.take_motion import unnamed_share
from vaa_ros.recording.take_times import Figures
from vaa_ros.recording.take_times import lost_shares
from vaa_ros.recording.take_times import rate_hz
from vaa_ros.recording.take_times import rate_shares
from vaa_ros.recording.take_times import TakeClock
from vaa_ros.recording.take_times import timing
from vaa_ros.recording.take_times import uncommanded_s

DARK, WHITE = 12.0, 250.0
"""Mean values of a picture below and above which nothing can be seen on it, of 255."""
BLIND = 0.01
"""Share of the pixels of a depth picture below which it says nothing."""
FROZEN_TRAVEL = 0.05
"""Way of a joint [rad or m] during which a picture of a live camera cannot stay the same."""


def figures_of(take: Take, metadata: EpisodeMetadata, required: Sequence[str] = (),
               numbered: Collection[str] = ()) -> Figures:
    """
    Work out every figure.

    :param take: the episode.
    :param metadata: what is known of it: start and stop, the robot, the losses, the command topic.
    :param required: topics that it must have.
    :param numbered: topics of which every loss is known, by the numbers of their messages; those
        that an earlier verdict knew are added.
    :return: value by subject by name of the figure; a figure that nobody has is empty.
    """
    heard = {topic: stream for topic, stream in take.streams.items() if len(stream.log_ns)}
    counts = {topic: len(stream.log_ns) for topic, stream in heard.items()}
    cameras = {topic: stream for topic, stream in heard.items() if stream.msgtype in CAMERAS}
    joints, commands, driving = roles(take.streams, metadata)
    seen = {topic: stream for topic, stream in heard.items()
            if topic in cameras or stream is joints}
    orders = command_topics(metadata, heard)
    steady = {topic: heard[topic] for topic in required
              if topic in heard and topic not in seen and topic not in orders}
    clock, span_s = _clock(joints, [*seen.values(), *([] if driving is None else [driving])],
                           metadata)
    numbered = {*numbered, *metadata.verdict.get('figures', {}).get('skipped_share', {})}
    figures: Figures = {
        'length_s': {'episode': _length_s(heard.values(), clock)},
        'messages': {topic: float(counts.get(topic, 0))
                     for topic in dict.fromkeys([*required, *heard])},
        'unreadable': unreadable(take, metadata, required),
        **timing({**seen, **steady}, steady, numbered, metadata.dropped, clock, span_s),
        **picture_shares(cameras),
        'frozen_s': {topic: frozen_s(stream, joints, clock)
                     for topic, stream in cameras.items() if stream.same},
        'skew_ms': _skew_ms(cameras),
        'clock_ms': _clock_ms(cameras, joints),
    }
    for topic, share in lost_shares(metadata.dropped, counts).items():
        figures['missing_share'][topic] = max(share, figures['missing_share'].get(topic, 0.0))
    commands_s = np.zeros(0) if driving is None else clock.place(driving.arrivals_ns())
    figures['command_gap_s'] = {} if driving is None else {
        'commands': float(np.diff(commands_s).max(initial=0.0))}
    figures['uncommanded_s'] = {} if driving is None else {
        'the arm': uncommanded_s(commands_s, joints, clock, span_s)}
    figures['rate_share'] = rate_shares(figures['rate_hz'], seen, rate_hz(commands_s),
                                        control_rate_hz(metadata.spec))
    robot = _robot(metadata)
    figures['unnamed_share'] = _unnamed(heard, joints, commands, robot)
    return figures | motion(joints, commands, robot, clock)


def roles(streams: Mapping[str, Stream], metadata: EpisodeMetadata
          ) -> tuple[Stream | None, Stream | None, Stream | None]:
    """
    Find the joint states, the commands that are joint positions, and those of any kind.

    :param streams: those of the episode by topic.
    :param metadata: what is known of it.
    """
    told, topics = metadata.command_type, topics_told(metadata.spec)
    joints = _pick(streams, (JOINT_STATE,), 'joint_states', topics.get('joint_states'))
    commands = _pick({topic: stream for topic, stream in streams.items()
                      if stream.msgtype != FLOAT64_ARRAY
                      or _quantity(topic, told, topics) == 'position'}, COMMANDS, told,
                     topics.get('commands'))
    named = [topics.get('commands'), *(topic for topic in streams
                                       if told and topic.rsplit('/', 1)[-1] == told)]
    driving = commands or next((streams[topic] for topic in named if topic in streams
                                and len(streams[topic].log_ns)), None)
    return joints, commands, driving


def _clock(joints: Stream | None, bounds: Sequence[Stream], metadata: EpisodeMetadata
           ) -> tuple[TakeClock, tuple[float, float]]:
    """Give the time of the take, and its begin and end: start and stop where they are known."""
    # An arm that is commanded and neither seen nor felt is no demonstration.
    first_ns = min((stream.log_ns[0] for stream in bounds), default=0)
    last_ns = max((stream.log_ns[-1] for stream in bounds), default=0)
    clock = TakeClock(joints, first_ns)
    # A simulation in lockstep waits, before and after, for as long as it takes.
    if 0 < metadata.started_ns < metadata.stopped_ns and not clock.simulated:
        first_ns, last_ns = metadata.started_ns, metadata.stopped_ns
    first_s, last_s = clock.place([first_ns, last_ns])
    return clock, (float(first_s), float(last_s))


def _length_s(streams: Iterable[Stream], clock: TakeClock) -> float:
    ends = [clock.place([stream.log_ns[0], stream.log_ns[-1]]) for stream in streams]
    return float(np.ptp(ends)) if ends else 0.0


def unreadable(take: Take, metadata: EpisodeMetadata, required: Sequence[str]
               ) -> dict[str, float]:
    """
    Count what cannot be read; in encodings that are not known, only of what is learned from.

    :param take: the episode.
    :param metadata: what is known of it.
    :param required: topics that it must have.
    """
    cameras = camera_topics_of(metadata.spec).values()
    return {**{topic: float(count) for topic, count in take.unreadable.items()},
            **{f'{topic} (encoding {stream.encoding})': float(len(stream.log_ns))
               for topic, stream in take.streams.items() if stream.encoding
               and (topic in required or topic in cameras or not cameras)}}


def picture_shares(cameras: Mapping[str, Stream]) -> Figures:
    """
    Give the shares of the pictures looked at that show nothing.

    :param cameras: streams by topic.
    """
    bright = {topic: np.array(stream.brightness) for topic, stream in cameras.items()
              if stream.brightness}
    return {'dark_share': {topic: float(np.mean(each < DARK)) for topic, each in bright.items()},
            'white_share': {topic: float(np.mean(each > WHITE)) for topic, each in bright.items()},
            'blind_share': {topic: float(np.mean(np.array(stream.measured) < BLIND))
                            for topic, stream in cameras.items() if stream.measured}}


def _unnamed(streams: Mapping[str, Stream], joints: Stream | None, commands: Stream | None,
             robot: RobotSpec | None) -> dict[str, float]:
    """Tell of which joints of the robot states and commands say nothing."""
    found: dict[str, float] = {}
    for topic, stream in streams.items() if robot is not None else ():
        if stream is joints:
            found |= unnamed_share(topic, stream.names, robot)
        elif stream is commands:
            found |= unnamed_share(topic, command_names(stream, robot), robot)
    return found


def _robot(metadata: EpisodeMetadata) -> RobotSpec | None:
    try:
        return robot_from_mapping(metadata.spec['robot'], 'spec')
    except (KeyError, VaaError):
        return None


def _quantity(topic: str, command_type: str, topics: Mapping[str, str]) -> str:
    """Tell what an array says; one that was recorded as the commands is named by their type."""
    return array_quantity(command_type if topic == topics.get('commands') else topic,
                          command_type)


def _pick(streams: Mapping[str, Stream], msgtypes: Sequence[str], name: str,
          recorded: str | None) -> Stream | None:
    """Find the stream of a role: as recorded, by its topic's name, or the only one of its type."""
    found = {topic: stream for topic, stream in streams.items()
             if stream.msgtype in msgtypes and len(stream.rows)}
    if recorded in streams:
        return found.get(recorded)
    named = [stream for topic, stream in found.items() if topic.rsplit('/', 1)[-1] == name]
    candidates = named or list(found.values())
    return candidates[0] if len(candidates) == 1 else None


def frozen_s(stream: Stream, joints: Stream | None, clock: TakeClock) -> float:
    """
    Give the longest time for which a picture stayed the same though the arm moved [s].

    :param stream: a camera.
    :param joints: the joint states; None where nobody saw the arm move.
    :param clock: the time of the take.
    """
    same = np.frombuffer(bytes(stream.same), dtype=np.uint8)
    times = clock.place(stream.arrivals_ns())
    values = joints.positions() if joints is not None else np.zeros((0, 1))
    longest = 0.0
    for first, last in runs(same[1:] == 1):
        inside = values[slice(*np.searchsorted(clock.joints_s, (times[first], times[last])))]
        if joints is None or (len(inside) and np.ptp(inside, axis=0).max() > FROZEN_TRAVEL):
            longest = max(longest, float(times[last] - times[first]))
    return longest


def _skew_ms(cameras: Mapping[str, Stream]) -> dict[str, float]:
    """Give the distance in time of the other cameras' pictures nearest to the slowest's, p95."""
    if len(cameras) < 2:
        return {}
    # Of a slower camera's pictures each has a near one of a faster; the other way round not.
    topics = sorted(cameras, key=lambda topic: len(cameras[topic].log_ns))
    reference = cameras[topics[0]].times_ns()
    skews = {}
    for topic in topics[1:]:
        times = cameras[topic].times_ns()
        place = np.clip(np.searchsorted(times, reference), 1, max(len(times) - 1, 1))
        near = np.minimum(np.abs(times[np.minimum(place, len(times) - 1)] - reference),
                          np.abs(times[place - 1] - reference))
        skews[f'{topics[0]} {topic}'] = float(np.percentile(near, 95)) / 1e6
    return skews


def _clock_ms(cameras: Mapping[str, Stream], joints: Stream | None) -> dict[str, float]:
    """Give by how much more pictures are delayed than joint states, by their stamps."""
    if joints is None:
        return {}

    def times(stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        return np.array(stream.log_ns, np.int64), np.array(stream.stamp_ns, np.int64)

    return {topic: abs(1e3 * later_s(*times(stream), *times(joints)))
            for topic, stream in cameras.items() if any(stream.stamp_ns) and any(joints.stamp_ns)}
