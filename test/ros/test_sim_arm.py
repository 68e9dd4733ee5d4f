# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
sim_arm with real topics: it moves on every kind of command and refuses what makes no sense.
"""
from __future__ import annotations

from collections.abc import Callable
import json
import math
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from processes import NodeProcess
from processes import wait_for
import pytest
from ros_harness import Collector
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from small_gym_env import MODULE as SMALL_MODULE
from small_gym_env import write_files
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.robot import load_robot
from vaa_ros.nodes.sim_arm import SimArm
from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import pose_from_msg
from vaa_ros.ros.conversions import pose_msg
from vaa_ros.ros.conversions import positions_msg
from vaa_ros.ros.conversions import stamp_to_ns
from vaa_ros.ros.conversions import twist_msg
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR
from vaa_ros.sim.tasks import SORT_INSTRUCTIONS

MODULE = 'vaa_ros.nodes.sim_arm'
ROBOT = load_robot('vaa_arm')


class Arm:
    """A running sim_arm and what it says."""

    def __init__(self, ros: Harness, **parameters: Any) -> None:
        self.ros = ros
        self.node = ros.make_node(SimArm, task='reach', **parameters)
        self.joints = ros.collect(JointState, 'joint_states', JOINTS_OUT)
        self.tool = ros.collect(PoseStamped, 'tool_pose', JOINTS_OUT)
        self.status = ros.collect(DiagnosticStatus, 'sim_arm/task_status', LATCHED)
        self.joints.wait(1)

    @property
    def position(self) -> np.ndarray:
        return np.array(self.joints.messages[-1].position)

    def wait_near(self, goal: np.ndarray, tolerance: float = 0.01) -> None:
        wait_for(lambda: np.abs(self.position - goal).max() < tolerance, message='the goal')

    def episode(self, number: int) -> dict[str, str]:
        return status_values(self.status.wait_until(
            lambda message: status_values(message)['episode'] == str(number)))

    def reset(self) -> Any:
        return self.ros.call(Trigger, 'sim_arm/reset')


@pytest.fixture
def arm(ros: Harness) -> Arm:
    return Arm(ros)


def goal_near(arm: Arm) -> np.ndarray:
    return arm.position + np.array([0.2, -0.1, 0.1, 0.1, -0.1, 0.2, 0.03])


def test_joint_trajectories_move_it(ros: Harness, arm: Arm) -> None:
    commands = ros.publisher(JointTrajectory, 'joint_trajectory', COMMAND)
    goal = goal_near(arm)
    order = [6, 0, 1, 2, 3, 4, 5]
    commands.publish(joint_trajectory_msg(
        [ROBOT.joint_names[i] for i in order], goal[order], 0.5))
    arm.wait_near(goal)


def test_joint_positions_move_it(ros: Harness, arm: Arm) -> None:
    commands = ros.publisher(Float64MultiArray, 'commands', COMMAND)
    goal = goal_near(arm)
    commands.publish(positions_msg(goal))
    arm.wait_near(goal)


def test_poses_and_openings_move_it(ros: Harness, arm: Arm) -> None:
    poses = ros.publisher(PoseStamped, 'target_pose', COMMAND)
    gripper = ros.publisher(Float64MultiArray, 'gripper_commands', COMMAND)
    goal = pose_from_msg(arm.tool.wait()[-1]) + [0.03, 0.02, -0.03, 0, 0, 0, 0]
    poses.publish(pose_msg(goal, 'base_link', 0))
    gripper.publish(positions_msg([0.05]))
    wait_for(lambda: np.abs(pose_from_msg(arm.tool.messages[-1])[:3] - goal[:3]).max() < 0.003)
    wait_for(lambda: abs(arm.position[6] - 0.05) < 0.003)


def test_twists_move_it_until_they_stop(ros: Harness, arm: Arm) -> None:
    twists = ros.publisher(TwistStamped, 'delta_twist_cmds', COMMAND)
    start = pose_from_msg(arm.tool.wait()[-1])
    twists.publish(twist_msg([0.1, 0, 0, 0, 0, 0], 'base_link', 0))
    wait_for(lambda: pose_from_msg(arm.tool.messages[-1])[0] > start[0] + 0.015)
    count = len(arm.tool.messages)
    arm.tool.wait(count + 10)
    still = [pose_from_msg(message) for message in arm.tool.wait(count + 15)[-5:]]
    assert np.ptp([pose[0] for pose in still]) < 1e-3
    assert still[-1][0] == pytest.approx(start[0] + 0.02, abs=0.004)


def refusals(ros: Harness) -> Callable[[str], int]:
    collected: Collector = ros.collect(DiagnosticArray, '/diagnostics', EVENTS)

    def count(topic: str) -> int:
        for message in reversed(collected.messages):
            for status in message.status:
                values = status_values(status)
                if f'refused {topic}' in values:
                    return int(values[f'refused {topic}'])
        return 0
    return count


def bad_commands() -> list[tuple[str, Any]]:
    names = ROBOT.joint_names
    home = list(ROBOT.home)
    nan = [math.nan, *home[1:]]
    return [
        ('joint_trajectory', joint_trajectory_msg(names[:6], home[:6], 0.1)),
        ('joint_trajectory', joint_trajectory_msg([*names[:6], 'nose'], home, 0.1)),
        ('joint_trajectory', joint_trajectory_msg(names, nan, 0.1)),
        ('joint_trajectory', JointTrajectory()),
        ('commands', positions_msg(home[:3])),
        ('commands', positions_msg(nan)),
        ('commands', positions_msg([])),
        ('target_pose', pose_msg([0.3, 0, 0.2, 1, 0, 0, 0], 'tool0', 0)),
        ('target_pose', pose_msg([9.0, 0, 0.2, 1, 0, 0, 0], 'base_link', 0)),
        ('target_pose', pose_msg([0.3, 0, 0.2, 0, 0, 0, 0], 'base_link', 0)),
        ('delta_twist_cmds', twist_msg([math.inf, 0, 0, 0, 0, 0], 'base_link', 0)),
        ('delta_twist_cmds', twist_msg([0.1, 0, 0, 0, 0, 0], 'world', 0)),
        ('gripper_commands', positions_msg([0.1, 0.2])),
        ('sim_arm/perturb', positions_msg([1.0])),
    ]


def test_bad_commands_are_refused_and_counted(ros: Harness, arm: Arm) -> None:
    count = refusals(ros)
    start = arm.position
    publishers: dict[str, Any] = {}
    expected: dict[str, int] = {}
    arm.status.wait_until(lambda message: float(status_values(message)['time_s']) > 0)
    for topic, message in bad_commands():
        if topic not in publishers:
            publishers[topic] = ros.publisher(type(message), topic, COMMAND)
        publishers[topic].publish(message)
        name = '~/perturb' if topic.startswith('sim_arm') else topic
        expected[name] = expected.get(name, 0) + 1
        wait_for(lambda: arm.node._refused == expected, message=str(message))
    wait_for(lambda: {name: count(name) for name in expected} == expected)
    assert arm.position == pytest.approx(start, abs=0.003)
    publishers['commands'].publish(positions_msg(goal_near(arm)))
    wait_for(lambda: np.abs(arm.position - start).max() > 0.05)


def test_a_push_passes(ros: Harness, arm: Arm) -> None:
    pushes = ros.publisher(Float64MultiArray, 'sim_arm/perturb', COMMAND)
    start = arm.position
    pushes.publish(positions_msg([0.2, 0, 0, 0, 0, 0, 0]))
    wait_for(lambda: arm.position[0] > start[0] + 0.05)
    arm.wait_near(start)


def test_reset_starts_the_episode_of_the_parameters(ros: Harness, arm: Arm) -> None:
    first = status_values(arm.status.wait()[-1])
    assert (first['task'], first['seed'], first['episode']) == ('reach', '0', '0')
    results = ros.set_parameters('/sim_arm', task='push', seed=12)
    assert all(result.successful for result in results)
    answer = arm.reset()
    assert answer.success
    assert 'push' in answer.message and '12' in answer.message
    status = arm.episode(1)
    assert (status['task'], status['seed'], status['done']) == ('push', '12', 'false')
    assert status['instruction'] == 'push the block into the zone'
    assert set(json.loads(status['objects'])) == {'block', 'zone'}
    assert all(len(pose) == 7 for pose in json.loads(status['objects']).values())


def test_the_same_seed_is_the_same_scene(ros: Harness, arm: Arm) -> None:
    scenes = []
    for _ in range(2):
        arm.reset()
        scenes.append(arm.episode(arm.node._live.episode)['objects'])
    assert scenes[0] == scenes[1]


def test_unknown_tasks_are_refused_with_what_exists(ros: Harness, arm: Arm) -> None:
    result = ros.set_parameters('/sim_arm', task='juggle')[0]
    assert not result.successful
    assert 'pick_place' in result.reason and 'reach' in result.reason
    assert not ros.set_parameters('/sim_arm', seed=-1)[0].successful
    assert arm.reset().success


def test_a_person_may_ask_for_something_else(ros: Harness) -> None:
    node = ros.make_node(SimArm, task='sort', seed=2)
    status = ros.collect(DiagnosticStatus, 'sim_arm/task_status', LATCHED)
    asked = ros.collect(String, 'instruction', LATCHED)
    first = asked.wait()[0].data
    assert first in SORT_INSTRUCTIONS
    status.wait_until(lambda message: status_values(message)['instruction'] == first)
    other = next(each for each in SORT_INSTRUCTIONS if each != first)
    says = ros.publisher(String, 'instruction', EVENTS)
    says.publish(String(data=other))
    status.wait_until(lambda message: status_values(message)['instruction'] == other)
    says.publish(String(data='fold the towel'))
    wait_for(lambda: node._refused.get('instruction'))
    assert status_values(status.messages[-1])['instruction'] == other
    # The next episode says itself what it asks for, and that is what counts.
    assert ros.call(Trigger, 'sim_arm/reset').success
    again = status_values(status.wait_until(
        lambda message: status_values(message)['episode'] == '1'))
    assert again['instruction'] == first
    asked.wait_until(lambda message: message is not asked.messages[0] and message.data == first)


def test_a_task_that_does_not_exist_ends_the_process(
    start_process: Callable[..., NodeProcess],
) -> None:
    process = start_process(MODULE, '--ros-args', '-p', 'task:=juggle')
    assert process.wait() == 2
    assert 'reach, push, pick_place, sort' in process.output


def test_pictures_have_the_stamp_of_a_joint_state(ros: Harness, arm: Arm) -> None:
    front = ros.collect(Image, 'front/image_raw', JOINTS_OUT)
    wrist = ros.collect(Image, 'wrist/image_raw', JOINTS_OUT)
    picture = front.wait(10)[-1]
    wrist.wait(8)
    assert (picture.encoding, picture.width, picture.height) == ('rgb8', 320, 240)
    assert len(picture.data) == 3 * 320 * 240
    assert np.frombuffer(picture.data, np.uint8).std() > 5
    shown = {stamp_to_ns(message.header.stamp) for message in front.messages[:8]}
    wait_for(lambda: shown <= {
        stamp_to_ns(message.header.stamp) for message in arm.joints.messages})


def test_time_runs_out_and_the_arm_holds(ros: Harness) -> None:
    arm = Arm(ros, max_time_s=0.5)
    done = status_values(arm.status.wait_until(
        lambda message: status_values(message)['done'] == 'true'))
    assert done['success'] == 'false'
    assert float(done['max_time_s']) == 0.5
    commands = ros.publisher(Float64MultiArray, 'commands', COMMAND)
    start = arm.position
    commands.publish(positions_msg(goal_near(arm)))
    arm.joints.wait(len(arm.joints.messages) + 30)
    assert arm.position == pytest.approx(start, abs=0.003)


@pytest.mark.parametrize(('limit', 'reach', 'push'), [(0.0, 8.0, 12.0), (60.0, 60.0, 60.0)])
def test_the_time_limit_is_the_tasks_own_unless_it_is_set(
    ros: Harness, limit: float, reach: float, push: float,
) -> None:
    arm = Arm(ros, max_time_s=limit)
    assert float(arm.episode(0)['max_time_s']) == reach
    ros.set_parameters('/sim_arm', task='push')
    assert arm.reset().success
    assert float(arm.episode(1)['max_time_s']) == push


def test_a_simulation_that_dies_ends_the_process_with_its_reason(
    start_process: Callable[..., NodeProcess],
) -> None:
    process = start_process(MODULE, environment={'MUJOCO_GL': 'nonsense'})
    assert process.wait() == 2
    assert 'MUJOCO_GL' in process.output


def test_it_ends_on_a_signal(start_process: Callable[..., NodeProcess], ros: Harness) -> None:
    process = start_process(MODULE, '--ros-args', '-p', 'task:=reach')
    ros.collect(JointState, 'joint_states', JOINTS_OUT).wait(5)
    assert process.stop() == 0
    assert 'Traceback' not in process.output


def test_a_gymnasium_environment_in_place_of_the_arm(ros: Harness, tmp_path: Path) -> None:
    path = write_files(tmp_path, max_steps=9999)
    arm = Arm(ros, environment=str(path), allow_module=SMALL_MODULE)
    pictures = ros.collect(Image, 'side/image_raw', SENSOR)
    assert arm.joints.messages[-1].name == ['turn', 'bend', 'finger']
    values = arm.episode(0)
    assert values['task'] == 'joints' and values['instruction'].startswith('turn')
    goal = np.array([0.3, 0.1, 0.02])
    ros.publisher(Float64MultiArray, 'commands', COMMAND).publish(positions_msg(goal))
    arm.wait_near(goal, 1e-6)
    assert pictures.wait(1)[0].width == 32
    assert arm.reset().message == 'episode 1: task joints, seed 0'
    assert not arm.tool.messages
