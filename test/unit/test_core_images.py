# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Image messages to rgb: every encoding, every way in which a message can lie about itself.
"""
from __future__ import annotations

import array
import os
import struct
import zlib

import cv2
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.errors import ImageError
from vaa_ros.core.images import compressed_size
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import ENCODINGS
from vaa_ros.core.images import fit_image
from vaa_ros.core.images import MAX_PIXELS
from vaa_ros.core.images import YUV
from vaa_ros.core.spec import CameraSpec

RED, GREEN, BLUE, GREY = (200, 10, 30), (10, 200, 30), (30, 10, 200), (77, 77, 77)
COLOURS = [RED, GREEN, BLUE, GREY]


def packed(encoding: str, colour: tuple[int, int, int]) -> tuple[int, ...]:
    red, green, blue = colour
    return {'rgb8': (red, green, blue), 'bgr8': (blue, green, red), '8UC3': (blue, green, red),
            'rgba8': (red, green, blue, 255), 'bgra8': (blue, green, red, 0)}[encoding]


# --- raw images -------------------------------------------------------------------------------

@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', '8UC3', 'rgba8', 'bgra8'])
@pytest.mark.parametrize('padding', [0, 5])
@pytest.mark.parametrize('kind', [bytes, bytearray, lambda data: array.array('B', data),
                                  lambda data: np.frombuffer(data, np.uint8)])
def test_colour_encodings(encoding: str, padding: int, kind: object) -> None:
    row = b''.join(bytes(packed(encoding, colour)) for colour in COLOURS)
    data = kind((row + b'\xaa' * padding) * 2)
    picture = decode_image(2, 4, encoding, len(row) + padding, data)
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[list(colour) for colour in COLOURS]] * 2


@pytest.mark.parametrize('encoding', ['mono8', '8UC1'])
def test_grey_encodings(encoding: str) -> None:
    picture = decode_image(2, 3, encoding, 4, bytes([1, 2, 3, 99, 4, 5, 6, 99]))
    assert picture.tolist() == [[[v, v, v] for v in row] for row in ([1, 2, 3], [4, 5, 6])]


@pytest.mark.parametrize('encoding', sorted(YUV))
@pytest.mark.parametrize('colour', COLOURS)
def test_yuv_encodings_give_the_colour_back(encoding: str, colour: tuple) -> None:
    red, green, blue = colour
    luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
    u = 128 - 0.148 * red - 0.291 * green + 0.439 * blue
    v = 128 + 0.439 * red - 0.368 * green - 0.071 * blue
    order = (u, luma, v, luma) if encoding in ('yuv422', 'uyvy') else (luma, u, luma, v)
    data = bytes(round(value) for value in order) * 4
    picture = decode_image(2, 4, encoding, 8, data)
    assert picture.shape == (2, 4, 3)
    assert np.abs(picture.astype(int) - colour).max() <= 4


@pytest.mark.parametrize(('encoding', 'red_at', 'blue_at'), [
    ('bayer_rggb8', (0, 0), (1, 1)), ('bayer_bggr8', (1, 1), (0, 0)),
    ('bayer_gbrg8', (1, 0), (0, 1)), ('bayer_grbg8', (0, 1), (1, 0))])
def test_bayer_encodings(encoding: str, red_at: tuple, blue_at: tuple) -> None:
    mosaic = np.full((8, 8), 10, np.uint8)
    mosaic[red_at[0]::2, red_at[1]::2] = 200
    mosaic[blue_at[0]::2, blue_at[1]::2] = 90
    picture = decode_image(8, 8, encoding, 8, mosaic.tobytes())
    assert picture[4, 4].tolist() == [200, 10, 90]


def test_packed_rgb_is_not_copied() -> None:
    data = np.zeros(12, np.uint8)
    picture = decode_image(2, 2, 'rgb8', 6, data)
    data[0] = 9
    assert picture[0, 0, 0] == 9


@pytest.mark.parametrize(('height', 'width', 'encoding', 'step', 'size', 'match'), [
    (2, 2, 'rgb16', 12, 24, "encoding 'rgb16' is unknown. Known: rgb8"),
    (2, 2, '', 6, 12, "encoding '' is unknown"),
    (0, 2, 'rgb8', 6, 12, 'size 2x0'), (2, 0, 'rgb8', 0, 0, 'size 0x2'),
    (2, 2, 'rgb8', 5, 12, 'step 5, expected at least width x 3 = 6'),
    (2, 2, 'rgb8', 0, 12, 'step 0'),
    (2, 2, 'rgb8', 6, 11, 'data has 11 bytes, expected step x height = 12'),
    (2, 2, 'rgb8', 6, 0, 'data has 0 bytes'),
    (2, 2, 'rgb8', 2**32 - 1, 12, 'data has 12 bytes'),
    (2, 3, 'yuv422', 6, 12, 'width 3 is odd'),
    (100_000, 100_000, 'rgb8', 300_000, 12, f'over the limit of {MAX_PIXELS}'),
    (2**32 - 1, 2**32 - 1, 'mono8', 2**32 - 1, 12, 'over the limit')])
def test_headers_that_lie(
    height: int, width: int, encoding: str, step: int, size: int, match: str,
) -> None:
    with pytest.raises(ImageError, match=match):
        decode_image(height, width, encoding, step, bytes(size))


def test_more_data_than_promised_is_left_alone() -> None:
    assert decode_image(1, 1, 'rgb8', 3, b'\1\2\3\4\5').tolist() == [[[1, 2, 3]]]


@settings(max_examples=200, deadline=None)
@given(
    height=st.integers(0, 6), width=st.integers(0, 6),
    encoding=st.one_of(st.sampled_from(sorted(ENCODINGS)), st.text(max_size=6)),
    step=st.integers(0, 30), data=st.binary(max_size=160))
def test_any_header_gives_a_picture_of_its_size_or_an_image_error(
    height: int, width: int, encoding: str, step: int, data: bytes,
) -> None:
    try:
        picture = decode_image(height, width, encoding, step, data)
    except ImageError:
        return
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8


# --- compressed images ------------------------------------------------------------------------

def encoded(suffix: str, picture: np.ndarray | None = None) -> bytes:
    if picture is None:
        picture = np.zeros((24, 32, 3), np.uint8)
        picture[:] = RED
        picture[:, 16:] = BLUE
    return cv2.imencode(suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.mark.parametrize(('suffix', 'tolerance'), [('.png', 0), ('.jpg', 12)])
def test_compressed_images_are_rgb(suffix: str, tolerance: int) -> None:
    picture = decode_compressed(encoded(suffix))
    assert picture.shape == (24, 32, 3)
    assert np.abs(picture[12, 4].astype(int) - RED).max() <= tolerance
    assert np.abs(picture[12, 28].astype(int) - BLUE).max() <= tolerance


def test_grey_files_become_rgb() -> None:
    data = cv2.imencode('.png', np.full((4, 5), 77, np.uint8))[1].tobytes()
    assert decode_compressed(data).tolist() == [[[77] * 3] * 5] * 4


def test_zeros_after_the_end_are_padding() -> None:
    assert decode_compressed(encoded('.jpg') + b'\0' * 40).shape == (24, 32, 3)


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_files_cut_off_anywhere_are_refused(suffix: str) -> None:
    whole = encoded(suffix, np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8))
    for size in range(0, len(whole) - 2, 7):
        with pytest.raises(ImageError):
            decode_compressed(whole[:size])


@pytest.mark.parametrize('data', [
    b'', b'\0' * 50, b'GIF89a' + b'x' * 50, b'\xff\xd8\xff\xd9', b'\xff\xd8' + b'\xff' * 90
    + b'\xff\xd9', b'\x89PNG\r\n\x1a\nIEND', b'BM' + b'\0' * 60, '图像'.encode()])
def test_data_that_is_no_picture(data: bytes) -> None:
    with pytest.raises(ImageError, match=f'compressed image of {len(data)} bytes'):
        decode_compressed(data)


def png_bomb(width: int, height: int) -> bytes:
    def part(kind: bytes, data: bytes) -> bytes:
        return (struct.pack('>I', len(data)) + kind + data
                + struct.pack('>I', zlib.crc32(kind + data)))

    header = struct.pack('>IIBBBBB', width, height, 8, 2, 0, 0, 0)
    return (b'\x89PNG\r\n\x1a\n' + part(b'IHDR', header)
            + part(b'IDAT', zlib.compress(bytes(1000))) + part(b'IEND', b''))


def test_a_bomb_is_refused_by_its_header() -> None:
    with pytest.raises(ImageError, match=f'20000x20000, over the limit of {MAX_PIXELS}'):
        decode_compressed(png_bomb(20_000, 20_000))


@pytest.mark.parametrize('suffix', ['.png', '.jpg'])
def test_the_limit_on_pixels_is_exact(suffix: str) -> None:
    data = encoded(suffix)
    assert decode_compressed(data, max_pixels=24 * 32).shape == (24, 32, 3)
    with pytest.raises(ImageError, match='32x24, over the limit of 767'):
        decode_compressed(data, max_pixels=24 * 32 - 1)


@pytest.mark.parametrize('options', [
    [], [cv2.IMWRITE_JPEG_PROGRESSIVE, 1], [cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    [cv2.IMWRITE_JPEG_RST_INTERVAL, 2]])
def test_sizes_of_all_kinds_of_jpeg(options: list) -> None:
    data = cv2.imencode('.jpg', np.zeros((37, 53, 3), np.uint8), options)[1].tobytes()
    assert compressed_size(memoryview(data)) == (53, 37)
    assert decode_compressed(data).shape == (37, 53, 3)


def test_opencv_has_its_own_limit_too() -> None:
    assert int(os.environ['OPENCV_IO_MAX_IMAGE_PIXELS']) > 0


@settings(max_examples=150, deadline=None)
@given(
    start=st.sampled_from(
        [b'', b'\xff\xd8', b'\xff\xd8\xff\xe0\x00\x10', b'\x89PNG\r\n\x1a\n']),
    middle=st.binary(max_size=100), end=st.sampled_from([b'', b'\xff\xd9', b'IEND\xaeB`\x82']))
def test_any_bytes_give_a_picture_or_an_image_error(
    start: bytes, middle: bytes, end: bytes,
) -> None:
    try:
        assert decode_compressed(start + middle + end).ndim == 3
    except ImageError:
        pass


# --- to policy size ---------------------------------------------------------------------------

def test_a_picture_of_the_right_size_passes_unchanged() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (6, 8, 3), np.uint8)
    assert (fit_image(picture, CameraSpec('front', 8, 6)) == picture).all()


def test_shrinking_averages() -> None:
    picture = np.zeros((4, 4, 3), np.uint8)
    picture[::2, ::2] = 200
    assert (fit_image(picture, CameraSpec('front', 2, 2)) == 50).all()


@pytest.mark.parametrize(('source', 'size', 'most'), [
    ((480, 640), (128, 128), 0), ((240, 320), (64, 64), 0), ((70, 210), (30, 33), 1),
    ((50, 49), (7, 12), 1), ((96, 128), (128, 64), 0), ((480, 640), (128, 96), 0)])
def test_it_averages_as_opencv_does(source: tuple[int, int], size: tuple[int, int],
                                    most: int) -> None:
    rng = np.random.default_rng(0)
    whole = rng.integers(0, 256, (source[0] + 4, source[1] + 8, 3), np.uint8)
    part = whole[2:-2, 4:-4]  # rows that do not follow each other, as after a crop
    wanted = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(int)
    error = np.abs(fit_image(part, CameraSpec('front', *size)) - wanted)
    assert error.max() <= most  # 1 where the mean lies half way between two numbers
    assert (error > 0).mean() < 0.01


@pytest.mark.parametrize('size', [(1, 1), (3, 5), (100, 7), (640, 480)])
def test_any_source_fits(size: tuple[int, int]) -> None:
    picture = np.full((*size, 3), 9, np.uint8)
    fitted = fit_image(picture, CameraSpec('front', 16, 12))
    assert fitted.shape == (12, 16, 3)
    assert fitted.flags.c_contiguous
    assert (fitted == 9).all()


def test_crops_the_part_that_is_named() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    picture[5:, 10:15] = 200
    camera = CameraSpec('front', 5, 5, (0.5, 0.5, 0.25, 0.5))
    assert (fit_image(picture, camera) == 200).all()


@settings(max_examples=200, deadline=None)
@given(
    rows=st.integers(1, 50), columns=st.integers(1, 50),
    x=st.floats(0, 1), y=st.floats(0, 1),
    width=st.floats(1e-9, 1), height=st.floats(1e-9, 1))
def test_any_crop_of_any_picture_has_something_in_it(
    rows: int, columns: int, x: float, y: float, width: float, height: float,
) -> None:
    x, y = x * (1 - width), y * (1 - height)
    fitted = fit_image(np.full((rows, columns, 3), 9, np.uint8),
                       CameraSpec('front', 4, 3, (x, y, width, height)))
    assert (fitted == 9).all()
