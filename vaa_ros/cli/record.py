# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Record demonstrations of a task, one rosbag2 (MCAP) folder each.

The scripted expert, or you at the keyboard or a gamepad, teleoperates the simulated arm through
its ROS topics while teleop_recorder writes what crosses them. The expert goes in lockstep, as
fast as the machine can. Seeds that the folder already holds are left out.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_environment
from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import add_pushes
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.options import rate
from vaa_ros.cli.options import Seeds
from vaa_ros.cli.options import seeds
from vaa_ros.cli.options import TASK_HELP
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import write_json

if TYPE_CHECKING:
    from tqdm import tqdm

    from vaa_ros.cli.record_run import Recorded
    from vaa_ros.sim.environment import EnvironmentSpec

COMMAND_TYPES = ('joint_trajectory', 'commands', 'target_pose', 'delta_twist_cmds')
DEFAULT_TASK = 'pick_place'
EPISODES = 60
TELEOPS = ('expert', 'keyboard', 'gamepad')

EPILOG = """\
examples:
  vaa record --task pick_place --episodes 60 --out out/episodes
  vaa record --task reach --episodes 5 --out out/reach --seeds 1000 --real-time
  vaa record --task push --episodes 10 --out out/push --command-type target_pose
  vaa record --task pick_place --episodes 60 --out out/episodes --seeds 60 --pushes 0.6
  vaa record --task pick_place --episodes 3 --out out/mine --teleop keyboard
  vaa record --task reach --episodes 200 --out out/many --in-process     without ROS, faster
  vaa record --task reach --episodes 200 --out out/own --in-process --policy out/rl.onnx
  vaa record --environment aloha_transfer --episodes 50 --in-process --out out/aloha
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--task', metavar='NAME',
                        help=f'{TASK_HELP} (default: {DEFAULT_TASK})')
    add_environment(parser)
    parser.add_argument('--episodes', type=positive_int, metavar='N',
                        help=f'episodes to record (default: {EPISODES})')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR',
                        help='folder of the episodes')
    parser.add_argument('--seeds', type=seeds, default=Seeds(0), metavar='FIRST[:COUNT]',
                        help='first seed; COUNT says how many in place of --episodes '
                             '(default: 0)')
    parser.add_argument('--teleop', choices=TELEOPS, default='expert',
                        help='who drives the arm (default: expert)')
    parser.add_argument('--command-type', choices=COMMAND_TYPES, default='joint_trajectory',
                        help='command topic (default: joint_trajectory)')
    parser.add_argument('--real-time', action='store_true',
                        help='let the expert go in real time instead of in lockstep')
    parser.add_argument('--time-limit', type=rate, metavar='S',
                        help='keyboard and gamepad: time limit of an episode in seconds, 0 for '
                             "the task's own (default: 120)")
    add_pushes(parser)
    parser.add_argument('--in-process', action='store_true',
                        help='simulate, demonstrate and write bags in one process, without ROS')
    parser.add_argument('--policy', metavar='MODEL',
                        help='with --in-process: this policy drives, an .onnx file or a shipped '
                             'model; its successes can teach another one')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Record, and say what was recorded."""
    from tqdm import tqdm

    from vaa_ros.cli.record_run import recorded_seeds
    from vaa_ros.core.errors import ConfigError
    from vaa_ros.recording.episode import check_output_dir
    prepare_json(args.json)
    environment = _stage(args)
    if args.in_process and (args.teleop != 'expert' or args.real_time):
        raise ConfigError('--in-process records the expert as fast as it goes; leave out '
                          '--teleop and --real-time')
    if args.policy is not None and not args.in_process:
        raise ConfigError('--policy goes with --in-process')
    if args.time_limit is not None and args.teleop == 'expert':
        raise ConfigError("--time-limit is for --teleop keyboard or gamepad; the expert has the "
                          "task's own")
    if args.episodes and args.seeds.count not in (None, args.episodes):
        raise ConfigError(f'--seeds {args.seeds.first}:{args.seeds.count} are {args.seeds.count} '
                          f'episodes, --episodes says {args.episodes}: leave one of them out')
    check_output_dir(args.out)
    wanted = args.seeds.numbers(args.episodes or EPISODES)
    there = recorded_seeds(args.out, args.task)
    missing = [seed for seed in wanted if seed not in there]
    if len(missing) < len(wanted):
        print(f'{args.out} already holds {len(wanted) - len(missing)} of {len(wanted)} seeds')
    with tqdm(total=len(missing), desc='record', unit='episode', disable=None) as bar:
        recorded = _record(args, missing, bar, environment) if missing else []
    _report(args, recorded)
    return 0


def _stage(args: argparse.Namespace) -> EnvironmentSpec | None:
    """Check the task or load the environment, which then is the task's name."""
    from vaa_ros.cli.stage import check_task
    from vaa_ros.core.errors import ConfigError
    if not args.environment:
        args.task = args.task or DEFAULT_TASK
        check_task(args.task)
        return None
    if args.task or not args.in_process:
        raise ConfigError('--environment goes with --in-process, whose expert looks inside the '
                          'environment, and in place of --task')
    from vaa_ros.sim.environment import load_environment
    environment = load_environment(args.environment)
    args.task = environment.name
    return environment


def _record(args: argparse.Namespace, missing: list[int], bar: tqdm[Any],
            environment: EnvironmentSpec | None) -> list[Recorded]:
    def progress(episode: Recorded) -> None:
        bar.update()
        if bar.disable:
            print(episode, flush=True)
        elif episode.verdict != 'keep':
            bar.write(str(episode))

    logs = args.out / 'logs'
    if args.in_process:
        from vaa_ros.cli.record_run import record_in_process
        from vaa_ros.core.paths import model_file
        model = None if args.policy is None else model_file(args.policy)
        return record_in_process(args.task, missing, args.out, args.command_type, progress,
                                 args.pushes, environment, args.allow_module, model)
    if args.teleop == 'expert':
        from vaa_ros.cli.record_run import RecordRun
        return RecordRun(args.task, missing, args.out, logs, args.command_type,
                         not args.real_time, args.pushes).run(progress)
    from vaa_ros.cli.person_run import PersonRun
    limit = {} if args.time_limit is None else {'time_limit_s': args.time_limit}
    return PersonRun(args.task, missing, args.out, logs, args.teleop, args.command_type,
                     **limit).run(progress)


def _report(args: argparse.Namespace, recorded: Sequence[Recorded]) -> None:
    successes = sum(episode.success for episode in recorded)
    dropped = sum(episode.dropped for episode in recorded)
    seconds = sum(episode.time_s for episode in recorded)
    verdicts = Counter(episode.verdict for episode in recorded)
    told = ', '.join(f'{count} {verdict}' for verdict, count in verdicts.most_common())
    print(f'{len(recorded)} episodes in {args.out}, {successes} of them successes, '
          f'{seconds:.0f} s of demonstrations, {dropped} messages dropped; verdicts: '
          f'{told or "none"}')
    write_json(args.json, {
        'task': args.task, 'out': args.out, 'episodes': len(recorded), 'successes': successes,
        'seconds': seconds, 'dropped': dropped,
        'per_episode': [{'path': e.path, 'seed': e.seed, 'success': e.success,
                         'time_s': e.time_s, 'verdict': e.verdict,
                         'reasons': list(e.reasons)} for e in recorded]})
    if recorded:
        print(f'next: vaa dataset {args.out} --out DIR')
