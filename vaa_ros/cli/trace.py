# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What was seen of one episode while it ran: pictures, commands, joints and alignment."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path

import numpy as np

from vaa_ros.cli.results import EpisodeResult

END_FRAMES = 24
"""How long the last picture of an episode stays, so that its verdict can be read [frames]."""


@dataclass
class Series:
    """Values over time; both lists grow together."""

    stamps_ns: list[int] = field(default_factory=list)
    values: list[np.ndarray] = field(default_factory=list)

    def add(self, stamp_ns: int, value: np.ndarray) -> None:
        """Append one sample."""
        self.stamps_ns.append(stamp_ns)
        self.values.append(value)

    def since(self, start_ns: int) -> tuple[np.ndarray, np.ndarray]:
        """Return times from ``start_ns`` (N,) [s] and values (N, ...)."""
        times = (np.asarray(self.stamps_ns, np.int64) - start_ns) / 1e9
        return times, np.asarray(self.values)


@dataclass
class EpisodeTrace:
    """
    One episode as it was seen.

    :param names: joints, in the order of commands and measured positions.
    :param result: figures of the episode; set when it is over.
    :param start_ns: stamp of its first moment.
    :param pictures: per camera, JPEG files in memory.
    :param commands: commanded positions (D,), by the stamp of their observation.
    :param measured: measured positions (D,).
    :param alignment: cosine of vision and action embedding.
    """

    names: tuple[str, ...]
    result: EpisodeResult | None = None
    start_ns: int | None = None
    pictures: dict[str, Series] = field(default_factory=dict)
    commands: Series = field(default_factory=Series)
    measured: Series = field(default_factory=Series)
    alignment: Series = field(default_factory=Series)
    latencies_ms: list[float] = field(default_factory=list)

    def add_picture(self, camera: str, stamp_ns: int, rgb: np.ndarray) -> None:
        """Keep a picture as JPEG; a minute of raw ones would fill a gigabyte."""
        import cv2
        done, data = cv2.imencode('.jpg', np.ascontiguousarray(rgb[:, :, ::-1]),
                                  [cv2.IMWRITE_JPEG_QUALITY, 92])
        if done:
            self.pictures.setdefault(camera, Series()).add(stamp_ns, data)

    def strip(self, camera: str, count: int = 5, width: int = 132) -> list[bytes]:
        """Return small JPEG pictures spread evenly over the episode."""
        import cv2
        series = self.pictures.get(camera)
        if series is None:
            return []
        wanted = np.linspace(0, len(series.values) - 1, min(count, len(series.values)))
        strip = []
        for index in wanted.round().astype(int):
            bgr = _rgb(series.values[index])[:, :, ::-1]
            size = (width, round(width * bgr.shape[0] / bgr.shape[1]))
            small = cv2.resize(bgr, size, interpolation=cv2.INTER_AREA)
            strip.append(cv2.imencode('.jpg', small, [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes())
        return strip


def film(traces: list[EpisodeTrace], path: Path, cameras: tuple[str, ...],
         progress: Callable[[], object] = lambda: None) -> int:
    """
    Write the video of all episodes.

    :param cameras: the large one first, the inset second if there is one.
    :param progress: called after every episode.
    :return: number of frames; without any no file is written.
    """
    from vaa_ros.cli.video import VideoWriter
    with VideoWriter(path) as video:
        for number, trace in enumerate(traces, 1):
            for frame in _frames(trace, f'episode {number} of {len(traces)}', cameras):
                video.write(frame)
            progress()
        return video.frames


def _frames(trace: EpisodeTrace, title: str, cameras: tuple[str, ...]) -> Iterator[np.ndarray]:
    from vaa_ros.cli.video import compose
    result, front = trace.result, trace.pictures.get(cameras[0])
    if front is None or result is None:
        return
    inset = trace.pictures.get(cameras[1]) if len(cameras) > 1 else None
    stamps = np.asarray(inset.stamps_ns if inset else [], np.int64)
    start = trace.start_ns if trace.start_ns is not None else front.stamps_ns[0]
    left = f'{title}    seed {result.seed}'
    for stamp, data in zip(front.stamps_ns, front.values, strict=True):
        time_s = min(max(stamp - start, 0) / 1e9, result.time_s)
        nearest = int(np.abs(stamps - stamp).argmin()) if len(stamps) else 0
        pictures = (_rgb(data), _rgb(inset.values[nearest]) if inset else None)
        yield compose(*pictures, left, f'{time_s:.1f} s')
    verdict = 'success' if result.success else 'failure'
    for _ in range(END_FRAMES):
        yield compose(*pictures, left, f'{result.time_s:.1f} s', verdict)


def _rgb(jpeg: np.ndarray) -> np.ndarray:
    import cv2
    bgr = cv2.imdecode(jpeg, cv2.IMREAD_COLOR)
    assert bgr is not None  # it was encoded here
    return bgr[:, :, ::-1]
