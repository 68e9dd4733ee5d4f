# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Image messages to rgb pictures at policy size: one code for the live path and for bags.

Depth becomes grey: white at the camera, black from 2 m on and where nothing was measured.

The file of the core that imports OpenCV. Everything is checked against the header before
memory is taken, since a header can promise anything.
"""
from __future__ import annotations

import os

import numpy as np

from vaa_ros.core.errors import ImageError
from vaa_ros.core.spec import CameraSpec

MAX_PIXELS = 16_000_000
# Read by OpenCV at import: bounds what a small, hostile file can decompress to.
os.environ.setdefault('OPENCV_IO_MAX_IMAGE_PIXELS', str(MAX_PIXELS))

import cv2  # noqa: E402

# encoding -> (bytes a pixel, OpenCV conversion to rgb or None)
ENCODINGS: dict[str, tuple[int, int | None]] = {
    'rgb8': (3, None),
    'bgr8': (3, cv2.COLOR_BGR2RGB),
    '8UC3': (3, cv2.COLOR_BGR2RGB),
    'rgba8': (4, cv2.COLOR_RGBA2RGB),
    'bgra8': (4, cv2.COLOR_BGRA2RGB),
    'mono8': (1, cv2.COLOR_GRAY2RGB),
    '8UC1': (1, cv2.COLOR_GRAY2RGB),
    'yuv422': (2, cv2.COLOR_YUV2RGB_UYVY),
    'uyvy': (2, cv2.COLOR_YUV2RGB_UYVY),
    'yuv422_yuy2': (2, cv2.COLOR_YUV2RGB_YUY2),
    'yuyv': (2, cv2.COLOR_YUV2RGB_YUY2),
    'bayer_rggb8': (1, cv2.COLOR_BayerBG2RGB),
    'bayer_bggr8': (1, cv2.COLOR_BayerRG2RGB),
    'bayer_gbrg8': (1, cv2.COLOR_BayerGR2RGB),
    'bayer_grbg8': (1, cv2.COLOR_BayerGB2RGB),
}
"""Encodings of sensor_msgs/Image that are understood (sensor_msgs/image_encodings.hpp)."""

# encoding -> (type of a value, metres a unit); REP 118
DEPTHS: dict[str, tuple[np.dtype, float]] = {
    '16UC1': (np.dtype('<u2'), 0.001),
    '32FC1': (np.dtype('<f4'), 1.0),
}
"""Encodings of depth images."""
DEPTH_RANGE_M = 2.0
"""Distance that is black [m]; 256 steps of 8 mm, as far as an arm reaches."""

REDUCED = {1: cv2.IMREAD_COLOR, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4,
           8: cv2.IMREAD_REDUCED_COLOR_8}
YUV = {'yuv422', 'uyvy', 'yuv422_yuy2', 'yuyv'}


def decode_image(
    height: int, width: int, encoding: str, step: int, data: bytes | np.ndarray,
) -> np.ndarray:
    """
    Turn the fields of a sensor_msgs/Image into an rgb picture.

    :param height: rows.
    :param width: columns.
    :param encoding: one of :data:`ENCODINGS`.
    :param step: bytes a row, padding included.
    :param data: the rows, as anything with a buffer.
    :return: (height, width, 3) uint8 rgb; shares memory with ``data`` for packed rgb8.
    :raises ImageError: if the fields do not agree with each other, or the encoding is unknown.
    """
    if encoding in DEPTHS:
        return depth_to_rgb(*raw_depth(height, width, encoding, step, data))
    rows = image_rows(height, width, encoding, step, data)
    pixel, conversion = ENCODINGS[encoding]
    picture = rows.reshape(height, width, pixel) if pixel > 1 else rows
    if conversion is None:
        return picture
    return cv2.cvtColor(np.ascontiguousarray(picture), conversion)


def image_rows(
    height: int, width: int, encoding: str, step: int, data: bytes | np.ndarray,
) -> np.ndarray:
    """
    Check the fields of a sensor_msgs/Image against each other, and take the padding off.

    :param height: rows.
    :param width: columns.
    :param encoding: one of :data:`ENCODINGS` or :data:`DEPTHS`.
    :param step: bytes a row, padding included.
    :param data: the rows, as anything with a buffer.
    :return: (height, width x bytes a pixel) uint8, sharing memory with ``data``.
    :raises ImageError: if the fields do not agree with each other, or the encoding is unknown.
    """
    if encoding not in ENCODINGS and encoding not in DEPTHS:
        raise ImageError(f'encoding {encoding!r} is unknown. Known: '
                         f'{", ".join([*ENCODINGS, *DEPTHS])}')
    if height < 1 or width < 1:
        raise ImageError(f'size {width}x{height}, expected at least 1x1')
    if height * width > MAX_PIXELS:
        raise ImageError(f'size {width}x{height} is over the limit of {MAX_PIXELS} pixels')
    pixel = ENCODINGS[encoding][0] if encoding in ENCODINGS else DEPTHS[encoding][0].itemsize
    if step < width * pixel:
        raise ImageError(f'step {step}, expected at least width x {pixel} = {width * pixel} for '
                         f'{encoding}')
    if encoding in YUV and width % 2:
        raise ImageError(f'width {width} is odd, {encoding} holds pixels in pairs')
    buffer = np.frombuffer(data, dtype=np.uint8)
    if buffer.size < step * height:
        raise ImageError(f'data has {buffer.size} bytes, expected step x height = {step * height}')
    return buffer[:step * height].reshape(height, step)[:, :width * pixel]


def raw_depth(
    height: int, width: int, encoding: str, step: int, data: bytes | np.ndarray,
) -> tuple[np.ndarray, float]:
    """
    Turn the fields of a sensor_msgs/Image into depth.

    :param encoding: one of :data:`DEPTHS`; the others are those of :func:`decode_image`.
    :return: (height, width) distances, and metres a unit.
    :raises ImageError: if the fields do not agree with each other.
    """
    kind, metres = DEPTHS[encoding]
    rows = image_rows(height, width, encoding, step, data)
    return np.ascontiguousarray(rows).view(kind), metres


def measured(depth: np.ndarray) -> np.ndarray:
    """
    Tell where depth was measured.

    :param depth: distances (H, W), in any unit.
    :return: (H, W) bool: false for 0, negative and what is not finite.
    """
    return np.isfinite(depth) & (depth > 0)


def depth_to_rgb(depth: np.ndarray, metres: float) -> np.ndarray:
    """
    Turn depth into a grey picture.

    :param depth: distances (H, W); 0, negative or not finite where nothing was measured.
    :param metres: metres a unit.
    :return: (H, W, 3) uint8: 255 at the camera, 0 at 2 m, beyond, and where unknown.
    """
    far = DEPTH_RANGE_M / metres
    known = measured(depth) & (depth < far)
    near = 1.0 - np.where(known, depth, far).astype(np.float32) / np.float32(far)
    return cv2.cvtColor(np.rint(255 * near).astype(np.uint8), cv2.COLOR_GRAY2RGB)


def decode_compressed(data: bytes | np.ndarray, max_pixels: int = MAX_PIXELS,
                      camera: CameraSpec | None = None, form: str = '') -> np.ndarray:
    """
    Decode the data of a sensor_msgs/CompressedImage (JPEG or PNG).

    :param data: the compressed file.
    :param max_pixels: the largest picture to accept [px].
    :param camera: what the policy sees of it: a JPEG may come at 1/2, 1/4 or 1/8 of its size, as
        long as it is no smaller than that. That takes less than half the time.
    :param form: the message's format, which tells depth (``16UC1; compressedDepth``) from colour.
    :return: (H, W, 3) uint8 rgb.
    :raises ImageError: if it is empty, cut off, not JPEG or PNG, or too large.
    """
    picture, scale = _decompress(data, max_pixels, camera, form)
    encoding = form.partition(';')[0]
    if encoding in DEPTHS:
        return depth_to_rgb(*_scaled_depth(picture, encoding, scale))
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)


def compressed_depth(data: bytes | np.ndarray, form: str) -> tuple[np.ndarray, float]:
    """
    Decode the depth in a sensor_msgs/CompressedImage.

    :param data: the compressed file.
    :param form: the message's format, which begins with one of :data:`DEPTHS`.
    :return: (H, W) distances, and metres a unit.
    :raises ImageError: if it cannot be decoded.
    """
    picture, scale = _decompress(data, MAX_PIXELS, None, form)
    return _scaled_depth(picture, form.partition(';')[0], scale)


def _decompress(data: bytes | np.ndarray, max_pixels: int, camera: CameraSpec | None,
                form: str) -> tuple[np.ndarray, tuple[float, ...]]:
    buffer = np.frombuffer(data, dtype=np.uint8)
    encoding, _, transport = form.partition(';')
    scale = (0.0, 0.0)
    if 'compressedDepth' in transport:
        # image_transport puts a header before the file: kind of compression, two parameters.
        scale = tuple(buffer[4:12].view('<f4').tolist()) if buffer.size > 12 else scale
        buffer = buffer[12:]
    jpeg = check_whole(buffer)
    width, height = compressed_size(buffer.data)
    if width * height > max_pixels:
        raise ImageError(f'compressed image is {width}x{height}, over the limit of {max_pixels} '
                         'pixels')
    flag = cv2.IMREAD_UNCHANGED if encoding in DEPTHS else cv2.IMREAD_COLOR
    if jpeg and camera is not None:
        flag = REDUCED[reduction(width, height, camera)]
    try:
        picture = cv2.imdecode(buffer, flag)
    except cv2.error as problem:
        raise ImageError(f'compressed image cannot be decoded: {problem}') from problem
    if picture is None:
        raise ImageError(f'compressed image of {buffer.size} bytes cannot be decoded')
    return picture, scale


def check_whole(buffer: np.ndarray) -> bool:
    """
    Tell a JPEG from a PNG by its start, and make sure that its end is there.

    :param buffer: the file.
    :return: whether it is a JPEG.
    :raises ImageError: if it is neither, or cut off.
    """
    head = buffer[:8].tobytes()
    # A decoder fills a cut-off file up with grey and calls it a picture: look for the end marks.
    tail = buffer[-64:].tobytes().rstrip(b'\0')
    if head.startswith(b'\xff\xd8'):
        whole = tail.endswith(b'\xff\xd9')
    elif head == b'\x89PNG\r\n\x1a\n':
        whole = b'IEND' in tail
    else:
        raise ImageError(f'compressed image of {buffer.size} bytes is neither JPEG nor PNG')
    if not whole:
        raise ImageError(f'compressed image of {buffer.size} bytes is cut off: no end mark')
    return head.startswith(b'\xff\xd8')


def reduction(width: int, height: int, camera: CameraSpec) -> int:
    """
    Choose by how much a JPEG may be reduced while it is decoded.

    :param width: its width [px].
    :param height: its height [px].
    :param camera: the crop and size wanted.
    :return: 1, 2, 4 or 8.
    """
    _, _, across, down = camera.crop or (0.0, 0.0, 1.0, 1.0)
    return next(scale for scale in (8, 4, 2, 1) if scale == 1 or (
        width * across >= scale * camera.width and height * down >= scale * camera.height))


def _scaled_depth(picture: np.ndarray, encoding: str,
                  scale: tuple[float, ...]) -> tuple[np.ndarray, float]:
    """Turn a 16-bit PNG into distances; those of 32FC1 are a / (value - b)."""
    if picture.dtype != np.uint16 or picture.ndim != 2:
        raise ImageError(f'compressed depth image holds {picture.dtype} {picture.shape}, expected '
                         '16 bits of one channel')
    if encoding == '16UC1':
        return picture, DEPTHS['16UC1'][1]
    if not scale[0] > 0:
        raise ImageError(f'compressed depth image has the parameters {scale}, expected them '
                         'positive')
    with np.errstate(divide='ignore', invalid='ignore'):
        metres = np.float32(scale[0]) / (picture.astype(np.float32) - np.float32(scale[1]))
    return np.where(picture > 0, metres, 0), 1.0


def compressed_size(data: memoryview) -> tuple[int, int]:
    """
    Read the size of a JPEG or PNG from its header, before anything is decompressed.

    OpenCV's own limit cannot be relied on: it is fixed by whoever imports OpenCV first.

    :param data: the compressed file, from its first byte.
    :return: width and height [px].
    :raises ImageError: if there is no such header.
    """
    if bytes(data[12:16]) == b'IHDR' and len(data) >= 24:
        return int.from_bytes(data[16:20], 'big'), int.from_bytes(data[20:24], 'big')
    place = 2
    # A JPEG is a chain of segments; the first frame header (SOF) tells the size.
    while place + 9 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return (int.from_bytes(data[place + 7:place + 9], 'big'),
                    int.from_bytes(data[place + 5:place + 7], 'big'))
        # 0xFF may be repeated before a marker; all other segments tell their length.
        place += 1 if marker == 0xFF else 2 + int.from_bytes(data[place + 2:place + 4], 'big')
    raise ImageError(f'compressed image of {len(data)} bytes has no header that tells its size')


def fit_image(rgb: np.ndarray, camera: CameraSpec) -> np.ndarray:
    """
    Crop and resize a picture to what the policy sees.

    :param rgb: (H, W, 3) uint8 source picture.
    :param camera: the crop and size wanted.
    :return: (camera.height, camera.width, 3) uint8, contiguous.
    """
    if camera.crop is not None:
        rows, columns = rgb.shape[:2]
        x, y, width, height = camera.crop
        left, top = min(round(x * columns), columns - 1), min(round(y * rows), rows - 1)
        rgb = rgb[top:max(top + round(height * rows), top + 1),
                  left:max(left + round(width * columns), left + 1)]
    if rgb.shape[:2] != (camera.height, camera.width):
        # Area averaging is the one that does not alias when a picture shrinks.
        shrinks = rgb.shape[0] >= camera.height and rgb.shape[1] >= camera.width
        rgb = _averaged(rgb, camera.width, camera.height) if shrinks else cv2.resize(
            rgb, (camera.width, camera.height), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(rgb)


def _averaged(rgb: np.ndarray, width: int, height: int) -> np.ndarray:
    """
    Shrink by area averaging, as OpenCV does.

    Where columns are averaged in whole numbers and rows in fractions, as from 640x480 to 128x128,
    OpenCV takes nearly twice the time of exact sums over the columns before it does the rows.
    """
    rows, columns = rgb.shape[:2]
    whole = columns // width
    if columns % width or rows % height == 0 or whole not in (3, 5, 7):
        return cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    sums = cv2.boxFilter(rgb, cv2.CV_16U, (whole, 1), anchor=(0, 0), normalize=False,
                         borderType=cv2.BORDER_CONSTANT)
    sums = cv2.resize(sums, (width, rows), interpolation=cv2.INTER_NEAREST).astype(np.float32)
    sums = cv2.resize(sums, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.convertScaleAbs(sums, alpha=1 / whole)
