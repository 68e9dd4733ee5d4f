# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Does a live system fit a robot's description? What was seen goes in, findings come out.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field

from vaa_ros.core.errors import SpecError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.robot_defaults import defaults_text
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.urdf import parse_limits

OK = 'ok'
WARNING = 'warning'
PROBLEM = 'problem'
MAX_AGE_S = 0.2
"""Age of an input above which the policy node holds the arm, its default."""
EARLY_S = 0.05
"""How far a stamp may lie in the future before the clocks count as different."""
SLOW_HZ = 30.0
OUTSIDE = 0.01
"""How far beyond a limit a position may be measured [rad or m]: sensors and sagging."""
LARGE_BYTES = 500_000


@dataclass(frozen=True)
class Finding:
    """
    One thing that was looked at.

    :param level: ``ok``, ``warning`` or ``problem``.
    :param what: what was looked at.
    :param found: what was found there.
    :param advice: what to do, empty where nothing is to be done.
    """

    level: str
    what: str
    found: str
    advice: str = ''


@dataclass(frozen=True)
class Stream:
    """
    What came on a topic.

    :param topic: full name.
    :param publishers: full names of the nodes that publish it.
    :param types: message types that they publish.
    :param count: messages that came.
    :param rate_hz: messages a second, 0 for fewer than two.
    :param age_s: median of receive time minus stamp [s], or None without stamps.
    :param longest_gap_s: longest time between two messages [s].
    """

    topic: str
    publishers: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    count: int = 0
    rate_hz: float = 0.0
    age_s: float | None = None
    longest_gap_s: float = 0.0


@dataclass(frozen=True)
class Camera:
    """
    What came from a camera.

    :param stream: its topic.
    :param size: width and height [px], None without a picture.
    :param encoding: encoding of the pictures.
    :param problem: why the pictures cannot be read, empty if they can.
    :param compressed: whether a compressed topic is published beside it.
    :param reliable: whether its publisher is reliable, as recorders like it.
    """

    stream: Stream
    size: tuple[int, int] | None = None
    encoding: str = ''
    problem: str = ''
    compressed: bool = False
    reliable: bool = False


@dataclass(frozen=True)
class Listener:
    """
    Somebody who subscribes to a command topic.

    :param node: full name of the node.
    :param type: message type that it wants.
    :param mismatch: why its QoS does not match the commands', empty if it does.
    """

    node: str
    type: str
    mismatch: str = ''


@dataclass(frozen=True)
class CommandTopic:
    """
    Who is at a command topic.

    :param topic: full name.
    :param type: message type of the commands.
    :param listeners: who subscribes.
    :param publishers: full names of the nodes that publish.
    """

    topic: str
    type: str
    listeners: tuple[Listener, ...] = ()
    publishers: tuple[str, ...] = ()


@dataclass(frozen=True)
class LiveRobot:
    """
    What was seen of a live system.

    :param joints: the joint states.
    :param positions: newest position of every joint that came, by name [rad or m].
    :param cameras: by camera key.
    :param commands: the command topic, and that of the gripper where it has its own.
    :param large_images_safe: whether DDS is set up for large images.
    :param description: the URDF that ``robot_state_publisher`` publishes, empty for none.
    """

    joints: Stream
    positions: Mapping[str, float] = field(default_factory=dict)
    cameras: Mapping[str, Camera] = field(default_factory=dict)
    commands: Sequence[CommandTopic] = ()
    large_images_safe: bool = True
    description: str = ''


def check_robot(robot: RobotSpec, live: LiveRobot, policy: PolicySpec | None = None,
                own_nodes: Sequence[str] = ()) -> list[Finding]:
    """
    Compare a live system with a robot's description.

    :param robot: the description.
    :param live: what was seen.
    :param policy: the policy that is to run on it, or None.
    :param own_nodes: full names of nodes that may publish commands: policy, teleop, guard.
    :return: findings, in the order of the way from the arm to the command.
    """
    findings = [*_check_joints(robot, live), Finding(
        OK, 'limits', f'defaults for {text}' if (text := defaults_text(robot)) else
        'all from the robot file')]
    if live.description:
        findings.append(_check_description(robot, live.description))
    for key in robot.cameras:
        camera = live.cameras.get(key)
        if camera is not None:
            findings += _check_camera(key, camera, live.large_images_safe)
    for commands in live.commands:
        findings += _check_commands(commands, own_nodes)
    if policy is not None:
        findings += _check_policy(robot, policy, live)
    return findings


def _check_joints(robot: RobotSpec, live: LiveRobot) -> list[Finding]:
    stream = live.joints
    found = _check_stream('joint states', stream, 'sensor_msgs/msg/JointState',
                          'start the driver and its joint_state_broadcaster, or set '
                          'joint_states_topic in the robot file')
    if stream.count == 0:
        return found
    missing = [name for name in robot.joint_names if name not in live.positions]
    extra = [name for name in live.positions if name not in robot.joint_names]
    if missing:
        found.append(Finding(
            PROBLEM, 'joint names', f'missing: {", ".join(missing)}; the arm has: '
            + (', '.join(live.positions) or 'none'),
            'give the joints in the robot file the names of the driver'))
    else:
        found.append(Finding(OK, 'joint names', f'all {len(robot.joints)} are there'))
    if extra and not missing:
        found.append(Finding(OK, 'other joints', f'{", ".join(extra)}: not used'))
    outside = [f'{joint.name} {live.positions[joint.name]:.3f} (limits {joint.lower:g} to '
               f'{joint.upper:g})' for joint in robot.joints if joint.name in live.positions
               and not (joint.lower - OUTSIDE <= live.positions[joint.name]
                        <= joint.upper + OUTSIDE)]
    if outside:
        found.append(Finding(
            PROBLEM, 'positions', f'outside the limits: {", ".join(outside)}',
            'bring the arm inside, or mend the limits, units or zero of the robot file'))
    elif not missing:
        found.append(Finding(OK, 'positions', 'inside the limits'))
    return found


def _check_description(robot: RobotSpec, description: str) -> Finding:
    what = 'robot description'
    try:
        limits = parse_limits(description, 'the topic robot_description')
    except SpecError as error:
        return Finding(PROBLEM, what, str(error), 'mend the URDF of robot_state_publisher')
    known = [joint for joint in robot.joints if joint.name in limits]
    if not known:
        return Finding(WARNING, what, 'has none of the joints; it has: '
                       + (', '.join(limits) or 'none'), 'is it that of another robot?')
    stricter = [f'{joint.name} {name} {getattr(limits[joint.name], name):g} (file: '
                f'{getattr(joint, name):g})'
                for joint in known for name, sign in (('lower', -1), ('upper', 1), ('velocity', 1))
                if sign * (getattr(joint, name) - getattr(limits[joint.name], name)) > 1e-6]
    if stricter:
        return Finding(WARNING, what, f'is stricter: {", ".join(stricter)}',
                       'name it in the robot file (urdf: FILE), or take its limits over')
    return Finding(OK, what, 'no limit is stricter than the robot file')


def _check_stream(what: str, stream: Stream, kind: str, advice: str) -> list[Finding]:
    """
    Look at what every input has: a publisher, messages, a rate, stamps.
    """
    if not stream.publishers:
        return [Finding(PROBLEM, what, f'nobody publishes {stream.topic}', advice)]
    if kind not in stream.types:
        return [Finding(PROBLEM, what, f'{stream.topic} is {", ".join(stream.types)}',
                        f'expected {kind}: {advice}')]
    if stream.count == 0:
        return [Finding(PROBLEM, what, f'{stream.topic} is published by '
                        f'{", ".join(stream.publishers)}, but nothing came', 'is the driver '
                        'running and not paused? on two computers: multicast and firewall')]
    found = [Finding(
        OK if stream.rate_hz >= SLOW_HZ * 0.9 else WARNING, f'{what}: rate',
        f'{stream.rate_hz:.1f} Hz, longest gap {stream.longest_gap_s * 1e3:.0f} ms',
        '' if stream.rate_hz >= SLOW_HZ * 0.9 else
        f'below {SLOW_HZ:g} Hz: raise the rate of its publisher')]
    if len(stream.publishers) > 1:
        found.append(Finding(WARNING, what, f'{len(stream.publishers)} publishers: '
                             f'{", ".join(stream.publishers)}', 'leave one'))
    return [*found, _check_stamps(what, stream)]


def _check_stamps(what: str, stream: Stream) -> Finding:
    age_s = stream.age_s
    if age_s is None:
        return Finding(PROBLEM, f'{what}: stamps', 'messages have no stamp',
                       'let the driver stamp them with the time of capture')
    text = f'{age_s * 1e3:.0f} ms old on arrival'
    if age_s < -EARLY_S:
        return Finding(PROBLEM, f'{what}: stamps', f'{-age_s:.3f} s in the future',
                       'the clocks differ: run chrony or ptp on both computers, or set '
                       'use_sim_time where time is simulated')
    if age_s > MAX_AGE_S:
        return Finding(PROBLEM, f'{what}: stamps', text,
                       f'the policy holds above {MAX_AGE_S:g} s: the clocks differ (chrony), or '
                       'the driver is slow')
    return Finding(OK, f'{what}: stamps', text)


def _check_camera(key: str, camera: Camera, large_images_safe: bool) -> list[Finding]:
    what = f'camera {key}'
    advice = f'start the camera, or set camera_topics: {{{key}: TOPIC}} in the robot file'
    if camera.compressed and not camera.stream.publishers:
        return [Finding(WARNING, what, f'{camera.stream.topic} comes compressed alone',
                        'start camera_subscriber with compressed: true')]
    found = _check_stream(what, camera.stream, 'sensor_msgs/msg/Image', advice)
    if camera.size is None:
        return found
    width, height = camera.size
    picture = (f'{width}x{height} {camera.encoding}, '
               f'{"reliable" if camera.reliable else "best effort"}')
    if camera.problem:
        return [*found, Finding(PROBLEM, f'{what}: picture', f'{picture}: {camera.problem}',
                                'choose another encoding in the driver, such as rgb8')]
    found.append(Finding(OK, f'{what}: picture', picture))
    if width * height * 3 > LARGE_BYTES and not large_images_safe:
        found.append(Finding(
            WARNING, f'{what}: transport', 'large pictures without a Fast DDS profile: most are '
            'lost', 'export FASTDDS_DEFAULT_PROFILES_FILE=<share>/config/fastdds.xml for the '
            'camera too'))
    return found


def _check_commands(commands: CommandTopic, own_nodes: Sequence[str]) -> list[Finding]:
    what = f'commands {commands.topic}'
    listeners = [item for item in commands.listeners if item.node not in own_nodes]
    fitting = [item for item in listeners if item.type == commands.type and not item.mismatch]
    found = []
    if not listeners:
        found.append(Finding(PROBLEM, what, 'nobody listens',
                             'start and activate the controller, or mend command_topic in the '
                             'robot file; ros2 control list_controllers shows what runs'))
    elif fitting:
        found.append(Finding(OK, what, f'{commands.type} to '
                             + ', '.join(item.node for item in fitting)))
    for item in listeners:
        if item.type != commands.type:
            found.append(Finding(PROBLEM, what, f'{item.node} wants {item.type}, commands are '
                                 f'{commands.type}', 'choose the command_type of the controller'))
        elif item.mismatch:
            found.append(Finding(PROBLEM, what, f'{item.node}: QoS does not match: '
                                 f'it asks for {item.mismatch}', 'commands are reliable and '
                                 'volatile, without deadline or lease: subscribe like that'))
    others = [node for node in commands.publishers if node not in own_nodes]
    if others:
        found.append(Finding(PROBLEM, what, f'also published by {", ".join(others)}',
                             'stop it: the policy does not command an arm that others command'))
    return found


def _check_policy(robot: RobotSpec, policy: PolicySpec, live: LiveRobot) -> list[Finding]:
    try:
        policy.check_robot(robot)
    except SpecError as error:
        return [Finding(PROBLEM, f'model {policy.name}', str(error),
                        'choose another model or robot')]
    missing = [key for key in policy.camera_keys if key not in robot.cameras]
    if missing:
        return [Finding(PROBLEM, f'model {policy.name}', f'wants the cameras '
                        f'{", ".join(missing)}; the robot has {", ".join(robot.cameras)}',
                        'name the cameras of the robot file like those of the model')]
    findings = [Finding(OK, f'model {policy.name}', f'fits {robot.name}')]
    rates = {f'camera {key}': live.cameras[key].stream.rate_hz for key in policy.camera_keys
             if key in live.cameras and live.cameras[key].stream.count > 1}
    slow = [f'{name} {rate:.1f} Hz' for name, rate in rates.items()
            if rate < 0.9 * policy.control_rate_hz]
    if slow:
        findings.append(Finding(WARNING, f'model {policy.name}: rate', ', '.join(slow),
                                f'it was trained at {policy.control_rate_hz:g} Hz'))
    return findings
