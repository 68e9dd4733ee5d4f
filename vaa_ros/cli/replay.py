# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Show what a policy would have commanded in a recording, before it moves an arm.

Runs the control loop of the policy node on recorded pictures and joint states, with recorded
time: the same bag and model give the same commands to the last bit. The arm does not follow, so
every answer is one to what the demonstrator's arm saw. It ticks at the policy's own rate and
compares positions: control_rate_hz, and the velocities of velocity_commands, are left out.
"""

from __future__ import annotations

import argparse
import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json
from vaa_ros.core.errors import BagError
from vaa_ros.core.lateness import OTHER_CLOCK_S
from vaa_ros.core.types import NANOSECONDS

if TYPE_CHECKING:
    from vaa_ros.core.control_loop import LoopFigures
    from vaa_ros.core.replay import Arrival
    from vaa_ros.core.replay import Comparison
    from vaa_ros.core.replay import ReplayedTick
    from vaa_ros.core.robot import RobotSpec
    from vaa_ros.core.spec import PolicySpec
    from vaa_ros.learning.bag_streams import BagStreams
    from vaa_ros.policies.base import Policy

MAX_TOOL_POSE_AGE_NS = NANOSECONDS // 10

EPILOG = """\
examples:
  vaa replay out/episodes/episode_000003 --model out/policy.onnx
  vaa replay out/episodes --model pick_place --json replay.json      every episode of a folder
  vaa replay my_bag --model my.onnx --robot my_robot.yaml --plot replay.svg
"""


@dataclass(frozen=True, eq=False)
class BagReplay:
    """
    A bag, and what a policy made of it.

    :param path: the bag.
    :param lockstep: whether it was recorded from a simulation in lockstep.
    :param ticks: every tick.
    :param figures: what the loop counted.
    :param pairs: replayed beside recorded commands, None where they are of another kind.
    """

    path: Path
    lockstep: bool
    ticks: list[ReplayedTick]
    figures: LoopFigures
    pairs: Comparison | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('bags', nargs='+', type=Path, metavar='BAG',
                        help='bags, or folders of episodes')
    parser.add_argument('--model', required=True, metavar='MODEL',
                        help='an .onnx file, or the name of a shipped model')
    parser.add_argument('--robot', metavar='NAME',
                        help='robot description: a name in config/robots or a YAML file '
                             '(default: the one that the bags name, or vaa_arm)')
    parser.add_argument('--plot', type=Path, metavar='FILE.svg',
                        help='draw replayed and recorded commands of the first bag')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Replay every bag and print one table."""
    from tqdm import tqdm

    from vaa_ros.core.robot import DEFAULT_ROBOT
    from vaa_ros.core.robot import load_robot
    from vaa_ros.learning.recorded_robot import recorded_robot
    from vaa_ros.policies.opening import open_policy
    prepare_json(args.json)
    prepare_json(args.plot)
    paths = _bags(args.bags)
    robot = (load_robot(args.robot) if args.robot
             else recorded_robot(paths) or load_robot(DEFAULT_ROBOT))
    policy = open_policy(args.model, robot, 'joint_position')
    policy.spec.check_robot(robot)
    replays = [replay_bag(path, policy, robot)
               for path in tqdm(paths, desc='replay', unit='bag', disable=None)]
    print(_table(replays, policy.spec))
    if args.plot is not None:
        _plot(args.plot, replays[0], policy.spec)
    write_json(args.json, {'model': args.model, 'robot': robot.name,
                           'bags': [_figures(each, policy.spec) for each in replays]})
    return 0


def _warn(what: str) -> None:
    print(f'note: {what}', file=sys.stderr)


def replay_bag(path: Path, policy: Policy, robot: RobotSpec) -> BagReplay:
    """
    Replay one bag.

    :param path: the bag.
    :param policy: the policy.
    :param robot: the robot.
    :return: what came of it.
    :raises BagError: if the bag cannot be read, or lacks an input of the policy.
    """
    from vaa_ros.core.control_setup import ControlOptions
    from vaa_ros.core.control_setup import make_control_loop
    from vaa_ros.core.control_setup import make_judge
    from vaa_ros.core.control_setup import measured_command
    from vaa_ros.core.input_buffer import InputBuffer
    from vaa_ros.core.replay import Replay
    from vaa_ros.core.sync import ObservationSync
    from vaa_ros.learning.bag_streams import read_streams
    from vaa_ros.policies.kinematics import for_workspace
    spec = policy.spec
    period_s = 1.0 / spec.control_rate_hz
    streams = read_streams(path, robot, spec.cameras, spec.dt_s)
    lockstep = _other_clock(streams)
    poses = _tool_poses(path) if spec.action.kind == 'end_effector_pose' else []
    loop = make_control_loop(spec, robot, ControlOptions(period_s),
                             for_workspace(robot, spec.action.kind, _warn))
    inputs = InputBuffer(ObservationSync(spec), lockstep, make_judge(spec, robot))
    if streams.metadata is not None:
        inputs.instruction = streams.metadata.instruction
    replay = Replay(
        loop, inputs, policy,
        lambda seen: measured_command(spec, robot, seen, _pose_at(poses, seen.stamp_ns)),
        period_s, lockstep)
    arrivals = sorted([*_instructions(path), *_arrivals(streams, lockstep)],
                      key=lambda arrival: arrival.at_ns)
    ticks = replay.run(arrivals)
    return BagReplay(path, lockstep, ticks, loop.figures, _pairs(streams, ticks, spec))


def _bags(given: Sequence[Path]) -> list[Path]:
    from vaa_ros.recording.bag_reader import list_episodes
    paths: list[Path] = []
    for path in given:
        if path.is_dir() and not (path / 'metadata.yaml').is_file():
            found, skipped = list_episodes(path)
            for each, reason in skipped:
                print(f'{each} left out: {reason}')
            if not found:
                raise BagError(f'{path}: no bag in it')
            paths += found
        else:
            paths.append(path)
    return paths


def _other_clock(streams: BagStreams) -> bool:
    """
    Tell whether stamps are on another clock than the recorder's: that of a simulation.
    """
    first = next(iter(streams.pictures.values()))
    return not first or abs(first[0].stamp_ns - first[0].log_ns) > OTHER_CLOCK_S * NANOSECONDS


def _arrivals(streams: BagStreams, lockstep: bool) -> list[Arrival]:
    """
    Put pictures and joint states in the order in which they came, joints before pictures.
    """
    from vaa_ros.core.control_setup import JOINTS_TOPIC
    from vaa_ros.core.replay import Arrival
    sources = [(JOINTS_TOPIC, streams.joints), *streams.pictures.items()]
    found = [Arrival(item.stamp_ns if lockstep else item.log_ns, source, item.stamp_ns, item.value)
             for source, items in sources for item in items]
    return sorted(found, key=lambda arrival: arrival.at_ns)


def _instructions(path: Path) -> list[Arrival]:
    """
    Read what was asked for over the topic, later than what the metadata say.
    """
    from vaa_ros.core.replay import Arrival
    from vaa_ros.learning.bag_topics import topics_of
    from vaa_ros.recording.bag_reader import BagReader
    with BagReader(path) as bag:
        topics = topics_of(bag, 'instruction', ('std_msgs/msg/String',))
        return [Arrival(log_ns, 'instruction', log_ns, message.data)
                for _, log_ns, message in bag.messages(topics)] if topics else []


def _tool_poses(path: Path) -> list[tuple[int, np.ndarray]]:
    """
    Read where the tool was: stamps, growing, with poses x y z qx qy qz qw (7,).
    """
    from vaa_ros.learning.bag_streams import message_stamp_ns
    from vaa_ros.learning.bag_topics import topics_of
    from vaa_ros.recording.bag_reader import BagReader
    with BagReader(path) as bag:
        topics = topics_of(bag, 'tool_pose', ('geometry_msgs/msg/PoseStamped',))
        if len(topics) != 1:
            listed = ', '.join(sorted(bag.counts)) or 'none'
            raise BagError(f'{path}: found {len(topics)} topics tool_pose with messages, expected '
                           f'one: it says where the arm is when a pose policy begins. It has: '
                           f'{listed}')
        return sorted(((message_stamp_ns(message), _pose(message.pose))
                       for _, _, message in bag.messages(topics)), key=lambda item: item[0])


def _pose(pose: Any) -> np.ndarray:
    return np.array([getattr(part, axis) for part, axes in
                     ((pose.position, 'xyz'), (pose.orientation, 'xyzw')) for axis in axes])


def _pose_at(poses: Sequence[tuple[int, np.ndarray]], stamp_ns: int) -> np.ndarray | None:
    """
    Give the newest pose that is not newer than a stamp, nor much older.
    """
    place = bisect.bisect_right(poses, stamp_ns, key=lambda item: item[0]) - 1
    if place < 0 or stamp_ns - poses[place][0] > MAX_TOOL_POSE_AGE_NS:
        return None
    return poses[place][1]


def _pairs(streams: BagStreams, ticks: list[ReplayedTick],
           spec: PolicySpec) -> Comparison | None:
    from vaa_ros.core.replay import compare
    from vaa_ros.core.spec import COMMAND_KINDS
    from vaa_ros.learning.bag_streams import stamps_agree
    if COMMAND_KINDS[streams.command_type] != spec.action.kind or not streams.commands:
        return None
    by_stamp = stamps_agree(streams.commands, streams.pictures)
    items = sorted(streams.commands, key=lambda item: item.stamp_ns if by_stamp else item.log_ns)
    return compare(ticks, [item.stamp_ns if by_stamp else item.log_ns for item in items],
                   np.array([item.value for item in items]),
                   round(NANOSECONDS / spec.control_rate_hz), by_stamp)


def _figures(replay: BagReplay, spec: PolicySpec) -> dict[str, object]:
    from vaa_ros.core.replay import digest
    from vaa_ros.core.replay import holds
    first_ns = replay.ticks[0].at_ns if replay.ticks else 0
    figures: dict[str, object] = {
        'bag': replay.path, 'lockstep': replay.lockstep, 'ticks': len(replay.ticks),
        'sha256': digest(replay.ticks), **replay.figures.values(),
        'holds': [{'time_s': (at_ns - first_ns) / NANOSECONDS, 'reason': reason}
                  for at_ns, reason in holds(replay.ticks)]}
    if not any(each.tick.moving for each in replay.ticks) and replay.ticks:
        figures['never_moved'] = replay.ticks[-1].tick.decision.reason
    pairs = replay.pairs
    if pairs is not None and pairs.matched.any():
        errors = pairs.errors()
        figures.update(compared=int(pairs.matched.sum()), identical=pairs.identical, error={
            name: {'mean': float(np.nanmean(column)), 'p95': float(np.nanpercentile(column, 95)),
                   'max': float(np.nanmax(column))}
            for name, column in zip(spec.action.names, errors.T, strict=True)
            if np.isfinite(column).any()})
    return figures


def _table(replays: Sequence[BagReplay], spec: PolicySpec) -> str:
    from vaa_ros.core.replay import holds
    rows = []
    for each in replays:
        pairs = each.pairs
        compared = int(pairs.matched.sum()) if pairs is not None else 0
        rows.append((each.path.name, len(each.ticks), each.figures.control_ticks,
                     len(holds(each.ticks)), each.figures.clamped, each.figures.refused, compared,
                     pairs.identical if pairs is not None else 0,
                     each.figures.inference.summary().p99))
    text = [table(rows, ('bag', 'ticks', 'commands', 'holds', 'clamped', 'refused', 'compared',
                         'identical', 'inference p99 ms'),
                  f'{spec.name}: what it would have commanded')]
    errors = [each.pairs.errors() for each in replays
              if each.pairs is not None and each.pairs.matched.any()]
    if errors:
        joined = np.concatenate(errors)
        kept = [(name, column[np.isfinite(column)])
                for name, column in zip(spec.action.names, joined.T, strict=True)]
        text.append(table(
            [(name, column.mean(), np.percentile(column, 95), column.max())
             for name, column in kept if len(column)],
            ('command', 'mean', 'p95', 'max'), 'difference from what was recorded [rad or m]'))
    else:
        text.append('no command of the same kind was recorded: nothing to compare with')
    for each in replays:
        for at_ns, reason in holds(each.ticks):
            seconds = (at_ns - each.ticks[0].at_ns) / NANOSECONDS
            text.append(f'{each.path.name}: hold at {seconds:.2f} s: {reason}')
        if each.ticks and not any(tick.tick.moving for tick in each.ticks):
            text.append(f'{each.path.name}: it never moved: '
                        f'{each.ticks[-1].tick.decision.reason}')
    return '\n\n'.join(text)


def _plot(path: Path, replay: BagReplay, spec: PolicySpec) -> None:
    from vaa_ros.cli.plots import commands
    if replay.pairs is None or not len(replay.pairs.times_ns):
        raise BagError(f'{replay.path}: no command to draw')
    path.write_text(commands(replay.pairs, spec.action.names), encoding='utf-8')
    print(f'drawn: {path}')
