# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which topics the node teleop_recorder records, by its parameters; all names are absolute.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rclpy.node import Node

from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import load_robot
from vaa_ros.ros.command_publisher import gripper_topic_of


def required_topics(node: Node) -> list[str]:
    """
    List the topics that every episode must have.

    :param node: the recorder.
    :raises VaaError: if there is no such robot.
    """
    names = list(node.get_parameter('topics').value)
    if not names:
        robot = load_robot(node.get_parameter('robot').value)
        command_type = node.get_parameter('command_type').value
        names = [*camera_topics(node, robot).values(), 'joint_states', command_type,
                 gripper_topic_of(robot, command_type)]
    return [node.resolve_topic_name(name) for name in names if name]


def extra_topics(node: Node) -> list[str]:
    """
    List the topics that are recorded where somebody publishes them.

    :param node: the recorder.
    """
    return [node.resolve_topic_name(name) for name in node.get_parameter('extra_topics').value]


def camera_topics(node: Node, robot: RobotSpec) -> dict[str, str]:
    """
    Name the topic of each camera.

    :param node: the recorder.
    :param robot: the robot, whose cameras they are where no others are named.
    :return: topics by camera.
    """
    end = '/compressed' if node.get_parameter('compressed').value else ''
    return {camera: node.resolve_topic_name(f'{camera}/image_raw{end}')
            for camera in node.get_parameter('cameras').value or robot.cameras}


def topics_of_episode(node: Node, robot: RobotSpec, required: Sequence[str]) -> dict[str, Any]:
    """
    Tell for the metadata which topic of an episode is what.

    :param node: the recorder.
    :param robot: the robot.
    :param required: topics that every episode has.
    :return: ``cameras``, topics by camera; ``topics``, of ``joint_states``, ``commands`` and
        ``gripper``; and the ``command_type``.
    """
    command_type = node.get_parameter('command_type').value
    there = {*required, *extra_topics(node)}
    names = {'joint_states': 'joint_states', 'commands': command_type,
             'gripper': gripper_topic_of(robot, command_type)}
    topics = {what: node.resolve_topic_name(name) for what, name in names.items() if name}
    return {'command_type': command_type, **{
        kind: {what: topic for what, topic in found.items() if topic in there}
        for kind, found in (('cameras', camera_topics(node, robot)), ('topics', topics))}}
