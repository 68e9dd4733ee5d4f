# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The film of the episodes: front view large, wrist view inset, a caption; H.264 in MP4."""

from __future__ import annotations

from fractions import Fraction
import functools
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from PIL import ImageFont

WIDTH, HEIGHT = 800, 600
CAPTION = 56
INSET_WIDTH = 224
MARGIN = 14

INK, FAINT, PAPER = (236, 240, 244), (150, 160, 172), (20, 24, 30)
COLOURS = {'success': (86, 211, 134), 'failure': (240, 113, 103), '': FAINT}


class VideoWriter:
    """
    Writes frames to an MP4 that browsers play; a context manager.

    :param path: the file; it appears under this name only when it is complete.
    :param rate_hz: frames per second.
    :param size: width and height of the frames, even numbers [px].
    :raises ConfigError: when the file cannot be written.
    """

    def __init__(self, path: Path, rate_hz: int = 30,
                 size: tuple[int, int] = (WIDTH, HEIGHT + CAPTION)) -> None:
        """Open the file."""
        import av
        self._path = path
        self._partial = path.with_name(f'.{path.stem}.partial{path.suffix}')
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # faststart puts the index first, so that a browser plays while it still loads.
            self._container = av.open(str(self._partial), 'w', format='mp4',
                                      options={'movflags': 'faststart'})
        except OSError as error:
            raise ConfigError(f'{path}: cannot write the video: {error}') from error
        self._stream = self._container.add_stream(
            'libx264', rate=Fraction(rate_hz), options={'preset': 'veryfast', 'crf': '25'})
        self._stream.width, self._stream.height = size
        self._stream.pix_fmt = 'yuv420p'
        self._stream.thread_count = 2
        self.frames = 0

    def write(self, frame: np.ndarray) -> None:
        """Append one frame, (height, width, 3) uint8 rgb."""
        import av
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format='rgb24')
        for packet in self._stream.encode(picture):
            self._container.mux(packet)
        self.frames += 1

    def __enter__(self) -> VideoWriter:
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """Finish the file, or drop what is there of it after an error."""
        try:
            if kind is None and self.frames:
                for packet in self._stream.encode():
                    self._container.mux(packet)
            self._container.close()
            if kind is None and self.frames:
                self._partial.replace(self._path)
        except OSError as problem:
            raise ConfigError(f'{self._path}: cannot write the video: {problem}') from problem
        finally:
            self._partial.unlink(missing_ok=True)


def compose(front: np.ndarray, wrist: np.ndarray | None, left: str, right: str = '',
            verdict: str = '') -> np.ndarray:
    """
    Make one frame of the film.

    :param front: (H, W, 3) uint8 rgb.
    :param wrist: (h, w, 3) uint8 rgb, or None.
    :param left: caption, such as the episode and its seed.
    :param right: caption at the other end, such as the time.
    :param verdict: ``success``, ``failure`` or nothing; shown as a badge.
    :return: (HEIGHT + CAPTION, WIDTH, 3) uint8 rgb.
    """
    frame = np.empty((HEIGHT + CAPTION, WIDTH, 3), np.uint8)
    frame[:HEIGHT] = _fill(front, WIDTH, HEIGHT)
    if wrist is not None:
        height = round(INSET_WIDTH * wrist.shape[0] / wrist.shape[1])
        x, y = WIDTH - INSET_WIDTH - MARGIN, MARGIN
        frame[y - 3:y + height + 3, x - 3:x + INSET_WIDTH + 3] = PAPER
        frame[y:y + height, x:x + INSET_WIDTH] = _fill(wrist, INSET_WIDTH, height)
    frame[HEIGHT:] = _caption(left, right, verdict)
    return frame


def _fill(image: np.ndarray, width: int, height: int) -> np.ndarray:
    import cv2
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_CUBIC)


@functools.lru_cache(maxsize=64)
def _caption(left: str, right: str, verdict: str) -> np.ndarray:
    from PIL import Image
    from PIL import ImageDraw
    strip = Image.new('RGB', (WIDTH, CAPTION), PAPER)
    draw = ImageDraw.Draw(strip)
    middle = CAPTION // 2
    draw.text((MARGIN + 4, middle), left, INK, _font(22, bold=True), anchor='lm')
    x = WIDTH - MARGIN - 4
    if verdict:
        colour = COLOURS.get(verdict, FAINT)
        width = int(draw.textlength(verdict, _font(20, bold=True))) + 28
        draw.rounded_rectangle((x - width, 11, x, CAPTION - 11), 8, fill=colour)
        draw.text((x - width // 2, middle), verdict, PAPER, _font(20, bold=True), anchor='mm')
        x -= width + 16
    draw.text((x, middle), right, FAINT, _font(20), anchor='rm')
    return np.asarray(strip)


@functools.lru_cache(maxsize=8)
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    import matplotlib
    from PIL import ImageFont
    # Matplotlib brings its fonts along, so the captions look the same on every machine.
    name = 'DejaVuSans-Bold.ttf' if bold else 'DejaVuSans.ttf'
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / name), size)
