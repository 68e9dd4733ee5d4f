# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the launch files share: described arguments, nodes with their parameters, one group for all.

A node's parameter that a launch file offers has a launch argument of the same name.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

from launch import Action
from launch import Substitution
from launch.actions import DeclareLaunchArgument
from launch.actions import GroupAction
from launch.actions import SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import EnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.actions import PushROSNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import SOURCE_KINDS

PACKAGE = 'vaa_ros'
PROFILE_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
CAMERAS = ('front', 'wrist')
MOST_OTHER_CAMERAS = 4
BOOL = ['true', 'false', 'True', 'False']


def share(*parts: str) -> PathJoinSubstitution:
    """
    Give a path below ``share/vaa_ros``.
    """
    return PathJoinSubstitution([FindPackageShare(PACKAGE), *parts])


def argument(name: str, default: Any, description: str,
             choices: Iterable[str] | None = None) -> DeclareLaunchArgument:
    """
    Declare a launch argument.

    :param name: its name.
    :param default: its default, a text or a substitution.
    :param description: one sentence for ``ros2 launch --show-args``.
    :param choices: the only values allowed, where they are finite.
    """
    return DeclareLaunchArgument(name, default_value=default, description=description,
                                 choices=list(choices) if choices is not None else None)


def common_arguments(node: str) -> list[DeclareLaunchArgument]:
    """
    Declare what every launch file offers.

    :param node: the node whose parameter file stands as the default of ``params_file``.
    """
    return [
        argument('namespace', '', 'Namespace of every node; topics and services lie below it.'),
        argument('params_file', share('config', 'nodes', f'{node}.yaml'),
                 'YAML file with parameters of these nodes, read after those in config/nodes. '
                 'The other arguments win over it.'),
        argument('use_sim_time', 'false', 'Take the time from /clock.', BOOL),
        argument('log_level', 'info', 'Least severity that is logged.',
                 ['debug', 'info', 'warn', 'error', 'fatal']),
        argument('fastdds_profile', 'true',
                 'Use the Fast DDS profile of this package, without which camera images above '
                 f'0.5 MB are lost; {PROFILE_VARIABLE} in the environment wins over it.', BOOL),
    ]


def node(executable: str, arguments: Mapping[str, type],
         fixed: Mapping[str, Any] | None = None,
         remappings: Iterable[tuple[Any, Any]] = (), **options: Any) -> Node:
    """
    Start a node with its parameter file, ``params_file`` and launch arguments, the last to win.

    :param executable: executable and name of the node.
    :param arguments: parameters that are launch arguments of the same name, with their types.
    :param fixed: parameters that this launch file decides.
    :param remappings: pairs of names.
    :param options: further options of ``launch_ros.actions.Node``.
    """
    taken = {name: ParameterValue(LaunchConfiguration(name), value_type=kind)
             for name, kind in {**arguments, 'use_sim_time': bool}.items()}
    return Node(
        package=PACKAGE,
        executable=executable,
        output='screen',
        parameters=[share('config', 'nodes', f'{executable}.yaml'),
                    LaunchConfiguration('params_file'), {**taken, **(fixed or {})}],
        remappings=list(remappings),
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        **options,
    )


def device_arguments() -> list[DeclareLaunchArgument]:
    """
    Declare where teleop's devices are.
    """
    return [
        argument('device', '', 'Gamepad and 3D mouse: empty for the topics joy and spacenav/joy, '
                 'auto or a path in /dev/input to read it directly.'),
        argument('leader', '', 'Leader arm: a name in config/leaders or a YAML file; empty for '
                 'the same arm as the robot.'),
    ]


SESSION = {'episodes': int, 'countdown_s': float, 'reset_s': float, 'cues': str, 'pedal': str,
           'min_free_gb': float, 'thresholds': str}
"""Parameters of teleop_recorder that say how a session goes, with their types."""

DISK_PATIENCE = {'sigterm_timeout': '35'}
"""Option of teleop_recorder: at its end it waits up to 30 s for a slow disk [s]."""


def session_arguments() -> list[DeclareLaunchArgument]:
    """
    Declare how a session of episodes goes: the parameters of :data:`SESSION`.
    """
    return [
        argument('episodes', '0', 'Successes after which the session is done; 0 for no end.'),
        argument('countdown_s', '0.0', 'Countdown before an episode, in seconds.'),
        argument('reset_s', '0.0', 'Time to reset the scene in seconds, after which the next '
                 'episode starts by itself; 0 waits for a start.'),
        argument('cues', 'bell', 'How you are told what happens: speech needs spd-say.',
                 ['none', 'print', 'bell', 'speech']),
        argument('pedal', '', 'Foot pedal that starts and ends episodes, a path such as '
                 '/dev/input/event5; empty for none.'),
        argument('min_free_gb', '1.0', 'Free disk space in GB below which no episode is started, '
                 'and a running one is broken off.'),
        argument('thresholds', '', 'YAML file with the thresholds of the verdict at every stop; '
                 'empty for config/verdict.yaml.'),
    ]


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
        return f'RobotTopic({self._kind})'

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
        return f'OtherCamera({self._index}, {self._own})'

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


def together(*actions: Action) -> GroupAction:
    """
    Put actions into the namespace and the environment that the common arguments ask for.
    """
    profile = EnvironmentVariable(PROFILE_VARIABLE, default_value=share('config', 'fastdds.xml'))
    return GroupAction([
        SetEnvironmentVariable(PROFILE_VARIABLE, profile,
                               condition=IfCondition(LaunchConfiguration('fastdds_profile'))),
        PushROSNamespace(LaunchConfiguration('namespace')),
        *actions,
    ])
