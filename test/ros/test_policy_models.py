# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node and its models: which it refuses, and swapping them while it runs.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
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
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
from processes import wait_for
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import Harness
from std_msgs.msg import Float64
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from tiny_policy import picture_of
from tiny_policy import ROBOT

from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED


def test_a_bad_model_is_refused(ros: Harness, tmp_path: Path) -> None:
    bad = tmp_path / 'bad.onnx'
    bad.write_bytes(b'this is no model')
    node = ros.make_node(PolicyNode, model_path=str(bad))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    said = statuses(ros)
    assert said.messages == []


@pytest.mark.parametrize(('content', 'word'), [(b'this is no model', 'not an ONNX file'),
                                               (None, 'no_such_model')])
def test_a_bad_model_ends_an_autostarted_process_with_the_reason(
    start_process: Callable[..., NodeProcess], tmp_path: Path, content: bytes | None, word: str,
) -> None:
    name = 'no_such_model'
    if content is not None:
        name = str(tmp_path / 'bad.onnx')
        Path(name).write_bytes(content)
    process = start_process(MODULE, '--ros-args', '-p', f'model_path:={name}')
    assert process.wait() == 2
    assert word in process.output
    assert 'Traceback' not in process.output


def test_a_model_for_other_commands_is_refused(ros: Harness, model: Path) -> None:
    node = ros.make_node(PolicyNode, model_path=str(model), command_type='delta_twist_cmds')
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE


def test_it_takes_another_model_while_running(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    other = goal_policy(tmp_path / 'other.onnx', OTHER, name='other')
    activate(ros, model_path=str(model))
    sent, said = commands(ros), statuses(ros)
    active = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    assert ros.set_parameters('/policy', model_path=str(other))[0].successful
    answer = ros.call(Trigger, 'policy/reload_policy')
    assert answer.success and 'other' in answer.message
    sent.wait_until(near(OTHER.astype(np.float32)))
    track = np.array([positions(message) for message in sent.messages])
    speed = np.array([joint.velocity for joint in ROBOT.joints])
    # Twice the longest step, since a busy reader may miss a command.
    assert (np.abs(np.diff(track, axis=0)) <= speed * 0.2 + 1e-9).all()
    value = status_values(active.wait_until(
        lambda message: status_values(message)['name'] == 'other'))
    assert value['path'] == str(other) and len(value['sha256']) == 64
    assert ros.call(Trigger, 'policy/rollback_policy').success
    newest_in_state(said, 'running')
    wait_for(lambda: near(GOAL.astype(np.float32))(sent.messages[-1]))


def test_a_policy_of_two_frames_takes_over_and_sees_what_changes(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    change = goal_policy(tmp_path / 'change.onnx', GOAL, name='change', sees_change=True)
    activate(ros, model_path=str(model))
    seen = ros.collect(Float64, 'policy/alignment', EVENTS)
    robot.start()
    seen.wait(3)
    assert ros.set_parameters('/policy', model_path=str(change))[0].successful
    assert ros.call(Trigger, 'policy/reload_policy').success
    # The cosine of its embeddings is 0.6, and 0.8 of how much of the picture became white more.
    seen.wait_until(lambda message: message.data == pytest.approx(0.6))
    robot.picture = picture_of(255)
    seen.wait_until(lambda message: message.data == pytest.approx(1.2))
    count = len(seen.messages)
    wait_for(lambda: any(message.data == pytest.approx(0.6)
                         for message in seen.messages[count:]))


@pytest.mark.parametrize('fault', ['garbage', 'cameras', 'missing'])
def test_a_bad_reload_leaves_the_old_model_at_work(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path, fault: str,
) -> None:
    sent, said = begin(ros, robot, model)
    sent.wait(3)
    new = tmp_path / 'new.onnx'
    if fault == 'cameras':
        goal_policy(new, OTHER, cameras=('front',))
    else:
        new.write_bytes(b'garbage')
    assert ros.set_parameters('/policy', model_path=str(new))[0].successful
    if fault == 'missing':
        new.unlink()
    answer = ros.call(Trigger, 'policy/reload_policy')
    assert not answer.success
    assert {'garbage': 'not an ONNX', 'cameras': 'cameras', 'missing': 'new.onnx'}[
        fault] in answer.message
    values = newest_in_state(said, 'running')
    assert values['policy'] == 'goal'
    assert not ros.call(Trigger, 'policy/rollback_policy').success
    ros.set_parameters('/policy', model_path=str(model))
    assert ros.call(Trigger, 'policy/reload_policy').success


def test_setting_a_model_that_does_not_exist_is_refused(ros: Harness, model: Path) -> None:
    activate(ros, model_path=str(model))
    result = ros.set_parameters('/policy', model_path='/nowhere/x.onnx')[0]
    assert not result.successful
    assert 'nowhere' in result.reason


def test_an_answer_that_is_not_finite_holds(
    ros: Harness, robot: Robot, tmp_path: Path,
) -> None:
    # So near one place that neither the trial nor the warm-up sees it.
    model = goal_policy(tmp_path / 'fails.onnx', GOAL, fails_near=2.0)
    sent, said = begin(ros, robot, model)
    sent.wait(3)
    robot.position[0] = 2.0
    values = newest_in_state(said, 'holding', '3 times in a row')
    assert 'not finite' in values['reason']
    assert int(values['failures']) == 3
    robot.position[0] = 0.0
    assert ros.call(Trigger, 'policy/reset_policy').success
    newest_in_state(said, 'running')


def test_a_hold_policy_needs_no_model(ros: Harness, robot: Robot) -> None:
    robot.picture = picture_of(0, 128, 96)
    activate(ros, model_path='hold')
    sent = commands(ros)
    robot.start()
    assert near(HOME)(sent.wait(3)[-1])
