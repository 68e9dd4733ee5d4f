# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
camera_subscriber with real topics: what comes out, and what must not.
"""
from __future__ import annotations

from pathlib import Path
import signal

import cv2
from diagnostic_msgs.msg import DiagnosticArray
import numpy as np
import onnx
from processes import NodeProcess
from processes import wait_for
import pytest
from ros_harness import Harness
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import fit_image
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import load_robot
from vaa_ros.core.spec import METADATA_KEY
from vaa_ros.core.spec import PolicySpec
from vaa_ros.nodes.camera_subscriber import CameraSubscriber
from vaa_ros.ros.conversions import image_to_rgb
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import SENSOR

MODULE = 'vaa_ros.nodes.camera_subscriber'
STAMP_NS = 1_700_000_000_123_456_789


def picture(height: int = 48, width: int = 64, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(encoding: str, seed: int = 0) -> Image:
    """An image of 64x48 in some encoding, with rows padded by 4 bytes."""
    channels = {'rgb8': 3, 'bgr8': 3, 'rgba8': 4, 'bgra8': 4, 'mono8': 1, 'yuv422': 2,
                'yuv422_yuy2': 2}[encoding]
    rows = np.random.default_rng(seed).integers(0, 256, (48, 64 * channels + 4), dtype=np.uint8)
    message = Image(height=48, width=64, encoding=encoding, step=64 * channels + 4)
    message.data.frombytes(rows.tobytes())
    message.header.stamp = ns_to_stamp(STAMP_NS)
    message.header.frame_id = 'front_optical'
    return message


def jpeg(rgb: np.ndarray) -> bytes:
    return cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))[1].tobytes()


@pytest.mark.parametrize(
    'encoding', ['rgb8', 'bgr8', 'rgba8', 'bgra8', 'mono8', 'yuv422', 'yuv422_yuy2'])
def test_every_encoding_comes_out_as_rgb8(ros: Harness, encoding: str) -> None:
    ros.make_node(CameraSubscriber, cameras=['front'], width=32, height=24)
    publisher = ros.publisher(Image, 'front/image_raw', IMAGE_OUT)
    out = ros.collect(Image, 'vision/front', SENSOR)
    message = encoded(encoding)
    publisher.publish(message)
    got = out.wait()[0]
    wanted = fit_image(decode_image(48, 64, encoding, message.step, message.data),
                       CameraSpec('front', 32, 24))
    assert (got.encoding, got.width, got.height, got.step) == ('rgb8', 32, 24, 96)
    assert stamp_to_ns(got.header.stamp) == STAMP_NS
    assert got.header.frame_id == 'front_optical'
    np.testing.assert_array_equal(image_to_rgb(got), wanted)


def test_cameras_keep_apart_and_crop(ros: Harness) -> None:
    crop = [0.5, 0.0, 0.5, 0.5, 0.0, 0.5, 0.25, 0.25]
    ros.make_node(CameraSubscriber, cameras=['front', 'wrist'], width=16, height=12, crop=crop)
    sources = {key: picture(seed=index) for index, key in enumerate(('front', 'wrist'))}
    publishers = {key: ros.publisher(Image, f'{key}/image_raw', IMAGE_OUT) for key in sources}
    outs = {key: ros.collect(Image, f'vision/{key}', SENSOR) for key in sources}
    for key, rgb in sources.items():
        publishers[key].publish(rgb_to_image(rgb, STAMP_NS, key))
    for index, (key, rgb) in enumerate(sources.items()):
        got = outs[key].wait()[0]
        part = CameraSpec(key, 16, 12, tuple(crop[4 * index:4 * index + 4]))
        assert got.header.frame_id == key
        np.testing.assert_array_equal(image_to_rgb(got), fit_image(rgb, part))


def test_compressed_images(ros: Harness) -> None:
    ros.make_node(CameraSubscriber, cameras=['front'], width=32, height=24, compressed=True)
    publisher = ros.publisher(CompressedImage, 'front/image_raw/compressed', IMAGE_OUT)
    out = ros.collect(Image, 'vision/front', SENSOR)
    rgb = cv2.GaussianBlur(picture(), (0, 0), 3)
    data = jpeg(rgb)
    cut = CompressedImage(format='jpeg', data=data[:len(data) // 2])
    for message in (cut, CompressedImage(format='jpeg'),
                    CompressedImage(format='jpeg', data=b'not a picture'),
                    CompressedImage(format='rgb8; jpeg compressed bgr8', data=data)):
        publisher.publish(message)
    got = image_to_rgb(out.wait()[0])
    assert len(out.messages) == 1
    wanted = fit_image(rgb, CameraSpec('front', 32, 24)).astype(int)
    assert np.abs(got.astype(int) - wanted).mean() < 6


def bad_images() -> dict[str, Image]:
    good = rgb_to_image(picture(), STAMP_NS, 'front')

    def changed(**fields: object) -> Image:
        message = rgb_to_image(picture(), STAMP_NS, 'front')
        for name, value in fields.items():
            setattr(message, name, value)
        return message

    return {
        'step': changed(step=10),
        'encoding': changed(encoding='64FC1'),
        'data': changed(data=good.data[:100]),
        'size': changed(height=100_000, width=100_000, step=300_000),
        'step of nothing': Image(encoding='rgb8', height=4, width=4),
        'size of nothing': Image(encoding='rgb8'),
    }


def test_bad_images_are_counted_and_never_come_out(ros: Harness) -> None:
    ros.make_node(CameraSubscriber, cameras=['front'], width=32, height=24)
    publisher = ros.publisher(Image, 'front/image_raw', IMAGE_OUT)
    out = ros.collect(Image, 'vision/front', SENSOR)
    reports = ros.collect(DiagnosticArray, '/diagnostics', 10)

    def bad_count() -> int:
        return max((int(status_values(status)['bad']) for message in reports.messages
                    for status in message.status), default=0)

    # One after the other, since the subscription keeps the newest message only.
    for count, message in enumerate(bad_images().values(), start=1):
        publisher.publish(message)
        wait_for(lambda count=count: bad_count() == count, message=f'{count} bad images')
    publisher.publish(rgb_to_image(picture(), STAMP_NS, 'front'))
    out.wait()
    assert len(out.messages) == 1
    values = status_values(reports.wait_until(
        lambda m: status_values(m.status[0])['frames'] == '1').status[0])
    assert values['bad'] == '6'
    assert {key: values[key] for key in values if key.startswith('bad_')} == {
        'bad_data': '1', 'bad_encoding': '1', 'bad_size': '2', 'bad_step': '2'}


def test_diagnostics_name_the_silent_camera_and_what_exists(ros: Harness) -> None:
    ros.node.create_publisher(Image, 'side/image_raw', IMAGE_OUT)
    ros.make_node(CameraSubscriber, cameras=['front'])
    reports = ros.collect(DiagnosticArray, '/diagnostics', 10)
    status = reports.wait_until(lambda m: '/side/image_raw' in m.status[0].message).status[0]
    assert status.name == 'camera_subscriber: camera front'
    assert 'nobody publishes /front/image_raw' in status.message


def test_same_stamp_again_is_passed_on(ros: Harness) -> None:
    ros.make_node(CameraSubscriber, cameras=['front'])
    publisher = ros.publisher(Image, 'front/image_raw', IMAGE_OUT)
    out = ros.collect(Image, 'vision/front', SENSOR)
    for count in (1, 2):
        publisher.publish(rgb_to_image(picture(), STAMP_NS, 'front'))
        out.wait(count)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A file with the spec of a policy with one camera, and nothing to run."""
    robot = load_robot('vaa_arm')
    spec = PolicySpec(
        name='p', task='reach', robot=robot.name, cameras=(CameraSpec('side', 24, 16),),
        joints=robot.joints, action=ActionSpec.for_robot('joint_position', robot),
        control_rate_hz=30.0, chunk_length=4)
    graph = onnx.helper.make_graph([], 'empty', [], [])
    proto = onnx.helper.make_model(graph)
    onnx.helper.set_model_props(proto, {METADATA_KEY: spec.to_json()})
    onnx.save(proto, tmp_path / 'model.onnx')
    return tmp_path / 'model.onnx'


def test_cameras_and_size_come_from_the_model(ros: Harness, model: Path) -> None:
    ros.make_node(CameraSubscriber, model_path=str(model))
    publisher = ros.publisher(Image, 'side/image_raw', IMAGE_OUT)
    out = ros.collect(Image, 'vision/side', SENSOR)
    publisher.publish(rgb_to_image(picture(), STAMP_NS, 'side'))
    got = out.wait()[0]
    assert (got.width, got.height) == (24, 16)


def test_hold_is_no_model_and_a_missing_one_is_an_error(ros: Harness, tmp_path: Path) -> None:
    ros.make_node(CameraSubscriber, model_path='hold')
    assert ros.node.count_subscribers('/wrist/image_raw') == 1
    with pytest.raises(ModelError, match='unknown model'):
        ros.make_node(CameraSubscriber, model_path=str(tmp_path / 'none.onnx'))


@pytest.mark.parametrize(('parameters', 'words'), [
    ({'cameras': ['a', 'a']}, 'none twice'),
    ({'crop': [0.0, 0.0, 1.0]}, 'crop has 3 values'),
    ({'crop': [0.5, 0.0, 0.8, 1.0]}, 'leaves the picture'),
    ({'width': 0}, '8 to 4096'),
    ({'widht': 3}, "Did you mean 'width'"),
])
def test_wrong_parameters_are_refused(ros: Harness, parameters: dict[str, object],
                                      words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        ros.make_node(CameraSubscriber, **parameters)


class TestProcess:
    """The node as a process, as users start it."""

    @pytest.fixture
    def process(self, start_process) -> NodeProcess:
        process = start_process(MODULE, '--ros-args', '-p', 'cameras:=[front]',
                                '-p', 'missing_after_s:=0.5',
                                environment={'FASTDDS_DEFAULT_PROFILES_FILE': None})
        process.wait_for_line('/front/image_raw')
        return process

    def test_says_which_topic_is_missing(self, process: NodeProcess) -> None:
        line = process.wait_for_line("camera 'front'")
        assert 'nobody publishes /front/image_raw' in line

    @pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
    def test_signals_end_it_well(self, process: NodeProcess, number: signal.Signals) -> None:
        assert process.stop(number) == 0
        assert 'Traceback' not in process.output

    def test_large_images_without_profile_get_a_warning(self, ros: Harness,
                                                        process: NodeProcess) -> None:
        publisher = ros.publisher(Image, 'front/image_raw', IMAGE_OUT)
        message = rgb_to_image(picture(480, 640), STAMP_NS, 'front')

        def warned() -> bool:
            publisher.publish(message)
            return 'images of 0.9 MB' in process.output
        wait_for(warned, message='the warning about large images')
        assert 'FASTDDS_DEFAULT_PROFILES_FILE' in process.output


def test_unknown_parameter_ends_the_process_with_one_line(start_process) -> None:
    process = start_process(MODULE, '--ros-args', '-p', 'camera:=front')
    assert process.wait() == 2
    assert len(process.lines) == 1
    assert "Did you mean 'cameras'" in process.lines[0]
