# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A robot with two cameras to record, for the tests of teleop_recorder.
"""
from __future__ import annotations

from typing import Any

import numpy as np
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT

MODULE = 'vaa_ros.nodes.teleop_recorder'
TOPICS = ('/front/image_raw', '/wrist/image_raw', '/joint_states', '/joint_trajectory')
FRAMES = 40


class Robot:
    """Publishes what a robot with two cameras publishes."""

    def __init__(self, ros: Harness) -> None:
        node = ros.node
        self.publishers: dict[str, Any] = {
            '/front/image_raw': node.create_publisher(Image, 'front/image_raw', IMAGE_OUT),
            '/wrist/image_raw': node.create_publisher(Image, 'wrist/image_raw', IMAGE_OUT),
            '/joint_states': node.create_publisher(JointState, 'joint_states', JOINTS_OUT),
            '/joint_trajectory': node.create_publisher(JointTrajectory, 'joint_trajectory',
                                                       COMMAND)}
        self.sent: dict[str, list[Any]] = {name: [] for name in self.publishers}

    def send(self, topic: str, message: Any) -> None:
        self.publishers[topic].publish(message)
        self.sent[topic].append(content(message))

    def drive(self, frames: int = FRAMES) -> None:
        rng = np.random.default_rng(0)
        for index in range(frames):
            stamp_ns = 1_700_000_000_000_000_000 + index * 33_333_333
            for key in ('front', 'wrist'):
                rgb = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
                self.send(f'/{key}/image_raw', rgb_to_image(rgb, stamp_ns, key))
            for _ in range(3):
                state = JointState(name=['joint_1'], position=[float(index)])
                state.header.stamp = ns_to_stamp(stamp_ns)
                self.send('/joint_states', state)
            self.send('/joint_trajectory', joint_trajectory_msg(['joint_1'], [index], 1 / 30))


def start(ros: Harness) -> Any:
    return ros.call(Trigger, 'teleop_recorder/start_episode')


def stop(ros: Harness, success: bool = True) -> Any:
    return ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=success))


def content(message: Any) -> tuple[Any, ...]:
    """What a message says, whichever library holds it (padding bytes of CDR say nothing)."""
    stamp = message.header.stamp
    when = (stamp.sec, stamp.nanosec, message.header.frame_id)
    if hasattr(message, 'encoding'):
        return (*when, message.encoding, message.height, message.width, bytes(message.data))
    if hasattr(message, 'points'):
        point = message.points[0]
        return (*when, tuple(message.joint_names), tuple(point.positions),
                point.time_from_start.nanosec)
    return (*when, tuple(message.name), tuple(message.position))
