# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The mux between a real policy, a real teleop and the arm, over DDS.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import threading

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import TwistStamped
from mux_rig import PATIENT
from mux_rig import Source
from mux_rig import trajectory
import numpy as np
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import positions
from policy_rig import Robot
from processes import NodeProcess
from processes import wait_for
from ros_harness import Collector
from ros_harness import Harness
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.command_guard import IDLE
from vaa_ros.core.command_guard import STOPPED
from vaa_ros.core.command_guard import WATCHING
from vaa_ros.nodes.command_mux import CommandMuxNode
from vaa_ros.nodes.guard import GuardNode
from vaa_ros.ros.conversions import positions_msg
from vaa_ros.ros.conversions import twist_msg
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

STEP = max(joint.velocity for joint in ROBOT.joints) * 0.1
"""The longest way that the limits allow a joint in one command, however late it is [rad]."""


def sources(ros: Harness) -> Collector:
    return ros.collect(String, 'command_source', LATCHED)


def newest(said: Collector) -> str:
    return said.messages[-1].data if said.messages else ''


def goes_to(sent: Collector, goal: np.ndarray) -> None:
    wait_for(lambda: sent.messages and near(goal)(sent.messages[-1]), message=f'{goal}')


def test_a_person_takes_over_and_gives_back(
    ros: Harness, source: Callable[..., Source],
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', blend_s=2.0, **PATIENT)
    sent, said = commands(ros), sources(ros)
    active = ros.publisher(Bool, 'teleop/active', LATCHED)
    policy, person = source('policy', trajectory(GOAL)), source('teleop', trajectory(HOME))
    policy.on = True
    goes_to(sent, GOAL)
    assert newest(said) == 'policy'
    active.publish(Bool(data=True))
    person.on = True
    goes_to(sent, HOME)
    person.on = False
    active.publish(Bool(data=False))
    wait_for(lambda: newest(said) == 'hold')
    assert ros.call(Trigger, 'command_mux/resume').success
    goes_to(sent, GOAL)
    assert [message.data for message in said.messages[-4:]] == [
        'policy', 'person', 'hold', 'policy']
    track = np.array([positions(message) for message in sent.messages])
    assert np.abs(np.diff(track, axis=0)).max() <= STEP
    # Blended, not thrown over: on the way between the two there are commands.
    way = (track[:, 0] - HOME[0]) / (GOAL[0] - HOME[0])
    assert ((0.02 < way) & (way < 0.98)).sum() >= 3
    assert ((0.4 < way) & (way < 0.6)).any()


def test_in_a_hold_the_arm_is_let_go_and_the_policy_kept_out(
    ros: Harness, source: Callable[..., Source],
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    sent, said = commands(ros), sources(ros)
    active = ros.publisher(Bool, 'teleop/active', LATCHED)
    commanding = ros.collect(Bool, 'command_mux/commanding', LATCHED)
    policy, person = source('policy', trajectory(GOAL)), source('teleop', trajectory(HOME))
    active.publish(Bool(data=True))
    person.on = policy.on = True
    wait_for(lambda: newest(said) == 'person')
    active.publish(Bool(data=False))
    wait_for(lambda: newest(said) == 'hold' and not commanding.messages[-1].data)
    count = len(sent.messages)
    ticked = ros.collect(JointTrajectory, 'policy/joint_trajectory', COMMAND)
    ticked.wait(10)
    assert len(sent.messages) == count
    assert newest(said) == 'hold'


def test_a_person_who_falls_silent_has_let_go(
    ros: Harness, source: Callable[..., Source],
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', timeout_s=0.2)
    said = sources(ros)
    person = source('teleop', trajectory(HOME))
    person.on = True
    wait_for(lambda: newest(said) == 'person')
    person.on = False
    wait_for(lambda: newest(said) == 'hold')
    status = ros.collect(DiagnosticStatus, 'command_mux/status', LATCHED)
    assert 'no command of the person' in status.wait()[-1].message


def test_a_dead_gamepad_does_not_give_the_arm_to_the_policy(
    ros: Harness, source: Callable[..., Source], start_process: Callable[..., NodeProcess],
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    start_process('vaa_ros.nodes.teleop', '--ros-args', '-p', 'mode:=gamepad', '-p',
                  'joy_timeout_s:=1.0', '-r', 'joint_trajectory:=teleop/joint_trajectory')
    said = sources(ros)
    joy = ros.publisher(Joy, 'joy', EVENTS)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    source('policy', trajectory(GOAL)).on = True
    wait_for(lambda: newest(said) == 'policy')
    held = ros.node.create_timer(0.05, lambda: joy.publish(
        Joy(axes=[0.0] * 8, buttons=[0, 0, 0, 0, 1, 0, 0, 0])))
    wait_for(lambda: newest(said) == 'person')
    ros.node.destroy_timer(held)
    # Teleop does not know why nothing comes: it says the same as for a button that is let go.
    active.wait_until(lambda message: not message.data and newest(said) == 'hold')
    ros.collect(JointTrajectory, 'policy/joint_trajectory', COMMAND).wait(60)
    assert newest(said) == 'hold'
    assert ros.call(Trigger, 'command_mux/resume').success
    wait_for(lambda: newest(said) == 'policy')


def test_e_stop_holds_whoever_drives(ros: Harness, source: Callable[..., Source]) -> None:
    ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    sent, said = commands(ros), sources(ros)
    stop = ros.publisher(Bool, 'e_stop', LATCHED)
    policy = source('policy', trajectory(GOAL))
    policy.on = True
    wait_for(lambda: newest(said) == 'policy')
    stop.publish(Bool(data=True))
    wait_for(lambda: newest(said) == 'hold')
    assert not ros.call(Trigger, 'command_mux/resume').success
    stop.publish(Bool(data=False))
    wait_for(lambda: ros.call(Trigger, 'command_mux/resume').success)
    goes_to(sent, GOAL)


def test_its_own_stop_service_holds_until_resume(
    ros: Harness, source: Callable[..., Source],
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    sent, said = commands(ros), sources(ros)
    policy = source('policy', trajectory(GOAL))
    policy.on = True
    wait_for(lambda: newest(said) == 'policy')
    assert '~/resume' in ros.call(Trigger, 'command_mux/e_stop').message
    wait_for(lambda: newest(said) == 'hold')
    assert ros.call(Trigger, 'command_mux/resume').success
    goes_to(sent, GOAL)


def test_a_policy_that_is_not_paused_is_not_given_the_arm(
    ros: Harness, source: Callable[..., Source],
) -> None:
    asked: list[bool] = []
    ready = threading.Event()

    def on_pause(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        asked.append(request.data)
        response.success, response.message = ready.is_set(), 'it did not answer'
        return response

    ros.make_node(CommandMuxNode, **PATIENT)
    said, status = sources(ros), ros.collect(DiagnosticStatus, 'command_mux/status', LATCHED)
    active = ros.publisher(Bool, 'teleop/active', LATCHED)
    policy, person = source('policy', trajectory(GOAL)), source('teleop', trajectory(HOME))
    active.publish(Bool(data=True))
    person.on = True
    wait_for(lambda: newest(said) == 'person')
    status.wait_until(lambda found: 'no service policy/pause' in found.message)
    ros.node.create_service(SetBool, 'policy/pause', on_pause)
    status.wait_until(lambda found: 'policy/pause: it did not answer' in found.message)
    active.publish(Bool(data=False))
    policy.on = True
    wait_for(lambda: newest(said) == 'hold')
    answer = ros.call(Trigger, 'command_mux/resume')
    assert not answer.success and 'it did not answer' in answer.message
    assert newest(said) == 'hold' and set(asked) == {True}
    ready.set()
    wait_for(lambda: ros.call(Trigger, 'command_mux/resume').success)
    wait_for(lambda: newest(said) == 'policy')
    assert asked[-1] is False and asked.count(False) == 1


def test_a_mux_that_starts_anew_leaves_the_arm_to_nobody_until_it_is_asked(
    ros: Harness, robot: Robot, model: Path, start_process: Callable[..., NodeProcess],
) -> None:
    muxes = [start_process('vaa_ros.nodes.command_mux', '--ros-args', '-p', 'timeout_s:=1.0')]
    sent, said = commands(ros), sources(ros)
    start_process('vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}', '-r',
                  'joint_trajectory:=policy/joint_trajectory')
    state = ros.collect(DiagnosticStatus, 'policy/status', EVENTS)
    robot.wait_connected()
    robot.start()
    goes_to(sent, GOAL)
    muxes[0].end()
    said.messages.clear()
    muxes.append(start_process('vaa_ros.nodes.command_mux', '--ros-args', '-p', 'timeout_s:=1.0'))
    said.wait()
    newest_in_state(state, 'paused')
    muxes[1].end()
    # Whoever was kept waiting goes on waiting when the mux ends.
    newest_in_state(state, 'paused')
    start_process('vaa_ros.nodes.command_mux', '--ros-args', '-p', 'timeout_s:=1.0')
    status = ros.collect(DiagnosticStatus, 'command_mux/status', LATCHED)
    status.wait_until(lambda found: 'nobody commands yet' in found.message)
    newest_in_state(state, 'paused')
    assert {message.data for message in said.messages} == {'hold'}
    assert ros.call(Trigger, 'command_mux/resume').success
    wait_for(lambda: newest(said) == 'policy')


def test_a_velocity_is_braked_to_nothing_when_nobody_drives(
    ros: Harness, source: Callable[..., Source],
) -> None:
    ros.make_node(CommandMuxNode, pause_service='', command_type='delta_twist_cmds', **PATIENT)
    sent = ros.collect(TwistStamped, 'delta_twist_cmds', COMMAND)
    commanding = ros.collect(Bool, 'command_mux/commanding', LATCHED)
    stop = ros.publisher(Bool, 'e_stop', LATCHED)
    ros.publisher(Float64MultiArray, 'policy/gripper_commands', COMMAND).publish(
        positions_msg([0.05]))
    policy = source('policy', twist_msg([0.2, 0, 0, 0, 0, 0], 'base_link', 7), 'delta_twist_cmds')
    policy.on = True
    sent.wait_until(lambda found: found.twist.linear.x > 0.19)
    stop.publish(Bool(data=True))
    wait_for(lambda: commanding.messages and not commanding.messages[-1].data)
    wait_for(lambda: sent.messages[-1].twist.linear.x == 0.0)


def test_another_publisher_is_not_fought_with(
    ros: Harness, source: Callable[..., Source],
) -> None:
    other = ros.node.create_publisher(JointTrajectory, 'joint_trajectory', COMMAND)
    node = ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    status = ros.collect(DiagnosticStatus, 'command_mux/status', LATCHED)
    wait_for(lambda: node._others)
    sent, said = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND, 2), sources(ros)
    policy, person = source('policy', trajectory(GOAL)), source('teleop', trajectory(HOME))
    policy.on = person.on = True
    wait_for(lambda: newest(said) == 'person')
    status.wait_until(lambda found: 'another publisher: /test_node' in found.message)
    assert sent.messages == []
    person.on = False
    ros.node.destroy_publisher(other)
    wait_for(lambda: newest(said) == 'hold' and not node._others)
    ros.collect(JointTrajectory, 'policy/joint_trajectory', COMMAND).wait(10)
    assert newest(said) == 'hold', 'the policy does not go on because somebody left'
    assert ros.call(Trigger, 'command_mux/resume').success
    sent.wait(3)


def test_without_joint_states_it_does_not_take_hold(ros: Harness, robot: Robot) -> None:
    node = ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    sent = commands(ros)
    policy = Source(ros, 'policy', trajectory(GOAL))
    try:
        policy.on = True
        wait_for(lambda: 'joint_states' in node._trouble)
        assert sent.messages == []
        robot.start()
        sent.wait(3)
    finally:
        policy.stop()


def test_the_guard_watches_the_mux(ros: Harness, source: Callable[..., Source]) -> None:
    node = ros.make_node(CommandMuxNode, pause_service='', **PATIENT)
    guard = ros.make_node(GuardNode, timeout_s=1.0, commanding_topic='command_mux/commanding')
    sent, said = commands(ros), sources(ros)
    policy = source('policy', trajectory(GOAL))
    policy.on = True
    wait_for(lambda: guard._guard.state == WATCHING)
    policy.on = False
    wait_for(lambda: newest(said) == 'hold' and guard._guard.state == IDLE)
    policy.on = True
    wait_for(lambda: guard._guard.state == WATCHING and node._commanding)
    assert guard._guard.state != STOPPED
    assert sent.messages


def test_a_real_policy_waits_for_a_real_teleop_and_begins_where_the_arm_then_is(
    ros: Harness, robot: Robot, model: Path, start_process: Callable[..., NodeProcess],
) -> None:
    start_process('vaa_ros.nodes.policy', '--ros-args', '-p', f'model_path:={model}', '-r',
                  'joint_trajectory:=policy/joint_trajectory')
    start_process('vaa_ros.nodes.teleop', '--ros-args', '-p', 'mode:=gamepad', '-p',
                  'joy_timeout_s:=5.0', '-r', 'joint_trajectory:=teleop/joint_trajectory')
    start_process('vaa_ros.nodes.command_mux', '--ros-args', '-p', 'timeout_s:=1.0')
    joy = ros.publisher(Joy, 'joy', EVENTS)
    robot.wait_connected()
    robot.start()
    sent, said = commands(ros), sources(ros)
    state = ros.collect(DiagnosticStatus, 'policy/status', EVENTS)
    goes_to(sent, GOAL)
    joy.publish(Joy(axes=[0.0, 0.5] + [0.0] * 6, buttons=[0, 0, 0, 0, 1, 0, 0, 0]))
    wait_for(lambda: newest(said) == 'person')
    state.wait_until(lambda message: status_values(message)['state'] == 'paused')
    robot.position = HOME - 0.1
    robot.position[-1] = HOME[-1]
    joy.publish(Joy(axes=[0.0] * 8, buttons=[0] * 8))
    wait_for(lambda: newest(said) == 'hold')
    commanding = ros.collect(Bool, 'command_mux/commanding', LATCHED)
    wait_for(lambda: commanding.messages and not commanding.messages[-1].data)
    count = len(sent.messages)
    assert ros.call(Trigger, 'command_mux/resume').success
    goes_to(sent, GOAL)
    first = positions(sent.messages[count])
    assert np.abs(first - robot.position).max() < STEP
