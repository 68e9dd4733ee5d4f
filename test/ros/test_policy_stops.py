# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Everything that stops the policy node: people, rivals, signals.
"""
from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
import signal
import time

from geometry_msgs.msg import TwistStamped
import numpy as np
from policy_rig import activate
from policy_rig import begin
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import MODULE
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import OTHER
from policy_rig import PERIOD_S
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
from processes import wait_for
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.ros import emergency_stop
from vaa_ros.ros.emergency_stop import GONE_S
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR


def test_the_emergency_stop_latches(ros: Harness, robot: Robot, model: Path) -> None:
    activate(ros, model_path=str(model))
    sent, said = commands(ros), statuses(ros)
    stop = ros.publisher(Bool, 'e_stop', LATCHED)
    robot.start()
    sent.wait(3)
    stop.publish(Bool(data=True))
    newest_in_state(said, 'stopped')
    held = positions(sent.messages[-1])
    assert not ros.call(Trigger, 'policy/reset_policy').success
    stop.publish(Bool(data=False))
    newest_in_state(said, 'stopped', 'was pressed')
    assert np.array_equal(positions(sent.messages[-1]), held)
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')


@pytest.mark.parametrize('qos', [LATCHED, EVENTS, SENSOR],
                         ids=['latched', 'volatile', 'best_effort'])
def test_every_publisher_of_the_emergency_stop_is_heard(
    ros: Harness, model: Path, qos: QoSProfile,
) -> None:
    activate(ros, model_path=str(model))
    said = statuses(ros)
    stop = ros.publisher(Bool, 'e_stop', qos)
    stop.publish(Bool(data=True))
    newest_in_state(said, 'stopped')
    stop.publish(Bool(data=False))
    newest_in_state(said, 'stopped', 'was pressed')
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'waiting')


@pytest.mark.parametrize('qos', [LATCHED, EVENTS], ids=['latched', 'volatile'])
def test_another_publisher_does_not_release_the_stop(
    ros: Harness, model: Path, qos: QoSProfile,
) -> None:
    activate(ros, model_path=str(model))
    said = statuses(ros)
    ros.needs_senders()
    pressed = ros.publisher(Bool, 'e_stop', LATCHED)
    pressed.publish(Bool(data=True))
    newest_in_state(said, 'stopped', 'is pressed')
    heard: list[bool] = []
    ros.node.create_subscription(Bool, 'e_stop', lambda message: heard.append(message.data), qos)
    ros.publisher(Bool, 'e_stop', qos).publish(Bool(data=False))
    wait_for(lambda: False in heard)
    newest_in_state(said, 'stopped', 'is pressed')
    answer = ros.call(Trigger, 'policy/reset_policy')
    assert not answer.success and '1 publisher of /e_stop: /test_node' in answer.message


def test_a_button_that_is_gone_is_waited_for_and_named_when_it_does_not_come_back(
    ros: Harness, model: Path,
) -> None:
    node = activate(ros, model_path=str(model))
    said = statuses(ros)
    ros.needs_senders()
    pressed = ros.publisher(Bool, 'e_stop', LATCHED)
    pressed.publish(Bool(data=True))
    newest_in_state(said, 'stopped', 'is pressed')
    ros.node.destroy_publisher(pressed)
    wait_for(lambda: node.count_publishers('e_stop') == 0)
    gone_s = time.monotonic()
    answer = ros.call(Trigger, 'policy/reset_policy')
    assert not answer.success and '/test_node, gone for' in answer.message
    ros.publisher(Bool, 'e_stop', LATCHED).publish(Bool(data=False))
    newest_in_state(said, 'stopped', 'is pressed')
    # It cannot release any more, and does not have to for ever.
    answer = wait_for(lambda: _if_done(ros.call(Trigger, 'policy/reset_policy')))
    assert time.monotonic() - gone_s >= GONE_S - 0.1
    assert 'the press of /test_node was forgotten' in answer.message
    assert 'forgotten, which' not in ros.call(Trigger, 'policy/reset_policy').message


def _if_done(answer: Trigger.Response) -> Trigger.Response | None:
    return answer if answer.success else None


def test_where_nobody_is_known_to_be_gone_a_press_ends_by_its_release_alone(
    ros: Harness, model: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = activate(ros, model_path=str(model))
    monkeypatch.setattr(emergency_stop, 'GONE_S', 0.0)
    # So it is on Cyclone DDS: the graph never shows the identity that messages have.
    node._stop._same_identities = False
    stranger = {'publisher_gid': b'no such publisher'}
    node._stop._on_topic(Bool(data=True), stranger)
    for _ in range(3):
        node._stop._on_topic(Bool(data=False), {'publisher_gid': b'some other stranger'})
        answer = ros.call(Trigger, 'policy/reset_policy')
        assert not answer.success and 'the graph does not show' in answer.message
    node._stop._on_topic(Bool(data=False), stranger)
    assert ros.call(Trigger, 'policy/reset_policy').success


def test_a_press_of_a_command_line_that_ended_at_once_can_be_reset(
    ros: Harness, model: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = activate(ros, model_path=str(model))
    monkeypatch.setattr(emergency_stop, 'GONE_S', 0.0)
    node._stop._on_topic(Bool(data=True), {'publisher_gid': b'gone before anybody looked'})
    answer = ros.call(Trigger, 'policy/reset_policy')
    assert answer.success and 'the graph does not show' in answer.message


def test_a_stop_button_that_falls_silent_stops_the_arm(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), e_stop_silence_s=2.0)
    said = statuses(ros)
    robot.start()
    newest_in_state(said, 'stopped', 'is pressed')
    answer = ros.call(Trigger, 'policy/reset_policy')
    assert not answer.success and 'nobody publishes /e_stop' in answer.message
    button = ros.publisher(Bool, 'e_stop', EVENTS)
    for _ in range(2):
        beats = ros.node.create_timer(0.05, lambda: button.publish(Bool(data=False)))
        newest_in_state(said, 'stopped', 'was pressed')
        assert ros.call(Trigger, 'policy/reset_policy').success
        newest_in_state(said, 'running')
        ros.node.destroy_timer(beats)
        newest_in_state(said, 'stopped', 'is pressed')


def test_a_short_press_latches(ros: Harness, model: Path) -> None:
    node = activate(ros, model_path=str(model))
    said = statuses(ros)
    for pressed in (True, False):
        node._on_e_stop(pressed)
    newest_in_state(said, 'stopped', 'was pressed')


def test_a_press_while_it_is_not_configured_latches(ros: Harness, model: Path) -> None:
    node = ros.make_node(PolicyNode, model_path=str(model))
    stop = ros.publisher(Bool, 'e_stop', EVENTS)
    for pressed in (True, False):
        stop.publish(Bool(data=pressed))
    wait_for(lambda: node._stop.latched and not node._stop.pressed)
    node.trigger_configure()
    node.trigger_activate()
    newest_in_state(statuses(ros), 'stopped', 'was pressed')


def test_the_stop_service_latches_until_a_reset(ros: Harness, robot: Robot, model: Path) -> None:
    sent, said = begin(ros, robot, model)
    sent.wait(3)
    answer = ros.call(Trigger, 'policy/e_stop')
    assert answer.success and 'reset_policy' in answer.message
    newest_in_state(said, 'stopped')
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')


def test_it_moves_only_while_the_deadman_switch_is_held(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), deadman=True, ramp_s=0.0)
    sent, said = commands(ros), statuses(ros)
    switch = ros.publisher(Bool, 'deadman', EVENTS)
    robot.start()
    newest_in_state(said, 'waiting', 'deadman: nothing received yet')
    switch.publish(Bool(data=False))
    newest_in_state(said, 'waiting', 'deadman is released')
    assert not sent.messages
    timer = ros.node.create_timer(0.05, lambda: switch.publish(Bool(data=True)))
    sent.wait_until(near(GOAL.astype(np.float32)))
    timer.cancel()
    newest_in_state(said, 'holding', 'deadman')
    timer.reset()
    newest_in_state(said, 'running')
    timer.cancel()
    switch.publish(Bool(data=False))
    newest_in_state(said, 'holding', 'deadman is released')


def test_every_motion_begins_slowly(ros: Harness, robot: Robot, model: Path) -> None:
    sent, said = begin(ros, robot, model, ramp_s=5.0)
    newest_in_state(said, 'ramping in')
    first, second = sent.wait(2)[:2]
    most = 0.25 * ROBOT.joints[0].velocity * PERIOD_S
    assert abs(positions(first) - HOME)[0] <= most
    assert abs(positions(second) - positions(first))[0] <= most


def test_an_emergency_stop_from_before_is_obeyed(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    ros.node.create_publisher(Bool, 'e_stop', LATCHED).publish(Bool(data=True))
    activate(ros, model_path=str(model))
    said, sent = statuses(ros), commands(ros)
    newest_in_state(said, 'stopped')
    count = len(sent.messages)
    robot.start()
    newest_in_state(said, 'stopped')
    assert len(sent.messages) == count


def test_pause_holds_then_is_silent_and_goes_on(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    sent, said = begin(ros, robot, model)
    sent.wait(3)
    answer = ros.call(SetBool, 'policy/pause', SetBool.Request(data=True))
    assert answer.success and 'paused' in answer.message
    newest_in_state(said, 'paused')
    count = len(sent.messages)
    newest_in_state(said, 'paused')
    assert len(sent.messages) == count
    last_three = [positions(message) for message in sent.messages[-3:]]
    assert all(np.array_equal(last_three[0], each) for each in last_three)
    answer = ros.call(SetBool, 'policy/pause', SetBool.Request(data=False))
    assert answer.success
    newest_in_state(said, 'running')
    first = positions(sent.wait(count + 1)[count])
    assert np.abs(first - HOME).max() <= 3.5 * PERIOD_S + 1e-9, 'it starts where the arm is'
    assert int(newest_in_state(said, 'running')['missed_ticks']) < 15


@pytest.mark.parametrize('end', ['deactivate', 'stop'])
def test_after_a_pause_it_does_not_bring_the_arm_back_when_it_ends(
    ros: Harness, robot: Robot, model: Path, end: str,
) -> None:
    node = activate(ros, model_path=str(model))
    sent, said = commands(ros), statuses(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=True)).success
    robot.position = OTHER.copy()  # someone leads the arm away
    robot.speaking.discard('front')
    wait_for(lambda: node._thread.ages_s()['vision/front'] > 0.3)
    assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=False)).success
    newest_in_state(said, 'waiting')
    count = len(sent.messages)
    if end == 'stop':
        node.stop()
    else:
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    probe = ros.collect(Bool, 'probe', EVENTS, publishers=0)
    ros.publisher(Bool, 'probe', EVENTS).publish(Bool(data=True))
    probe.wait()
    assert len(sent.messages) == count, 'a position from before the pause was published'


def test_another_publisher_silences_it_until_a_reset(
    ros: Harness, robot: Robot, model: Path, start_process: Callable[..., NodeProcess],
) -> None:
    sent, said = begin(ros, robot, model)
    sent.wait(3)
    rival = start_process('vaa_ros.nodes.teleop', '--ros-args', '-p', 'mode:=gamepad')
    newest_in_state(said, 'holding', '/teleop')
    count = len(sent.messages)
    newest_in_state(said, 'holding', 'another publisher')
    assert len(sent.messages) == count
    answer = ros.call(Trigger, 'policy/reset_policy')
    assert answer.success
    newest_in_state(said, 'holding', 'another publisher')
    rival.stop()
    newest_in_state(said, 'holding', 'it is gone: reset the policy')
    assert len(sent.messages) == count, 'nothing moves because somebody left'
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')


def test_with_another_publisher_it_does_not_activate(ros: Harness, model: Path) -> None:
    ros.node.create_publisher(JointTrajectory, 'joint_trajectory', COMMAND)
    node = ros.make_node(PolicyNode, model_path=str(model))
    wait_for(lambda: node.count_publishers('/joint_trajectory'))
    node.trigger_configure()
    assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
    allowed = ros.make_node(PolicyNode, model_path=str(model), allow_other_publishers=True)
    allowed.trigger_configure()
    assert allowed.trigger_activate() == TransitionCallbackReturn.SUCCESS


@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGINT])
def test_a_signal_publishes_the_hold_and_exits_0(
    ros: Harness, robot: Robot, model: Path, start_process: Callable[..., NodeProcess],
    number: int,
) -> None:
    process = start_process(MODULE, '--ros-args', '-p', f'model_path:={model}')
    sent = commands(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    robot.stop()
    assert process.stop(number) == 0
    assert near(GOAL.astype(np.float32))(sent.messages[-1])
    assert 'Traceback' not in process.output


def test_a_signal_stops_a_twist(
    ros: Harness, robot: Robot, tmp_path: Path, start_process: Callable[..., NodeProcess],
) -> None:
    model = goal_policy(tmp_path / 'twist.onnx', [0.1, 0, 0, 0, 0, 0, 0.05],
                        kind='end_effector_twist')
    process = start_process(MODULE, '--ros-args', '-p', f'model_path:={model}', '-p',
                            'command_type:=delta_twist_cmds')
    sent = ros.collect(TwistStamped, 'delta_twist_cmds', COMMAND)
    gripper = ros.collect(Float64MultiArray, 'gripper_commands', COMMAND)
    robot.start()
    sent.wait_until(lambda message: message.twist.linear.x > 0.09)
    assert sent.messages[-1].header.frame_id == 'base_link'
    gripper.wait_until(lambda message: abs(message.data[0] - 0.05) < 1e-6)
    assert process.stop(signal.SIGTERM) == 0
    assert sent.messages[-1].twist.linear.x == 0.0


def test_deactivate_holds_and_activate_goes_on(ros: Harness, robot: Robot, model: Path) -> None:
    node = activate(ros, model_path=str(model))
    sent, said = commands(ros), statuses(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    newest_in_state(said, 'inactive')
    assert near(GOAL.astype(np.float32))(sent.messages[-1])
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    newest_in_state(said, 'running')


def test_cleanup_disconnects_and_configure_connects_again(ros: Harness, model: Path) -> None:
    node = PolicyNode(parameter_overrides=[Parameter('model_path', value=str(model))])
    inputs = ('/vision/front', '/vision/wrist', '/joint_states')
    for _ in range(2):
        assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
        assert [node.count_subscribers(topic) for topic in inputs] == [1, 1, 1]
        assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        assert [node.count_subscribers(topic) for topic in inputs] == [0, 0, 0]
    answer = asyncio.run(node._on_reset(Trigger.Request(), Trigger.Response()))
    assert not answer.success and 'not configured' in answer.message
    node.destroy_node()
