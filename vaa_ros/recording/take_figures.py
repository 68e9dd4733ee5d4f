# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Figures of an episode: how its streams kept time, what its cameras saw, how its arm moved.

Each function gives a figure for every subject that has it: a topic, a camera or a joint.
"""
from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import math

import numpy as np

from vaa_ros.core.errors import VaaError
from vaa_ros.core.lateness import later_s
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.messages import JOINT_STATE
from vaa_ros.recording.recorded_spec import topics_told
from vaa_ros.recording.take import array_quantity
from vaa_ros.recording.take import CAMERAS
from vaa_ros.recording.take import COMMANDS
from vaa_ros.recording.take import Stream
from vaa_ros.recording.take import Take

Figures = dict[str, dict[str, float]]

DARK = 12.0
"""Mean value of a picture below which nothing can be seen on it, of 255."""
BLIND = 0.01
"""Share of the pixels of a depth picture below which it says nothing."""
STEADY_MESSAGES = 10
FROZEN_TRAVEL = 0.05
"""Way of a joint [rad or m] during which a picture of a live camera cannot stay the same."""
STILL = 0.02
"""Speed below which a joint is said to stand still [rad/s or m/s]."""
AT_LIMIT = 0.002
"""Share of a joint's range that counts as being at its limit."""
MOST_DELAY_S = 0.6
_GRID_HZ = 100.0
_JERK_HZ = 50.0
_IDLE_HZ = 10.0


def figures_of(take: Take, metadata: EpisodeMetadata, required: Sequence[str] = (),
               numbered: Collection[str] = ()) -> Figures:
    """
    Work out every figure.

    :param take: the episode.
    :param metadata: what is known of it: the robot, the losses, the command topic.
    :param required: topics that it must have.
    :param numbered: topics of which every loss is known, by the numbers of their messages; those
        that an earlier verdict knew are added.
    :return: value by subject by name of the figure; a figure that nobody has is empty.
    """
    robot = _robot(metadata)
    cameras = {topic: stream for topic, stream in take.streams.items()
               if stream.msgtype in CAMERAS and len(stream.log_ns)}
    told, topics = metadata.command_type, topics_told(metadata.spec)
    joints = _pick(take.streams, (JOINT_STATE,), 'joint_states', topics.get('joint_states'))
    commands = _pick({topic: stream for topic, stream in take.streams.items()
                      if stream.msgtype != FLOAT64_ARRAY
                      or _quantity(topic, told, topics) == 'position'}, COMMANDS, told,
                     topics.get('commands'))
    watched = dict(cameras)
    watched.update({topic: stream for topic, stream in take.streams.items() if stream is joints})
    figures: Figures = {
        'length_s': {'episode': _length_s(take)},
        'messages': {topic: float(len(take.streams[topic].log_ns) if topic in take.streams else 0)
                     for topic in dict.fromkeys([*required, *take.streams])
                     if topic in required or len(take.streams[topic].log_ns)},
        'unreadable': {topic: float(count) for topic, count in take.unreadable.items()},
        **_timing(watched, commands, take, metadata, numbered),
        'dark_share': {topic: float(np.mean(np.array(stream.brightness) < DARK))
                       for topic, stream in cameras.items() if stream.brightness},
        'blind_share': {topic: float(np.mean(np.array(stream.measured) < BLIND))
                        for topic, stream in cameras.items() if stream.measured},
        'frozen_s': {topic: _frozen_s(stream, joints) for topic, stream in cameras.items()
                     if stream.same},
        'skew_ms': _skew_ms(cameras),
        'clock_ms': _clock_ms(cameras, joints),
    }
    figures.update(_motion(joints, commands, robot))
    return figures


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
             if stream.msgtype in msgtypes and len(stream.values_ns)}
    if recorded in streams:
        return found.get(recorded)
    named = [stream for topic, stream in found.items() if topic.rsplit('/', 1)[-1] == name]
    candidates = named or list(found.values())
    return candidates[0] if len(candidates) == 1 else None


def _length_s(take: Take) -> float:
    ends = [(stream.log_ns[0], stream.log_ns[-1]) for stream in take.streams.values()
            if len(stream.log_ns)]
    if not ends:
        return 0.0
    return (max(end for _, end in ends) - min(start for start, _ in ends)) / NANOSECONDS


def _timing(watched: Mapping[str, Stream], commands: Stream | None, take: Take,
            metadata: EpisodeMetadata, numbered: Collection[str]) -> Figures:
    """Work out how the streams kept their own rate."""
    names = ('rate_hz', 'jitter_share', 'gap_s', 'command_gap_s', 'missing_share', 'skipped_share')
    numbered = {*numbered, *metadata.verdict.get('figures', {}).get('skipped_share', {})}
    figures: Figures = {name: {} for name in names}
    # An arm that is commanded and neither seen nor felt is no demonstration.
    bounds = [*watched.values(), *([commands] if commands is not None else [])]
    start_ns = min((stream.log_ns[0] for stream in bounds), default=0)
    end_ns = max((stream.log_ns[-1] for stream in bounds), default=0)
    if commands is not None:
        figures['command_gap_s']['commands'] = float(
            np.diff(np.array(commands.log_ns, np.int64)).max(initial=0)) / NANOSECONDS
    for topic, stream in watched.items():
        intervals = np.diff(stream.times_ns()) / NANOSECONDS
        # A stream that starts late or ends early has its gap there, however few messages it has.
        edges = ((stream.log_ns[0] - start_ns) / NANOSECONDS,
                 (end_ns - stream.log_ns[-1]) / NANOSECONDS)
        figures['gap_s'][topic] = max(float(intervals.max(initial=0.0)), *edges)
        if len(stream.log_ns) < STEADY_MESSAGES:
            continue
        period = float(np.median(intervals))
        if period <= 0:
            continue
        figures['rate_hz'][topic] = 1 / period
        late = np.maximum(intervals - period, 0)
        figures['jitter_share'][topic] = float(np.percentile(late, 95)) / period
        absent, figure = _absent(intervals / period), 'missing_share'
        if topic in numbered:  # what was not lost was never sent
            figure, absent = 'skipped_share', max(absent - metadata.dropped.get(topic, 0), 0.0)
        figures[figure][topic] = absent / (len(stream.log_ns) + absent)
    for topic, count in metadata.dropped.items():
        there = len(take.streams[topic].log_ns) if topic in take.streams else 0
        share = count / (count + there) if count else 0.0
        figures['missing_share'][topic] = max(share, figures['missing_share'].get(topic, 0.0))
    return figures


def _absent(periods: np.ndarray) -> float:
    """Count the messages that are not there, from the intervals in periods of the stream."""
    absent = 0.0
    for place in np.flatnonzero(periods >= 1.5):
        gap = round(float(periods[place])) - 1
        # A message that was only late is followed by shorter intervals, which make up for it.
        after = periods[place + 1:place + 2 + gap]
        absent += max(gap - round(float(np.maximum(1 - after, 0).sum())), 0)
    return absent


def _frozen_s(stream: Stream, joints: Stream | None) -> float:
    """Give the longest time for which a picture stayed the same though the arm moved."""
    same = np.frombuffer(bytes(stream.same), dtype=np.uint8)
    times = np.array(stream.log_ns, dtype=np.int64)
    moved_ns = np.array(joints.values_ns if joints is not None else [], dtype=np.int64)
    values = joints.positions() if joints is not None else np.zeros((0, 1))
    longest = 0.0
    for first, last in _runs(same[1:] == 1):
        start_ns, end_ns = times[first], times[last]
        inside = values[slice(*np.searchsorted(moved_ns, (start_ns, end_ns)))]
        if joints is None or (len(inside) and np.ptp(inside, axis=0).max() > FROZEN_TRAVEL):
            longest = max(longest, float(end_ns - start_ns) / NANOSECONDS)
    return longest


def _runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """Give (first, last + 1) of every stretch of true."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


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


def _motion(joints: Stream | None, commands: Stream | None, robot: RobotSpec | None) -> Figures:
    figures: Figures = {'idle_s': {}, 'saturation_share': {}, 'delay_ms': {}, 'jerk': {}}
    if commands is not None and robot is not None:
        figures['saturation_share'] = _saturation(commands, robot)
    if joints is None or len(joints.values_ns) < STEADY_MESSAGES:
        return figures
    gripper = None if robot is None else robot.gripper
    idle = _sampled(joints, joints.names, _IDLE_HZ)
    still = (np.abs(np.diff(idle, axis=0)).max(axis=1) * _IDLE_HZ < STILL)
    figures['idle_s']['arm'] = max((end - start for start, end in _runs(still)),
                                   default=0) / _IDLE_HZ
    arm = [name for name in joints.names if name != gripper]
    figures['jerk'] = dict(zip(arm, _jerk(_sampled(joints, arm, _JERK_HZ)), strict=True))
    if commands is not None:
        delay = _delay_ms(joints, commands, _names(commands, robot), arm)
        figures['delay_ms'] = {} if math.isnan(delay) else {'arm': delay}
    return figures


def _names(commands: Stream, robot: RobotSpec | None) -> tuple[str, ...]:
    """Give the joints of the commands; an array names none and has the robot's order."""
    if commands.msgtype != FLOAT64_ARRAY:
        return commands.names
    if robot is None or len(robot.commanded_joints) != len(commands.names):
        return ()
    return robot.commanded_joints


def _saturation(commands: Stream, robot: RobotSpec) -> dict[str, float]:
    """Give the share of commands at or beyond a limit; a gripper lives at its limits."""
    values = commands.positions()
    shares = {}
    known = {joint.name: joint for joint in robot.joints if joint.name != robot.gripper}
    for index, name in enumerate(_names(commands, robot)):
        if name in known:
            margin = AT_LIMIT * (known[name].upper - known[name].lower)
            at_limit = ((values[:, index] <= known[name].lower + margin)
                        | (values[:, index] >= known[name].upper - margin))
            shares[name] = float(at_limit.mean())
    return shares


def _sampled(stream: Stream, names: Sequence[str], rate_hz: float,
             span_ns: tuple[int, int] | None = None) -> np.ndarray:
    """Give positions (T, J) at a fixed rate, between the messages by straight lines."""
    times = (np.array(stream.values_ns, dtype=np.int64) - stream.values_ns[0]) / NANOSECONDS
    values = stream.positions()
    first, last = (0.0, times[-1]) if span_ns is None else (
        (edge - stream.values_ns[0]) / NANOSECONDS for edge in span_ns)
    grid = np.arange(first, last, 1 / rate_hz)
    columns = [values[:, stream.names.index(name)] for name in names]
    return np.stack([np.interp(grid, times, column) for column in columns], axis=1) \
        if columns else np.zeros((len(grid), 0))


def _jerk(positions: np.ndarray) -> list[float]:
    """Give the root mean square of the third derivative of each joint, (T, J) at 50 Hz."""
    if len(positions) < STEADY_MESSAGES:
        return [0.0] * positions.shape[1]
    window = np.ones(3) / 3  # encoders step
    smooth = np.stack([np.convolve(column, window, 'valid') for column in positions.T], axis=1)
    jerk = np.diff(smooth, n=3, axis=0) * _JERK_HZ ** 3
    return [float(value) for value in np.sqrt(np.mean(jerk ** 2, axis=0))]


def _delay_ms(joints: Stream, commands: Stream, named: Sequence[str],
              arm: Sequence[str]) -> float:
    """
    Give by how much the motion comes later than the commands: where both agree best.

    :return: the delay [ms], NaN where nothing moved or the arm did something else.
    """
    shared = [(index, name) for index, name in enumerate(named) if name in arm]
    span = (max(joints.values_ns[0], commands.values_ns[0]),
            min(joints.values_ns[-1], commands.values_ns[-1]))
    lags = round(MOST_DELAY_S * _GRID_HZ)
    if not shared or (span[1] - span[0]) / NANOSECONDS * _GRID_HZ < 4 * lags:
        return math.nan
    wanted = _sampled(commands, [commands.names[index] for index, _ in shared], _GRID_HZ, span)
    moved = _sampled(joints, [name for _, name in shared], _GRID_HZ, span)
    wanted, moved = np.diff(wanted, axis=0), np.diff(moved, axis=0)
    count = len(wanted) - lags
    scores = []
    for lag in range(lags):
        one, other = wanted[:count], moved[lag:lag + count]
        norm = math.sqrt(float((one ** 2).sum() * (other ** 2).sum()))
        scores.append(float((one * other).sum()) / norm if norm > 1e-9 else math.nan)
    best = int(np.nanargmax(scores)) if not np.isnan(scores).all() else 0
    return best / _GRID_HZ * 1000 if scores[best] > 0.5 else math.nan
