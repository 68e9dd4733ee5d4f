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
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.paths import model_file
from vaa_ros.core.paths import model_names

if TYPE_CHECKING:
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.verdict import Limits

HIDDEN = ('counts', 'dropped', 'spec', 'software', 'active_policy', 'verdict')
"""What is not shown of an episode's metadata as one line each."""

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
    parser.add_argument('--follow', metavar='DIR', type=Path, nargs='*',
                        help='also say which recordings a model or dataset came from, and which '
                             'policy ran in a recording and what was learned from it; they are '
                             'looked for below these folders')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Print what the path holds."""
    prepare_json(args.json)
    if args.contact_sheet is not None:
        from vaa_ros.cli.contact_sheet import check_sheet
        check_sheet(args.contact_sheet)
    found = dict(describe(args.path, args.judge, args.thresholds, args.contact_sheet))
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
            return _episode(path, limits)
        if any(path.glob('*.onnx')):
            return _model(name)
        if any(path.iterdir()):
            return _episodes(path, limits, contact_sheet)
        raise BagError(f'{path}: the folder is empty')
    if path.is_file() and storage_suffix(path):
        return _episode(path, limits)
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


def _episode(path: Path, limits: Mapping[str, Limits] | None) -> Mapping[str, object]:
    from vaa_ros.recording.bag_reader import BagReader
    with BagReader(path) as bag:
        seconds, metadata, verdict = bag.seconds, bag.metadata, _verdict(bag, limits)
        topics = [(topic, kind, bag.counts.get(topic, 0))
                  for topic, kind in sorted(bag.topics.items())]
    facts = metadata.to_custom_data() if metadata is not None else {}
    spec = dict(metadata.spec) if metadata is not None else {}
    shown = {key: value for key, value in facts.items()
             if key not in HIDDEN}
    print(table([('bag', str(path)), ('length', f'{seconds:.1f} s'), *shown.items()]))
    if metadata is None:
        print('(no vaa_ros metadata: recorded by something else)')
    elif spec:
        _robot(spec)
    _print_verdict(verdict)
    print()
    print(table([(*topic, topic[2] / seconds if seconds > 0 else None) for topic in topics],
                header=('topic', 'type', 'messages', 'per second')))
    return {'kind': 'episode', 'path': path, 'seconds': seconds, 'metadata': facts, 'spec': spec,
            'verdict': verdict,
            'active_policy': dict(metadata.active_policy) if metadata is not None else {},
            'topics': [dict(zip(('topic', 'type', 'messages'), topic, strict=True))
                       for topic in topics]}


def _verdict(bag: BagReader, limits: Mapping[str, Limits] | None) -> Mapping[str, Any]:
    """Give the verdict on a bag as it was recorded, or anew by thresholds."""
    from vaa_ros.recording.episode import EpisodeMetadata
    known = bag.metadata or EpisodeMetadata()
    if limits is None:
        return known.verdict
    from vaa_ros.recording.take import take_of
    from vaa_ros.recording.take_figures import figures_of
    from vaa_ros.recording.verdict import judge
    take = take_of(bag.topics, bag.raw_messages())
    return judge(figures_of(take, known, _required(bag)), limits).to_mapping()


def _required(bag: BagReader) -> list[str]:
    """Say which topics a recording of ours must have: an arm led by hand has no commands."""
    from vaa_ros.recording.image_encoder import topic_in_bag
    from vaa_ros.recording.messages import JOINT_STATE
    from vaa_ros.recording.recorded_spec import camera_topics_of
    from vaa_ros.recording.recorded_spec import topics_told
    known = bag.metadata
    if known is None or not isinstance(known.spec.get('cameras'), Mapping):
        return []
    named = list(topics_told(known.spec).values()) or [
        topic for topic in bag.topics
        if topic.rsplit('/', 1)[-1] in ('joint_states', known.command_type)]
    if JOINT_STATE not in bag.topics.values():
        named.append('/joint_states')
    cameras = [topic_in_bag(topic, bag.counts) for topic in camera_topics_of(known.spec).values()]
    return list(dict.fromkeys([*cameras, *named]))


def _print_verdict(verdict: Mapping[str, Any]) -> None:
    if not verdict:
        print('(not judged when it was recorded: --judge does it now)')
        return
    print()
    print('; '.join([f'verdict: {verdict.get("judgement")}', *verdict.get('reasons', ())]))
    print(table([(name, subject, value) for name, values in verdict.get('figures', {}).items()
                 for subject, value in values.items()], header=('figure', 'of', 'value')))


def _robot(spec: Mapping[str, Any]) -> None:
    """Print what the robot of an episode was."""
    from vaa_ros.core.robot import robot_from_mapping
    try:
        robot = robot_from_mapping(spec['robot'], 'custom_data: spec')
        cameras = ', '.join(f'{name} ({topic})' for name, topic in spec['cameras'].items())
        rate_hz = float(spec['control_rate_hz'])
    except (VaaError, KeyError, TypeError, ValueError, AttributeError) as error:
        print(f'(its description of the robot cannot be read: {error!r})')
        return
    print(table([('cameras', cameras or 'none'),
                 ('control rate', f'{rate_hz:g} Hz' if rate_hz else 'unknown')]))
    print()
    print(table([(joint.name, joint.unit, joint.lower, joint.upper, joint.velocity,
                  joint.acceleration) for joint in robot.joints],
                header=('joint', 'unit', 'lower', 'upper', 'per s', 'per s2')))


def _episodes(folder: Path, limits: Mapping[str, Limits] | None,
              contact_sheet: Path | None) -> Mapping[str, object]:
    from vaa_ros.cli.contact_sheet import film_strips
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.bag_reader import list_episodes
    paths, skipped = list_episodes(folder)
    episodes: list[dict[str, Any]] = []
    strips = []
    for path in paths:
        try:
            with BagReader(path) as bag:
                row = _row(bag, limits)
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
    return {'kind': 'episodes', 'path': folder, 'episodes': episodes,
            'skipped': [{'path': path, 'reason': reason} for path, reason in skipped]}


def _row(bag: BagReader, limits: Mapping[str, Limits] | None) -> dict[str, Any]:
    known, verdict = bag.metadata, _verdict(bag, limits)
    return {
        'episode': bag.path.name, 'task': known.task if known else None,
        'seed': known.seed if known else None, 'success': known.success if known else None,
        'operator': known.operator if known else None, 'seconds': round(bag.seconds, 2),
        'messages': sum(bag.counts.values()),
        'dropped': sum(known.dropped.values()) if known else None,
        'verdict': verdict.get('judgement'), 'reasons': verdict.get('reasons', [])}


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
