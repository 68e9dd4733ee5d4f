# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Poses on tf.
"""
from __future__ import annotations

from collections.abc import Callable

from geometry_msgs.msg import PoseStamped
from rclpy.node import Node

from vaa_ros.ros.qos import JOINTS_OUT


def transform_publisher(node: Node) -> Callable[[PoseStamped, str], None] | None:
    """
    Make a function that publishes a pose on tf, where tf2_msgs is installed.

    :param node: the node that speaks.
    :return: takes a pose and the frame that lies there; None without tf2_msgs.
    """
    try:
        from tf2_msgs.msg import TFMessage
    except ImportError:
        return None
    from geometry_msgs.msg import TransformStamped
    publisher = node.create_publisher(TFMessage, '/tf', JOINTS_OUT)

    def publish(pose: PoseStamped, child: str) -> None:
        transform = TransformStamped(header=pose.header, child_frame_id=child)
        position, translation = pose.pose.position, transform.transform.translation
        translation.x, translation.y, translation.z = position.x, position.y, position.z
        transform.transform.rotation = pose.pose.orientation
        publisher.publish(TFMessage(transforms=[transform]))
    return publish
