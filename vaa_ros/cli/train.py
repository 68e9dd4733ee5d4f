# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Train an aligned policy from a dataset.

Vision encoder, action encoder, alignment and action decoder learn together, in one loss. Ctrl-C
ends it after the present step with a checkpoint; --resume goes on from there. Figures go to
RUN/metrics.jsonl and to TensorBoard (tensorboard --logdir RUN). A GPU is used where there is one.
Under torchrun several processes share every batch, on one machine or on several.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import positive_float
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

EPILOG = """\
examples:
  vaa train --data out/dataset --out out/run
  vaa train --data out/dataset --out out/run --minutes 12
  vaa train --data out/dataset --out out/run --config my_config.yaml --steps 20000
  vaa train --out out/run --resume                        go on where Ctrl-C ended it
  torchrun --nproc-per-node 2 --no-python vaa train --data out/dataset --out out/run   two GPUs
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--data', type=Path, metavar='DIR',
                        help='dataset folder (with --resume: where it was, unless given)')
    parser.add_argument('--out', type=Path, required=True, metavar='RUN',
                        help='run folder to write, or to go on with')
    parser.add_argument('--config', metavar='NAME',
                        help='configuration in config/train, or a .yaml file (default: small)')
    parser.add_argument('--minutes', type=positive_float, metavar='M',
                        help='time limit; the learning rate is fitted to it')
    parser.add_argument('--steps', type=positive_int, metavar='N', help='batches to learn from')
    parser.add_argument('--resume', action='store_true', help='go on with an interrupted run')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Train, and say what came of it."""
    from vaa_ros.cli.stage import watched
    from vaa_ros.core.errors import ConfigError
    prepare_json(args.json)
    if args.resume:
        given = [f'--{name}' for name in ('config', 'minutes', 'steps')
                 if getattr(args, name) is not None]
        if given:
            raise ConfigError(f'{", ".join(given)} cannot be changed with --resume: the run goes '
                              'on with the configuration it began with')
        from vaa_ros.learning.train import resume
        result = resume(args.out, args.data, watched(args.out))
    else:
        if args.data is None:
            raise ConfigError('--data is missing: the dataset folder that `vaa dataset` wrote')
        from vaa_ros.learning.config import load_config
        from vaa_ros.learning.train import train
        config = load_config(args.config or 'small', max_minutes=args.minutes, steps=args.steps)
        result = train(config, args.data, args.out, watched(args.out))
    if not result.main:
        return 0 if result.finished else 130
    figures = {'run': result.folder, 'finished': result.finished, 'steps': result.steps,
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
    print(f'\nnext: vaa export --run {args.out} --out policy.onnx')
    return 0
