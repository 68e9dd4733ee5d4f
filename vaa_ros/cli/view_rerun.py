# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A bag as an .rrd file, and Rerun's viewer of it. The only file that imports rerun."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
from dataclasses import dataclass
from dataclasses import field
import os
from pathlib import Path
import subprocess
import sys
from typing import Any

import cv2
import numpy as np

from vaa_ros.cli.view_items import BagItems
from vaa_ros.cli.view_items import Event
from vaa_ros.cli.view_items import Item
from vaa_ros.cli.view_items import POSITION
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.images import check_whole
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.images import DEPTHS
from vaa_ros.learning.bag_pictures import picture
from vaa_ros.recording.messages import COMPRESSED_VIDEO
from vaa_ros.recording.messages import IMAGE
from vaa_ros.recording.messages import JOINT_STATE

try:
    import rerun as rr
    import rerun.blueprint as rrb
except ModuleNotFoundError as problem:
    raise ConfigError('vaa view shows bags in Rerun, which is not installed: pip install '
                      "'vaa_ros[view]'; --mp4 needs none") from problem

RECEIVED, STAMP = 'received', 'stamp'
EVENTS = '/events'
JPEG_QUALITY = 90
JPEG, PNG = 'image/jpeg', 'image/png'
ROWS = 512
BATCH_BYTES = 4 << 20
FOOTER = b'RRF2FOOT'
"""How a whole .rrd file ends, but for four bytes of its version."""
FOOTER_AT = -12
FLUSH_S = 30.0
MEASURED, COMMANDED = (90, 150, 255), (240, 150, 80)
SHARES = (3, 4, 2)
"""How high the rows are: pictures, curves, events."""


@dataclass
class Batch:
    """
    What is sent at once.

    :param columns: makes the columns of the values.
    :param times: received and stamp of each row [ns].
    :param values: the rows.
    :param size: memory that they take [byte].
    """

    columns: Any
    times: list[tuple[int, int]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    size: int = 0


class RerunSink:
    """
    Sends items to Rerun.

    :param name: what the recording is called in the viewer.
    :param lossless: keep raw pictures as PNG, not as JPEG.
    """

    def __init__(self, name: str, lossless: bool = False) -> None:
        self._recording = rr.RecordingStream('vaa_view')
        self._recording.send_recording_name(name)
        self._lossless = lossless
        self._batches: dict[str, Batch] = {}
        self._curves: dict[str, dict[str, None]] = {}
        self.pictures: dict[str, int] = {}
        """Pictures shown, by topic."""
        self.unreadable: dict[str, int] = {}
        """Pictures that could not be decoded, by topic."""
        self.events = 0
        """Number of events."""

    @property
    def curves(self) -> int:
        """Give the number of curves."""
        return sum(map(len, self._curves.values()))

    def save(self, path: Path) -> None:
        """Write to a file from now on."""
        self._recording.save(path)

    def describe(self, facts: Mapping[str, str]) -> None:
        """Show what is known of the episode."""
        rows = [f'| {name} | {value} |' for name, value in facts.items()]
        text = '\n'.join(['| what | value |', '|---|---|', *rows])
        self._recording.log('/episode', rr.TextDocument(text, media_type='text/markdown'),
                            static=True)
        self._recording.send_property('episode', rr.AnyValues(**facts))

    def put(self, item: Item, kind: str) -> None:
        """
        Take one item.

        :param item: the item.
        :param kind: type of its message.
        """
        for name, value in item.curves.items():
            path = _path(item.topic + name)
            known = self._curves.setdefault(item.topic, {})
            if name not in known:
                known[name] = None
                self._recording.log(path, _style(item.topic, name, kind), static=True)
            self._add(path, item, value, 8, _scalars)
        for event in item.events:
            self._event(item, event)
        if item.picture is not None:
            try:
                self._picture(item, kind)
            except ImageError as error:
                self.unreadable[item.topic] = self.unreadable.get(item.topic, 0) + 1
                self._event(item, (f'{item.topic}: {error}', 'ERROR'))

    def finish(self) -> None:
        """
        Send the rest, and how it is laid out.

        :raises ConfigError: if the file did not take everything.
        """
        for path in list(self._batches):
            self._send(path)
        self._recording.send_blueprint(self._blueprint())
        try:
            self._recording.flush(timeout_sec=FLUSH_S)
        except (RuntimeError, ValueError) as error:
            raise ConfigError(str(error)) from error
        finally:
            self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._recording.disconnect()

    def _event(self, item: Item, event: Event) -> None:
        self.events += 1
        self._add(_path(EVENTS + item.topic), item, event, len(event[0]), _texts)

    def _picture(self, item: Item, kind: str) -> None:
        message, path = item.picture, _path(item.topic)
        if kind == COMPRESSED_VIDEO and message.format.upper() in rr.VideoCodec.__members__:
            if item.topic not in self.pictures:
                codec = rr.VideoCodec[message.format.upper()]
                self._recording.log(path, rr.VideoStream(codec), static=True)
            self._add(path, item, message.data.tobytes(), message.data.size, _samples)
        elif kind == IMAGE and message.encoding in DEPTHS:
            picture(message)  # checks that it holds what it promises
            if item.topic not in self.pictures:
                metre = 1 / DEPTHS[message.encoding][1]
                self._recording.log(path, rr.DepthImage.from_fields(meter=metre), static=True)
            self._add(path, item, _depth(message), message.data.size, _depths)
        else:
            blob, media = self._encoded(kind, message)
            self._add(path, item, (blob, media), len(blob), _blobs)
        self.pictures[item.topic] = self.pictures.get(item.topic, 0) + 1

    def _encoded(self, kind: str, message: Any) -> tuple[bytes, str]:
        if kind == IMAGE:
            return _encode(picture(message), self._lossless)
        if kind == COMPRESSED_VIDEO:
            raise ImageError(f'video of format {message.format!r} is not shown. Known: '
                             f'{", ".join(rr.VideoCodec.__members__)}')
        if message.format.partition(';')[0] in DEPTHS:
            return _encode(decode_compressed(message.data, form=message.format), True)
        jpeg = check_whole(message.data)
        return message.data.tobytes(), JPEG if jpeg else PNG

    def _add(self, path: str, item: Item, value: Any, size: int, columns: Any) -> None:
        batch = self._batches.setdefault(path, Batch(columns))
        batch.times.append((item.log_ns, item.stamp_ns))
        batch.values.append(value)
        batch.size += size
        if len(batch.values) >= ROWS or batch.size >= BATCH_BYTES:
            self._send(path)

    def _send(self, path: str) -> None:
        batch = self._batches.pop(path)
        times = np.array(batch.times, np.int64).astype('datetime64[ns]')
        indexes = [rr.TimeColumn(name, timestamp=times[:, column])
                   for column, name in enumerate((RECEIVED, STAMP))]
        self._recording.send_columns(path, indexes, batch.columns(batch.values), strict=True)

    def _blueprint(self) -> rrb.Blueprint:
        rows: list[Any] = []
        if self.pictures:
            rows.append(rrb.Horizontal(*[rrb.Spatial2DView(origin=_path(topic), name=topic)
                                         for topic in sorted(self.pictures)]))
        joints: dict[str, list[str]] = {}
        others: list[Any] = []
        # Single numbers, such as the confidence, come before the velocities of joints.
        for topic, names in sorted(self._curves.items(), key=lambda entry: '' not in entry[1]):
            rest = [_path(topic + name) for name in names if not name.endswith(POSITION)]
            for name in names:
                if name.endswith(POSITION):
                    joints.setdefault(name[1:-len(POSITION)], []).append(_path(topic + name))
            if rest:
                others.append(rrb.TimeSeriesView(contents=rest, name=topic))
        plots: list[Any] = [rrb.TimeSeriesView(contents=paths, name=joint)
                            for joint, paths in joints.items()]
        curves: list[Any] = [rrb.Grid(*plots, name='joints')] if plots else []
        if others:
            curves.append(rrb.Tabs(*others, name='more'))
        if curves:
            rows.append(rrb.Horizontal(*curves, column_shares=[3, 1][:len(curves)]))
        rows.append(rrb.Horizontal(rrb.TextLogView(origin=EVENTS, name='events'),
                                   rrb.TextDocumentView(origin='/episode', name='episode')))
        return rrb.Blueprint(
            rrb.Vertical(*rows, row_shares=SHARES[-len(rows):]),
            rrb.TimePanel(timeline=RECEIVED, state='collapsed'),
            rrb.BlueprintPanel(state='collapsed'), rrb.SelectionPanel(state='collapsed'),
            auto_views=False)


def write_rrd(items: BagItems, path: Path, sink: RerunSink, stream: Iterable[Item]) -> None:
    """
    Write a bag to an .rrd file, which appears under its name only when it is whole.

    :param items: the bag.
    :param path: the file.
    :param sink: what sends to Rerun.
    :param stream: the items to show.
    :raises ConfigError: if the file cannot be written.
    """
    partial = path.with_name(f'.{path.stem}.{os.getpid()}.partial{path.suffix}')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Rerun writes in a thread of its own, which could not say that the place is wrong.
        partial.touch()
        sink.save(partial)
        _show(items, sink, stream)
        with partial.open('rb') as file:
            file.seek(FOOTER_AT, os.SEEK_END)
            whole = file.read(len(FOOTER)) == FOOTER
        if not whole:
            raise ConfigError(f'{path}: is cut off; is the disk full?')
        partial.replace(path)
    except ConfigError as error:
        raise ConfigError(f'{path}: cannot be written: {error}') from error
    finally:
        with contextlib.suppress(Exception):
            sink.close()
        partial.unlink(missing_ok=True)


def open_viewer(path: Path) -> None:
    """
    Open an .rrd file in the viewer, and wait until it is closed.

    :param path: the file.
    :raises ConfigError: if the viewer does not start.
    """
    # It listens for more recordings; nobody else in the network needs to send it any.
    command = [sys.executable, '-m', 'rerun', '--new', '--bind', '127.0.0.1', str(path)]
    done = subprocess.run(command, check=False)
    if done.returncode:
        raise ConfigError(f'the viewer of Rerun ended with {done.returncode}; what it said is '
                          'above. Write a file instead: --rrd FILE, or --mp4 FILE')


def _show(items: BagItems, sink: RerunSink, stream: Iterable[Item]) -> None:
    bag = items.bag
    facts = {} if bag.metadata is None else bag.metadata.to_custom_data()
    verdict = {} if bag.metadata is None else bag.metadata.verdict
    facts['verdict'] = '; '.join([str(verdict['judgement']), *verdict.get('reasons', ())]
                                 ) if verdict.get('judgement') else ''
    shown = ('task', 'instruction', 'operator', 'success', 'seed', 'robot', 'policy', 'aborted',
             'verdict', 'vaa_version')
    sink.describe({'bag': str(bag.path), 'seconds': f'{bag.seconds:.2f}',
                   **{name: str(facts[name]) for name in shown if facts.get(name)}})
    for item in stream:
        sink.put(item, bag.topics[item.topic])
    sink.finish()


def _style(topic: str, name: str, kind: str) -> rr.SeriesLines:
    """Tell curves apart: in the plot of a joint by topic and colour, elsewhere by name."""
    if name.endswith(POSITION):
        return rr.SeriesLines(names=topic.strip('/'),
                              colors=MEASURED if kind == JOINT_STATE else COMMANDED)
    return rr.SeriesLines(names=(name or topic).strip('/'))


def _path(name: str) -> str:
    return '/' + '/'.join(rr.escape_entity_path_part(part) for part in name.split('/') if part)


def _scalars(values: Sequence[float]) -> Any:
    return rr.Scalars.columns(scalars=values)


def _texts(values: Sequence[Event]) -> Any:
    return rr.TextLog.columns(text=[text for text, _ in values],
                              level=[level for _, level in values])


def _samples(values: Sequence[bytes]) -> Any:
    return rr.VideoStream.columns(sample=values)


def _blobs(values: Sequence[tuple[bytes, str]]) -> Any:
    return rr.EncodedImage.columns(blob=[blob for blob, _ in values],
                                   media_type=[media for _, media in values])


def _depths(values: Sequence[tuple[bytes, Any]]) -> Any:
    return rr.DepthImage.columns(buffer=[buffer for buffer, _ in values],
                                 format=[form for _, form in values])


def _depth(message: Any) -> tuple[bytes, Any]:
    kind = DEPTHS[message.encoding][0]
    rows = message.data.reshape(-1)[:message.step * message.height].reshape(message.height, -1)
    packed = np.ascontiguousarray(rows[:, :message.width * kind.itemsize])
    return packed.tobytes(), rr.components.ImageFormat(
        message.width, message.height, color_model='L',
        channel_datatype=rr.ChannelDatatype.from_np_dtype(kind))


def _encode(rgb: np.ndarray, lossless: bool) -> tuple[bytes, str]:
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    if lossless:
        done, data = cv2.imencode('.png', bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    else:
        done, data = cv2.imencode('.jpg', bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not done:
        raise ImageError(f'picture of {rgb.shape[1]}x{rgb.shape[0]} cannot be encoded')
    return data.tobytes(), PNG if lossless else JPEG
