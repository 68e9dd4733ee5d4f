# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The guard beside a real policy process that is killed, stopped, or ends as it should.
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
import signal
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from policy_rig import begin
from policy_rig import commands
from policy_rig import HOME
from policy_rig import MODULE
from policy_rig import newest_in_state
from policy_rig import PERIOD_S
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
from processes import wait_for
import pytest
from rclpy.node import Node
from ros_harness import Collector
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.command_guard import IDLE
from vaa_ros.core.command_guard import STOPPED
from vaa_ros.core.command_guard import WATCHING
from vaa_ros.nodes.guard import GuardNode
from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import pose_msg
from vaa_ros.ros.conversions import still_message
from vaa_ros.ros.conversions import twist_from_msg
from vaa_ros.ros.conversions import twist_msg
from vaa_ros.ros.diagnostics import ERROR
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED

EVERY = 1000


@pytest.fixture
def policy(model: Path, ros_domain: int) -> Iterator[NodeProcess]:
    """
    A policy process, which leaves no locked shared memory behind when it is killed.
    """
    process = NodeProcess(MODULE, '--ros-args', '-p', f'model_path:={model}',
                          environment={'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'})
    yield process
    if process.process.poll() is None:
        process.process.send_signal(signal.SIGCONT)
    process.end()


@pytest.fixture
def guard(ros: Harness, robot: Robot, policy: NodeProcess) -> GuardNode:
    """
    A guard that watches the policy while it commands the arm.
    """
    # Long, for machines where everything is late.
    node = ros.make_node(GuardNode, timeout_s=1.0)
    robot.wait_connected()
    robot.start()
    wait_for(lambda: node._guard.state == WATCHING,
             message=f'the guard to watch, which says {node._report()}; the policy: '
                     f'{policy.output}')
    return node


def stops(ros: Harness) -> Collector:
    return ros.collect(Bool, 'e_stop', LATCHED)


def test_a_killed_policy_is_stopped(ros: Harness, guard: GuardNode, policy: NodeProcess) -> None:
    sent, pressed = commands(ros), stops(ros)
    sent.wait(5)
    policy.kill()
    # Again and again, for whoever did not hear it.
    assert all(message.data for message in pressed.wait(3))
    wait_for(lambda: guard._guard.state == STOPPED)
    count = len(sent.messages)
    repeated = sent.wait(count + 2)
    # The last word is where the policy sent the arm last, to be reached from now on.
    assert np.array_equal(positions(repeated[-1]), positions(guard._last))
    assert repeated[-1].header.stamp.sec == 0
    answer = ros.call(Trigger, 'guard/reset')
    assert answer.success and 'released' in answer.message
    pressed.wait_until(lambda message: not message.data)
    assert guard._guard.state == IDLE
    assert 'nothing to reset' in ros.call(Trigger, 'guard/reset').message


def test_a_stopped_process_holds_when_it_wakes(
    ros: Harness, guard: GuardNode, policy: NodeProcess,
) -> None:
    said = statuses(ros)
    policy.process.send_signal(signal.SIGSTOP)
    wait_for(lambda: guard._guard.state == STOPPED, message='the guard to stop the arm')
    policy.process.send_signal(signal.SIGCONT)
    newest_in_state(said, 'stopped')
    assert ros.call(Trigger, 'guard/reset').success
    newest_in_state(said, 'stopped', 'was pressed')
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')
    wait_for(lambda: guard._guard.state == WATCHING, message='the guard to watch again')


def test_a_policy_that_lets_go_may_be_silent(
    ros: Harness, guard: GuardNode, policy: NodeProcess,
) -> None:
    assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=True)).success
    wait_for(lambda: guard._guard.state == IDLE, message='the guard to see the pause')
    assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=False)).success
    wait_for(lambda: guard._guard.state == WATCHING)
    assert policy.stop(signal.SIGINT) == 0
    wait_for(lambda: guard._guard.state == IDLE, message='the guard to see the end')
    assert guard._guard.stops == 0


def test_a_guard_that_hears_no_commands_says_so(ros: Harness) -> None:
    node = ros.make_node(GuardNode, command_type='commands')
    said = ros.collect(DiagnosticStatus, 'guard/status', LATCHED)
    claim = ros.publisher(Bool, 'policy/commanding', LATCHED)

    def deaf() -> bool:
        claim.publish(Bool(data=True))
        time.sleep(0.01)
        return said.messages[-1].level == ERROR
    wait_for(deaf, message='the guard to say that it is deaf')
    assert 'nothing comes on /commands: this guard cannot stop it' in said.messages[-1].message
    command = ros.publisher(Float64MultiArray, 'commands', COMMAND)
    command.publish(Float64MultiArray(data=[0.0]))
    wait_for(lambda: node._guard.state in (WATCHING, STOPPED))
    assert not node._guard.deaf


def test_a_guard_that_watches_nobody_says_so(ros: Harness) -> None:
    node = ros.make_node(GuardNode, command_type='commands', commanding_topic='other/commanding')
    command = ros.publisher(Float64MultiArray, 'commands', COMMAND)

    def blind() -> bool:
        command.publish(Float64MultiArray(data=[0.0]))
        return 'nobody publishes other/commanding' in node._report()[1]
    wait_for(blind, message='the guard to say that it watches nobody')
    ros.node.create_publisher(Bool, 'other/commanding', LATCHED).publish(Bool(data=False))
    wait_for(lambda: node._report()[0] == OK)


def test_the_stop_command_of_each_type() -> None:
    twist = still_message(twist_msg([1, 2, 3, 4, 5, 6], 'base_link', 5), 7)
    assert isinstance(twist, TwistStamped) and twist.header.frame_id == 'base_link'
    assert twist.twist.linear.x == twist.twist.angular.z == 0.0
    pose = still_message(pose_msg([1, 2, 3, 0, 0, 0, 1], 'base_link', 5), 7)
    assert isinstance(pose, PoseStamped) and pose.pose.position.z == 3.0
    assert pose.header.stamp.nanosec == 7
    array = Float64MultiArray(data=[0.5])
    assert still_message(array, 7) == array
    trajectory = joint_trajectory_msg(('a', 'b'), [0.5, 0.6], 0.1, 123)
    still = still_message(trajectory, 7)
    assert still.header.stamp.nanosec == 0
    assert list(still.joint_names) == ['a', 'b'] and still.points == trajectory.points


@pytest.mark.parametrize(('stamp_ns', 'now_ns', 'since_ns', 'due'), [
    (0, 7, 0, 0.0), (0, 7, 100_000_000, 0.0), (0, 7, 100_000_001, 1.0), (0, 7, 250_000_000, 2.0),
    (0, 7, 9_000_000_000, 9.0), (5, 350_000_005, 0, 3.0), (5, 0, 900_000_000, 0.0)])
def test_a_plan_is_stopped_at_the_point_that_is_due(
        stamp_ns: int, now_ns: int, since_ns: int, due: float) -> None:
    plan = joint_trajectory_msg(('a',), np.arange(10.0)[:, None], 0.1, stamp_ns)
    still = still_message(plan, now_ns, since_ns)
    assert still == joint_trajectory_msg(('a',), [due], 0.1, 0)
    assert still_message(still, now_ns + 1) == still


def test_a_guard_leads_no_plan_to_its_end(ros: Harness) -> None:
    step_s = 0.15
    node = ros.make_node(GuardNode, timeout_s=0.4, repeat_for_s=60.0)
    plan = joint_trajectory_msg(ROBOT.commanded_joints, np.outer(
        np.arange(10.0), np.ones(len(ROBOT.commanded_joints))), step_s, 0)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    command = ros.publisher(JointTrajectory, 'joint_trajectory', COMMAND, subscribers=2)
    ros.publisher(Bool, 'policy/commanding', LATCHED).publish(Bool(data=True))

    def watching() -> bool:
        command.publish(plan)
        return node._guard.state == WATCHING
    wait_for(watching)
    sent.wait_until(lambda message: len(message.points) == 1)
    silence_s, count = node._guard.longest_s, len(sent.messages)
    # Repeated for longer than the plan has left.
    stops = [message for message in sent.wait(count + 30) if message != plan]
    assert len(stops) >= 30 and all(message == stops[0] for message in stops)
    # What was due when the guard stopped the arm, give or take how long it took to tell the time.
    due = {float(np.ceil(each / step_s)) - 1 for each in (silence_s, silence_s + 0.02)}
    assert positions(stops[0])[0] in {min(each, 9.0) for each in due}


GENTLE = """
name: gentle
home: [0.0, 0.0]
cameras: []
tool_speed: 1.0
tool_acceleration: 2.0
joints:
  - {name: a, unit: rad, lower: -9, upper: 9, velocity: 2.0, acceleration: 2.0}
  - {name: b, unit: rad, lower: -9, upper: 9, velocity: 2.0, acceleration: 4.0}
"""


@pytest.mark.parametrize('command_type', ['velocity_commands', 'delta_twist_cmds'])
def test_velocities_are_braked_within_the_robot_s_accelerations(
        ros: Harness, tmp_path: Path, command_type: str) -> None:
    path = tmp_path / 'gentle.yaml'
    path.write_text(GENTLE)
    joints = command_type == 'velocity_commands'
    node = ros.make_node(GuardNode, robot=str(path), command_type=command_type, timeout_s=0.3)
    kind = Float64MultiArray if joints else TwistStamped
    last = Float64MultiArray(data=[0.5, -0.5]) if joints else twist_msg(
        [0.3, 0.4, 0, 0, 0, 0], 'base_link', 1)
    # Every step has to be heard: the newest command alone hides those of a busy moment.
    sent = ros.collect(kind, command_type, EVERY)
    command = ros.publisher(kind, command_type, COMMAND, subscribers=2)
    ros.publisher(Bool, 'policy/commanding', LATCHED).publish(Bool(data=True))

    def watching() -> bool:
        command.publish(last)
        return node._guard.state == WATCHING
    wait_for(watching)
    wait_for(lambda: node._guard.state == STOPPED)
    assert not ros.call(Trigger, 'guard/reset').success or not node._stop.moving

    def speeds(message: Any) -> np.ndarray:
        return np.array(message.data) if joints else twist_from_msg(message)[:2]
    sent.wait_until(lambda message: not speeds(message).any())
    track = np.array([speeds(message) for message in sent.messages])
    track = track[np.argmax(np.abs(track - track[0]).max(axis=1) > 0) - 1:]
    way = np.abs(np.diff(track, axis=0))
    most = [2.0, 4.0] if joints else [1.2, 1.6]
    # However late the guard is, a step counts for 0.05 s at most.
    assert (way <= np.array(most) * 0.05 + 1e-9).all(), track
    assert (np.diff(np.abs(track), axis=0) <= 1e-12).all() and len(track) >= 4
    assert not track[-1].any()


def test_a_stop_by_the_guard_leaves_the_arm_to_it_until_a_reset(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    sent, said = begin(ros, robot, model, ramp_s=0.0)
    newest_in_state(said, 'running')
    guard = ros.make_node(lambda **_: Node('guard'))
    stop = guard.create_publisher(Bool, 'e_stop', LATCHED)

    def stopped() -> bool:
        # Until the node knows the name of who presses, it is a press like any other.
        stop.publish(Bool(data=True))
        newest_in_state(said, 'stopped')
        count = len(sent.messages)
        newest_in_state(said, 'stopped')
        return len(sent.messages) == count
    wait_for(stopped, message='silence')
    stop.publish(Bool(data=False))
    newest_in_state(said, 'stopped', 'was pressed')
    count = len(sent.messages)
    # The guard may have held it elsewhere.
    robot.position = HOME + [0.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    newest_in_state(said, 'stopped')
    assert len(sent.messages) == count
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')
    begun = positions(sent.wait(count + 1)[count])
    most = ROBOT.joints[0].velocity * PERIOD_S * 1.25
    assert abs(begun - robot.position)[0] <= most
