# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node changes its model while the arm moves, and nobody notices: neither for a good model
nor for one that means harm.
"""
from __future__ import annotations

import os
from pathlib import Path
import re
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from hostile_models import HOSTILE
from hostile_models import write_hostile
import numpy as np
from policy_rig import activate
from policy_rig import begin
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import OTHER
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from ros_harness import Collector
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from tiny_policy import ROBOT
from tiny_policy import spec_of

from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.policies.signature import make_keys
from vaa_ros.policies.signature import sign_model
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED

GOAL32, OTHER32 = GOAL.astype(np.float32), OTHER.astype(np.float32)


def reload(ros: Harness, path: Path) -> Trigger.Response:
    assert ros.set_parameters('/policy', model_path=str(path))[0].successful
    return ros.call(Trigger, 'policy/reload_policy')


def active(ros: Harness) -> dict[str, str]:
    """
    Give what the latched topic says now.
    """
    found = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    return status_values(found.wait()[-1])


def test_a_new_model_is_compared_in_shadow_and_goes_over_without_a_jump(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    activate(ros, model_path=str(model), shadow_s=0.5, swap_blend_s=2.0)
    sent = commands(ros)
    robot.start()
    sent.wait_until(near(GOAL32))
    count = len(sent.messages)
    answer = reload(ros, goal_policy(tmp_path / 'other.onnx', OTHER, name='other'))
    assert answer.success, answer.message
    assert 'in shadow' in answer.message and 'largest 0.6' in answer.message
    values = active(ros)
    first = ROBOT.joint_names[0]
    assert float(values[f'shadow_largest_difference {first}']) == pytest.approx(0.6, abs=1e-5)
    assert int(values['shadow_answers']) > 0
    assert values['previous'] == 'goal'
    sent.wait_until(near(OTHER32))
    track = np.array([positions(message)[0] for message in sent.messages[count:]])
    # At the joint's own speed it would be 10 commands, and one without any limit.
    between = (track > OTHER32[0] + 1e-6) & (track < GOAL32[0] - 1e-6)
    assert between.sum() >= 20
    assert (np.diff(track) <= 1e-6).all()


def test_models_that_mean_harm_change_nothing(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    sent, said = begin(ros, robot, model, trial_timeout_s=4.0)
    sent.wait_until(near(GOAL32))
    said_of = {**HOSTILE, 'wrong hash': 'beside it says'}
    # On a busy computer its time may be over before its share of the processor is.
    said_of['too slow'] += '|gave no answer within'
    for kind, match in said_of.items():
        new = tmp_path / 'new.onnx'
        if kind == 'wrong hash':
            goal_policy(new, OTHER)
            (tmp_path / 'new.onnx.sha256').write_text(f'{"0" * 64}  new.onnx\n')
        else:
            write_hostile(new, kind, spec_of('new'))
        count = len(sent.messages)
        answer = reload(ros, new)
        assert not answer.success, kind
        assert re.search(match, answer.message), (kind, answer.message)
        sent.wait(len(sent.messages) + 2)
        assert all(near(GOAL32)(message) for message in sent.messages[count:]), kind
    values = newest_in_state(said, 'running')
    assert (values['policy'], values['failures']) == ('goal', '0')
    assert not ros.call(Trigger, 'policy/rollback_policy').success


def at_work(ros: Harness, robot: Robot, model: Path, **parameters: Any,
            ) -> tuple[Collector, Collector]:
    """
    Have a model move the arm; the next one goes over at once. Give its commands and statuses.
    """
    sent, said = begin(ros, robot, model, shadow_s=0.0, swap_blend_s=0.0, **parameters)
    sent.wait_until(near(GOAL32))
    return sent, said


def test_one_that_fails_on_probation_is_taken_back_by_itself(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    sent, said = at_work(ros, robot, model, probation_s=60.0)
    fails = goal_policy(tmp_path / 'fails.onnx', OTHER, name='fails', fails_near=2.0)
    assert reload(ros, fails).success
    sent.wait_until(near(OTHER32))
    known = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    robot.position[0] = 2.0
    values = status_values(known.wait_until(
        lambda message: 'failed on probation' in status_values(message)['last_fault']))
    assert values['name'] == 'goal'
    assert 'not finite' in values['last_fault']
    wait_for(lambda: near(GOAL32)(sent.messages[-1]))
    values = newest_in_state(said, 'running')
    # The old one answered in its place: not even a hold.
    assert (values['policy'], values['failures']) == ('goal', '0')


def test_what_is_no_fault_of_the_model_takes_none_back_on_probation(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    # What it sees is always the same picture, also while it is led.
    sent, said = at_work(ros, robot, model, probation_s=600.0, watch_scene=False)
    other = goal_policy(tmp_path / 'other.onnx', OTHER, name='other')
    assert reload(ros, other).success
    sent.wait_until(near(OTHER32))
    # The arm is led out of its limits, and everybody's commands are refused there.
    assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=True)).success
    led = ros.collect(JointState, 'joint_states', JOINTS_OUT)
    robot.position[0] = ROBOT.joints[0].upper + 0.5
    led.wait_until(lambda message: message.position[0] == robot.position[0])
    newest_in_state(said, 'paused')
    newest_in_state(said, 'paused')
    assert ros.call(SetBool, 'policy/pause', SetBool.Request(data=False)).success
    refused = newest_in_state(said, 'holding', 'bring it back by hand')
    assert int(refused['refused']) > 0
    assert newest_in_state(said, 'holding', 'bring it back by hand')['policy'] == 'other'
    # So are those of the way to the start pose, and again it is not the model who wants them.
    answer = ros.call(Trigger, 'policy/go_to_start', timeout_s=30.0)
    assert not answer.success and 'the arm does not move: holding' in answer.message
    assert newest_in_state(said, 'paused')['policy'] == 'other'


def test_a_wish_that_cannot_be_meant_takes_a_model_back_on_probation(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    sent, said = at_work(ros, robot, model, probation_s=600.0)
    far = HOME + [30.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    assert reload(ros, goal_policy(tmp_path / 'far.onnx', far, name='far')).success
    known = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    values = status_values(known.wait_until(
        lambda message: 'failed on probation' in status_values(message)['last_fault']))
    assert values['name'] == 'goal' and 'to be meant' in values['last_fault']
    newest_in_state(said, 'running')


def test_warm_models_are_put_to_work_by_name_and_by_instruction(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    other = goal_policy(tmp_path / 'other.onnx', OTHER, name='other')
    sorting = goal_policy(tmp_path / 'sort.onnx', GOAL, name='sorting',
                          goals={'left': OTHER, 'right': GOAL})
    # Were one of them not warm, it would stay in shadow for an hour.
    activate(ros, model_path=str(model), models=[str(other), str(sorting)], shadow_s=3600.0)
    known = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    known.wait_until(lambda message: status_values(message)['warm'] == 'other, sorting')
    sent, said = commands(ros), statuses(ros)
    robot.start()
    sent.wait_until(near(GOAL32))
    answer = reload(ros, other)
    assert answer.success and 'held warm' in answer.message
    sent.wait_until(near(OTHER32))
    asks = ros.publisher(String, 'instruction', EVENTS)
    asks.publish(String(data='Right!'))
    known.wait_until(lambda message: status_values(message)['name'] == 'sorting')
    wait_for(lambda: near(GOAL32)(sent.messages[-1]))
    assert newest_in_state(said, 'running')['policy'] == 'sorting'


def test_a_model_that_appears_in_the_folder_is_taken_when_it_is_whole(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
) -> None:
    folder = tmp_path / 'models'
    folder.mkdir()
    node = activate(ros, model_path=str(model), watch_models=str(folder), shadow_s=0.0)
    known = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    robot.start()
    whole = goal_policy(tmp_path / 'other.onnx', OTHER, name='other').read_bytes()
    place = folder / 'new.onnx'
    with place.open('wb') as stream:
        for start in range(0, len(whole), len(whole) // 8):
            stream.write(whole[start:start + len(whole) // 8])
            stream.flush()
            os.fsync(stream.fileno())
    values = status_values(known.wait_until(
        lambda message: status_values(message)['name'] == 'other'))
    assert values['path'] == str(place)
    wait_for(lambda: node.get_parameter('model_path').value == str(place))


def test_only_signed_models_are_taken_where_that_is_asked_for(
    ros: Harness, model: Path, tmp_path: Path,
) -> None:
    secret, _, line = make_keys(tmp_path / 'arm.key')
    parameters = {'require_signature': True, 'trusted_keys': [line], 'shadow_s': 0.0}
    node = ros.make_node(PolicyNode, model_path=str(model), **parameters)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    sign_model(model, secret, comment='reviewed by Ada')
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert active(ros)['signed_by'].endswith(': reviewed by Ada')
    answer = reload(ros, goal_policy(tmp_path / 'other.onnx', OTHER))
    assert not answer.success and 'is not signed' in answer.message
