# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Images from and to their serialised bytes, held to what rclpy does.
"""
from __future__ import annotations

import cv2
import numpy as np
import pytest
from rclpy.serialization import deserialize_message
from rclpy.serialization import serialize_message
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from vaa_ros.core.errors import ImageError
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.image_cdr import read_compressed_image
from vaa_ros.ros.image_cdr import read_image
from vaa_ros.ros.image_cdr import write_rgb

STAMPS = (0, 1_700_000_000_987_654_321, -1)
RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)


@pytest.mark.parametrize('frame_id', ['', 'a', 'ab', 'abc', 'abcd', 'k\u00e4se'])
@pytest.mark.parametrize('stamp_ns', STAMPS)
def test_same_as_rclpy(frame_id: str, stamp_ns: int) -> None:
    message = rgb_to_image(RGB, stamp_ns, frame_id)
    assert deserialize_message(write_rgb(RGB, stamp_ns, frame_id), Image) == message
    for data in (serialize_message(message), write_rgb(RGB, stamp_ns, frame_id)):
        image = read_image(data)
        assert (image.stamp_ns, image.frame_id, image.encoding) == (stamp_ns, frame_id, 'rgb8')
        np.testing.assert_array_equal(image.rgb(), RGB)


def test_padded_rows_and_other_encodings() -> None:
    rows = np.zeros((5, 24), np.uint8)
    rows[:, :21] = RGB.reshape(5, 21)
    message = Image(height=5, width=7, encoding='bgr8', step=24, data=rows.tobytes())
    image = read_image(serialize_message(message))
    np.testing.assert_array_equal(image.rgb(), RGB[..., ::-1])


def test_views_are_written_in_order() -> None:
    flipped = RGB[:, ::-1]
    np.testing.assert_array_equal(read_image(write_rgb(flipped, 0, '')).rgb(), flipped)


def test_compressed() -> None:
    data = cv2.imencode('.png', RGB[..., ::-1])[1].tobytes()
    message = CompressedImage(format='png', data=data)
    message.header.stamp = ns_to_stamp(STAMPS[1])
    image = read_compressed_image(serialize_message(message))
    assert (image.stamp_ns, image.encoding) == (STAMPS[1], 'png')
    np.testing.assert_array_equal(image.rgb(), RGB)


def test_every_cut_is_noticed() -> None:
    data = write_rgb(RGB, STAMPS[1], 'front')
    for size in range(len(data)):
        with pytest.raises(ImageError):
            read_image(data[:size]).rgb()


def test_big_endian_is_refused() -> None:
    with pytest.raises(ImageError, match='little-endian'):
        read_image(b'\0\0' + write_rgb(RGB, 0, '')[2:])
