# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A contact sheet: what a set of episodes looks like, at one glance."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.images import fit_image
from vaa_ros.core.spec import CameraSpec
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.take import picture_of
from vaa_ros.recording.take import STILLS

COLUMNS = 8
TILE_WIDTH, TILE_HEIGHT, GAP = 160, 120, 4
LABEL_WIDTH = 300
DPI = 100
COLOURS = {'keep': '#2e9d64', 'look': '#e07b39', 'discard': '#d2493c'}
WHITE = 255
SUFFIXES = ('.png', '.jpg', '.webp', '.pdf')


def check_sheet(path: Path) -> None:
    """
    Make sure that a contact sheet can be written there.

    :raises BagError: if its name does not say a kind of picture that is known.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise BagError(f'{path}: a contact sheet ends in {", ".join(SUFFIXES)}')


def film_strips(bag: BagReader) -> list[np.ndarray]:
    """
    Take pictures of an episode at even times.

    :param bag: the open episode.
    :return: a strip (TILE_HEIGHT, W, 3) uint8 rgb for each camera, in order of its topic; a
        picture that cannot be read is white.
    """
    topics = sorted(topic for topic, kind in bag.topics.items()
                    if kind in STILLS and bag.counts.get(topic))
    times = np.linspace(bag.start_ns, bag.stop_ns, COLUMNS, endpoint=False).astype(np.int64)
    strips = []
    for topic in topics:
        tiles = [_picture(bag, topic, int(time_ns)) for time_ns in times]
        strips.append(np.concatenate([np.pad(tile, ((0, 0), (0, GAP), (0, 0)),
                                             constant_values=WHITE) for tile in tiles], axis=1))
    return strips


def draw_sheet(path: Path, rows: Sequence[tuple[Mapping[str, object], list[np.ndarray]]]) -> None:
    """
    Draw a contact sheet.

    :param path: the picture file.
    :param rows: what is known of each episode (``episode``, ``task``, ``success``, ``seconds``,
        ``verdict``, ``reasons``), and its strips.
    """
    from matplotlib.figure import Figure
    blank = np.full((TILE_HEIGHT, COLUMNS * (TILE_WIDTH + GAP), 3), WHITE, np.uint8)
    bands, tops = [], []
    for _, strips in rows:
        tops.append(sum(len(band) for band in bands))
        for strip in strips or [blank]:
            bands.append(np.pad(strip, ((0, GAP), (0, 0), (0, 0)), constant_values=WHITE))
    picture = np.concatenate(bands)
    height, width = picture.shape[:2]
    figure = Figure(figsize=((width + LABEL_WIDTH) / DPI, height / DPI), dpi=DPI)
    figure.figimage(picture, LABEL_WIDTH, 0, origin='upper')
    for (facts, _), top in zip(rows, tops, strict=True):
        figure.text(8 / (width + LABEL_WIDTH), 1 - (top + 8) / height, _label(facts),
                    va='top', fontsize=9, color=COLOURS.get(str(facts.get('verdict')), '#22303f'))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI)


def _label(facts: Mapping[str, object]) -> str:
    success = {True: 'success', False: 'failure'}.get(facts.get('success'), 'no verdict')
    lines = [str(facts['episode']), f'{facts.get("task") or ""} {success} {facts["seconds"]} s',
             str(facts.get('verdict') or '')]
    reasons = [str(reason) for reason in facts.get('reasons') or ()]  # type: ignore[union-attr]
    return '\n'.join([*lines, *(reason[:44] for reason in reasons[:3])])


def _picture(bag: BagReader, topic: str, time_ns: int) -> np.ndarray:
    size = CameraSpec('tile', TILE_WIDTH, TILE_HEIGHT)
    for _, _, message in bag.messages([topic], start_ns=time_ns):
        try:
            return fit_image(picture_of(bag.topics[topic], message), size)
        except ImageError:
            break
    return np.full((TILE_HEIGHT, TILE_WIDTH, 3), WHITE, np.uint8)
