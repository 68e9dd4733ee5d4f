# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The other processes of benchmarks/recording.py: cameras, the arm, and the plain recorder.

    python benchmarks/recording_load.py front               # publishes until it is interrupted
    python benchmarks/recording_load.py plain FILE.mcap
"""
from __future__ import annotations

import argparse
import array
from collections.abc import Iterator
import contextlib
import signal
import time
from typing import Any

import numpy as np

CAMERAS = ('front', 'left', 'wrist')
WIDTH, HEIGHT, CAMERA_HZ, JOINTS_HZ, COMMANDS_HZ = 640, 480, 30, 200, 100
TOPICS = (*(f'{camera}/image_raw' for camera in CAMERAS), 'joint_states', 'joint_trajectory')


def camera_frames(camera: str) -> list[array.array[int]]:
    """
    Make pictures as a camera sees them: a smooth scene that moves, and the noise of a sensor.

    :param camera: its name; each sees a scene of its own.
    """
    import cv2
    rng = np.random.default_rng(CAMERAS.index(camera))
    scene = cv2.resize(rng.integers(20, 235, (24, 32, 3), np.uint8), (WIDTH + 64, HEIGHT),
                       interpolation=cv2.INTER_CUBIC)
    frames = []
    for shift in range(0, 64, 8):
        noise = rng.normal(0, 2, (HEIGHT, WIDTH, 3))
        frame = np.clip(scene[:, shift:shift + WIDTH] + noise, 0, 255).astype(np.uint8)
        frames.append(array.array('B', frame.tobytes()))
    return frames


def publish(role: str) -> None:
    """
    Be a camera, or the arm, until interrupted. Every message carries its number.

    :param role: a camera, or ``arm``.
    """
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.signals import SignalHandlerOptions
    from sensor_msgs.msg import Image
    from sensor_msgs.msg import JointState
    from trajectory_msgs.msg import JointTrajectory
    from trajectory_msgs.msg import JointTrajectoryPoint
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    node = rclpy.create_node(f'driver_{role}')
    if role in CAMERAS:
        frames = camera_frames(role)
        out = node.create_publisher(Image, f'{role}/image_raw', qos_profile_sensor_data)
        image = Image(height=HEIGHT, width=WIDTH, encoding='rgb8', step=WIDTH * 3)
        for number in ticks(CAMERA_HZ):
            image.header.stamp = node.get_clock().now().to_msg()
            image.header.frame_id = str(number)
            image.data = frames[number % len(frames)]
            out.publish(image)
        return
    joints = node.create_publisher(JointState, 'joint_states', 10)
    commands = node.create_publisher(JointTrajectory, 'joint_trajectory', 10)
    state = JointState(name=list('abcdef'), velocity=[0.0] * 6)
    command = JointTrajectory(joint_names=state.name)
    for number in ticks(JOINTS_HZ):
        position = [0.5 * float(np.sin(number / 300))] * 6
        state.header.stamp = node.get_clock().now().to_msg()
        state.header.frame_id = str(number)
        state.position = position
        joints.publish(state)
        if number % (JOINTS_HZ // COMMANDS_HZ) == 0:
            command.header.frame_id = str(number // (JOINTS_HZ // COMMANDS_HZ))
            command.points = [JointTrajectoryPoint(positions=position)]
            commands.publish(command)


def ticks(rate_hz: float) -> Iterator[int]:
    """
    Count at a rate until interrupted.
    """
    start_s = time.monotonic()
    with contextlib.suppress(KeyboardInterrupt):
        number = 0
        while True:
            time.sleep(max(0.0, start_s + number / rate_hz - time.monotonic()))
            yield number
            number += 1


def record_plainly(file: str) -> None:
    """
    Be the baseline: one node, a typed subscription a topic, each message written as it comes.

    :param file: the MCAP file.
    """
    from mcap.writer import CompressionType
    from mcap.writer import Writer
    import rclpy
    from rclpy.qos import qos_profile_sensor_data
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image
    from sensor_msgs.msg import JointState
    from trajectory_msgs.msg import JointTrajectory

    rclpy.init()
    node = rclpy.create_node('plain_recorder')
    types = dict(zip(TOPICS, [Image] * len(CAMERAS) + [JointState, JointTrajectory],
                     strict=True))
    with open(file, 'wb') as stream:
        writer = Writer(stream, compression=CompressionType.NONE)
        writer.start('ros2', 'plain')
        for topic, kind in types.items():
            schema = writer.register_schema(kind.__name__, 'ros2msg', b'')
            channel = writer.register_channel(f'/{topic}', 'cdr', schema)

            def on_message(message: Any, channel: int = channel) -> None:
                now_ns = time.time_ns()
                writer.add_message(channel, now_ns, serialize_message(message), now_ns)

            node.create_subscription(kind, topic, on_message, qos_profile_sensor_data)
        print('ready', flush=True)
        with contextlib.suppress(KeyboardInterrupt, rclpy.executors.ExternalShutdownException):
            try:
                rclpy.spin(node)
            finally:  # a signal can also end it with an error of rclpy's
                writer.finish()


def main() -> None:
    """
    Be the process that is asked for.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('role', choices=(*CAMERAS, 'arm', 'plain'))
    parser.add_argument('file', nargs='?', help='plain: the MCAP file to write')
    args = parser.parse_args()
    if args.role != 'plain':
        publish(args.role)
    elif args.file:
        record_plainly(args.file)
    else:
        parser.error('plain: say which file to write')


if __name__ == '__main__':
    main()
