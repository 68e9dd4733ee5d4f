# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Look at a recorded episode: in Rerun's viewer, as an .rrd file, or as a film.

Pictures, joints, commands, confidence and events are on one timeline, by the time of arrival and
by the stamps in the headers. It takes any rosbag2 recording.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
import os
from pathlib import Path
import sys
import tempfile
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_json
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import write_json
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from vaa_ros.cli.view_items import BagItems
    from vaa_ros.cli.view_items import Item

EPILOG = """\
examples:
  vaa view out/episodes/episode_000003            opens the viewer
  vaa view out/episodes/episode_000003 --rrd look.rrd     for `rerun look.rrd`, here or elsewhere
  vaa view session.mcap --mp4 session.mp4         cameras side by side, and curves of the joints

Without a display it writes EPISODE.rrd into the current folder.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('bag', metavar='BAG', type=Path,
                        help='rosbag2 folder, or one .mcap or .db3 file')
    parser.add_argument('--rrd', metavar='FILE', type=Path,
                        help='write a file of Rerun instead of opening the viewer')
    parser.add_argument('--mp4', metavar='FILE', type=Path,
                        help='write a film instead of opening the viewer')
    parser.add_argument('--overwrite', action='store_true',
                        help='replace a film or a file of Rerun that is there')
    parser.add_argument('--lossless', action='store_true',
                        help='keep raw pictures as PNG; they become JPEG otherwise. Pictures that '
                             'were recorded compressed always stay as they are')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Show the bag."""
    from vaa_ros.cli.view_items import BagItems
    from vaa_ros.recording.bag_reader import BagReader
    rrd = args.rrd
    for option, path, suffix in (('--rrd', rrd, '.rrd'), ('--mp4', args.mp4, '.mp4')):
        if path is not None and path.suffix.lower() != suffix:
            raise ConfigError(f'{option} {path}: expected a file that ends in {suffix}')
    if args.lossless and rrd is None and args.mp4 is not None:
        raise ConfigError('--lossless is for Rerun: leave it out, or name --rrd FILE too')
    prepare_json(args.json)
    path = one_bag(args.bag.expanduser())
    if rrd is None and args.mp4 is None and not has_display():
        rrd = Path(f'{path.stem}.rrd')
        print('no display here, so the recording is written to a file; --mp4 FILE makes a film')
    for file in (rrd, args.mp4):
        if file is not None and file.exists() and not args.overwrite:
            raise ConfigError(f'{file} exists; choose another name, or say --overwrite')
    found: dict[str, object] = {}
    with BagReader(path) as bag:
        items = BagItems(bag)
        if rrd is not None or args.mp4 is None:
            found.update(_rerun(items, rrd, args.lossless))
        if args.mp4 is not None:
            found.update(_film(items, args.mp4))
        for topic, kind in items.unshown.items():
            print(f'not shown: {topic} ({kind})')
        write_json(args.json, {'bag': path, **found, 'unshown': items.unshown})
    return 0


def one_bag(path: Path) -> Path:
    """
    Make sure that a path is one bag.

    :param path: a bag, or a folder that holds a single one.
    :return: the bag.
    :raises BagError: if there is none or more than one; lists them.
    """
    from vaa_ros.recording.bag_folders import find_bags
    found = find_bags(path)
    if len(found) > 1:
        names = ', '.join(bag.name for bag in found[:5])
        more = f' and {len(found) - 5} more' if len(found) > 5 else ''
        raise BagError(f'{path}: holds {len(found)} bags, expected one. Name it: {names}{more}')
    return found[0]


def has_display() -> bool:
    """Tell whether a window can be opened here."""
    if not sys.platform.startswith('linux'):
        return True
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))


def _rerun(items: BagItems, path: Path | None, lossless: bool) -> dict[str, object]:
    from vaa_ros.cli.view_rerun import open_viewer
    from vaa_ros.cli.view_rerun import RerunSink
    from vaa_ros.cli.view_rerun import write_rrd
    sink = RerunSink(items.bag.path.name, lossless)
    with tempfile.TemporaryDirectory(prefix='vaa_view_') as folder:
        file = path or Path(folder) / f'{items.bag.path.stem}.rrd'
        write_rrd(items, file, sink, _watched(items))
        print(f'{path or items.bag.path.name}: {sum(sink.pictures.values())} pictures of '
              f'{len(sink.pictures)} cameras, {sink.curves} curves, {sink.events} events',
              flush=True)
        for topic, count in sink.unreadable.items():
            print(f'{topic}: {count} pictures cannot be read', flush=True)
        if path is None:
            open_viewer(file)
    return {'rrd': path, 'pictures': sink.pictures, 'unreadable': sink.unreadable,
            'curves': sink.curves, 'events': sink.events}


def _film(items: BagItems, path: Path) -> dict[str, object]:
    from tqdm import tqdm

    from vaa_ros.cli.view_film import write_film
    with tqdm(total=_readable(items), desc='film', unit='message', disable=None) as bar:
        frames = write_film(items, path, bar.update)
    print(f'{path}: {frames} frames')
    return {'mp4': path, 'frames': frames}


def _watched(items: BagItems) -> Iterator[Item]:
    from tqdm import tqdm
    stream: Any = tqdm(items.read(), total=_readable(items), desc='view', unit='message',
                       disable=None)
    yield from stream


def _readable(items: BagItems) -> int:
    bag = items.bag
    return sum(count for topic, count in bag.counts.items() if topic not in bag.unknown)
