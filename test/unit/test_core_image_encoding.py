# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Image messages to JPEG and PNG, and back by the decoder of every reader.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import ImageError
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import ENCODINGS

HEIGHT, WIDTH, PADDING = 48, 64, 5
PNG, JPEG = ImageFormat('png'), ImageFormat('jpeg', 95)


def fields(encoding: str) -> tuple[int, int, str, int, np.ndarray]:
    """A smooth picture of an encoding, its rows padded with what must not be seen."""
    pixel = ENCODINGS[encoding][0] if encoding in ENCODINGS else 2
    ramp = np.add.outer(2 * np.arange(HEIGHT), np.arange(WIDTH * pixel) // pixel) + 40
    padded = np.full((HEIGHT, WIDTH * pixel + PADDING), 255, np.uint8)
    padded[:, :-PADDING] = ramp
    return HEIGHT, WIDTH, encoding, padded.shape[1], padded.reshape(-1)


@pytest.mark.parametrize('encoding', ['rgb8', 'bgr8', '8UC3', 'mono8', '8UC1', '16UC1'])
def test_png_keeps_every_pixel(encoding: str) -> None:
    form, file = PNG.encode(*fields(encoding))
    assert (decode_compressed(file, form=form) == decode_image(*fields(encoding))).all()
    assert form.startswith({'8UC3': 'bgr8', '8UC1': 'mono8'}.get(encoding, encoding) + '; png')


@pytest.mark.parametrize('encoding', [*ENCODINGS, '16UC1'])
def test_jpeg_keeps_what_is_seen_and_depth_exactly(encoding: str) -> None:
    form, file = JPEG.encode(*fields(encoding))
    error = decode_compressed(file, form=form) - decode_image(*fields(encoding)).astype(float)
    assert np.abs(error).mean() <= (0 if encoding == '16UC1' else 2)
    assert len(ImageFormat('jpeg', 30).encode(*fields(encoding))[1]) <= len(file)


def test_what_image_transport_reads_is_said() -> None:
    said = {encoding: JPEG.encode(*fields(encoding))[0]
            for encoding in ('rgb8', 'bgra8', 'mono8', '16UC1')}
    assert said == {'rgb8': 'rgb8; jpeg compressed bgr8', 'bgra8': 'bgr8; jpeg compressed bgr8',
                    'mono8': 'mono8; jpeg compressed ', '16UC1': '16UC1; png compressed '}


@pytest.mark.parametrize(('form', 'encoding'), [
    (JPEG, '32FC1'), (PNG, '32FC1'), (PNG, 'bayer_rggb8'), (PNG, 'yuyv'), (PNG, 'bgra8'),
    (JPEG, 'mono16'), (JPEG, '')])
def test_an_encoding_that_does_not_fit_is_named(form: ImageFormat, encoding: str) -> None:
    with pytest.raises(ImageError, match=f'{encoding} cannot be stored as {form.form}'):
        form.encode(2, 2, encoding, 16, np.zeros(64, np.uint8))


def test_hostile_fields_are_refused() -> None:
    for encoding in ('rgb8', '16UC1'):
        with pytest.raises(ImageError, match='data has 10 bytes'):
            JPEG.encode(4, 4, encoding, 12, np.zeros(10, np.uint8))
    with pytest.raises(ImageError, match='cannot be stored'):
        PNG.encode(4, 4, '16UC1', 8, np.zeros(32, np.uint8), big_endian=True)


@pytest.mark.parametrize(('form', 'quality', 'problem'), [
    ('jpg', 95, "Did you mean 'jpeg'"), ('jpeg', 0, 'expected 1 to 100')])
def test_a_wrong_format_is_refused(form: str, quality: int, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ImageFormat(form, quality)


def test_the_metadata_says_what_matters() -> None:
    assert [ImageFormat().to_mapping(), PNG.to_mapping(), JPEG.to_mapping()] == [
        {}, {'format': 'png'}, {'format': 'jpeg', 'quality': 95}]
