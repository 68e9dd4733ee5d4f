# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turn recorded episodes into a dataset to learn from.

Reads any rosbag2 recording (MCAP or sqlite3) with the topics of the robot, through the same code
that builds observations on the live arm. Bags that cannot be used are named and left out.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

EPILOG = """\
examples:
  vaa dataset out/episodes --out out/dataset
  vaa dataset monday/ tuesday/ --out out/both              several folders, or single bags
  vaa dataset out/mixed --out out/push --task push         one task of several
  vaa dataset out/episodes --out out/dataset --overwrite --include-failed
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('bags', nargs='+', type=Path, metavar='BAGS',
                        help='bags, or folders of bags')
    parser.add_argument('--out', type=Path, required=True, metavar='DIR',
                        help='dataset folder to write')
    parser.add_argument('--task', metavar='NAME',
                        help='learn only from episodes of this task (default: the only one)')
    parser.add_argument('--robot', default='vaa_arm', metavar='NAME',
                        help='robot description (default: vaa_arm)')
    parser.add_argument('--command-type', metavar='TOPIC',
                        help='command topic to learn from (default: the one in the bags)')
    parser.add_argument('--held-out', type=float, metavar='FRACTION',
                        help='part of the episodes that training does not see (default: 0.08)')
    parser.add_argument('--include-failed', action='store_true',
                        help='also learn from episodes that failed')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace the dataset that is there')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Build the dataset, and say what is in it."""
    prepare_json(args.json)
    figures = build(args.bags, args.out, args.overwrite, task=args.task, robot=args.robot,
                    command_type=args.command_type, held_out=args.held_out,
                    include_failed=args.include_failed)
    write_json(args.json, figures)
    print(f'\nnext: vaa train --data {args.out} --out RUN')
    return 0


def build(bags: list[Path], out: Path, overwrite: bool, **options: object) -> dict[str, object]:
    """
    Build a dataset with a progress bar, and print what is in it.

    :param options: fields of DatasetOptions; None leaves one as it is.
    :return: the figures for machines.
    """
    from tqdm import tqdm

    from vaa_ros.core.errors import ConfigError
    from vaa_ros.learning.dataset import build_dataset
    from vaa_ros.learning.dataset import DatasetOptions
    given = {name: value for name, value in options.items() if value is not None}
    try:
        chosen = DatasetOptions(**given)  # type: ignore[arg-type]
    except ValueError as error:
        raise ConfigError(f'dataset: {error}') from error
    with tqdm(desc='dataset', unit='bag', disable=None) as bar:
        def on_bag(number: int, count: int, path: Path) -> None:
            bar.total = count
            bar.update(number - bar.n)

        result = build_dataset(bags, out, chosen, overwrite, on_bag)
        bar.update((bar.total or 0) - bar.n)
    print(table([
        ('episodes', result.episodes), ('held out', result.held_out), ('frames', result.frames),
        ('failed, left out', result.failed), ('skipped bags', len(result.skipped)),
        ('frames without command', result.dropped_frames),
        ('unusable messages', result.bad_messages)], title=str(result.folder)))
    for path, reason in result.skipped:
        print(f'skipped {path}: {reason}')
    return {
        'folder': result.folder, 'episodes': result.episodes, 'held_out': result.held_out,
        'frames': result.frames, 'failed': result.failed,
        'dropped_frames': result.dropped_frames, 'bad_messages': result.bad_messages,
        'skipped': [{'path': path, 'reason': reason} for path, reason in result.skipped]}
