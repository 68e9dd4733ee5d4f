# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node with real topics and a tiny ONNX model: it follows, and holds on bad input.
"""
from __future__ import annotations

from pathlib import Path
import time

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
import numpy as np
from policy_rig import activate
from policy_rig import begin
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import PERIOD_S
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import wait_for
import pytest
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import DARK
from tiny_policy import goal_policy
from tiny_policy import picture_of
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.policies.kinematics import UrdfKinematics
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS


def test_it_follows_the_policy_without_a_jump(ros: Harness, robot: Robot, model: Path) -> None:
    activate(ros, model_path=str(model))
    sent = commands(ros)
    alignment = ros.collect(Float64, 'policy/alignment', EVENTS)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    track = np.array([positions(message) for message in sent.messages])
    speed = np.array([joint.velocity for joint in ROBOT.joints])
    assert np.abs(track[0] - HOME).max() <= (speed * PERIOD_S).max() + 1e-9
    steps = np.abs(np.diff(np.vstack([HOME, track]), axis=0))
    # Twice the longest step, since a busy reader may miss a command.
    assert (steps <= speed * 0.2 + 1e-9).all()
    assert list(sent.messages[0].joint_names) == list(ROBOT.joint_names)
    assert sent.messages[0].points[0].time_from_start.nanosec == pytest.approx(1e9 / 30, abs=1)
    assert stamp_to_ns(sent.messages[0].header.stamp) == 0
    assert alignment.wait()[-1].data == pytest.approx(0.6)
    values = newest_in_state(statuses(ros), 'running')
    assert int(values['control_ticks']) > 3
    assert int(values['clamped']) >= 1
    assert float(values['latency_ms_p50']) > 0
    assert float(values['inference_ms_p99']) > 0


def test_joint_commands_keep_the_tool_in_the_workspace(
    ros: Harness, robot: Robot, tmp_path: Path,
) -> None:
    kinematics, table = UrdfKinematics(ROBOT), ROBOT.workspace[0][2]
    under = kinematics.forward(HOME)
    under[2] = table - 0.05
    model = goal_policy(tmp_path / 'under.onnx', kinematics.solve(HOME, under).q)
    activate(ros, model_path=str(model))
    sent = commands(ros)
    robot.start()
    wait_for(lambda: sent.messages and tool_height(sent.messages[-1]) < table + 1e-3)
    count = len(sent.messages)
    assert min(map(tool_height, sent.wait(count + 5))) > table - 0.005


def tool_height(message: JointTrajectory) -> float:
    return UrdfKinematics(ROBOT).forward(positions(message))[2]


@pytest.mark.parametrize('gone', ['front', 'wrist', 'joints'])
def test_a_missing_topic_is_named(ros: Harness, robot: Robot, model: Path, gone: str) -> None:
    robot.speaking -= {gone}
    sent, said = begin(ros, robot, model)
    topic = 'joint_states' if gone == 'joints' else f'vision/{gone}'
    others = {'vision/front', 'vision/wrist', 'joint_states'} - {topic}
    values = wait_for(lambda: next(
        (status_values(m) for m in said.messages if topic in status_values(m)['reason']
         and not any(other in status_values(m)['reason'] for other in others)), None))
    assert values['state'] == 'waiting'
    assert sent.messages == []
    robot.speaking |= {gone}
    sent.wait(3)


@pytest.mark.parametrize('gone', ['front', 'joints'])
def test_stale_input_holds_with_the_reason_and_goes_on(
    ros: Harness, robot: Robot, model: Path, gone: str,
) -> None:
    activate(ros, model_path=str(model))
    sent, said = commands(ros), statuses(ros)
    diagnostics = ros.collect(DiagnosticArray, '/diagnostics', EVENTS)
    robot.start()
    sent.wait(5)
    robot.speaking -= {gone}
    topic = 'joint_states' if gone == 'joints' else f'vision/{gone}'
    newest_in_state(said, 'holding', f'{topic} is stale')
    held = positions(sent.messages[-1])
    count = len(sent.messages)
    later = sent.wait(count + 5)[count:]
    assert all(np.array_equal(positions(message), held) for message in later)
    diagnostics.wait_until(lambda array: any(
        topic in status.message and status.level == DiagnosticStatus.WARN
        for status in array.status if 'policy' in status.name))
    robot.speaking |= {gone}
    newest_in_state(said, 'running')


def test_after_a_long_hold_it_waits_for_a_reset(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    sent, said = begin(ros, robot, model, rearm_after_s=0.3)
    sent.wait(5)
    robot.speaking -= {'front'}
    newest_in_state(said, 'holding', 'vision/front is stale')
    time.sleep(0.5)
    robot.speaking |= {'front'}
    values = newest_in_state(said, 'holding', 'too long to go on by itself')
    assert 'vision/front is stale' in values['reason']
    held = positions(sent.messages[-1])
    time.sleep(0.5)
    assert np.array_equal(positions(sent.messages[-1]), held)
    answer = ros.call(Trigger, 'policy/reset_policy')
    assert answer.success, answer.message
    newest_in_state(said, 'running')


def test_delayed_pictures_are_stale_too(ros: Harness, robot: Robot, model: Path) -> None:
    robot.lag_s = {'front': 0.5, 'wrist': 0.5}
    sent, said = begin(ros, robot, model)
    said.wait_until(lambda m: 'vision/front is stale' in status_values(m)['reason'])
    assert sent.messages == []


def test_pictures_of_the_wrong_size_are_named(ros: Harness, robot: Robot, model: Path) -> None:
    robot.picture = picture_of(0, 10, 10)
    activate(ros, model_path=str(model))
    said = statuses(ros)
    robot.start()
    newest_in_state(said, 'holding', 'the policy expects')
    robot.picture = DARK
    newest_in_state(said, 'running')


def test_poses_start_at_the_tool(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    model = goal_policy(tmp_path / 'pose.onnx', [0.40, 0, 0.24, 1, 0, 0, 0, 0.05],
                        kind='end_effector_pose')
    activate(ros, model_path=str(model), command_type='target_pose', ramp_s=0.0)
    sent = ros.collect(PoseStamped, 'target_pose', COMMAND)
    robot.start()
    xs = [message.pose.position.x for message in sent.wait(8)]
    assert xs[0] == pytest.approx(0.33 + 0.8 * PERIOD_S, abs=1e-3)
    assert max(np.diff(xs)) <= 0.8 * 0.1 + 1e-9
    sent.wait_until(lambda message: abs(message.pose.position.x - 0.40) < 1e-6)


def test_lockstep_answers_every_observation_once(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), lockstep=True)
    sent = commands(ros)
    robot.wait_connected()
    stamps = [10**9 + index * 33_333_333 for index in range(4)]
    for index, stamp_ns in enumerate(stamps):
        robot.say(stamp_ns)
        message = sent.wait(index + 1)[-1]
        assert stamp_to_ns(message.header.stamp) == stamp_ns
    robot.say(stamps[-1])
    again = sent.wait(5)[-1]
    assert again == sent.messages[-2], 'a tick that is said again gets the same answer'
    robot.say(stamps[-1] + 33_333_333)
    assert len(sent.wait(6)) == 6


def test_lockstep_with_an_arm_whose_clock_is_the_real_one_is_refused(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), lockstep=True)
    sent, said = commands(ros), statuses(ros)
    robot.wait_connected()
    robot.start()
    newest_in_state(said, 'waiting', 'lockstep is for a simulation')
    newest_in_state(said, 'waiting', 'lockstep is for a simulation')
    assert not sent.messages


def test_lockstep_pause_answers_nothing(ros: Harness, robot: Robot, model: Path) -> None:
    activate(ros, model_path=str(model), lockstep=True)
    sent, said = commands(ros), statuses(ros)
    robot.wait_connected()
    ros.call(SetBool, 'policy/pause', SetBool.Request(data=True))
    newest_in_state(said, 'paused')
    robot.say(10**9)
    newest_in_state(said, 'paused')
    assert sent.messages == []
    ros.call(Trigger, 'policy/reset_policy')
    ros.call(SetBool, 'policy/pause', SetBool.Request(data=False))
    robot.say(10**9)
    assert stamp_to_ns(sent.wait(1)[0].header.stamp) == 10**9


def test_stamped_commands_carry_the_observation(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    activate(ros, model_path=str(model), stamp_commands=True)
    sent = commands(ros)
    front = ros.collect(Image, 'vision/front', EVENTS)
    robot.start()
    stamps = {stamp_to_ns(message.header.stamp) for message in sent.wait(5)}
    wait_for(lambda: stamps <= {stamp_to_ns(m.header.stamp) for m in front.messages})


def test_joints_without_a_name_are_named(ros: Harness, robot: Robot, model: Path) -> None:
    activate(ros, model_path=str(model))
    said = statuses(ros)
    bad = JointStateMsg(name=['joint_1', 'joint_2'], position=[0.0, 0.0])
    bad.header.stamp = ns_to_stamp(time.time_ns())
    robot.speaking = {'front', 'wrist'}
    robot.start()
    robot.joints.publish(bad)
    newest_in_state(said, 'waiting', 'joint_states')
