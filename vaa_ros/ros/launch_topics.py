# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the launch files find the topics of an arm: arguments that ask the robot file, remappings.
"""

from __future__ import annotations

from typing import Any

from launch import Substitution
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration

from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros.launching import argument

CAMERAS = ('front', 'wrist')
MOST_OTHER_CAMERAS = 4


class RobotTopic(Substitution):
    """
    A topic that the file of the robot names; ``robot`` must be declared before.

    :param kind: ``commands`` (of the launch argument ``command_type``), ``joint_states``,
        ``gripper`` or the key of a camera; ``command_type`` for the type of the commands itself.
    """

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    def describe(self) -> str:
        """
        Say what it is.
        """
        return f'{self._kind} of the robot file'

    def perform(self, context: Any) -> str:
        """
        Look it up.
        """
        robot = load_robot(LaunchConfiguration('robot').perform(context))
        if self._kind == 'command_type':
            return robot.command_type
        if self._kind == 'commands':
            return robot.topic_of(LaunchConfiguration('command_type').perform(context))
        if self._kind == 'joint_states':
            return robot.joint_states_topic
        if self._kind == 'gripper':
            return robot.gripper_topic.lstrip('/') or 'gripper_commands'
        return robot.camera_topic(self._kind)


class OtherCamera(Substitution):
    """
    The topic of a camera of the robot file that no launch argument is named after.

    :param index: which of them, from 0; where there are fewer, a topic that nobody uses.
    :param own: what the nodes call it, not where the robot file says it is.
    """

    def __init__(self, index: int, own: bool) -> None:
        super().__init__()
        self._index, self._own = index, own

    def describe(self) -> str:
        """
        Say what it is.
        """
        return f'other camera {self._index} of the robot file'

    def perform(self, context: Any) -> str:
        """
        Look it up.
        """
        robot = load_robot(LaunchConfiguration('robot').perform(context))
        others = [key for key in robot.cameras if key not in CAMERAS]
        if self._index >= len(others):
            return f'no_camera_{self._index}/image_raw'
        key = others[self._index]
        return f'{key}/image_raw' if self._own else robot.camera_topic(key)


def command_type_argument() -> DeclareLaunchArgument:
    """
    Declare the type of the commands; ``robot`` must be declared before.
    """
    return argument('command_type', RobotTopic('command_type'),
                    'Type of the commands; by default that of the robot file.', SOURCE_KINDS)


def topic_arguments(command: str = 'the commands') -> list[DeclareLaunchArgument]:
    """
    Declare where the arm's own topics are: where its robot file says, if not told otherwise.

    ``robot`` and ``command_type`` must be declared before.

    :param command: what goes over the command topic, in words.
    """
    return [
        argument('command_topic', RobotTopic('commands'),
                 f'Topic of {command}, such as /joint_trajectory_controller/joint_trajectory; '
                 'by default that of the robot file.'),
        argument('joint_states_topic', RobotTopic('joint_states'),
                 'Topic of the joint states; by default that of the robot file.'),
        argument('front_image_topic', RobotTopic('front'),
                 'Topic of the camera called front; by default that of the robot file.'),
        argument('wrist_image_topic', RobotTopic('wrist'),
                 'Topic of the camera called wrist; by default that of the robot file.'),
    ]


def arm_remappings() -> list[tuple[Any, Any]]:
    """
    Send joint states and commands to the topics of :func:`topic_arguments`.
    """
    return [
        ('joint_states', LaunchConfiguration('joint_states_topic')),
        (LaunchConfiguration('command_type'), LaunchConfiguration('command_topic')),
    ]


def source_remappings(source: str) -> list[tuple[Any, Any]]:
    """
    Send commands to the inner topics of ``command_mux``, and joint states where they are.

    :param source: ``policy`` or ``teleop``.
    """
    inner = [(name, [f'{source}/', name])
             for name in (LaunchConfiguration('command_type'), RobotTopic('gripper'))]
    return [('joint_states', LaunchConfiguration('joint_states_topic')), *inner]


def camera_remappings() -> list[tuple[Any, Any]]:
    """
    Send the raw and compressed images of each camera to the topic that was asked for.
    """
    names: list[tuple[Any, Any]] = [
        (f'{camera}/image_raw', LaunchConfiguration(f'{camera}_image_topic'))
        for camera in CAMERAS]
    names += [(OtherCamera(index, True), OtherCamera(index, False))
              for index in range(MOST_OTHER_CAMERAS)]
    return [pair for name, topic in names
            for pair in ((name, topic), ([name, '/compressed'], [topic, '/compressed']))]
