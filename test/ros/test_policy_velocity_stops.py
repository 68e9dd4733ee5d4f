# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An arm that is driven by speed, or led along a plan, goes on by itself: whatever ends a motion
brakes it before silence.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import time
from typing import Any

import numpy as np
from policy_rig import activate
from policy_rig import HOME
from policy_rig import newest_in_state
from policy_rig import PERIOD_S
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
import pytest
from ros_harness import Collector
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core import control_loop
from vaa_ros.ros.command_publisher import COMMAND_MESSAGES
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED

Act = Callable[[Harness, Robot, Any], object]


def reset_without_inputs(ros: Harness, robot: Robot, _: Any) -> object:
    robot.speaking.clear()
    return ros.call(Trigger, 'policy/reset_policy')


def stop_reset_without_inputs(ros: Harness, robot: Robot, _: Any) -> object:
    robot.speaking.clear()
    ros.call(Trigger, 'policy/e_stop')
    return ros.call(Trigger, 'policy/reset_policy')


def bug(*_: object) -> object:
    raise ZeroDivisionError('a tick that always fails')


WAYS: dict[str, Act] = {
    'bug': lambda _, __, node: setattr(node._loop, 'tick', bug),
    'e_stop': lambda ros, *_: ros.publisher(Bool, 'e_stop', LATCHED).publish(Bool(data=True)),
    'pause': lambda ros, *_: ros.call(SetBool, 'policy/pause', SetBool.Request(data=True)),
    'rival': lambda ros, _, node: ros.node.create_publisher(
        COMMAND_MESSAGES[node._value('command_type')], node._value('command_type'), COMMAND),
    'stale': lambda _, robot, __: robot.speaking.clear(),
    'reset': reset_without_inputs,
    'stop_and_reset': stop_reset_without_inputs,
    'deactivate': lambda _, __, node: node.trigger_deactivate(),
}


@pytest.mark.parametrize('way', WAYS)
def test_whatever_ends_a_motion_brakes_it(
    ros: Harness, robot: Robot, model: Path, way: str,
) -> None:
    node = activate(ros, model_path=str(model), command_type='velocity_commands')
    sent = ros.collect(Float64MultiArray, 'velocity_commands', COMMAND)
    claims = ros.collect(Bool, 'policy/commanding', LATCHED)
    robot.start()
    sent.wait_until(lambda message: abs(message.data[0]) > 0.1)
    WAYS[way](ros, robot, node)
    wait_for(lambda: not any(sent.messages[-1].data), message='no motion')
    speeds = np.array([message.data for message in sent.messages])
    # A tick may be late and use the time that passed, of which two periods count.
    most = np.array([joint.acceleration for joint in ROBOT.joints]) * 2 * PERIOD_S
    assert (np.abs(np.diff(speeds, axis=0)) <= most + 1e-9).all()
    # The guard was on watch until then.
    assert any(each.data for each in claims.messages)


@pytest.mark.parametrize('way', [*WAYS, 'end'])
def test_whatever_ends_a_motion_ends_the_plan_that_was_sent(
    ros: Harness, robot: Robot, model: Path, way: str,
) -> None:
    node = activate(ros, model_path=str(model), trajectory_points=20)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    robot.start()
    sent.wait_until(lambda message: len(message.points) > 10)
    {**WAYS, 'end': lambda *_: node.stop()}[way](ros, robot, node)
    wait_for(lambda: len(sent.messages[-1].points) == 1, message='a place to stay at')
    count = len(sent.messages)
    wait_for(lambda: node._thread is None or not node._loop.coasting)
    assert all(len(message.points) == 1 for message in sent.messages[count:])


def stuck_on_a_plan(ros: Harness, robot: Robot, path: Path, stuck_s: float,
                    ) -> tuple[Collector, int]:
    """
    Have a node be stuck while its plan leads an arm; give its commands, and the index of the plan.
    """
    goal = HOME + [1.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    node = activate(ros, model_path=str(goal_policy(path / 'far.onnx', goal)),
                    trajectory_points=20)
    sent, said = ros.collect(JointTrajectory, 'joint_trajectory', 1000), statuses(ros)
    stuck, publish = [], node._commands.publish

    def publish_and_be_stuck(command: np.ndarray, *facts: object) -> None:
        publish(command, *facts)
        if not stuck and command[0] - HOME[0] > 0.2:
            stuck.append(command)
            robot.speaking.clear()
            time.sleep(stuck_s)
    node._thread._wiring = replace(node._thread._wiring, publish=publish_and_be_stuck)
    robot.start()
    newest_in_state(said, 'holding')
    return sent, next(index for index, message in enumerate(sent.messages)
                      if positions(message)[0] >= stuck[0][0])


def test_a_late_tick_goes_on_from_where_the_plan_led(
    ros: Harness, robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    # On a busy computer a guard would have stopped the arm by now, of which the next test tells.
    monkeypatch.setattr(control_loop, 'gap_s', lambda _: 60.0)
    sent, at = stuck_on_a_plan(ros, robot, tmp_path, 0.25)
    plan = [point.positions[0] for point in sent.messages[at].points]
    stays = {positions(message)[0] for message in sent.wait(at + 3)[at + 1:]}
    # The arm is there by now, and is not brought back.
    assert stays <= set(plan[5:]) and len(stays) == 1


def test_after_a_long_silence_on_a_plan_the_arm_is_where_it_is_measured(
    ros: Harness, robot: Robot, tmp_path: Path,
) -> None:
    sent, at = stuck_on_a_plan(ros, robot, tmp_path, 0.5)
    assert len(sent.messages) == at + 1, 'a guard has stopped it, at another place'
    robot.speaking |= {'front', 'wrist', 'joints'}
    most = ROBOT.joints[0].velocity * PERIOD_S
    assert abs(positions(sent.wait(at + 2)[at + 1])[0] - robot.position[0]) <= most


def test_a_bug_in_the_control_thread_is_told_and_ends_with_a_reset(
    ros: Harness, robot: Robot, model: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = activate(ros, model_path=str(model), command_type='velocity_commands')
    said = statuses(ros)
    robot.start()
    newest_in_state(said, 'running')
    with monkeypatch.context() as patch:
        patch.setattr(node._loop, 'tick', bug)
        newest_in_state(said, 'holding', 'ZeroDivisionError: a tick that always fails')
    newest_in_state(said, 'holding', 'bug in the control thread')
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')
