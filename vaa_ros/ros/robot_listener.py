# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Listens to a live robot for a while and tells what came.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import os
import statistics
import time
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import String

from vaa_ros.core.errors import ImageError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.robot_check import Camera
from vaa_ros.core.robot_check import CommandTopic
from vaa_ros.core.robot_check import Listener
from vaa_ros.core.robot_check import LiveRobot
from vaa_ros.core.robot_check import Stream
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.command_publisher import gripper_topic_of
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.image_cdr import read_image
from vaa_ros.ros.qos import JOINTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR

ENOUGH = 30
"""Messages of an input after which its rate is known well enough."""
FOREVER_NS = 2**62
"""Less than how the middleware says "for ever" [ns]."""
PROFILE_VARIABLES = ('FASTDDS_DEFAULT_PROFILES_FILE', 'FASTRTPS_DEFAULT_PROFILES_FILE',
                     'FASTDDS_BUILTIN_TRANSPORTS')


@dataclass
class _Seen:
    """
    Messages of one topic: when they came, and how old they were [ns].
    """

    topic: str
    times_ns: list[int] = field(default_factory=list)
    ages_ns: list[int] = field(default_factory=list)
    newest: Any = None

    def add(self, stamp_ns: int, now_ns: int, newest: Any) -> None:
        self.times_ns.append(time.monotonic_ns())
        if stamp_ns:
            self.ages_ns.append(now_ns - stamp_ns)
        self.newest = newest


class RobotListener:
    """
    Subscribes to what a robot's description names; the caller spins the node meanwhile.

    :param node: the node that listens, in the namespace of the robot.
    :param robot: the description.
    :param command_type: type of the commands to look for.
    """

    def __init__(self, node: Node, robot: RobotSpec, command_type: str) -> None:
        self._node = node
        self._robot = robot
        self._command_type = command_type
        self._joints = _Seen(node.resolve_topic_name(robot.joint_states_topic))
        self._positions: dict[str, float] = {}
        self._cameras = {key: _Seen(node.resolve_topic_name(robot.camera_topic(key)))
                         for key in robot.cameras}
        node.create_subscription(JointStateMsg, self._joints.topic, self._on_joints, JOINTS)
        self._description = ''
        node.create_subscription(String, 'robot_description', self._on_description, LATCHED)
        for seen in self._cameras.values():
            # Raw: a picture is looked at once in the end, not at its rate.
            node.create_subscription(Image, seen.topic, self._image_callback(seen), SENSOR,
                                     raw=True)

    def _now_ns(self) -> int:
        return self._node.get_clock().now().nanoseconds

    def _on_description(self, message: String) -> None:
        self._description = message.data

    def _on_joints(self, message: JointStateMsg) -> None:
        self._joints.add(stamp_to_ns(message.header.stamp), self._now_ns(), message)
        self._positions.update(zip(message.name, message.position, strict=False))

    def _image_callback(self, seen: _Seen) -> Any:
        def on_image(data: bytes) -> None:
            now_ns = self._now_ns()
            try:
                seen.add(read_image(data).stamp_ns, now_ns, data)
            except ImageError:
                seen.add(0, now_ns, data)
        return on_image

    def complete(self) -> bool:
        """
        Tell whether every input has spoken several times and somebody listens to commands.
        """
        inputs = [self._joints, *self._cameras.values()]
        return all(len(seen.times_ns) > ENOUGH for seen in inputs) and all(
            commands.listeners for commands in self._commands())

    def live(self) -> LiveRobot:
        """
        Give what was seen until now.
        """
        types = dict(self._node.get_topic_names_and_types())
        return LiveRobot(
            self._stream(self._joints), dict(self._positions),
            {key: self._camera(seen, types) for key, seen in self._cameras.items()},
            self._commands(), any(os.environ.get(name) for name in PROFILE_VARIABLES),
            self._description)

    def _stream(self, seen: _Seen) -> Stream:
        infos = self._node.get_publishers_info_by_topic(seen.topic)
        gaps = [(after - before) / NANOSECONDS for before, after in
                zip(seen.times_ns, seen.times_ns[1:], strict=False)]
        return Stream(
            seen.topic, tuple(sorted({_name(info) for info in infos})),
            tuple(sorted({info.topic_type for info in infos})), len(seen.times_ns),
            len(gaps) / sum(gaps) if gaps and sum(gaps) > 0 else 0.0,
            statistics.median(seen.ages_ns) / NANOSECONDS if seen.ages_ns else None,
            max(gaps, default=0.0))

    def _camera(self, seen: _Seen, types: Mapping[str, list[str]]) -> Camera:
        stream = self._stream(seen)
        beside = f'{seen.topic}/compressed' in types
        offers = [info.qos_profile.reliability for info in
                  self._node.get_publishers_info_by_topic(seen.topic)]
        reliable = ReliabilityPolicy.RELIABLE in offers
        if seen.newest is None:
            return Camera(stream, compressed=beside)
        try:
            image = read_image(seen.newest)
        except ImageError as error:
            return Camera(stream, (0, 0), '?', str(error), beside, reliable)
        try:
            problem = '' if image.rgb().size else 'empty'
        except ImageError as error:
            problem = str(error)
        return Camera(stream, (image.width, image.height), image.encoding, problem, beside,
                      reliable)

    def _commands(self) -> list[CommandTopic]:
        robot, kind = self._robot, self._command_type
        found = [self._command_topic(robot.topic_of(kind), COMMAND_MESSAGES[kind])]
        own = gripper_topic_of(robot, kind)
        if own:
            found.append(self._command_topic(own, COMMAND_MESSAGES[
                robot.gripper_type if robot.gripper_topic else 'commands']))
        return found

    def _command_topic(self, name: str, kind: type) -> CommandTopic:
        topic = self._node.resolve_topic_name(name)
        wanted = f'{kind.__module__.split(".")[0]}/msg/{kind.__name__}'
        listeners = []
        for info in self._node.get_subscriptions_info_by_topic(topic):
            listeners.append(Listener(_name(info), info.topic_type, _mismatch(info.qos_profile)))
        publishers = self._node.get_publishers_info_by_topic(topic)
        return CommandTopic(topic, wanted, tuple(listeners),
                            tuple(sorted(_name(info) for info in publishers)))


def _mismatch(wanted: QoSProfile) -> str:
    """
    Say what a subscriber asks for that the commands, reliable and volatile, do not offer.
    """
    asked = []
    if wanted.durability == DurabilityPolicy.TRANSIENT_LOCAL:
        asked.append('transient local durability')
    if 0 < wanted.deadline.nanoseconds < FOREVER_NS:
        asked.append(f'a deadline of {wanted.deadline.nanoseconds / 1e6:g} ms')
    if 0 < wanted.liveliness_lease_duration.nanoseconds < FOREVER_NS:
        asked.append('a liveliness lease')
    return ' and '.join(asked)


def _name(info: Any) -> str:
    return f'{info.node_namespace.rstrip("/")}/{info.node_name}'
