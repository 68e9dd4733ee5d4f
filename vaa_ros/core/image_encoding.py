# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Image messages to JPEG or PNG, as image_transport writes them; the way back is images.py.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaa_ros.core.errors import ImageError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.images import cv2
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import ENCODINGS
from vaa_ros.core.images import raw_depth

NONE, JPEG, PNG = 'none', 'jpeg', 'png'
FORMATS = (NONE, JPEG, PNG)
DEPTH = '16UC1'
_GREY = ('mono8', '8UC1')
_EXACT = (*_GREY, 'rgb8', 'bgr8', '8UC3')
# Fast ones: on the noise of a camera the slow ones gain a few per cent for twice the time.
_PNG = (cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


@dataclass(frozen=True)
class ImageFormat:
    """
    How pictures are stored.

    :param form: ``none`` (as they come), ``jpeg`` or ``png`` (every pixel as it was).
    :param quality: quality of JPEG, 1 to 100.
    :raises ValueError: if one is out of range.
    """

    form: str = NONE
    quality: int = 95

    def __post_init__(self) -> None:
        if self.form not in FORMATS:
            raise ValueError(str(unknown_name('image format', self.form, FORMATS)))
        if not 1 <= self.quality <= 100:
            raise ValueError(f'JPEG quality {self.quality}, expected 1 to 100')

    def to_mapping(self) -> dict[str, str | int]:
        """
        Give plain values for the metadata.

        :return: the format, and the quality where it has one; empty for ``none``.
        """
        if self.form == NONE:
            return {}
        return {'format': self.form, **({'quality': self.quality} if self.form == JPEG else {})}

    def encode(self, height: int, width: int, encoding: str, step: int, data: np.ndarray,
               big_endian: bool = False) -> tuple[str, bytes]:
        """
        Compress the fields of a sensor_msgs/Image. Depth of 16 bits becomes PNG also with JPEG.

        :param height: rows.
        :param width: columns.
        :param encoding: one of :data:`ENCODINGS`, or ``16UC1``.
        :param step: bytes a row, padding included.
        :param data: the rows.
        :param big_endian: whether its values are.
        :return: ``format`` of a sensor_msgs/CompressedImage, and the compressed file.
        :raises ImageError: if the fields do not agree, or the format cannot hold the encoding.
        """
        if encoding == DEPTH and not big_endian:
            depth, _ = raw_depth(height, width, encoding, step, data)
            return f'{DEPTH}; png compressed ', _file('.png', depth, _PNG)
        if encoding not in (_EXACT if self.form == PNG else ENCODINGS):
            raise ImageError(f'{encoding} cannot be stored as {self.form}')
        # ImageError names the decoder's limits, so that what is written can also be read.
        rgb = decode_image(height, width, encoding, step, data)
        ending, options = ('.png', _PNG) if self.form == PNG else (
            '.jpg', (cv2.IMWRITE_JPEG_QUALITY, self.quality))
        if encoding in _GREY:
            return f'mono8; {self.form} compressed ', _file(ending, rgb[..., 0], options)
        bgr = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2BGR)
        name = encoding if encoding == 'rgb8' else 'bgr8'
        return f'{name}; {self.form} compressed bgr8', _file(ending, bgr, options)


AS_THEY_COME = ImageFormat()


def _file(ending: str, pixels: np.ndarray, options: tuple[int, ...]) -> bytes:
    try:
        done, encoded = cv2.imencode(ending, pixels, options)
    except cv2.error as problem:
        raise ImageError(f'{pixels.shape[1]}x{pixels.shape[0]} cannot be stored: {problem}'
                         ) from problem
    if not done:
        raise ImageError(f'{pixels.shape[1]}x{pixels.shape[0]} cannot be stored as {ending}')
    return encoded.tobytes()
