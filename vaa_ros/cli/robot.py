# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Show the robots that are described, and check a live one against its description.

``check`` only listens; it never moves anything. It ends with 1 where it found a problem.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from collections.abc import Sequence
import time
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import positive_float
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.robot import DEFAULT_ROBOT
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_names
from vaa_ros.core.robot import robot_to_mapping
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.robot_check import check_robot
from vaa_ros.core.robot_check import Finding
from vaa_ros.core.robot_check import OK
from vaa_ros.core.robot_check import PROBLEM
from vaa_ros.core.robot_check import WARNING
from vaa_ros.core.robot_defaults import defaults_text
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.core.urdf import is_xml

if TYPE_CHECKING:
    from vaa_ros.core.robot_check import LiveRobot

EPILOG = """\
examples:
  vaa robot list                                  the robots in config/robots
  vaa robot show ur5e                             joints, limits, topics
  vaa robot check --robot ur5e                    does the running driver fit?
  vaa robot check --robot my_arm.yaml --model pick_place --namespace left --json check.json
"""
COMMANDERS = ('policy', 'teleop', 'guard')
"""Nodes of vaa_ros that publish commands."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('action', choices=('list', 'show', 'check'),
                        help='list: the robots that ship; show: what a robot file says; check: '
                             'listen to a live system and say what does not fit')
    parser.add_argument('name', nargs='?', metavar='ROBOT',
                        help='a name in config/robots or a YAML file (default: vaa_arm)')
    parser.add_argument('--robot', metavar='ROBOT', help='the same')
    parser.add_argument('--namespace', default='', metavar='NS',
                        help='check: namespace of the robot (default: none)')
    parser.add_argument('--model', metavar='MODEL',
                        help='check: a model that is to run on it: a name in models, or an .onnx '
                             'file')
    parser.add_argument('--command-type', metavar='TYPE',
                        help="check: type of the commands (default: the robot file's)")
    parser.add_argument('--seconds', type=positive_float, default=5.0, metavar='S',
                        help='check: longest time to listen (default: 5); less where all was '
                             'heard')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Do what was asked; 1 where a check found a problem."""
    prepare_json(args.json)
    if args.action == 'list':
        write_json(args.json, _list())
        return 0
    if args.name and args.robot and args.name != args.robot:
        raise ConfigError(f'two robots: {args.name} and --robot {args.robot}; name one')
    robot = load_robot(args.name or args.robot or DEFAULT_ROBOT)
    if args.action == 'show':
        write_json(args.json, _show(robot))
        return 0
    return _check(robot, args)


def _list() -> Mapping[str, object]:
    robots = [load_robot(name) for name in robot_names()]
    print(table([(robot.name, len(robot.joints), robot.gripper or '-', ', '.join(robot.cameras),
                  robot.topic_of(robot.command_type)) for robot in robots],
                header=('robot', 'joints', 'gripper', 'cameras', 'commands')))
    return {'robots': [robot_to_mapping(robot) for robot in robots]}


def _show(robot: RobotSpec) -> Mapping[str, object]:
    rows: list[tuple[str, object]] = [
        ('robot', robot.name), ('base frame', robot.base_frame),
        ('end effector', robot.end_effector_frame),
        ('commands', f'{robot.topic_of(robot.command_type)} ({robot.command_type})'),
        ('joint states', robot.joint_states_topic)]
    rows += [(f'camera {key}', robot.camera_topic(key)) for key in robot.cameras]
    if robot.gripper is not None:
        opened, closed = robot.gripper_range
        where = (f'{robot.gripper_topic} ({robot.gripper_type})' if robot.gripper_topic
                 else 'in the joint commands')
        rows.append(('gripper', f'{robot.gripper}: open {opened:g}, closed {closed:g}, {where}'))
    rows.append(('URDF', 'in the robot file' if is_xml(robot.urdf) else
                 robot.urdf or 'none: no inverse kinematics'))
    print(table(rows))
    print()
    print(table([(joint.name, joint.unit, joint.lower, joint.upper, joint.velocity,
                  joint.acceleration, joint.step, home)
                 for joint, home in zip(robot.joints, robot.home, strict=True)],
                header=('joint', 'unit', 'lower', 'upper', 'per s', 'per s2', 'step', 'home')))
    if robot.defaults:
        print(f'\ndefaults, for the robot file does not say: {defaults_text(robot)}')
    return {**robot_to_mapping(robot), 'urdf': robot.urdf or None,
            'defaults': list(robot.defaults)}


def _check(robot: RobotSpec, args: argparse.Namespace) -> int:
    command_type = args.command_type or robot.command_type
    if command_type not in SOURCE_KINDS:
        raise unknown_name('command type', command_type, SOURCE_KINDS)
    policy = _policy(args.model)
    namespace = '/' + args.namespace.strip('/')
    live = listen(robot, command_type, namespace, args.seconds)
    findings = check_robot(robot, live, policy,
                           [f'{namespace.rstrip("/")}/{name}' for name in COMMANDERS])
    report(findings)
    write_json(args.json, {
        'robot': robot.name, 'namespace': namespace, 'command_type': command_type,
        'findings': [vars(finding) for finding in findings],
        **{level: _count(findings, level) for level in (OK, WARNING, PROBLEM)}})
    return 1 if _count(findings, PROBLEM) else 0


def _policy(model: str | None) -> PolicySpec | None:
    if model is None:
        return None
    from vaa_ros.cli.policy_run import find_model
    from vaa_ros.cli.policy_run import policy_spec
    return policy_spec(find_model(model))


def listen(robot: RobotSpec, command_type: str, namespace: str, seconds: float) -> LiveRobot:
    """
    Listen to a live system, until all of it was heard or the time is over.

    :param robot: what to listen for.
    :param command_type: type of the commands.
    :param namespace: namespace of the robot, absolute.
    :param seconds: longest time to listen [s].
    :return: what was seen.
    """
    import rclpy
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.signals import SignalHandlerOptions

    from vaa_ros.ros.robot_listener import RobotListener
    context = rclpy.Context()
    rclpy.init(args=[], context=context, signal_handler_options=SignalHandlerOptions.NO)
    try:
        node: Any = rclpy.create_node('vaa_robot_check', namespace=namespace, context=context)
        executor = SingleThreadedExecutor(context=context)
        executor.add_node(node)
        listener = RobotListener(node, robot, command_type)
        end_s = time.monotonic() + seconds
        looked_s = 0.0
        while time.monotonic() < end_s:
            executor.spin_once(timeout_sec=0.05)
            if time.monotonic() > looked_s + 0.5:
                looked_s = time.monotonic()
                if listener.complete():
                    break
        live = listener.live()
        executor.shutdown(timeout_sec=1.0)
        node.destroy_node()
        return live
    finally:
        context.try_shutdown()


def report(findings: Sequence[Finding]) -> None:
    """Print the findings, and what to do below those that need it."""
    print(table([(finding.level, finding.what, finding.found) for finding in findings],
                header=('', 'what', 'found')))
    todo = [finding for finding in findings if finding.advice]
    if todo:
        print('\nwhat to do')
        for finding in todo:
            print(f'  {finding.what}: {finding.advice}')
    print(f'\n{_count(findings, OK)} ok, {_count(findings, WARNING)} warnings, '
          f'{_count(findings, PROBLEM)} problems')


def _count(findings: Sequence[Finding], level: str) -> int:
    return sum(finding.level == level for finding in findings)
