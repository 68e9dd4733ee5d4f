# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node in scenes that its policy does not know: it holds, says why, and goes on.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from policy_rig import activate
from policy_rig import begin
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import newest_in_state
from policy_rig import PERIOD_S
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
import pytest
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64
from tiny_policy import DARK
from tiny_policy import goal_policy
from tiny_policy import picture_of

from vaa_ros.nodes.sim_arm import SimArm
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED

BRIGHT = picture_of(250)


@pytest.fixture
def robot(ros: Harness) -> Iterator[Robot]:
    made = Robot(ros)
    yield made
    made.stop()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return goal_policy(tmp_path / 'dark.onnx', GOAL, knows_dark=True)


def test_it_holds_in_an_unknown_scene_and_goes_on_when_it_is_known_again(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model))
    sent, said = commands(ros), statuses(ros)
    confidence = ros.collect(Float64, 'policy/confidence', EVENTS)
    diagnostics = ros.collect(DiagnosticArray, '/diagnostics', 10)
    robot.start()
    confidence.wait_until(lambda message: message.data == 1.0)
    newest_in_state(said, 'running')
    robot.picture = BRIGHT
    confidence.wait_until(lambda message: message.data == 0.0)
    newest_in_state(said, 'holding', 'unlike those that the policy was calibrated with')
    diagnostics.wait_until(lambda message: any(
        status_values(status).get('state') == 'holding'
        and 'unlike' in status_values(status)['reason'] for status in message.status))
    count = len(sent.messages)
    held = positions(sent.messages[-1])
    assert all(np.array_equal(positions(message), held)
               for message in sent.wait(count + 10)[count:])
    robot.picture = DARK
    values = newest_in_state(said, 'running')
    assert float(values['confidence']) == 1.0
    assert int(values['alarms']) == int(values['holds']) == 1


def test_a_start_in_an_unknown_scene_holds_where_the_arm_is(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    robot.picture = BRIGHT
    sent, said = begin(ros, robot, model, watch_hold_after_s=0.0)
    newest_in_state(said, 'holding', 'unlike')
    # Before three pictures there is nothing to judge by; then it is held.
    assert np.abs(positions(sent.messages[-1]) - HOME).max() <= 3 * 3.5 * PERIOD_S


def test_a_policy_without_calibration_says_so_and_runs(
    ros: Harness, robot: Robot, tmp_path: Path,
) -> None:
    plain = goal_policy(tmp_path / 'plain.onnx', GOAL)
    activate(ros, model_path=str(plain))
    said = statuses(ros)
    active = ros.collect(DiagnosticStatus, 'policy/active_policy', LATCHED)
    robot.start()
    values = newest_in_state(said, 'running')
    assert values['confidence'] == 'nan'
    assert status_values(active.wait()[-1])['calibrated_with'] == 'nothing'


def test_a_frozen_camera_is_named(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    plain = goal_policy(tmp_path / 'plain.onnx', GOAL)
    activate(ros, model_path=str(plain))
    said = statuses(ros)
    robot.start()
    newest_in_state(said, 'running')
    robot.position = HOME + [0.2, 0, 0, 0, 0, 0, 0]
    newest_in_state(said, 'holding', 'camera front is frozen')
    robot.picture = BRIGHT
    newest_in_state(said, 'running')


def test_the_watch_can_be_turned_off(ros: Harness, robot: Robot, model: Path) -> None:
    activate(ros, model_path=str(model), watch_scene=False)
    said, sent = statuses(ros), commands(ros)
    robot.picture = BRIGHT
    robot.start()
    sent.wait_until(lambda message: bool(np.abs(positions(message) - GOAL).max() < 1e-6))
    assert newest_in_state(said, 'running')['alarms'] == '0'


def test_a_simulation_in_lockstep_goes_on_while_the_arm_holds(
    ros: Harness, model: Path, start_process: Callable[..., NodeProcess],
) -> None:
    ros.make_node(SimArm, task='reach', seed=3, clock='lockstep')
    joints = ros.collect(JointState, 'joint_states', JOINTS_OUT)
    task = ros.collect(DiagnosticStatus, 'sim_arm/task_status', LATCHED)
    for node, more in (('camera_subscriber', ()), ('policy', ('-p', 'lockstep:=true'))):
        start_process(f'vaa_ros.nodes.{node}', '--ros-args', '-p', f'model_path:={model}', *more)
    said = statuses(ros)
    task.wait_until(lambda message: float(status_values(message)['time_s']) > 2.0, 60.0)
    newest_in_state(said, 'holding', 'unlike')
    track = np.array([list(message.position) for message in joints.messages[-50:]])
    assert np.abs(track - track[-1]).max() < 1e-3
