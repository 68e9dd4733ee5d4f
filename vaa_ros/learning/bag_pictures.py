# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures out of recorded messages: raw, JPEG or PNG, depth, and video.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import fit_image
from vaa_ros.core.images import MAX_PIXELS
from vaa_ros.core.spec import CameraSpec
from vaa_ros.recording.messages import COMPRESSED_IMAGE
from vaa_ros.recording.messages import COMPRESSED_VIDEO
from vaa_ros.recording.messages import IMAGE

PICTURES = (IMAGE, COMPRESSED_IMAGE, COMPRESSED_VIDEO)
CODECS = {'h264': 'h264', 'h265': 'hevc', 'vp9': 'vp9', 'av1': 'av1'}
"""Formats of foxglove_msgs/CompressedVideo, and the decoder of each."""


class BagPictures:
    """
    Decodes the pictures of one bag, whose messages come in order.

    A video is decoded from its start, since each of its frames builds on those before it.
    """

    def __init__(self) -> None:
        self._videos: dict[str, Video] = {}
        self.read_to_ns = 0
        """Up to when the packets of videos were decoded [ns]."""

    def fitted(self, topic: str, kind: str, message: Any, camera: CameraSpec) -> np.ndarray:
        """
        Decode one picture as the policy sees it.

        :param topic: where it comes from.
        :param kind: its message type.
        :param message: the message.
        :param camera: the crop and size wanted.
        :return: (camera.height, camera.width, 3) uint8 rgb.
        :raises ImageError: if it cannot be decoded.
        """
        if kind == IMAGE:
            return fit_image(picture(message), camera)
        if kind == COMPRESSED_IMAGE:
            return fit_image(decode_compressed(message.data, camera=camera, form=message.format),
                             camera)
        return fit_image(self._video(topic, message.format).frame(message.data), camera)

    def follow(self, topic: str, message: Any) -> None:
        """
        Decode a packet of a video whose picture is not wanted.
        """
        try:
            self._video(topic, message.format).frame(message.data)
        except ImageError:
            pass  # it is said of the pictures that are wanted and lack this one

    def _video(self, topic: str, form: str) -> Video:
        if topic not in self._videos:
            self._videos[topic] = Video(form)
        return self._videos[topic]


class Video:
    """
    Frames out of the packets of a video, each of which holds one.

    After a packet that cannot be decoded there is no picture until the next key frame: a decoder
    would make one up from what it has.

    :param form: format that the messages tell.
    :raises ImageError: if it is unknown.
    :raises ConfigError: if av is not installed.
    """

    def __init__(self, form: str) -> None:
        try:
            import av
        except ModuleNotFoundError as problem:
            raise ConfigError('the bag holds video, which is decoded by av: pip install '
                              'vaa_ros[lerobot]') from problem
        if form not in CODECS:
            raise ImageError(f'video of format {form!r}. Known: {", ".join(CODECS)}')
        self._av, self._name, self._whole = av, CODECS[form], False
        self._start()

    def frame(self, data: np.ndarray) -> np.ndarray:
        """
        Decode a packet.

        :param data: the packet.
        :return: (H, W, 3) uint8 rgb.
        :raises ImageError: if it is damaged, or builds on one that is missing.
        """
        try:
            frames = self._codec.decode(self._av.Packet(data.tobytes()))
        except (self._av.FFmpegError, ValueError) as problem:
            self._start()
            raise ImageError(f'packet of {data.size} bytes cannot be decoded: {problem}'
                             ) from problem
        if len(frames) != 1:
            self._whole = self._whole and bool(frames)
            raise ImageError(f'packet of {data.size} bytes gives {len(frames)} pictures, expected '
                             'one; is the key frame before it missing?')
        self._whole = (self._whole or frames[0].key_frame) and not frames[0].is_corrupt
        if not self._whole:
            raise ImageError('picture that builds on a missing or damaged one')
        if frames[0].width * frames[0].height > MAX_PIXELS:
            raise ImageError(f'picture of {frames[0].width}x{frames[0].height}, over the limit of '
                             f'{MAX_PIXELS} pixels')
        return frames[0].to_ndarray(format='rgb24')

    def _start(self) -> None:
        self._whole = False
        self._codec = self._av.CodecContext.create(self._name, 'r')
        self._codec.thread_count = 1
        self._codec.flags |= self._av.codec.context.Flags.low_delay
        self._codec.options = {'err_detect': 'explode'}


def picture(message: Any) -> np.ndarray:
    """
    Decode the picture in a sensor_msgs/Image (H, W, 3) uint8 rgb.

    :raises ImageError: if the message does not hold what its header promises.
    """
    return decode_image(message.height, message.width, message.encoding, message.step,
                        message.data)
