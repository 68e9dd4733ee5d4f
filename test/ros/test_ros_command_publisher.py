# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands of every type as messages: what they hold, their stamps, who else publishes.
"""
from __future__ import annotations

from functools import partial
import time

import numpy as np
from processes import wait_for
import pytest
from rclpy.node import Node
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros import command_publisher
from vaa_ros.ros.command_publisher import array_stamp_ns
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.command_publisher import CommandPublisher
from vaa_ros.ros.command_publisher import GRIPPER_TOPIC
from vaa_ros.ros.command_publisher import UNKNOWN
from vaa_ros.ros.command_reader import CommandReader
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.limited_commands import LimitedCommands
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED

ROBOT = load_robot('vaa_arm')
STAMP_NS = 12_345_678_901
VECTORS = {
    'joint_position': np.arange(7) / 100,
    'end_effector_pose': np.array([0.3, 0.1, 0.2, 1.0, 0.0, 0.0, 0.0, 0.05]),
    'end_effector_twist': np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.05]),
}


def publisher(ros: Harness, command_type: str, stamped: bool) -> CommandPublisher:
    return CommandPublisher(ros.node, command_type, ROBOT, 1 / 30, stamped)


def stamp_of(message: object) -> int | None:
    if isinstance(message, Float64MultiArray):
        return array_stamp_ns(message)
    return stamp_to_ns(message.header.stamp)


def test_every_command_type_has_a_message() -> None:
    assert set(COMMAND_MESSAGES) == set(SOURCE_KINDS)


@pytest.mark.parametrize('command_type', COMMAND_MESSAGES)
def test_stamped_commands(ros: Harness, command_type: str) -> None:
    commands = publisher(ros, command_type, True)
    received = ros.collect(COMMAND_MESSAGES[command_type], command_type, COMMAND)
    commands.publish(VECTORS[commands.kind], STAMP_NS)
    assert stamp_of(received.wait()[0]) == STAMP_NS
    if commands.kind != 'joint_position':
        gripper = ros.collect(Float64MultiArray, GRIPPER_TOPIC, COMMAND)
        commands.publish(VECTORS[commands.kind], STAMP_NS)
        assert list(gripper.wait()[0].data) == [0.05]
        assert stamp_of(gripper.wait()[0]) == STAMP_NS


@pytest.mark.parametrize('command_type', COMMAND_MESSAGES)
def test_commands_without_a_stamp_mean_now(ros: Harness, command_type: str) -> None:
    commands = publisher(ros, command_type, False)
    received = ros.collect(COMMAND_MESSAGES[command_type], command_type, COMMAND)
    before = time.time_ns()
    commands.publish(VECTORS[commands.kind], STAMP_NS)
    stamp = stamp_of(received.wait()[0])
    expected = {'joint_trajectory': 0, 'commands': None, 'velocity_commands': None}
    if command_type in expected:
        assert stamp == expected[command_type]
    else:
        assert before <= stamp <= time.time_ns()


@pytest.mark.parametrize('label', ['', 'stamp_ns=', 'stamp_ns=x', 'stamp_ns=-4', 'time=4'])
def test_other_labels_are_no_stamp(label: str) -> None:
    message = Float64MultiArray()
    assert array_stamp_ns(message) is None
    from std_msgs.msg import MultiArrayDimension
    message.layout.dim = [MultiArrayDimension(label=label)]
    assert array_stamp_ns(message) is None


def test_an_unknown_type_is_refused(ros: Harness) -> None:
    with pytest.raises(ConfigError, match='joint_trajectory'):
        publisher(ros, 'thoughts', False)


def test_other_publishers_are_named(ros: Harness) -> None:
    commands = publisher(ros, 'commands', False)
    assert commands.others() == []
    rival = ros.node.create_publisher(Float64MultiArray, 'commands', COMMAND)
    assert wait_for(commands.others) == ['/test_node']
    ros.node.destroy_publisher(rival)
    wait_for(lambda: commands.others() == [])
    commands.close()


def test_so_are_those_of_the_gripper(ros: Harness) -> None:
    commands = publisher(ros, 'delta_twist_cmds', False)
    assert commands.others() == []
    rival = ros.node.create_publisher(Float64MultiArray, 'gripper_commands', COMMAND)
    assert wait_for(commands.others) == ['/test_node']
    assert '/gripper_commands has another publisher: /test_node' in commands.rivals(False)
    ros.node.destroy_publisher(rival)
    wait_for(lambda: commands.others() == [])
    commands.close()


def test_a_guard_is_a_node_that_presses_the_stop(ros: Harness) -> None:
    commands = publisher(ros, 'commands', False)
    named = ros.make_node(partial(Node, 'guard'))
    named.create_publisher(Float64MultiArray, 'commands', COMMAND)
    wait_for(lambda: len(commands._publishers('commands')) == 2)
    found = wait_for(commands.others)
    assert found == ['/guard (which publishes no e_stop, as the guard does)']
    named.create_publisher(Bool, 'e_stop', LATCHED)
    wait_for(lambda: commands.others() == [])
    assert commands.figures() == {'guard': 'there'}
    second = named.create_publisher(Float64MultiArray, 'commands', COMMAND)
    found = wait_for(commands.others)
    assert found == ['/guard (a second one, or one that was killed less than 20 s ago)']
    named.destroy_publisher(second)
    wait_for(lambda: commands.others() == [])
    commands.close()


def test_that_no_guard_is_there_is_told(ros: Harness) -> None:
    commands = publisher(ros, 'commands', False)
    assert commands.others() == []
    assert commands.figures()['guard'].startswith('none: nobody stops the arm')
    commands.close()


class Clock:
    """A time that goes on while somebody sleeps."""

    now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, time_s: float) -> None:
        self.now_s += time_s


@pytest.mark.parametrize(('named', 'found'), [
    ('/rival', ['/rival']), (f'/{UNKNOWN}', [f'/{UNKNOWN}']), ('/guard', [])])
def test_others_are_looked_for_until_they_could_be_discovered(
    ros: Harness, monkeypatch: pytest.MonkeyPatch, named: str, found: list[str],
) -> None:
    clock = Clock()
    monkeypatch.setattr(command_publisher, 'time', clock)
    commands = publisher(ros, 'commands', False)

    def slowly(topic: str) -> list[str]:
        if topic == 'e_stop':
            return ['/guard']
        # The publisher is discovered after 2 s, its node's name half a second later.
        way_s = clock.now_s - 100.0
        return ['/test_node', *([] if way_s < 2.0 else [f'/{UNKNOWN}'] if way_s < 2.5
                                else [named])]
    monkeypatch.setattr(commands, '_publishers', slowly)
    assert commands.others(wait=False) == commands.others() == [], 'not there yet'
    assert commands.others(discovery_s=3.0) == found
    assert clock.now_s == pytest.approx(103.0 + (2.5 - 3.0) * (named == '/rival'), abs=0.05)
    assert commands.rivals(True, discovery_s=60.0) == '', 'does not wait where nobody minds'


def test_limits_hold_on_the_way_out(ros: Harness) -> None:
    commands = LimitedCommands(publisher(ros, 'commands', False), ROBOT)
    received = ros.collect(Float64MultiArray, 'commands', COMMAND)
    assert commands.hold() is None
    home = np.array(ROBOT.home)
    with pytest.raises(RosError, match='not known yet'):
        commands.send(home, None, 0.1)
    with pytest.raises(RosError, match='not finite'):
        commands.send(home * np.nan, home, 0.1)
    assert commands.refused == 2
    with pytest.raises(RosError, match='gripper is told to go to 0.79'):
        commands.send(home + 0.7, home, 0.1)
    sent = commands.send(home + [*[0.7] * 6, 0.0], home, 0.1)
    assert sent[0] == pytest.approx(0.25)
    assert list(received.wait()[0].data) == pytest.approx(sent)
    assert commands.hold() is sent
    received.wait(2)
    commands.again()
    assert list(received.wait(3)[2].data) == pytest.approx(sent)


def test_what_is_measured_fits_the_kind(ros: Harness) -> None:
    joints, tool = np.array(ROBOT.home), np.array([0.3, 0, 0.2, 1, 0, 0, 0])
    for command_type, width in (('commands', 7), ('target_pose', 8), ('delta_twist_cmds', 7)):
        commands = LimitedCommands(publisher(ros, command_type, False), ROBOT)
        measured = commands.measured(joints, tool)
        assert measured.shape == (width,)
        assert measured[-1] == ROBOT.home[-1]
    assert measured[:6].tolist() == [0.0] * 6
    held = commands.send(np.append(np.full(6, 0.1), 0.05), measured, 0.1)
    assert held[0] == 0.1
    slower = commands.hold()
    assert 0 < slower[0] < 0.1 and commands.coasting
    assert commands.hold()[:6].tolist() == [0.0] * 6 and not commands.coasting


def test_a_twist_of_before_a_long_silence_does_not_set_the_arm_in_motion_again(
    ros: Harness, monkeypatch: pytest.MonkeyPatch,
) -> None:
    time = Clock()
    monkeypatch.setattr(command_publisher, 'time', time)
    commands = LimitedCommands(publisher(ros, 'delta_twist_cmds', False), ROBOT)
    commands.send(np.append(np.full(6, 0.2), 0.05), np.zeros(7), 0.1)
    time.sleep(0.24)
    assert commands.hold(dt_s=0.01)[0] > 0.1, 'too short for a guard to have stopped it'
    time.sleep(0.26)
    assert commands.hold(dt_s=0.01)[:6].tolist() == [0.0] * 6


def test_a_command_that_was_stopped_on_its_way_is_not_said_late(
    ros: Harness, monkeypatch: pytest.MonkeyPatch,
) -> None:
    time, said = Clock(), []
    monkeypatch.setattr(command_publisher, 'time', time)
    commands = publisher(ros, 'commands', False)
    monkeypatch.setattr(commands, 'again', lambda: said.append(time.now_s))
    commands.publish(VECTORS['joint_position'], STAMP_NS)
    commands._make = lambda *_: time.sleep(2.0)
    commands.publish(VECTORS['joint_position'], STAMP_NS)
    assert said == [100.0]


def test_a_gripper_with_a_controller_of_its_own_has_its_own_command(ros: Harness) -> None:
    robot = load_robot('vx300s')
    commands = CommandPublisher(ros.node, 'joint_trajectory', robot, 0.1, False)
    arm = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    gripper = ros.collect(JointTrajectory, 'gripper_controller/joint_trajectory', COMMAND)
    commands.publish(np.array(robot.home), STAMP_NS)
    (told,), (finger,) = arm.wait(), gripper.wait()
    assert told.joint_names == list(robot.joint_names[:-1])
    assert list(told.points[0].positions) == pytest.approx(robot.home[:-1])
    assert finger.joint_names == ['left_finger']
    assert list(finger.points[0].positions) == pytest.approx(robot.home[-1:])


def test_what_was_published_with_such_a_gripper_is_read_back(ros: Harness) -> None:
    robot = load_robot('vx300s')
    found: list[np.ndarray] = []
    CommandReader(ros.node, 'policy', 'joint_trajectory', robot, 0.1,
                  lambda vector, _: found.append(vector))
    commands = CommandPublisher(
        ros.node, 'joint_trajectory', robot, 0.1, False, topic='policy/joint_trajectory',
        gripper_topic='policy/gripper_controller/joint_trajectory')

    def complete() -> bool:
        commands.publish(np.array(robot.home), STAMP_NS)
        return bool(found) and np.isfinite(found[-1]).all()

    wait_for(complete, message='a command with the gripper in it')
    assert found[-1] == pytest.approx(robot.home)
