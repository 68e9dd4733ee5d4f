# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the launch files share: described arguments, nodes with their parameters, one group for all.

A node's parameter that a launch file offers has a launch argument of the same name. What somebody
gives as argument wins over ``params_file``, and that over the argument's default.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from difflib import get_close_matches
import os
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from launch import Action
from launch import LaunchDescription
from launch import Substitution
from launch.actions import DeclareLaunchArgument
from launch.actions import GroupAction
from launch.actions import OpaqueFunction
from launch.actions import SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.logging import get_logger
from launch.substitutions import EnvironmentVariable
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.actions import PushROSNamespace
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare
import yaml

from vaa_ros.core.errors import ConfigError
from vaa_ros.ros.launch_process import LAUNCH_VARIABLE
from vaa_ros.ros.params_file import names_that_fit_no
from vaa_ros.ros.params_file import PARAMETERS
from vaa_ros.ros.params_file import read_params_file
from vaa_ros.ros.params_file import values_of_arguments

PACKAGE = 'vaa_ros'
PROFILE_VARIABLE = 'FASTDDS_DEFAULT_PROFILES_FILE'
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


def first_arguments() -> list[DeclareLaunchArgument]:
    """
    Declare what has to be known before ``params_file`` is read.
    """
    return [
        argument('namespace', '', 'Namespace of every node; topics and services lie below it.'),
        argument('params_file', '',
                 'YAML file with parameters of these nodes, read after those in config/nodes. '
                 'What it says of an argument listed here stands for its default; an argument '
                 'that is given wins over it.'),
    ]


def common_arguments() -> list[DeclareLaunchArgument]:
    """
    Declare what every launch file offers.
    """
    return [
        argument('use_sim_time', 'false', 'Take the time from /clock.', BOOL),
        argument('log_level', 'info', 'Least severity that is logged.',
                 ['debug', 'info', 'warn', 'error', 'fatal']),
        argument('fastdds_profile', 'true',
                 'Use the Fast DDS profile of this package, without which camera images above '
                 f'0.5 MB are lost; {PROFILE_VARIABLE} in the environment wins over it.', BOOL),
    ]


class OurNode(Action):
    """
    A node with its parameter file, ``params_file`` and launch arguments, the last to win.

    :param executable: executable and name of the node.
    :param arguments: parameters that are launch arguments of the same name, with their types.
    :param fixed: parameters that this launch file decides.
    :param remappings: pairs of names.
    :param condition: when to start it.
    :param package: its package; another one has no file in config/nodes.
    :param options: further options of ``launch_ros.actions.Node``.
    """

    def __init__(self, executable: str, arguments: Mapping[str, type],
                 fixed: Mapping[str, Any] | None = None,
                 remappings: Iterable[tuple[Any, Any]] = (),
                 condition: IfCondition | None = None, package: str = PACKAGE,
                 **options: Any) -> None:
        super().__init__(condition=condition)
        self._package = package
        self.executable = executable
        self.arguments = {**arguments, 'use_sim_time': bool}
        self._fixed = dict(fixed or {})
        self._remappings = list(remappings)
        self._options = options

    def execute(self, context: Any) -> list[Action]:
        """
        Start it.
        """
        params_file = LaunchConfiguration('params_file').perform(context)
        own = [share('config', 'nodes', f'{self.executable}.yaml')]
        return [Node(
            package=self._package,
            executable=self.executable,
            output='screen',
            parameters=[*(own if self._package == PACKAGE else []),
                        *([params_file] if params_file else []), self._last_word(context)],
            remappings=self._remappings,
            ros_arguments=['--log-level', LaunchConfiguration('log_level')],
            **self._options,
        )]

    def _last_word(self, context: Any) -> str:
        """
        Write what launch decides to a file whose parameters win over those of any other.

        ROS goes by when a name of the node was first seen, not by the order of files: after
        ``/**`` and ``/policy`` in a file of the user's, the ``/**`` of a dictionary given to
        launch_ros would lose. So the node has a name here that no other file calls it by.

        :return: path of the file, left where launch_ros leaves its own.
        """
        values = {name: typed(name, LaunchConfiguration(name), kind, context)
                  for name, kind in self.arguments.items()}
        for name, value in self._fixed.items():
            values[name] = value.evaluate(context) if isinstance(value, ParameterValue) else value
        with NamedTemporaryFile('w', prefix='launch_params_', suffix='.yaml', delete=False,
                                encoding='utf-8') as file:
            yaml.safe_dump({f'/**/**/{self.executable}': {PARAMETERS: values}}, file)
        return file.name


def typed(name: str, value: Substitution, kind: type, context: Any) -> Any:
    """
    Turn the text of a launch argument into the type of its parameter.
    """
    try:
        return ParameterValue(value, value_type=kind).evaluate(context)
    except ValueError as error:
        raise ConfigError(f'{name}:={value.perform(context)} is no {kind.__name__}') from error


def take_params_file(context: Any, nodes: Iterable[OurNode]) -> None:
    """
    Let ``params_file`` speak for the arguments that were not given.

    :param nodes: those that are launched, whatever their conditions.
    """
    path = LaunchConfiguration('params_file').perform(context)
    if not path:
        return
    found = read_params_file(Path(path))
    place = context.launch_configurations.get('ros_namespace', '').strip('/')
    arguments = {f'/{place}/{node.executable}' if place else f'/{node.executable}':
                 set(node.arguments) - set(context.launch_configurations) for node in nodes}
    idle = names_that_fit_no(arguments, found)
    if idle:
        text = (f'params_file {path}: no node launched here is called {", ".join(idle)}; they are '
                f'{", ".join(sorted(arguments))}')
        if len(idle) == len(found):
            raise ConfigError(text)
        get_logger(PACKAGE).warning(text)
    context.launch_configurations.update(values_of_arguments(found, arguments))


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


def warn_of_typing_errors(context: Any, names: Iterable[str]) -> None:
    """
    Name what was typed that looks like an argument and is none: launch passes over it.

    Other words may be for a launch file that includes this one.

    :param names: the arguments.
    """
    names = list(names)
    for word in context.argv:
        typed_name = word.partition(':=')[0]
        near = get_close_matches(typed_name, names, 1, 0.8)
        if near and typed_name not in names:
            get_logger(PACKAGE).warning(
                f'{typed_name} is no launch argument of vaa_ros; did you mean {near[0]}?')


def description(arguments: Iterable[DeclareLaunchArgument],
                nodes: Iterable[Action]) -> LaunchDescription:
    """
    Describe a launch file, in a scope of its own: whoever includes two gets two sets of defaults.

    :param arguments: what it offers, besides what every launch file does.
    :param nodes: what it starts, in the namespace and environment that are asked for.
    """
    first, nodes = first_arguments(), list(nodes)
    others = [*common_arguments(), *arguments]
    ours = [node for node in nodes if isinstance(node, OurNode)]
    profile = EnvironmentVariable(PROFILE_VARIABLE, default_value=share('config', 'fastdds.xml'))
    return LaunchDescription([GroupAction([
        *first,
        PushROSNamespace(LaunchConfiguration('namespace')),
        OpaqueFunction(function=take_params_file, args=[ours]),
        *others,
        OpaqueFunction(function=warn_of_typing_errors,
                       args=[[argument.name for argument in [*first, *others]]]),
        SetEnvironmentVariable(LAUNCH_VARIABLE, str(os.getpid())),
        SetEnvironmentVariable(PROFILE_VARIABLE, profile,
                               condition=IfCondition(LaunchConfiguration('fastdds_profile'))),
        *nodes,
    ])])
