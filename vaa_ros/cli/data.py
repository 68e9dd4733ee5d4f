# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Merge, split, filter and annotate datasets, and show what is in them.

Every command works on whole episodes and writes a dataset of its own; with `--out` the name of the
source and `--overwrite` it takes its place.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

if TYPE_CHECKING:
    from vaa_ros.learning.frames import Frames

EPILOG = """\
examples:
  vaa data merge out/monday out/tuesday --out out/both     the same episode twice is taken once
  vaa data split out/data --fraction 0.8 --out out/learn --rest out/judge
  vaa data filter out/data --verdict keep --out out/good   keep, look, discard, none
  vaa data filter out/data --success yes --instruction 'put the red cube into the tray' --out o
  vaa data delete out/data --episodes 3,7:9 --out out/data --overwrite
  vaa data annotate out/data --episodes 0:5 --instruction 'push it' --out out/told
  vaa data stats out/data --pictures out/data.png
"""

VERDICTS = ('keep', 'look', 'discard', 'none')
SUCCESS = {'yes': True, 'no': False, 'unknown': None}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the commands."""
    commands = parser.add_subparsers(dest='command', metavar='COMMAND', required=True)
    for name, (summary, action) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary)
        command.add_argument('data', nargs='+' if name == 'merge' else 1, type=Path,
                             metavar='DATA', help='dataset folder')
        command.set_defaults(action=action)
        if name != 'stats':
            command.add_argument('--out', type=Path, required=True, metavar='DIR',
                                 help='dataset folder to write')
            command.add_argument('--overwrite', action='store_true',
                                 help='replace the dataset that is there')
        add_json(command)
        _add_options(name, command)


def _add_options(name: str, command: argparse.ArgumentParser) -> None:
    if name in ('delete', 'annotate'):
        command.add_argument('--episodes', required=name == 'delete', metavar='NUMBERS',
                             help='such as 3 or 0:5 or 1,4,7:9'
                             + ('' if name == 'delete' else ' (default: all)'))
    if name in ('filter', 'annotate'):
        command.add_argument('--success', choices=SUCCESS, help='verdict of the operator')
        command.add_argument('--instruction', metavar='TEXT', help='what was asked for, in words')
    if name == 'filter':
        command.add_argument('--verdict', metavar='NAMES',
                             help='verdicts of the recorder: keep, look, discard, none; several '
                                  'with commas')
        command.add_argument('--operator', metavar='NAME', help='who drove the arm')
    elif name == 'annotate':
        command.add_argument('--note', metavar='TEXT', help='anything else')
        command.add_argument('--split', metavar='NAME', help='train or held_out')
    elif name == 'split':
        command.add_argument('--fraction', type=float, default=0.8, metavar='F',
                             help='part of the recordings that goes to --out (default: 0.8)')
        command.add_argument('--seed', type=int, default=0, help='seed of the choice (default: 0)')
        command.add_argument('--rest', type=Path, required=True, metavar='DIR',
                             help='dataset folder for the others')
    elif name == 'stats':
        command.add_argument('--pictures', type=Path, metavar='FILE',
                             help='draw lengths, ranges, and pictures of episodes into a .png')


def run(args: argparse.Namespace) -> int:
    """Run a command, and say what came of it."""
    from vaa_ros.learning.frames import Frames
    prepare_json(args.json)
    figures = args.action(args, [Frames(folder) for folder in args.data])
    write_json(args.json, figures)
    return 0


def merge(args: argparse.Namespace, datasets: list[Frames]) -> Mapping[str, object]:
    """Put datasets together."""
    from vaa_ros.learning.dataset_edit import without_doubles
    from vaa_ros.learning.dataset_edit import write_chosen
    parts, doubles = without_doubles(datasets)
    figures = _report(write_chosen(parts, args.out, args.overwrite))
    if doubles:
        print(f'{doubles} episodes were there twice, and are taken once')
    return {**figures, 'doubles': doubles}


def split(args: argparse.Namespace, datasets: list[Frames]) -> Mapping[str, object]:
    """Divide a dataset in two."""
    from vaa_ros.core.errors import ConfigError
    from vaa_ros.learning.dataset_edit import Chosen
    from vaa_ros.learning.dataset_edit import halves
    from vaa_ros.learning.dataset_edit import write_chosen
    if args.rest.resolve() in (args.out.resolve(), args.data[0].resolve()):
        raise ConfigError('--rest must be a folder of its own')
    one, other = halves(datasets[0], args.fraction, args.seed)
    # The rest first: should it fail, --out, which may be the source, is still what it was.
    rest = write_chosen([Chosen(datasets[0], other)], args.rest, args.overwrite)
    first = write_chosen([Chosen(datasets[0], one)], args.out, args.overwrite)
    return {'out': _report(first), 'rest': _report(rest)}


def select(args: argparse.Namespace, datasets: list[Frames]) -> Mapping[str, object]:
    """Take the episodes with this verdict, success, instruction or operator."""
    from vaa_ros.core.errors import ConfigError
    from vaa_ros.core.errors import unknown_name
    from vaa_ros.learning.dataset_edit import Chosen
    from vaa_ros.learning.dataset_edit import matching
    from vaa_ros.learning.dataset_edit import told
    from vaa_ros.learning.dataset_edit import write_chosen
    wanted: dict[str, list[object]] = {
        name: [getattr(args, name)] for name in ('instruction', 'operator')
        if getattr(args, name) is not None}
    if args.verdict:
        wanted['verdict'] = args.verdict.split(',')
        for name in wanted['verdict']:
            if name not in VERDICTS:
                raise unknown_name('verdict', str(name), VERDICTS)
    if args.success:
        wanted['success'] = [SUCCESS[args.success]]
    if not wanted:
        raise ConfigError('say what to take: --verdict, --success, --instruction or --operator')
    chosen = matching(datasets[0], wanted)
    if not chosen:
        if 'none' not in wanted.get('verdict', ['none']) and not any(
                item.get('verdict') for item in datasets[0].episodes):
            raise ConfigError(f'{datasets[0].folder}: no episode has a verdict: teleop_recorder '
                              'judges at the stop, ros2 bag record does not. vaa inspect BAGS '
                              '--judge shows verdicts and writes none; leave out what is no good '
                              'with: vaa data delete DATA --episodes NUMBERS')
        there = '; '.join(f'{name} {", ".join(told(datasets[0], name))}' for name in wanted)
        raise ConfigError(f'{datasets[0].folder}: no episode has all of that. It has: {there}')
    return _report(write_chosen([Chosen(datasets[0], chosen)], args.out, args.overwrite))


def delete(args: argparse.Namespace, datasets: list[Frames]) -> Mapping[str, object]:
    """Leave episodes out."""
    from vaa_ros.learning.dataset_edit import Chosen
    from vaa_ros.learning.dataset_edit import numbers
    from vaa_ros.learning.dataset_edit import write_chosen
    gone = numbers(args.episodes, datasets[0])
    kept = [number for number in range(len(datasets[0].episodes)) if number not in gone]
    return _report(write_chosen([Chosen(datasets[0], kept)], args.out, args.overwrite))


def annotate(args: argparse.Namespace, datasets: list[Frames]) -> Mapping[str, object]:
    """Tell something else of episodes."""
    from vaa_ros.learning.dataset_edit import check_changes
    from vaa_ros.learning.dataset_edit import Chosen
    from vaa_ros.learning.dataset_edit import numbers
    from vaa_ros.learning.dataset_edit import write_chosen
    changes = {name: getattr(args, name) for name in ('instruction', 'note', 'split')
               if getattr(args, name) is not None}
    if args.success:
        changes['success'] = SUCCESS[args.success]
    check_changes(changes)
    everything = range(len(datasets[0].episodes))
    changed = numbers(args.episodes, datasets[0]) if args.episodes else everything
    return _report(write_chosen([Chosen(datasets[0], everything)], args.out, args.overwrite,
                                changes, changed))


def stats(args: argparse.Namespace, datasets: list[Frames]) -> Mapping[str, object]:
    """Show what is in a dataset."""
    from vaa_ros.cli.dataset_pictures import check_picture
    from vaa_ros.cli.dataset_pictures import draw
    from vaa_ros.learning.dataset_figures import dataset_figures
    if args.pictures is not None:
        check_picture(args.pictures)
    figures = dataset_figures(datasets[0])
    print(table([(name, value) for name, value in figures['all'].items()],
                title=str(datasets[0].folder)))
    for name in ('told', 'elements'):
        rows = figures[name]
        print()
        print(table([tuple(row.values()) for row in rows], header=tuple(rows[0])))
    if args.pictures is not None:
        draw(args.pictures, datasets[0])
        print(f'\npictures: {args.pictures}')
    return figures


def _report(frames: Frames) -> dict[str, object]:
    count, held = len(frames.episodes), sum(
        item['split'] == 'held_out' for item in frames.episodes)
    print(table([('episodes', count), ('held out', held), ('frames', len(frames))],
                title=str(frames.folder)))
    return {'folder': frames.folder, 'episodes': count, 'held_out': held, 'frames': len(frames)}


Action = Callable[[argparse.Namespace, 'list[Frames]'], Mapping[str, object]]
COMMANDS: dict[str, tuple[str, Action]] = {
    'merge': ('put datasets of one robot and task together', merge),
    'split': ('divide a dataset in two; episodes of one recording stay together', split),
    'filter': ('take the episodes with this verdict, success, instruction or operator', select),
    'delete': ('leave episodes out', delete),
    'annotate': ('tell another instruction, success, note or split of episodes', annotate),
    'stats': ('show lengths, what is told of episodes, ranges of joints and commands', stats),
}
