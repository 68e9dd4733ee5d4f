# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Say what a file is: a recorded episode, a folder of them, a dataset, a run or a model.

A model's spec is printed as YAML: its cameras, joints, actions, and how it was made.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
import json
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.paths import model_file
from vaa_ros.core.paths import model_names

if TYPE_CHECKING:
    from vaa_ros.recording.verdict import Limits

EPILOG = """\
examples:
  vaa inspect out/episodes                     every episode of a folder, one line each
  vaa inspect out/episodes --judge --contact-sheet sheet.png
                                               with verdicts by today's thresholds, and pictures
  vaa inspect out/episodes/episode_000003      topics, counts and verdict of one episode
  vaa inspect out/dataset                      episodes, frames and split of a dataset
  vaa inspect models/pick_place                spec of a model, as YAML
  vaa inspect policy.onnx --json spec.json     the same for machines
  vaa inspect policy.onnx --follow out         the recordings it learned from, if below out
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('path', metavar='PATH',
                        help='bag, folder of bags, dataset, run folder, .onnx file, or the name '
                             'of a model that ships with the package')
    parser.add_argument('--judge', action='store_true',
                        help='read the messages of bags and judge them anew, instead of showing '
                             'the verdict that was recorded')
    parser.add_argument('--thresholds', metavar='FILE', default='',
                        help='thresholds of --judge (default: config/verdict.yaml)')
    parser.add_argument('--contact-sheet', metavar='FILE', type=Path,
                        help='draw pictures of every episode into one image')
    parser.add_argument('--follow', metavar='DIR', type=Path, action='append',
                        help='also say which recordings a model or dataset came from, and which '
                             'policy ran in a recording and what was learned from it; they are '
                             'looked for below this folder; may be given several times')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the path holds."""
    prepare_json(args.json)
    if args.thresholds and not args.judge:
        raise ConfigError('--thresholds goes with --judge')
    if args.contact_sheet is not None:
        from vaa_ros.cli.contact_sheet import check_sheet
        check_sheet(args.contact_sheet)
    found = dict(describe(args.path, args.judge, args.thresholds, args.contact_sheet))
    if found['kind'] not in ('episode', 'episodes') and (args.judge or args.contact_sheet):
        raise ConfigError(f'{args.path} is a {found["kind"]}: --judge and --contact-sheet are for '
                          'recordings')
    if args.follow is not None:
        found['provenance'] = follow(found, args.follow)
    write_json(args.json, found)
    return 0


def follow(found: Mapping[str, Any], folders: list[Path]) -> object:
    """
    Print where something came from, and what came of it.

    :param found: what :func:`describe` gave.
    :param folders: where to look.
    :return: the same for machines.
    :raises VaaError: for what comes from nowhere.
    """
    from vaa_ros.cli import provenance
    place = provenance.Place(folders)
    if found['kind'] == 'model':
        return provenance.follow_model(found['spec'], place)
    if found['kind'] == 'dataset':
        return provenance.follow_dataset(found['description']['episodes'], place)
    if found['kind'] == 'episode':
        return provenance.follow_bag(Path(found['path']), place)
    raise VaaError(f'--follow: {found["path"]} is a {found["kind"]}, expected a model, a dataset '
                   'or one recording')


def describe(name: str, judge: bool = False, thresholds: str = '',
             contact_sheet: Path | None = None) -> Mapping[str, object]:
    """
    Print what a path holds and return the same for machines.

    :param name: the path, or the name of a model.
    :param judge: judge bags anew.
    :param thresholds: the file of thresholds for that; empty for that of the package.
    :param contact_sheet: where to draw pictures of a folder of bags.
    :raises VaaError: when it is nothing that this package knows.
    """
    from vaa_ros.cli.inspect_episode import show_episode
    from vaa_ros.recording.bag_files import storage_suffix
    from vaa_ros.recording.verdict import load_thresholds
    limits = load_thresholds(thresholds) if judge else None
    path = Path(name).expanduser()
    if path.is_dir():
        if (path / 'dataset.json').is_file():
            return _dataset(path)
        if (path / 'metrics.jsonl').is_file():
            return _run(path)
        if (path / 'metadata.yaml').is_file():
            return show_episode(path, limits, contact_sheet)
        if any(path.glob('*.onnx')):
            return _model(name)
        if any(path.iterdir()):
            return _episodes(path, limits, contact_sheet)
        raise BagError(f'{path}: the folder is empty')
    if path.is_file() and storage_suffix(path):
        return show_episode(path, limits, contact_sheet)
    if path.suffix == '.onnx' or name in model_names():
        return _model(name)
    if path.exists():
        raise VaaError(f'{path}: not a bag (.mcap, .db3, packed with zstd or not), a model '
                       '(.onnx) or a folder of one')
    raise VaaError(f'{path}: no such file or folder; models that ship with the package: '
                   + (', '.join(model_names()) or 'none'))


def _model(name: str) -> Mapping[str, object]:
    import yaml

    from vaa_ros.cli.policy_run import policy_spec
    path = model_file(name)
    found = policy_spec(str(path))
    assert found is not None  # only the hold policy has no spec, and it is no file
    spec = found.to_dict()
    # Statistics of every chunk step are for programs; --json has them, in full precision.
    shown = {key: _short(value) for key, value in spec.items() if key != 'normalisation'}
    print(f'# {path}  ({path.stat().st_size / 1e6:.2f} MB)')
    print(yaml.dump(shown, Dumper=_dumper(), sort_keys=False, allow_unicode=True, width=98,
                    default_flow_style=None), end='')
    return {'kind': 'model', 'path': path, 'bytes': path.stat().st_size, 'spec': spec}


def _episodes(folder: Path, limits: Mapping[str, Limits] | None,
              contact_sheet: Path | None) -> Mapping[str, object]:
    from vaa_ros.cli.contact_sheet import film_strips
    from vaa_ros.cli.inspect_episode import row_of
    from vaa_ros.cli.inspect_episode import verdict_of
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.bag_reader import list_episodes
    from vaa_ros.recording.episode import ABORTED
    from vaa_ros.recording.episode import DISCARDED
    paths, skipped = list_episodes(folder)
    episodes: list[dict[str, Any]] = []
    strips = []
    for path in paths:
        try:
            with BagReader(path) as bag:
                row = row_of(bag, verdict_of(bag, limits))
                pictures = film_strips(bag) if contact_sheet is not None else []
        except BagError as error:  # damaged inside, which shows only when it is read
            skipped.append((path, str(error)))
            continue
        episodes.append(row)
        strips.append(pictures)
    total_s = sum(entry['seconds'] for entry in episodes)
    columns = ('episode', 'task', 'seed', 'success', 'operator', 'seconds', 'messages', 'dropped',
               'verdict')
    print(table([[*(_word(entry[name]) for name in columns), '; '.join(entry['reasons'])]
                 for entry in episodes], header=(*columns, 'reasons')))
    if contact_sheet is not None and episodes:
        from vaa_ros.cli.contact_sheet import draw_sheet
        draw_sheet(contact_sheet, list(zip(episodes, strips, strict=True)))
        print(f'\npictures: {contact_sheet}')
    good = [entry['success'] for entry in episodes].count(True)
    print(f'\n{len(episodes)} episodes, {good} of them successes, '
          f'{total_s:.0f} s in all; {len(skipped)} skipped')
    for path, reason in skipped:
        print(f'skipped {path}: {reason}')
    aside = {name: len(list((folder / name).glob('episode_*'))) for name in (ABORTED, DISCARDED)}
    for name, count in aside.items():
        if count:
            print(f'{count} more in {folder / name}, which are not learned from')
    return {'kind': 'episodes', 'path': folder, 'episodes': episodes, 'aside': aside,
            'skipped': [{'path': path, 'reason': reason} for path, reason in skipped]}


def _dataset(folder: Path) -> Mapping[str, object]:
    path = folder / 'dataset.json'
    try:
        description = json.loads(path.read_text(encoding='utf-8'))
        episodes = description['episodes']
        rows = [[_word(entry.get(name)) for name in
                 ('bag', 'task', 'seed', 'success', 'frames', 'split')] for entry in episodes]
        frames = {split: sum(entry['frames'] for entry in episodes if entry['split'] == split)
                  for split in sorted({entry['split'] for entry in episodes})}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DatasetError(f'{path}: cannot be read as a dataset: {error!r}') from error
    print(table([[Path(str(row[0])).name, *row[1:]] for row in rows],
                header=('bag', 'task', 'seed', 'success', 'frames', 'split')))
    print(f'\n{len(episodes)} episodes, '
          + ', '.join(f'{count} frames {split}' for split, count in frames.items()))
    return {'kind': 'dataset', 'path': folder, 'frames': frames, 'description': description}


def _run(folder: Path) -> Mapping[str, object]:
    from vaa_ros.cli.training_log import read_metrics
    last = read_metrics(folder / 'metrics.jsonl')[-1]
    files = sorted(path.name for path in folder.iterdir() if path.is_file())
    print(table([('run', str(folder)), ('files', ', '.join(files)), *last.items()]))
    return {'kind': 'run', 'path': folder, 'files': files, 'last': last}


def _dumper() -> Any:
    """Make a YAML dumper that writes texts of several lines as they are."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Keeps lines."""

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        style = '|' if '\n' in value else None
        return dumper.represent_scalar('tag:yaml.org,2002:str', value, style=style)

    Dumper.add_representer(str, text)
    return Dumper


def _short(value: Any) -> Any:
    """Round numbers for people, however deep they lie."""
    if isinstance(value, float):
        return float(f'{value:.4g}')
    if isinstance(value, Mapping):
        return {key: _short(item) for key, item in value.items()}
    return [_short(item) for item in value] if isinstance(value, (list, tuple)) else value


def _word(value: object) -> object:
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    return value
