# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Train an aligned policy from a dataset, or improve one by reward.

With --method bc (the default) vision encoder, action encoder, alignment and action decoder learn
together, in one loss. A GPU is used where there is one; under torchrun several processes share
every batch, on one machine or on several. With rl a small residual on a trained policy learns from
the task's own reward, with irl from one that is learned from demonstrations alone.

Ctrl-C ends it after the present step or round with a checkpoint; --resume goes on from there.
Figures go to RUN/metrics.jsonl and to TensorBoard (tensorboard --logdir RUN).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
import math
from pathlib import Path
from typing import TYPE_CHECKING
from typing import TypeVar

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import natural
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.options import time_limit
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

if TYPE_CHECKING:
    from vaa_ros.learning.config import TrainConfig
    from vaa_ros.learning.improve_config import ImproveConfig
    from vaa_ros.learning.improvement import ImproveResult

Config = TypeVar('Config', 'TrainConfig', 'ImproveConfig')
METHODS = ('bc', 'irl', 'rl')

EPILOG = """\
examples:
  vaa train --data out/dataset --out out/run
  vaa train --data out/dataset --out out/run --minutes 12
  vaa train --data out/dataset --out out/run --config my_config.yaml --steps 20000
  vaa train --data out/dataset --out out/run --steps 20000 --minutes none --seed 1
  vaa train --out out/run --resume                        go on where Ctrl-C ended it
  vaa train --method rl --base out/run --out out/rl       improve a policy by the task's reward
  vaa train --method irl --base out/run --out out/irl     the same, without the task's reward
  vaa train --method rl --base out/run --out out/rl --live   with a real arm, its e-stop in hand
  torchrun --nproc-per-node 2 --no-python vaa train --data out/dataset --out out/run   two GPUs
"""

def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--method', choices=METHODS,
                        help='bc: behaviour cloning; rl: reinforcement learning; irl: inverse '
                             'reinforcement learning (default: bc, with --resume that of the run)')
    parser.add_argument('--data', type=Path, metavar='DIR',
                        help='dataset folder (with --resume, rl and irl: where it was, unless '
                             'given)')
    parser.add_argument('--base', type=Path, metavar='RUN',
                        help='rl and irl: run folder of the policy to improve')
    parser.add_argument('--task', metavar='TASK',
                        help='rl and irl: task to act (default: that of the policy)')
    parser.add_argument('--workers', type=positive_int, metavar='N',
                        help='rl and irl: processes that act, also with --resume (default: 2)')
    parser.add_argument('--live', action='store_true',
                        help='rl and irl: explore with a real arm, through its policy node; a '
                             'person confirms limits and e-stop and judges each episode')
    parser.add_argument('--episodes', type=positive_int, metavar='N',
                        help='--live: episodes to learn from, in all (default: 40)')
    parser.add_argument('--out', type=Path, required=True, metavar='RUN',
                        help='run folder to write, or to go on with')
    parser.add_argument('--config', metavar='NAME',
                        help='configuration in config/train, or a .yaml file (default: small, rl '
                             'or irl)')
    parser.add_argument('--minutes', type=time_limit, metavar='M',
                        help='time limit, or none; the learning rate of bc is fitted to it '
                             '(default: that of the configuration, also with --steps)')
    parser.add_argument('--steps', type=positive_int, metavar='N',
                        help='batches to learn from, with rl and irl control ticks to act')
    parser.add_argument('--seed', type=natural, metavar='N',
                        help='seed of weights, order and chance (default: that of the '
                             'configuration)')
    parser.add_argument('--resume', action='store_true', help='go on with an interrupted run')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Train, and say what came of it."""
    from vaa_ros.core.errors import ConfigError
    prepare_json(args.json)
    if args.episodes and not args.live:
        raise ConfigError('--episodes goes with --live')
    if args.live and args.seed is not None:
        raise ConfigError('--seed is for the simulator and --method bc, not for --live')
    if args.resume:
        given = [f'--{name}' for name in ('config', 'minutes', 'steps', 'seed', 'base', 'task')
                 if getattr(args, name) is not None]
        if given:
            raise ConfigError(f'{", ".join(given)} cannot be changed with --resume: the run goes '
                              'on with the configuration it began with')
        from vaa_ros.learning.improve import is_improvement
        if is_improvement(args.out):
            return _improve(args)
    if args.method not in (None, 'bc'):
        return _improve(args)
    only = [f'--{name}' for name in ('base', 'task', 'workers', 'live') if getattr(args, name)]
    if only:
        raise ConfigError(f'{", ".join(only)} need --method rl or irl')
    return _clone(args)


def _clone(args: argparse.Namespace) -> int:
    from vaa_ros.cli.stage import watched
    from vaa_ros.core.errors import ConfigError
    if args.resume:
        from vaa_ros.learning.train import resume
        result = resume(args.out, args.data, watched(args.out))
    else:
        if args.data is None:
            raise ConfigError('--data is missing: the dataset folder that `vaa dataset` wrote')
        from vaa_ros.learning.config import load_config
        from vaa_ros.learning.train import train
        config = unlimited(load_config(args.config or 'small', max_minutes=args.minutes,
                                       steps=args.steps, seed=args.seed))
        result = train(config, args.data, args.out, watched(args.out))
    if not result.main:
        return 0 if result.finished else 130
    figures = {'run': result.folder, 'finished': result.finished,
               'out_of_time': result.out_of_time, 'steps': result.steps,
               'minutes': result.minutes, 'samples_per_second': result.samples_per_second,
               'waited': result.waited, 'metrics': result.metrics}
    write_json(args.json, figures)
    rows = [('steps', result.steps), ('minutes', round(result.minutes, 2)),
            ('samples per second', round(result.samples_per_second, 1)),
            ('waited for data', f'{100 * result.waited:.1f} %'), *result.metrics.items()]
    print(table(rows, title=str(result.folder)))
    if not result.finished:
        print(f'\nstopped; go on with: vaa train --out {args.out} --resume')
        return 130
    if result.out_of_time:
        print('\nended by its time limit; --minutes sets another one, or none')
    print(f'\nnext: vaa export --run {args.out} --out policy.onnx')
    return 0


def unlimited(config: Config) -> Config:
    """Write an endless time limit as none."""
    return replace(config, max_minutes=None) if config.max_minutes == math.inf else config


def _improve(args: argparse.Namespace) -> int:
    """Improve a policy by reward."""
    result = _with_arm(args) if args.live else _in_simulator(args)
    write_json(args.json, {
        'run': result.folder, 'finished': result.finished, 'steps': result.steps,
        'episodes': result.episodes, 'minutes': result.minutes,
        'steps_per_second': result.steps_per_second, 'deaths': result.deaths,
        'curve': result.curve})
    print(table([
        ('control ticks', result.steps), ('episodes', result.episodes),
        ('minutes', round(result.minutes, 2)),
        ('control ticks a second', round(result.steps_per_second, 1)),
        *([] if args.live else [('processes replaced', result.deaths)]),
        *early_and_late(result.curve)], title=str(result.folder)))
    if not result.finished:
        print(f'\nstopped; go on with: vaa train --out {args.out} --resume'
              + ' --live' * args.live)
        return 130
    print(f'\nnext: vaa export --run {args.out} --out policy.onnx')
    return 0


def _with_arm(args: argparse.Namespace) -> ImproveResult:
    from vaa_ros.cli.live_confirm import need_person
    need_person()
    from vaa_ros.cli.live_run import open_live
    from vaa_ros.cli.live_run import run_live
    live = open_live(args)
    run_live(live)
    return live.result()


def _in_simulator(args: argparse.Namespace) -> ImproveResult:
    from vaa_ros.cli.stage import watched
    from vaa_ros.core.errors import ConfigError
    from vaa_ros.learning.improve import improve
    from vaa_ros.learning.improve import resume_improvement
    from vaa_ros.learning.improve_config import load_improve_config
    if args.resume:
        return resume_improvement(args.out, watched(args.out), dataset=args.data,
                                  workers=args.workers, method=args.method)
    if args.base is None:
        raise ConfigError(f'--base is missing: --method {args.method} improves a policy, the '
                          'run folder that `vaa train` wrote')
    config = unlimited(load_improve_config(
        args.config or args.method, max_minutes=args.minutes, steps=args.steps,
        workers=args.workers, seed=args.seed))
    if config.method != args.method:
        raise ConfigError(f'--config {args.config} is for --method {config.method}, not for '
                          f'{args.method}')
    return improve(config, args.base, args.out, args.data, args.task, watched(args.out))


def early_and_late(curve: Sequence[tuple[int, int, int]]) -> list[tuple[str, str]]:
    """
    Compare the first quarter of a learning curve with the last.

    :param curve: for each round the control ticks, the successes and the episodes without noise.
    :return: rows of a table.
    """
    quarter = max(1, len(curve) // 4)
    rows = []
    for name, part in (('first', curve[:quarter]), ('last', curve[-quarter:])):
        wins, count = (sum(item[place] for item in part) for place in (1, 2))
        if count:
            rows.append((f'success without noise, {name} quarter',
                         f'{wins} of {count}, {100 * wins / count:.0f} %'))
    return rows
