# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What teleop_recorder records of arms as they are becomes a dataset, by the recording alone.
"""
from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from processes import ROOT
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from tiny_policy import goal_policy
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.cli.main import main
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import RobotSpec
from vaa_ros.learning.frames import read_description
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT

FRAMES = 12
START_NS, TICK_NS = 1_700_000_000_000_000_000, 33_333_333


def demonstration(robot: RobotSpec) -> np.ndarray:
    """Give commands (FRAMES, n) that go a little way from home, each joint by its own."""
    way = [0.2 * (joint.upper - value) for joint, value in
           zip(robot.joints, robot.home, strict=True)]
    return np.array(robot.home) + np.outer(np.linspace(0.0, 1.0, FRAMES), way)


def record(ros: Harness, folder: Path, arm: RobotSpec, names: dict[str, str],
           **parameters: Any) -> Path:
    """Record one demonstration of an arm whose topics are remapped, and give the bag."""
    remappings = [text for name, topic in names.items() if name != topic
                  for text in ('-r', f'{name}:={topic}')]
    node = ros.make_node(
        lambda **options: TeleopRecorder(cli_args=['--ros-args', *remappings], **options),
        output_dir=str(folder), task='reach', min_free_gb=0.0, **parameters)
    out = {name: ros.node.create_publisher(kind, names.get(name, name), qos)
           for name, kind, qos in (
               *((f'{key}/image_raw', Image, IMAGE_OUT) for key in arm.cameras),
               ('joint_states', JointState, JOINTS_OUT),
               ('joint_trajectory', JointTrajectory, COMMAND),
               *([(arm.gripper_topic, JointTrajectory, COMMAND)] if arm.gripper_topic
                 else []))
           if not (parameters.get('topics') and name == 'joint_trajectory')}
    node.trigger_configure()
    node.trigger_activate()
    answer = ros.call(Trigger, 'teleop_recorder/start_episode')
    assert answer.success, answer.message
    for tick, command in enumerate(demonstration(arm)):
        drive(out, arm, START_NS + tick * TICK_NS, command)
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    assert answer.success, answer.message
    return folder / 'episode_000000'


def drive(out: dict[str, Any], robot: RobotSpec, stamp_ns: int, command: np.ndarray) -> None:
    """Publish one tick: what is seen and felt, and the command that answers it."""
    state = JointState(name=list(robot.joint_names), position=command.tolist())
    state.header.stamp = ns_to_stamp(stamp_ns)
    out['joint_states'].publish(state)
    for key in robot.cameras:
        picture = np.full((48, 64, 3), 50 + stamp_ns // TICK_NS % 100, np.uint8)
        out[f'{key}/image_raw'].publish(rgb_to_image(picture, stamp_ns, key))
    arm = [robot.joint_names.index(name) for name in robot.commanded_joints]
    if 'joint_trajectory' in out:
        out['joint_trajectory'].publish(joint_trajectory_msg(
            robot.commanded_joints, command[arm], 1 / 30, stamp_ns))
    if robot.gripper_topic:
        out[robot.gripper_topic].publish(joint_trajectory_msg(
            [robot.gripper], [command[robot.joint_names.index(robot.gripper)]], 1 / 30, stamp_ns))


def actions(folder: Path, out: Path, *options: str) -> np.ndarray:
    """Make a dataset, and give its actions."""
    assert main(['dataset', str(folder), '--out', str(out), '--no-cache', '--workers', '1',
                 *options]) == 0
    assert read_description(out)['skipped'] == []
    return np.load(out / 'action.npy')


def test_cameras_of_other_names_are_those_that_were_recorded(ros: Harness, tmp_path: Path,
                                                             capsys: Any) -> None:
    robot = load_robot('vaa_arm')
    bag = record(ros, tmp_path / 'episodes', robot, {
        'front/image_raw': '/camera/color/image_raw', 'wrist/image_raw': '/side/pictures'})
    found = actions(tmp_path / 'episodes', tmp_path / 'data')
    np.testing.assert_allclose(found, demonstration(robot)[:len(found)], rtol=1e-6)
    assert len(found) == FRAMES
    # A replay finds them, too.
    model = goal_policy(tmp_path / 'goal.onnx', robot.home)
    assert main(['replay', str(bag), '--model', str(model)]) == 0
    assert 'episode_000000' in capsys.readouterr().out


def test_a_robot_of_a_file_anywhere_is_known_by_its_name(ros: Harness, tmp_path: Path) -> None:
    text = (ROOT / 'config' / 'robots' / 'ur5e.yaml').read_text(encoding='utf-8')
    file = tmp_path / 'of_mine.yaml'
    file.write_text(text.replace('name: ur5e', 'name: my_arm'), encoding='utf-8')
    robot = load_robot(str(file))
    # Guided by hand: nothing is commanded, and the joints become the actions.
    bag = record(ros, tmp_path / 'episodes', robot, {}, robot=str(file), topics=[
        'front/image_raw', 'wrist/image_raw', 'joint_states'])
    with BagReader(bag) as reader:
        assert reader.metadata.robot == 'my_arm'
        assert reader.metadata.spec['topics'] == {'joint_states': '/joint_states'}
    found = actions(tmp_path / 'episodes', tmp_path / 'data', '--robot', str(file),
                    '--actions', 'measured')
    assert len(found) >= FRAMES - 2
    np.testing.assert_allclose(found, demonstration(robot)[1:1 + len(found)], rtol=1e-6)


def test_a_gripper_with_a_controller_of_its_own_is_learned(ros: Harness, tmp_path: Path) -> None:
    robot = load_robot('vx300s')
    bag = record(ros, tmp_path / 'episodes', robot, {
        'front/image_raw': '/front/camera/color/image_raw',
        'wrist/image_raw': '/wrist/camera/color/image_raw',
        'joint_trajectory': '/arm_controller/joint_trajectory'}, robot='vx300s')
    with BagReader(bag) as reader:
        known = reader.metadata
    assert known.spec['topics'] == {
        'joint_states': '/joint_states', 'commands': '/arm_controller/joint_trajectory',
        'gripper': '/gripper_controller/joint_trajectory'}
    figures = known.verdict['figures']
    assert 'commands' in figures['command_gap_s']
    assert set(figures['saturation_share']) == set(robot.commanded_joints)
    found = actions(tmp_path / 'episodes', tmp_path / 'data', '--robot', 'vx300s')
    np.testing.assert_allclose(found, demonstration(robot), rtol=1e-6)
