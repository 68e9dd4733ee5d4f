# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The subscriptions of a policy, which only put what came into its control thread.
"""
from __future__ import annotations

from collections.abc import Callable
import time

from geometry_msgs.msg import PoseStamped
import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg

from vaa_ros.core.control_setup import camera_topic
from vaa_ros.core.control_setup import JOINTS_TOPIC
from vaa_ros.core.control_setup import measured_command
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.stage_times import StageTimes
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.ros.control_thread import ControlThread
from vaa_ros.ros.conversions import joint_state_from_msg
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.direct_subscriptions import DirectSubscriptions
from vaa_ros.ros.image_cdr import read_image
from vaa_ros.ros.qos import JOINTS
from vaa_ros.ros.qos import SENSOR

MAX_TOOL_POSE_AGE_NS = NANOSECONDS // 10


class PolicyInputs:
    """
    What a policy sees, and where the arm is when it begins to move.

    :param node: the node that subscribes.
    :param spec: the policy's spec.
    :param robot: the robot.
    :param lockstep: take a tool pose only if its stamp is that of the observation.
    :param times: told when frames came and were decoded.
    """

    def __init__(self, node: Node, spec: PolicySpec, robot: RobotSpec, lockstep: bool,
                 times: StageTimes) -> None:
        self._node = node
        self._spec = spec
        self._robot = robot
        self._times = times
        self._tool_age_ns = 0 if lockstep else MAX_TOOL_POSE_AGE_NS
        self._tool: tuple[int, np.ndarray] | None = None
        self.joints: np.ndarray | None = None
        """Joint positions of the newest observation that a tick looked at."""
        self._streams: DirectSubscriptions | None = None

    def connect(self, thread: ControlThread) -> None:
        """
        Subscribe to everything that the policy needs.

        :param thread: takes what comes in.
        """
        streams = DirectSubscriptions(
            self._node, lambda reason: thread.problem('inputs', reason))
        # Joints before pictures: a picture completes an observation.
        streams.add(JointStateMsg, JOINTS_TOPIC, self._joints_callback(thread), JOINTS)
        if self._spec.action.kind == 'end_effector_pose':
            streams.add(PoseStamped, 'tool_pose', self._on_tool_pose, JOINTS)
        for key in self._spec.camera_keys:
            streams.add(Image, camera_topic(key), self._image_callback(key, thread), SENSOR,
                        raw=True)
        self._streams = streams
        streams.start()

    def close(self) -> None:
        """
        Give the subscriptions back.
        """
        if self._streams is not None:
            self._streams.close()

    def measured(self, observation: Observation) -> np.ndarray | None:
        """
        Give where the arm is, as the command's kind has it.

        :param observation: the present observation.
        :return: joint positions; zero twist and gripper opening; or tool pose and gripper
            opening, None while the tool's pose is not known.
        """
        self.joints = observation.state
        tool = self._tool
        if tool is not None and abs(tool[0] - observation.stamp_ns) > self._tool_age_ns:
            tool = None
        return measured_command(self._spec, self._robot, observation,
                                None if tool is None else tool[1])

    def _image_callback(self, key: str, thread: ControlThread) -> Callable[[bytes], None]:
        def on_image(message: bytes) -> None:
            begin_ns, ros_ns = time.monotonic_ns(), self._node.get_clock().now().nanoseconds
            try:
                image = read_image(message)
                picture = image.rgb()
                self._times.frame(key, image.stamp_ns, ros_ns, begin_ns, time.monotonic_ns())
                thread.push_image(key, image.stamp_ns, picture)
            except (VaaError, ValueError) as error:
                self._bad(camera_topic(key), error, thread)
        return on_image

    def _joints_callback(self, thread: ControlThread) -> Callable[[JointStateMsg], None]:
        def on_joints(message: JointStateMsg) -> None:
            try:
                thread.push_joints(joint_state_from_msg(message))
            except (VaaError, ValueError) as error:
                self._bad(JOINTS_TOPIC, error, thread)
        return on_joints

    def _on_tool_pose(self, message: PoseStamped) -> None:
        self._tool = stamp_to_ns(message.header.stamp), pose_from_msg(message)

    def _bad(self, topic: str, error: Exception, thread: ControlThread) -> None:
        thread.problem(topic, str(error))
        self._node.get_logger().warning(f'{topic}: {error}', throttle_duration_sec=2.0)
