# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Turn recorded episodes into a dataset to learn from.

Reads any rosbag2 recording (MCAP or sqlite3) through the same code that builds observations on the
live arm. Episodes of teleop_recorder are taken as they are; bags of `ros2 bag record` are cut into
episodes by a rule. Bags that cannot be used are named and left out. Datasets of LeRobot (v3.0) can
be read and written, HDF5 files of ALOHA and ACT read.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
import os
from pathlib import Path
import tempfile
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import positive_float
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

if TYPE_CHECKING:
    from vaa_ros.learning.dataset_result import DatasetResult
    from vaa_ros.learning.plain_bags import PlainOptions

LENGTH_S = 10.0

EPILOG = """\
examples:
  vaa dataset out/episodes --out out/dataset
  vaa dataset monday/ tuesday/ --out out/both              several folders, or single bags
  vaa dataset out/episodes --out out/dataset --overwrite          only new bags are read again
  vaa dataset out/mixed --out out/push --task push         one task of several
  vaa dataset out/episodes --out out/dataset --overwrite --include-failed
  vaa dataset out/demos out/takeovers --out out/both       demonstrations and corrections
  vaa dataset out/takeovers --out out/fixes --only corrections
  vaa dataset rosbag2_monday --out out/data --mapping robot.yaml           a plain bag, cut by auto
  vaa dataset session.mcap --out out/data --camera front=/cam/image_raw --cut length --length 20
  vaa dataset rosbag2_monday --out out/data --actions measured --until-release
  vaa dataset out/data --to-lerobot out/lerobot                            our dataset as LeRobot's
  vaa dataset --from-lerobot lerobot/so100_pick --robot so100.yaml --degrees --out out/data
  vaa dataset --from-aloha act/transfer --environment aloha_transfer --out out/data
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('bags', nargs='*', type=Path, metavar='BAGS',
                        help='bags, or folders of bags; with --to-lerobot a dataset')
    parser.add_argument('--out', type=Path, metavar='DIR', help='dataset folder to write')
    parser.add_argument('--task', metavar='NAME',
                        help='learn only from episodes of this task (default: the only one)')
    parser.add_argument('--robot', metavar='NAME',
                        help='robot description, a name or a .yaml file (default: the one that '
                             'the bags name, for others vaa_arm)')
    parser.add_argument('--command-type', metavar='TOPIC',
                        help='command topic to learn from (default: the one in the bags)')
    parser.add_argument('--rate', type=positive_float, metavar='HZ',
                        help='rate of actions within a chunk and live (default: 30)')
    parser.add_argument('--chunk', type=positive_int, metavar='N',
                        help='actions in a chunk (default: 24)')
    parser.add_argument('--held-out', type=float, metavar='FRACTION',
                        help='part of the recordings that training does not see (default: 0.08)')
    parser.add_argument('--include-failed', action='store_true',
                        help='also learn from episodes that failed')
    parser.add_argument('--only', choices=('corrections',),
                        help='corrections: learn only from what a person did who took over from a '
                             'policy (default: from that, and from whole demonstrations)')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace the dataset that is there')
    parser.add_argument('--workers', type=positive_int, metavar='N',
                        help='processes that read bags (default: one a processor core)')
    parser.add_argument('--cache', type=Path, metavar='DIR',
                        help='where to keep what was read, so that the same recording is not read '
                             'again, here or after an interruption (default: $VAA_CACHE, or '
                             '~/.cache/vaa_ros; at most 20 GB, the oldest goes first)')
    parser.add_argument('--no-cache', action='store_true', help='keep nothing')
    add_json(parser)
    add_plain(parser)
    group = parser.add_argument_group('LeRobotDataset v3.0')
    group.add_argument('--to-lerobot', type=Path, metavar='DIR',
                       help='write the dataset BAGS as a LeRobot dataset')
    group.add_argument('--from-lerobot', type=Path, metavar='DIR',
                       help='read this LeRobot dataset instead of bags')
    group.add_argument('--degrees', action='store_true',
                       help='with --from-lerobot: its angles are in degrees')
    group = parser.add_argument_group('HDF5 files of ALOHA and ACT')
    group.add_argument('--from-aloha', type=Path, metavar='DIR',
                       help='read the episode_*.hdf5 in this folder instead of bags')
    group.add_argument('--environment', metavar='NAME',
                       help='with --from-aloha: what the columns are and their rate, a name in '
                            'config/environments or a .yaml file')


def add_plain(parser: argparse.ArgumentParser) -> None:
    """Describe the options that say what bags do not say themselves."""
    group = parser.add_argument_group('which topic is what; this wins over what was recorded')
    group.add_argument('--actions', choices=('commands', 'measured'), default='commands',
                       help='learn from the recorded commands, or, where there are none, from the '
                            'joint positions measured one control period later')
    group.add_argument('--mapping', type=Path, metavar='FILE',
                       help='YAML: robot, task, instruction, cameras (name: topic), joint_states, '
                            'commands, gripper; and of plain bags recording, start, stop, discard')
    group.add_argument('--camera', action='append', type=named_topic, metavar='NAME=TOPIC',
                       help='a camera and its topic, the reference camera first')
    group.add_argument('--joints', metavar='TOPIC', help='topic of the joint states')
    group.add_argument('--commands', metavar='TOPIC',
                       help='topic of the commands, of any name; joint states of a leader arm '
                            'may be commands, too')
    group.add_argument('--instruction', metavar='TEXT',
                       help='what the arm was asked to do, in words')
    group = parser.add_argument_group('where episodes begin in plain bags, of `ros2 bag record`')
    group.add_argument('--cut', default='auto', metavar='RULE',
                       help='where episodes begin and end: service (start and stop were '
                            'recorded), activity (joints stand still in between), length, whole, '
                            'or auto: service where it was recorded, else activity '
                            '(default: auto)')
    group.add_argument('--idle', type=positive_float, default=2.0, metavar='SECONDS',
                       help='activity: standing still that ends an episode (default: 2)')
    group.add_argument('--until-release', action='store_true',
                       help='activity: an episode also ends where the gripper opens, and motion '
                            'that no opening follows is left out')
    group.add_argument('--length', type=positive_float, metavar='SECONDS',
                       help=f'with --cut length: seconds of an episode (default: {LENGTH_S:g})')


def named_topic(text: str) -> tuple[str, str]:
    """Read ``NAME=TOPIC``."""
    name, _, topic = text.partition('=')
    if not name or not topic.startswith('/'):
        raise argparse.ArgumentTypeError(f'{text!r} is not NAME=TOPIC, such as '
                                         'front=/camera/image_raw')
    return name, topic


def plain_options(args: argparse.Namespace) -> PlainOptions:
    """
    Put the mapping file and the options over it together.

    :raises ConfigError: when the file or a value is wrong.
    """
    from vaa_ros.core.errors import ConfigError
    from vaa_ros.learning.cutting import Cutting
    from vaa_ros.learning.plain_bags import PlainOptions
    from vaa_ros.learning.topic_mapping import load_mapping
    from vaa_ros.learning.topic_mapping import TopicMapping
    if args.length and args.cut != 'length':
        raise ConfigError('--length goes with --cut length')
    mapping = load_mapping(args.mapping) if args.mapping else TopicMapping()
    given = {'robot': args.robot, 'task': args.task, 'joint_states': args.joints,
             'commands': args.commands, 'instruction': args.instruction,
             'cameras': dict(args.camera) if args.camera else None}
    try:
        mapping = replace(mapping, **{name: value for name, value in given.items() if value})
        cutting = Cutting(args.cut, args.idle, args.length or LENGTH_S, args.until_release)
    except ValueError as error:
        raise ConfigError(f'dataset: {error}') from error
    return PlainOptions(mapping, cutting, args.actions == 'measured')


def run(args: argparse.Namespace) -> int:
    """Build the dataset, and say what is in it."""
    from vaa_ros.cli import aloha_run
    from vaa_ros.cli import lerobot_run
    check_sources(args)
    prepare_json(args.json)
    if args.to_lerobot:
        write_json(args.json, lerobot_run.export(args.bags[0], args.to_lerobot))
        return 0
    plain = plain_options(args)
    if args.from_lerobot:
        figures = lerobot_run.read(args, plain)
    elif args.from_aloha:
        figures = aloha_run.read(args)
    else:
        figures = build(args.bags, args.out, args.overwrite, task=args.task,
                        robot=plain.mapping.robot or None, command_type=args.command_type,
                        control_rate_hz=args.rate, held_out=args.held_out,
                        chunk_length=args.chunk,
                        include_failed=args.include_failed, only=args.only, plain=plain,
                        workers=args.workers, cache=cache_folder(args.cache, args.no_cache))
    write_json(args.json, figures)
    print(f'\nnext: vaa train --data {args.out} --out RUN')
    return 0


def check_sources(args: argparse.Namespace) -> None:
    """
    Make sure that what is read and what is written fit together.

    :raises ConfigError: naming what is missing or too much.
    """
    from vaa_ros.core.errors import ConfigError
    if args.to_lerobot:
        if len(args.bags) != 1 or args.out or args.from_lerobot or args.from_aloha:
            raise ConfigError('--to-lerobot writes one dataset: vaa dataset DATA --to-lerobot DIR')
        return
    if not args.out:
        raise ConfigError('--out is missing: the dataset folder to write')
    if [bool(args.bags), bool(args.from_lerobot), bool(args.from_aloha)].count(True) != 1:
        raise ConfigError('say what to read: BAGS, or --from-lerobot DIR, or --from-aloha DIR')
    if bool(args.from_aloha) != bool(args.environment):
        raise ConfigError('--from-aloha DIR and --environment NAME go together: the files do not '
                          'say which column is which joint')
    if args.degrees and not args.from_lerobot:
        raise ConfigError('--degrees goes with --from-lerobot')


def cache_folder(given: Path | None, none: bool) -> Path | None:
    """
    Tell where to keep what was read.

    :raises ConfigError: if a folder was asked for that cannot be written.
    """
    from vaa_ros.core.errors import ConfigError
    if none:
        return None
    base = Path(os.environ.get('VAA_CACHE') or '~/.cache/vaa_ros').expanduser()
    folder = given or base / 'episodes'
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        if given is None:
            return None  # a home that cannot be written is no reason to fail
        raise ConfigError(f'--cache {folder}: cannot write there: {error.strerror}') from error


def build(bags: list[Path], out: Path, overwrite: bool, workers: int | None = None,
          cache: Path | None = None, **options: object) -> dict[str, object]:
    """
    Build a dataset with a progress bar, and print what is in it.

    :param workers: processes that read bags; None for one a processor core.
    :param cache: where to keep what was read; None keeps nothing.
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

        result = build_dataset(bags, out, chosen, overwrite, on_bag,
                               workers or len(os.sched_getaffinity(0)), cache)
        bar.update((bar.total or 0) - bar.n)
    return report(result)


def report(result: DatasetResult) -> dict[str, object]:
    """Print what came of a build, and give the figures for machines."""
    from vaa_ros.learning.dataset_result import by_topic
    unusable = by_topic(result.bad)
    print(table([
        ('episodes', result.episodes), ('held out', result.held_out), ('frames', result.frames),
        ('failed, left out', result.failed), ('skipped bags', len(result.skipped)),
        ('pictures without a frame', result.dropped_frames),
        ('unusable messages', result.bad_messages)], title=str(result.folder)))
    for item in unusable:
        print(f'unusable: {item.messages} on {item.topic}: {item.reason}')
    for reason, count in result.dropped.items():
        print(f'without a frame: {count} pictures: {reason}')
    for line in together(result.notes):
        print(line)
    for path, reason in result.skipped:
        print(f'skipped {path}: {reason}')
    return {
        'folder': result.folder, 'episodes': result.episodes, 'held_out': result.held_out,
        'frames': result.frames, 'failed': result.failed,
        'dropped_frames': result.dropped_frames, 'bad_messages': result.bad_messages,
        'dropped': result.dropped, 'unusable': [vars(item) for item in unusable],
        'notes': result.notes,
        'skipped': [{'path': path, 'reason': reason} for path, reason in result.skipped]}


def together(notes: list[str]) -> list[str]:
    """
    Put notes that say the same of several bags on one line.

    :param notes: lines, most of them ``bag: what is to be said``.
    """
    bags: dict[str, list[str]] = {}
    for line in notes:
        bag, _, text = line.partition(': ')
        bags.setdefault(text, []).append(bag)
    return [f'{found[0]}{f" and {len(found) - 1} more" if len(found) > 1 else ""}'
            f'{": " if text else ""}{text}' for text, found in bags.items()]
