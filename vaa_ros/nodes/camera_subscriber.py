# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The node camera_subscriber: camera images in, pictures at policy size out.

One subscription per camera. A picture keeps the stamp and frame of its image. A bad image is
counted and reported, and never reaches ``vision/<camera>``.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import os
from pathlib import Path
import sys
import threading
import time
import traceback
from typing import Any
import zlib

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.publisher import Publisher
from rclpy.utilities import get_rmw_implementation_identifier
from sensor_msgs.msg import CompressedImage
from sensor_msgs.msg import Image

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.latency import LatencyStats
from vaa_ros.core.latency import summary_values
from vaa_ros.core.paths import model_file
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.policies.onnx_file import inspect_model
from vaa_ros.policies.onnx_file import read_model_bytes
from vaa_ros.policies.onnx_policy import read_spec
from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.direct_subscriptions import DirectSubscriptions
from vaa_ros.ros.image_cdr import RawImage
from vaa_ros.ros.image_cdr import read_compressed_image
from vaa_ros.ros.image_cdr import read_image
from vaa_ros.ros.image_cdr import write_rgb
from vaa_ros.ros.parameters import declare
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.process import run
from vaa_ros.ros.qos import SENSOR
from vaa_ros.ros.qos import VISION_OUT
from vaa_ros.ros.stream_health import Limits
from vaa_ros.ros.stream_health import StreamHealth

PARAMETERS = (
    Parameter('model_path', '', 'A model (file or name in models/) whose cameras, size and crop '
              'are used, instead of the next four parameters; empty or hold for none.',
              read_only=True),
    Parameter('cameras', ('front', 'wrist'),
              'Cameras; each one is read from <camera>/image_raw.', read_only=True),
    Parameter('width', 128, 'Width of the pictures given to the policy.', 'px', 8, 4096,
              read_only=True),
    Parameter('height', 96, 'Height of the pictures given to the policy.', 'px', 8, 4096,
              read_only=True),
    Parameter('crop', (), 'Part of the image to keep, as x, y, width, height in fractions of its '
              'size: 4 values for every camera alike, or 4 for each in turn; empty for all of it.',
              minimum=0.0, maximum=1.0, read_only=True, element=float),
    Parameter('compressed', False,
              'Read <camera>/image_raw/compressed (JPEG or PNG) instead of raw images.',
              read_only=True),
    Parameter('expected_rate_hz', 0.0,
              'Rate that the cameras should have, for diagnostics; 0 for unknown.', 'Hz', 0.0,
              1000.0, read_only=True),
    Parameter('stale_after_s', 0.5, 'Time without a frame after which diagnostics warn.', 's',
              0.01, 60.0, read_only=True),
    Parameter('frozen_after_s', 2.0,
              'Time without a change of the picture after which diagnostics warn.', 's', 0.1,
              3600.0, read_only=True),
    Parameter('missing_after_s', 3.0,
              'Time without any frame after which the log says what is missing.', 's', 0.5, 60.0,
              read_only=True),
)

# What the policy node calls "hold the arm"; launch files give both nodes the same value.
NO_MODEL = ('', 'hold')
MISSING_REPEAT_S = 10.0
LARGE_IMAGE_BYTES = 500_000
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE')
PROFILE_ADVICE = (
    'Fast DDS loses images over 0.5 MB with its default transports. Set '
    'FASTDDS_DEFAULT_PROFILES_FILE to config/fastdds.xml of vaa_ros in the terminals of the '
    'camera and of this node (the launch files of vaa_ros do)')


@dataclass(frozen=True)
class _Stream:
    """One camera: what is read, what comes out, and how it is."""

    camera: CameraSpec
    topic: str
    publisher: Publisher
    health: StreamHealth
    decode: LatencyStats


class CameraSubscriber(Node):
    """
    Turns camera images into pictures at policy size.

    :param options: passed on to :class:`rclpy.node.Node`.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__('camera_subscriber', **options)
        declare(self, PARAMETERS)
        self._compressed = self._value('compressed')
        self._warned_large = False
        self._limits = Limits(self._value('stale_after_s'), self._value('frozen_after_s'),
                              self._value('expected_rate_hz'))
        self._diagnostics = DiagnosticsPublisher(self)
        self._images = DirectSubscriptions(self, self.fault)
        # Images come in a thread of their own, diagnostics are asked for in the executor's.
        self._lock = threading.Lock()
        self._streams = [self._open(camera) for camera in self._cameras()]
        self._images.start()
        self._missing_timer = self.create_timer(
            self._value('missing_after_s'), self._report_missing,
            clock=Clock(clock_type=ClockType.STEADY_TIME))
        first = self._streams[0].camera
        self.get_logger().info(
            f'{", ".join(stream.topic for stream in self._streams)} -> vision/<camera> at '
            f'{first.width}x{first.height}')

    def stop(self) -> None:
        """
        Take no more images.
        """
        self._images.close()

    def fault(self, reason: str) -> None:
        """
        Take note of an exception that escaped a callback; it was logged already.

        :param reason: one line.
        """

    def _value(self, name: str) -> object:
        return self.get_parameter(name).value

    def _cameras(self) -> list[CameraSpec]:
        model_path = self._value('model_path')
        if model_path not in NO_MODEL:
            return list(_spec_of(model_file(model_path)).cameras)
        keys = [str(key).strip('/') for key in self._value('cameras')]
        if not keys or '' in keys or len(set(keys)) != len(keys):
            raise ConfigError(f'cameras is {keys}, expected at least one name and none twice')
        crop = list(self._value('crop'))
        if len(crop) not in (0, 4, 4 * len(keys)):
            raise ConfigError(f'crop has {len(crop)} values, expected 0, 4, or 4 for each of the '
                              f'{len(keys)} cameras')
        cameras = []
        for index, key in enumerate(keys):
            part = crop[4 * index:4 * index + 4] if len(crop) > 4 else crop
            try:
                cameras.append(CameraSpec(key, self._value('width'), self._value('height'),
                                          tuple(part) or None))
            except ValueError as error:
                raise ConfigError(str(error)) from error
        return cameras

    def _open(self, camera: CameraSpec) -> _Stream:
        topic = f'{camera.key}/image_raw' + ('/compressed' if self._compressed else '')
        publisher = self.create_publisher(Image, f'vision/{camera.key}', VISION_OUT)
        stream = _Stream(camera, self.resolve_topic_name(topic), publisher,
                         StreamHealth(self._limits), LatencyStats())
        kind = CompressedImage if self._compressed else Image
        self._images.add(kind, topic, self._callback(stream), SENSOR, raw=True)
        self._diagnostics.add(f'camera {camera.key}', lambda: self._report(stream))
        return stream

    def _callback(self, stream: _Stream) -> Callable[[bytes], None]:
        read = read_compressed_image if self._compressed else read_image

        def on_image(message: bytes) -> None:
            try:
                if len(message) > LARGE_IMAGE_BYTES and not self._warned_large:
                    self._warn_large(stream, len(message))
                self._forward(stream, read(message))
            except ImageError as error:
                self._reject(stream, str(error))
            except Exception as error:
                self.get_logger().error(traceback.format_exc(), throttle_duration_sec=5.0)
                self._reject(stream, f'internal error: {error}')
        return on_image

    def _forward(self, stream: _Stream, image: RawImage) -> None:
        start_s = time.perf_counter()
        picture = image.fitted(stream.camera)
        stream.decode.add(1e3 * (time.perf_counter() - start_s))
        stream.publisher.publish(write_rgb(picture, image.stamp_ns, image.frame_id))
        age_s = (self.get_clock().now().nanoseconds - image.stamp_ns) / 1e9
        checksum = zlib.crc32(picture)
        with self._lock:
            stream.health.frame(time.monotonic(), image.stamp_ns, age_s, checksum)

    def _reject(self, stream: _Stream, reason: str) -> None:
        with self._lock:
            stream.health.reject(reason)
            count = sum(stream.health.bad.values())
        self.get_logger().warning(
            f'{stream.topic}: bad image not used: {reason} ({count} so far)',
            throttle_duration_sec=5.0)

    def _report(self, stream: _Stream) -> tuple[bytes, str, dict[str, object]]:
        now_s = time.monotonic()
        with self._lock:
            problem = stream.health.problem(now_s)
            silent = stream.health.silent_s(now_s) is None
            values = {'topic': stream.topic, **stream.health.values(now_s),
                      **summary_values('decode', stream.decode)}
            bad = sum(stream.health.bad.values())
        if silent:
            problem = self._why_silent(stream)
        if not problem and bad:
            return WARN, f'{bad} bad images not used', values
        return (WARN, problem, values) if problem else (OK, 'receiving', values)

    def _report_missing(self) -> None:
        silent = [f'camera {stream.camera.key!r}: {self._why_silent(stream)}'
                  for stream in self._streams
                  if stream.health.silent_s(time.monotonic()) is None and not stream.health.bad]
        if silent:
            self.get_logger().warning('waiting. ' + '; '.join(silent),
                                      throttle_duration_sec=MISSING_REPEAT_S)

    def _why_silent(self, stream: _Stream) -> str:
        wanted = 'sensor_msgs/msg/' + ('CompressedImage' if self._compressed else 'Image')
        if self.count_publishers(stream.topic):
            types = dict(self.get_topic_names_and_types()).get(stream.topic, [])
            if wanted not in types:
                return f'{stream.topic} is {", ".join(types)}, expected {wanted}'
            advice = '' if _has_profile() else f'. {PROFILE_ADVICE}'
            return f'{stream.topic} has a publisher, but no image arrives{advice}'
        own = {self.resolve_topic_name(f'vision/{each.camera.key}') for each in self._streams}
        there = sorted(name for name, types in self.get_topic_names_and_types()
                       if wanted in types and name not in own and self.count_publishers(name))
        return (f'nobody publishes {stream.topic} ({wanted}). Published topics of that type: '
                f'{", ".join(there) or "none"}. Start the camera, set the parameter cameras, or '
                f'remap the topic')

    def _warn_large(self, stream: _Stream, size: int) -> None:
        self._warned_large = True
        if not _has_profile():
            self.get_logger().warning(f'{stream.topic}: images of {size / 1e6:.1f} MB. '
                                      f'{PROFILE_ADVICE}')


def _spec_of(model: Path) -> PolicySpec:
    contents = inspect_model(read_model_bytes(model), str(model))
    return read_spec(contents.metadata, str(model))


def _has_profile() -> bool:
    if 'fastrtps' not in get_rmw_implementation_identifier():
        return True
    return any(os.environ.get(name) for name in PROFILE_VARIABLES)


def main() -> None:
    """Run the node until a signal ends it."""
    sys.exit(run(CameraSubscriber))


if __name__ == '__main__':
    main()
