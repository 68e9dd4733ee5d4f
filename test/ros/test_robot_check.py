# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
``vaa robot check`` against the real simulated arm over DDS, and against systems that are wrong.
"""
from __future__ import annotations

import json
from pathlib import Path
import time
from typing import Any

import numpy as np
from processes import wait_for
import pytest
from rclpy.qos import QoSProfile
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState as JointStateMsg
from std_msgs.msg import Float64MultiArray
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory
import yaml

from vaa_ros.cli.main import main
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.nodes.sim_arm import SimArm
from vaa_ros.ros.conversions import joint_state_to_msg
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED

ROBOT = load_robot('vaa_arm')


def check(folder: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    """
    Run the check, and give its exit code and findings by what was looked at.
    """
    path = folder / 'check.json'
    code = main(['robot', 'check', *arguments, '--json', str(path)])
    said = json.loads(path.read_text())
    found: dict[str, Any] = {'all': said}
    for finding in said['findings']:
        worse = found.get(finding['what'])
        if worse is None or worse['level'] == 'ok':
            found[finding['what']] = finding
    return code, found


def listen(folder: Path, *arguments: str, to: str = 'joint states') -> dict[str, Any]:
    """
    Check an arm that is there, and give the findings; discovery may miss a short look.
    """
    for _ in range(8):
        code, found = check(folder, *arguments, '--seconds', '0.8')
        assert code == 1
        if not found.get(to, {}).get('found', '').startswith('nobody'):
            return found
    pytest.fail('the arm was not discovered')


def test_the_simulated_arm_fits_also_in_a_namespace(
        ros: Harness, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def make(**options: Any) -> SimArm:
        return SimArm(namespace='left', **options)
    ros.make_node(make, task='reach', image_width=64, image_height=48)
    code, found = check(tmp_path, '--namespace', 'left', '--model', 'pick_place',
                        '--seconds', '10')
    problems = [item for item in found['all']['findings'] if item['level'] == 'problem']
    assert (code, problems) == (0, [])
    assert found['camera front: picture']['found'] == '64x48 rgb8, reliable'
    assert found['commands /left/joint_trajectory']['found'] == (
        'trajectory_msgs/msg/JointTrajectory to /left/sim_arm')
    assert found['model pick_place']['level'] == 'ok'
    assert 'joint names' in capsys.readouterr().out
    # Nobody is there without the namespace.
    code, found = check(tmp_path, '--seconds', '0.3')
    assert code == 1
    assert found['joint states']['found'] == 'nobody publishes /joint_states'
    assert found['camera wrist']['advice'].startswith('start the camera')
    assert found['commands /joint_trajectory']['found'] == 'nobody listens'


class WrongArm:
    """
    Publishes joints and a picture as it is told, 50 times a second.
    """

    def __init__(self, ros: Harness) -> None:
        node = ros.node
        self.late_s = 0.0
        self.stamped = True
        self.names = ROBOT.joint_names
        self.positions = np.array(ROBOT.home)
        self.encoding = 'rgb8'
        self._joints = node.create_publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
        self._image = node.create_publisher(Image, 'front/image_raw', JOINTS_OUT)
        node.create_timer(0.02, self._say)

    def _say(self) -> None:
        stamp_ns = round((time.time() - self.late_s) * 1e9) if self.stamped else 0
        self._joints.publish(joint_state_to_msg(JointState(
            stamp_ns, self.names, self.positions)))
        image = rgb_to_image(np.zeros((4, 4, 3), np.uint8), stamp_ns, 'front')
        image.encoding = self.encoding
        self._image.publish(image)


def test_what_is_wrong_with_the_inputs_is_named(ros: Harness, tmp_path: Path) -> None:
    arm = WrongArm(ros)
    arm.names = (*ROBOT.joint_names[:-1], 'finger')
    arm.positions = np.array(ROBOT.home) + 3.0 * np.eye(7)[0]
    arm.late_s, arm.encoding = -5.0, 'yuv999'
    listener = ros.node.create_subscription(
        Float64MultiArray, 'joint_trajectory', lambda message: None, COMMAND)
    found = listen(tmp_path)
    assert found['joint names']['found'].startswith('missing: gripper; the arm has: joint_1')
    assert 'joint_1 3.000 (limits -2.6 to 2.6)' in found['positions']['found']
    assert 'in the future' in found['joint states: stamps']['found']
    assert 'chrony' in found['joint states: stamps']['advice']
    assert 'yuv999' in found['camera front: picture']['found']
    assert found['camera wrist']['found'] == 'nobody publishes /wrist/image_raw'
    assert '/test_node wants std_msgs/msg/Float64MultiArray' in (
        found['commands /joint_trajectory']['found'])
    ros.node.destroy_subscription(listener)
    arm.late_s, arm.names, arm.positions = 2.0, ROBOT.joint_names, np.array(ROBOT.home)
    found = listen(tmp_path)
    assert found['joint names']['level'] == found['positions']['level'] == 'ok'
    assert 'the policy holds above 0.2 s' in found['joint states: stamps']['advice']
    arm.stamped = False
    found = listen(tmp_path)
    assert found['joint states: stamps']['found'] == 'messages have no stamp'


def test_who_is_at_the_command_topic(ros: Harness, tmp_path: Path) -> None:
    ros.node.create_subscription(JointTrajectory, 'joint_trajectory', print, LATCHED)
    rival = ros.node.create_publisher(JointTrajectory, 'joint_trajectory', COMMAND)
    found = listen(tmp_path, to='commands /joint_trajectory')
    topic = found['commands /joint_trajectory']
    assert 'QoS does not match: it asks for transient local durability' in topic['found']
    others = [item['found'] for item in found['all']['findings'] if 'also' in item['found']]
    assert others == ['also published by /test_node']
    ros.node.destroy_publisher(rival)


def test_a_topic_of_another_type_and_a_slow_one(ros: Harness, tmp_path: Path) -> None:
    text = ros.node.create_publisher(String, 'front/image_raw', QoSProfile(depth=1))
    urdf = ros.node.create_publisher(String, 'robot_description', LATCHED)
    urdf.publish(String(data='<robot><joint name="joint_1" type="revolute">'
                             '<limit lower="-0.5" upper="2" velocity="3"/></joint></robot>'))
    joints = ros.node.create_publisher(JointStateMsg, 'arm/state', JOINTS_OUT)
    ros.node.create_timer(0.2, lambda: joints.publish(joint_state_to_msg(JointState(
        time.time_ns(), ROBOT.joint_names, np.array(ROBOT.home)))))
    path = tmp_path / 'mine.yaml'
    path.write_text(yaml.safe_dump({
        'name': 'mine', 'home': [0.0], 'cameras': ['front'], 'joint_states_topic': 'arm/state',
        'joints': [{'name': 'joint_1', 'unit': 'rad', 'lower': -1, 'upper': 1, 'velocity': 1}]}))
    wait_for(lambda: ros.node.count_publishers('/front/image_raw'))
    found = listen(tmp_path, str(path), '--model', 'pick_place')
    assert found['camera front']['found'] == '/front/image_raw is std_msgs/msg/String'
    assert found['joint states: rate']['level'] == 'warning'
    assert found['robot description']['found'] == 'is stricter: joint_1 lower -0.5 (file: -1)'
    assert found['other joints']['found'].startswith('joint_2')
    assert 'does not fit robot' in found['model pick_place']['found']
    ros.node.destroy_publisher(text)


def test_list_and_show(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(['robot', 'list']) == 0
    listed = capsys.readouterr().out
    assert all(name in listed for name in ('ur5e', 'fr3', 'so101', 'vx300s', 'vaa_arm'))
    path = tmp_path / 'robot.json'
    assert main(['robot', 'show', 'vx300s', '--json', str(path)]) == 0
    said = capsys.readouterr().out
    assert 'left_finger: open 0.057, closed 0.021, gripper_controller/joint_trajectory' in said
    assert json.loads(path.read_text())['command_topic'] == 'arm_controller/joint_trajectory'
    assert main(['robot', 'show', 'ur5']) == 2
    assert "Did you mean 'ur5e'?" in capsys.readouterr().err
    assert main(['robot', 'check', 'ur5e', '--robot', 'fr3']) == 2
    assert main(['robot', 'check', '--command-type', 'thoughts']) == 2
