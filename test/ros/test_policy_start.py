# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy node takes the arm to its start pose: by its own commands, or by a controller's action.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
import signal
import threading
import time
from typing import Any

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
import numpy as np
from policy_rig import activate
from policy_rig import commands
from policy_rig import GOAL
from policy_rig import HOME
from policy_rig import MODULE
from policy_rig import near
from policy_rig import newest_in_state
from policy_rig import positions
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
from processes import wait_for
import pytest
from rclpy.action import ActionServer
from rclpy.action import CancelResponse
from rclpy.callback_groups import ReentrantCallbackGroup
from ros_harness import Collector
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from tiny_policy import ROBOT
from trajectory_msgs.msg import JointTrajectory
import yaml

from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import robot_to_mapping
from vaa_ros.nodes.policy import PolicyNode
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.start_move import OWNER

AWAY = HOME + [0.6, 0.1, 0.0, 0.0, 0.0, 0.0, -0.03]


@pytest.mark.parametrize('command_type', ['joint_trajectory', 'velocity_commands'])
def test_it_goes_to_the_start_pose_through_the_gate(
    ros: Harness, model: Path, command_type: str, start_process: Callable[..., NodeProcess],
) -> None:
    # Processes of their own: in this one all would wait for each other, and a stop come late.
    start_process('vaa_ros.nodes.sim_arm', '--ros-args', '-p', 'task:=reach', '-p',
                  'image_width:=64', '-p', 'image_height:=48', '-p', 'max_time_s:=600.0')
    start_process('vaa_ros.nodes.camera_subscriber', '--ros-args', '-p', f'model_path:={model}')
    parameters = {'model_path': model, 'command_type': command_type, 'autostart': 'false',
                  'discovery_s': 0.0, 'max_image_age_s': 1.0, 'max_joint_age_s': 1.0,
                  'max_skew_s': 0.3, 'start_speed': 0.15, 'trajectory_points': 5}
    start_process(MODULE, '--ros-args', *(word for name, value in parameters.items()
                                          for word in ('-p', f'{name}:={value}')))
    joints = ros.collect(JointState, 'joint_states', JOINTS_OUT)

    def here() -> np.ndarray:
        message = joints.messages[-1]
        return np.array([message.position[message.name.index(name)]
                         for name in ROBOT.joint_names])
    change(ros, Transition.TRANSITION_CONFIGURE)
    said = ros.call(Trigger, 'policy/go_to_start')
    assert (said.success, said.message) == (False, 'the node is not active: activate it first')
    change(ros, Transition.TRANSITION_ACTIVATE)
    wait_for(lambda: joints.messages and np.abs(here() - GOAL).max() < 0.02, 30.0, 'the goal')
    said = ros.call(Trigger, 'policy/go_to_start', timeout_s=30.0)
    assert said.success and 'paused' in said.message
    wait_for(lambda: np.abs(here() - HOME).max() < 0.03, message='the start pose')
    # It stays there until the policy may go on.
    assert newest_in_state(statuses(ros), 'paused')
    assert np.abs(here() - HOME).max() < 0.03
    ros.call(SetBool, 'policy/pause', SetBool.Request(data=False))
    wait_for(lambda: np.abs(here() - GOAL).max() < 0.02, 30.0, 'the goal again')
    # A stop is heard on the way.
    stop = ros.publisher(Bool, 'e_stop', LATCHED)
    answers = ask(ros)
    wait_for(lambda: here()[0] < GOAL[0] - 0.05, 30.0, 'the arm on its way')
    stop.publish(Bool(data=True))
    answer = wait_for(lambda: answers and answers[0])
    assert not answer.success and 'does not move: stopped' in answer.message
    # Half a second later it rests, well before it is there.
    joints.wait(len(joints.messages) + 50)
    assert here()[0] > HOME[0] + 0.05


def change(ros: Harness, transition: int) -> None:
    """
    Bring the policy's process to another state.
    """
    wanted = ChangeState.Request(transition=Transition(id=transition))
    assert ros.call(ChangeState, 'policy/change_state', wanted).success


def ask(ros: Harness) -> list[Any]:
    """
    Ask to go to the start pose; the answer will be in the list.
    """
    answers: list[Any] = []
    threading.Thread(target=lambda: answers.append(
        ros.call(Trigger, 'policy/go_to_start', timeout_s=30.0)), daemon=True).start()
    return answers


def test_a_signal_on_the_way_ends_it_and_whoever_asked_is_told(
    ros: Harness, robot: Robot, model: Path, start_process: Callable[..., NodeProcess],
) -> None:
    process = start_process(MODULE, '--ros-args', '-p', f'model_path:={model}')
    robot.position = AWAY.copy()
    sent = commands(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    count, answers = len(sent.messages), ask(ros)
    # It begins where the arm is, which this one does not leave.
    wait_for(lambda: any(map(leads_away, sent.messages[count:])), message='the way')
    assert process.stop(signal.SIGTERM) == 0
    answer = wait_for(lambda: answers and answers[0], message='an answer')
    assert not answer.success and 'given up: the node ends' in answer.message
    last = positions(sent.messages[-1])
    assert np.array_equal(last, positions(sent.messages[-2])) and last[0] > GOAL[0] + 0.1


def test_a_pause_on_the_way_ends_it_and_stays(
    ros: Harness, robot: Robot, model: Path, start_process: Callable[..., NodeProcess],
) -> None:
    start_process(MODULE, '--ros-args', '-p', f'model_path:={model}')
    robot.position = AWAY.copy()
    sent, said = commands(ros), statuses(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    # One of before gives way to the request, which is newer.
    pause(ros, True)
    count, answers = len(sent.messages), ask(ros)
    wait_for(lambda: any(map(leads_away, sent.messages[count:])), message='the way')
    answer = pause(ros, True)
    assert (answer.success, answer.message) == (True, 'paused: the arm holds')
    answer = wait_for(lambda: answers and answers[0], message='an answer')
    assert not answer.success and 'given up: paused by a person' in answer.message
    newest_in_state(said, 'paused')
    newest_in_state(said, 'paused')
    count = len(sent.messages)
    newest_in_state(said, 'paused')
    assert len(sent.messages) == count
    pause(ros, False)
    newest_in_state(said, 'running')


def pause(ros: Harness, paused: bool) -> SetBool.Response:
    return ros.call(SetBool, 'policy/pause', SetBool.Request(data=paused))


def leads_away(message: JointTrajectory) -> bool:
    """
    Tell the way to the start pose, which begins where the arm is, from what the policy says.
    """
    return bool(positions(message)[0] > GOAL[0] + 0.1)


def on_the_way(ros: Harness, robot: Robot, model: Path) -> tuple[Any, Any, Collector, Collector]:
    """
    Begin to go to the start pose, and do not move yet: the node, the way, statuses and commands.
    """
    node = activate(ros, model_path=str(model))
    robot.position = AWAY.copy()
    said, sent = statuses(ros), commands(ros)
    robot.start()
    sent.wait_until(near(GOAL.astype(np.float32)))
    return node, node._start._begin(), said, sent


def test_a_pause_before_the_first_motion_of_the_way_is_not_lifted(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    node, way, said, sent = on_the_way(ros, robot, model)
    assert node._thread.paused_by == OWNER
    count = len(sent.messages)
    # Nobody but the way itself ends its pause.
    assert node._pause(False) == (False, f'paused by {OWNER}, which ends with a pause')
    assert node._pause(True) == (True, 'paused: the arm holds')
    with pytest.raises(RosError, match='given up: paused by a person'):
        node._start._move(way)
    newest_in_state(said, 'paused')
    newest_in_state(said, 'paused')
    assert not any(map(leads_away, sent.messages[count:]))


def test_who_ends_the_node_on_the_way_waits_for_no_motion(
    ros: Harness, robot: Robot, model: Path,
) -> None:
    node, way, said, sent = on_the_way(ros, robot, model)
    node._start._busy = True
    count = len(sent.messages)
    node._start.give_up()
    with pytest.raises(RosError, match='given up: the node ends'):
        node._start._move(way)
    newest_in_state(said, 'paused')
    newest_in_state(said, 'paused')
    assert not any(map(leads_away, sent.messages[count:]))


class Controller:
    """
    Serves FollowJointTrajectory and puts the robot where the trajectory says, ten times as fast.
    """

    def __init__(self, ros: Harness, robot: Robot) -> None:
        action = pytest.importorskip('control_msgs.action').FollowJointTrajectory
        self._action = action
        self._robot = robot
        self.goals: list[Any] = []
        self.cancelled = threading.Event()
        self.stuck = False
        self.server = ActionServer(
            ros.node, action, 'arm/follow_joint_trajectory', self._follow,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
            callback_group=ReentrantCallbackGroup())

    def _follow(self, handle: Any) -> Any:
        self.goals.append(handle.request.trajectory)
        for point in handle.request.trajectory.points:
            while self.stuck and not handle.is_cancel_requested:
                time.sleep(0.01)
            if handle.is_cancel_requested:
                handle.canceled()
                self.cancelled.set()
                return self._action.Result()
            self._robot.position = np.array([*point.positions])
            time.sleep(0.01)
        handle.succeed()
        return self._action.Result()


def robot_file(folder: Path) -> str:
    path = folder / 'mine.yaml'
    path.write_text(yaml.safe_dump(robot_to_mapping(replace(
        ROBOT, trajectory_action='arm/follow_joint_trajectory'))))
    return str(path)


def test_a_controller_takes_it_there_and_stops_when_told(ros: Harness, tmp_path: Path) -> None:
    robot = Robot(ros)
    controller = Controller(ros, robot)
    model = goal_policy(tmp_path / 'goal.onnx', GOAL)
    node = ros.make_node(PolicyNode, model_path=str(model), discovery_s=0.0,
                         robot=robot_file(tmp_path),
                         max_image_age_s=1.0, max_joint_age_s=1.0, start_speed=0.5)
    node.trigger_configure()
    node.trigger_activate()
    robot.position = AWAY.copy()
    robot.start()
    try:
        said = statuses(ros)
        newest_in_state(said, 'running')
        answer = ros.call(Trigger, 'policy/go_to_start', timeout_s=20.0)
        assert answer.success, answer.message
        np.testing.assert_allclose(robot.position, HOME)
        way = controller.goals[0]
        assert tuple(way.joint_names) == ROBOT.joint_names
        first = way.points[0].time_from_start
        assert first.sec + first.nanosec > 0
        speeds = np.abs([point.velocities for point in way.points])
        limits = 0.5 * np.array([joint.velocity for joint in ROBOT.joints])
        assert (speeds <= limits + 1e-9).all() and not speeds[-1].any()
        # Stopped on the way: the goal is cancelled.
        controller.stuck = True
        stop = ros.publisher(Bool, 'e_stop', LATCHED)
        answers = ask(ros)
        wait_for(lambda: len(controller.goals) == 2)
        stop.publish(Bool(data=True))
        answer = wait_for(lambda: answers and answers[0])
        assert not answer.success and 'given up: stopped' in answer.message
        wait_for(controller.cancelled.is_set)
        # And so it is by a pause, which the policy was in already.
        stop.publish(Bool(data=False))
        wait_for(lambda: ros.call(Trigger, 'policy/reset_policy').success)
        controller.cancelled.clear()
        answers = ask(ros)
        wait_for(lambda: len(controller.goals) == 3)
        assert pause(ros, True).success
        answer = wait_for(lambda: answers and answers[0])
        assert not answer.success and 'given up: paused by a person' in answer.message
        wait_for(controller.cancelled.is_set)
    finally:
        robot.stop()


def test_a_signal_cancels_the_goal_of_a_controller(
    ros: Harness, robot: Robot, model: Path, tmp_path: Path,
    start_process: Callable[..., NodeProcess],
) -> None:
    controller = Controller(ros, robot)
    controller.stuck = True
    process = start_process(MODULE, '--ros-args', '-p', f'model_path:={model}', '-p',
                            f'robot:={robot_file(tmp_path)}')
    robot.position = AWAY.copy()
    sent = commands(ros)
    robot.start()
    sent.wait(3)
    answers = ask(ros)
    wait_for(lambda: controller.goals)
    assert process.stop(signal.SIGTERM) == 0
    assert controller.cancelled.is_set()
    answer = wait_for(lambda: answers and answers[0], message='an answer')
    assert not answer.success and 'given up: the node ends' in answer.message


def test_without_a_controller_the_action_is_named(ros: Harness, tmp_path: Path) -> None:
    pytest.importorskip('control_msgs.action')
    robot = Robot(ros)
    node = ros.make_node(PolicyNode, model_path=str(goal_policy(tmp_path / 'goal.onnx', GOAL)),
                         robot=robot_file(tmp_path), max_image_age_s=1.0, max_joint_age_s=1.0,
                         discovery_s=0.0)
    node.trigger_configure()
    node.trigger_activate()
    robot.start()
    try:
        newest_in_state(statuses(ros), 'running')
        answer = ros.call(Trigger, 'policy/go_to_start', timeout_s=20.0)
        assert not answer.success
        assert 'nobody serves the action /arm/follow_joint_trajectory' in answer.message
    finally:
        robot.stop()
