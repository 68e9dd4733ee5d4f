# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Watch a policy move the simulated arm through ROS 2, and measure it.

Starts the simulated arm, camera_subscriber and policy as ROS 2 processes on a domain of their
own, lets them do some episodes that the policy has never seen, and leaves a film and a report.
With --from-scratch it first records demonstrations, learns from them and exports the policy.
"""

from __future__ import annotations

import argparse
from pathlib import Path
import shlex
import sys

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import add_pushes
from vaa_ros.cli.options import add_task
from vaa_ros.cli.options import EVALUATION_SEED
from vaa_ros.cli.options import positive_float
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.options import Seeds
from vaa_ros.cli.options import seeds
from vaa_ros.cli.output import prepare_json

EPILOG = """\
examples:
  vaa demo                                 10 episodes of pick_place with the shipped policy
  vaa demo --episodes 3 --json demo.json   fewer, with the figures for machines
  vaa demo --task reach --model hold       what success looks like without a policy
  vaa demo --model out/run/policy.onnx --seeds 200000
  vaa demo --from-scratch                  record 60 episodes, learn, export, run (25 minutes)
  vaa demo --from-scratch --task reach --demonstrations 20 --minutes 6 --out out/reach
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    add_task(parser)
    parser.add_argument('--episodes', type=positive_int, default=10, metavar='N',
                        help='episodes to run (default: 10)')
    parser.add_argument('--model', metavar='MODEL',
                        help='policy to run: an .onnx file, the name of a shipped model, or '
                             'hold (default: the shipped model of the task)')
    parser.add_argument('--seeds', type=seeds, default=Seeds(EVALUATION_SEED), metavar='FIRST',
                        help=f'first seed (default: {EVALUATION_SEED}, never demonstrated)')
    parser.add_argument('--out', type=Path, metavar='DIR',
                        help='folder for film, report and logs (default: out/demo; from scratch: '
                             'out/from_scratch)')
    parser.add_argument('--lockstep', action='store_true',
                        help='let the simulator wait for every command: the same result on any '
                             'machine, but no latencies')
    parser.add_argument('--no-video', action='store_true',
                        help='keep no pictures: no film, no picture strips')
    scratch = parser.add_argument_group('from scratch')
    scratch.add_argument('--from-scratch', action='store_true',
                         help='record, learn, export and evaluate; what is already done in --out '
                              'is not done again')
    scratch.add_argument('--demonstrations', type=positive_int, default=60, metavar='N',
                         help='episodes to record (default: 60)')
    scratch.add_argument('--minutes', type=positive_float, default=25.0, metavar='M',
                         help='time for the whole story (default: 25)')
    add_pushes(scratch, default=0.3)
    scratch.add_argument('--config', default='small', metavar='NAME',
                         help='training configuration (default: small)')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the demo."""
    from vaa_ros.cli.stage import check_task
    prepare_json(args.json)
    check_task(args.task)
    args.out = args.out or Path('out/from_scratch' if args.from_scratch else 'out/demo')
    if args.from_scratch:
        from vaa_ros.cli.story import tell
        return tell(args)
    from vaa_ros.cli.policy_run import find_model
    from vaa_ros.cli.showcase import Showcase
    Showcase(
        task=args.task, model=find_model(args.model or _shipped(args.task)),
        seeds=args.seeds.numbers(args.episodes), out=args.out,
        lockstep=args.lockstep, pictures=not args.no_video, json=args.json,
        command=shlex.join(['vaa', *sys.argv[1:]])).run()
    return 0


def _shipped(task: str) -> str:
    from vaa_ros.core.errors import ModelError
    from vaa_ros.core.paths import model_names
    if task not in model_names():
        raise ModelError(
            f'no model ships for task {task!r} (there are: {", ".join(model_names()) or "none"}). '
            f'Learn one with: vaa demo --from-scratch --task {task}; or name one with --model')
    return task
