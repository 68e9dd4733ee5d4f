# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag as a film: its cameras side by side, and below them what the joints did."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
import itertools
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli.plots import LINES
from vaa_ros.cli.plots import STYLE
from vaa_ros.cli.video import VideoWriter
from vaa_ros.cli.view_items import BagItems
from vaa_ros.cli.view_items import POSITION
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.images import compressed_size
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.bag_pictures import BagPictures
from vaa_ros.learning.bag_pictures import PICTURES
from vaa_ros.learning.bag_pictures import Video
from vaa_ros.learning.topic_mapping import listing
from vaa_ros.learning.topic_mapping import of_types
from vaa_ros.learning.topic_mapping import picture_topics
from vaa_ros.recording.messages import BOOL
from vaa_ros.recording.messages import COMPRESSED_IMAGE
from vaa_ros.recording.messages import IMAGE
from vaa_ros.recording.messages import JOINT_STATE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from vaa_ros.recording.bag_reader import BagReader

RATE_HZ = 30
TILE_HEIGHT, MAX_WIDTH, LEAST_WIDTH = 360, 1920, 640
STRIP_HEIGHT = 240
DPI = 100
LONGEST_S = 4 * 3600.0
"""The longest film [s]: one wrong time of a message would fill the disk."""
MOST_POINTS = 4000
"""Points of a curve that are drawn; a strip has no more pixels."""
CURSOR = (210, 73, 60)


@dataclass(frozen=True)
class Strip:
    """
    The curves, drawn once.

    :param picture: (STRIP_HEIGHT, W, 3) uint8 rgb.
    :param left: column of the first message [px].
    :param right: column of the last one [px].
    """

    picture: np.ndarray
    left: float
    right: float

    def at(self, share: float) -> np.ndarray:
        """Draw the cursor where this share of the time is over; (STRIP_HEIGHT, W, 3)."""
        frame = self.picture.copy()
        column = round(self.left + min(max(share, 0.0), 1.0) * (self.right - self.left))
        frame[:, max(column - 1, 0):column + 1] = CURSOR
        return frame


def write_film(items: BagItems, path: Path, progress: Callable[[], Any]) -> int:
    """
    Write a bag as an MP4, which appears under its name only when it is whole.

    Frames are 1/30 s of arrival apart, whatever the rate of the cameras; each camera shows what
    came last.

    :param items: the bag.
    :param path: the file.
    :param progress: called for every message that was read.
    :return: number of frames.
    :raises BagError: if it has no camera, is damaged, or would make a film of many hours.
    :raises ConfigError: if the file cannot be written.
    """
    bag = items.bag
    topics = picture_topics(bag) or of_types(bag, PICTURES)
    if not topics:
        raise BagError(f'{bag.path}: no camera, so there is nothing to film. It has: '
                       f'{listing(bag)}')
    if bag.seconds > LONGEST_S:
        raise BagError(f'{bag.path}: {bag.seconds / 3600:.4g} h lie between the first and the '
                       f'last message, and a film may have {LONGEST_S / 3600:g} h. Was one '
                       'received at a wrong time? Without --mp4, Rerun shows where it lies')
    tiles = _tiles(items, topics)
    width = max(sum(camera.width for camera in tiles.values()), LEAST_WIDTH)
    height = max(camera.height for camera in tiles.values())
    strip = _strip(items, width, progress)
    now = {topic: np.zeros((camera.height, camera.width, 3), np.uint8)
           for topic, camera in tiles.items()}
    pictures, due_ns, span_ns = BagPictures(), bag.start_ns, max(bag.stop_ns - bag.start_ns, 1)
    with VideoWriter(path, RATE_HZ, (width, height + STRIP_HEIGHT)) as film:
        def advance(until_ns: int) -> None:
            nonlocal due_ns
            while due_ns < until_ns:
                film.write(_frame(now, strip, width, height, (due_ns - bag.start_ns) / span_ns))
                due_ns = bag.start_ns + round((film.frames) * NANOSECONDS / RATE_HZ)

        for item in items.read(topics):
            advance(item.log_ns)
            try:
                now[item.topic] = pictures.fitted(item.topic, bag.topics[item.topic],
                                                  item.picture, tiles[item.topic])
            except ImageError:
                now[item.topic] = np.zeros_like(now[item.topic])
            progress()
        advance(bag.stop_ns)
    return film.frames


def _tiles(items: BagItems, topics: list[str]) -> dict[str, CameraSpec]:
    """Choose the size of every camera's tile: all of one height, all within the frame."""
    shapes: dict[str, float] = {}
    for topic in topics:
        for item in items.read([topic]):
            try:
                wide, high = _size(items.bag.topics[topic], item.picture)
            except ImageError:
                continue
            shapes[topic] = wide / high
            break
    if not shapes:
        raise BagError(f'{items.bag.path}: no picture on {", ".join(topics)} can be read')
    height = min(TILE_HEIGHT, int(MAX_WIDTH / sum(shapes.values())))
    height -= height % 2
    return {topic: CameraSpec(topic.strip('/').replace('/', '_'),
                              max(2, 2 * round(height * shapes.get(topic, 1.0) / 2)), height)
            for topic in topics}


def _size(kind: str, message: Any) -> tuple[int, int]:
    if kind == IMAGE:
        if not (message.width and message.height):
            raise ImageError('picture without pixels')
        return message.width, message.height
    if kind == COMPRESSED_IMAGE:
        skip = 12 if 'compressedDepth' in message.format else 0
        return compressed_size(message.data[skip:].data)
    height, width = Video(message.format).frame(message.data).shape[:2]
    return width, height


def _frame(now: Mapping[str, np.ndarray], strip: Strip, width: int, height: int,
           share: float) -> np.ndarray:
    frame = np.zeros((height + STRIP_HEIGHT, width, 3), np.uint8)
    row = np.concatenate(list(now.values()), axis=1)
    left = (width - row.shape[1]) // 2
    frame[:height, left:left + row.shape[1]] = row
    frame[height:] = strip.at(share)
    return frame


def _curves(items: BagItems, progress: Callable[[], Any]) -> dict[
        str, dict[str, tuple[list[float], list[float]]]]:
    """Read positions by joint, and single numbers, by topic: times [s] and values."""
    found: dict[str, dict[str, tuple[list[float], list[float]]]] = {}
    bag = items.bag
    small = [topic for topic, kind in bag.topics.items()
             if kind not in PICTURES and bag.counts.get(topic) and topic not in bag.unknown]
    for item in items.read(small) if small else ():
        progress()
        for name, value in item.curves.items():
            if name.endswith(POSITION) or not name:
                times, values = found.setdefault(name, {}).setdefault(item.topic, ([], []))
                times.append((item.log_ns - bag.start_ns) / NANOSECONDS)
                values.append(value)
    return found


def _strip(items: BagItems, width: int, progress: Callable[[], Any]) -> Strip:
    """Draw positions of joints, commands dashed, above single numbers such as the confidence."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    bag, found = items.bag, _curves(items, progress)
    numbers = found.pop('', {})
    with matplotlib.rc_context({**STYLE, 'font.size': 8}):
        figure = Figure(figsize=(width / DPI, STRIP_HEIGHT / DPI), dpi=DPI)
        canvas = FigureCanvasAgg(figure)
        panels = figure.subplots(1 + bool(numbers), sharex=True, squeeze=False,
                                 height_ratios=[3, 1][:1 + bool(numbers)])[:, 0]
        for colour, (joint, topics) in zip(itertools.cycle(LINES), sorted(found.items()),
                                           strict=False):
            for topic, (times, values) in topics.items():
                measured = bag.topics[topic] == JOINT_STATE
                _draw(panels[0], times, values, color=colour, ls='-' if measured else '--',
                      label=joint[1:-len(POSITION)] if measured else None)
        for colour, (topic, (times, values)) in zip(itertools.cycle(LINES),
                                                    sorted(numbers.items()), strict=False):
            if bag.topics[topic] == BOOL:  # a switch stays as it was last told
                times, values = [*times, bag.seconds], [*values, values[-1]]
            _draw(panels[-1], times, values, color=colour, label=topic, drawstyle='steps-post')
        for panel in panels:
            if panel.get_legend_handles_labels()[0]:
                panel.legend(loc='lower right', bbox_to_anchor=(1, 1), ncols=8, fontsize=7,
                             borderpad=0)
        panels[0].set_xlim(0, max(bag.seconds, 1e-3))
        panels[0].set_title(_title(bag), fontsize=8)
        panels[0].set_ylabel('joints [rad, m]')
        canvas.draw()
        left, right = (float(panels[0].transData.transform((at, 0))[0])
                       for at in panels[0].get_xlim())
        return Strip(np.asarray(canvas.buffer_rgba())[:, :, :3].copy(), left, right)


def _draw(panel: Axes, times: list[float], values: list[float], **style: Any) -> None:
    step = len(times) // MOST_POINTS + 1
    panel.plot(times[::step], values[::step], linewidth=1.1, **style)


def _title(bag: BagReader) -> str:
    known = bag.metadata
    if known is None:
        return bag.path.name
    result = {True: 'success', False: 'failure'}.get(known.success, '')
    told = (bag.path.name, known.task, known.instruction, result)
    return '   '.join(text for text in told if text)
