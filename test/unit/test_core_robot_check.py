# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The findings of a robot check, fact by fact.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot_check import Camera
from vaa_ros.core.robot_check import check_robot
from vaa_ros.core.robot_check import CommandTopic
from vaa_ros.core.robot_check import Finding
from vaa_ros.core.robot_check import Listener
from vaa_ros.core.robot_check import LiveRobot
from vaa_ros.core.robot_check import OK
from vaa_ros.core.robot_check import PROBLEM
from vaa_ros.core.robot_check import Stream
from vaa_ros.core.robot_check import WARNING
from vaa_ros.policies.opening import hold_spec

ROBOT = load_robot('vaa_arm')
POSITIONS = dict(zip(ROBOT.joint_names, ROBOT.home, strict=True))
JOINTS = Stream('/joint_states', ('/driver',), ('sensor_msgs/msg/JointState',), 300, 100.0, 0.004,
                0.02)
PICTURES = Stream('/front/image_raw', ('/camera',), ('sensor_msgs/msg/Image',), 90, 30.0, 0.02,
                  0.04)
CAMERA = Camera(PICTURES, (640, 480), 'rgb8')
COMMANDS = CommandTopic('/commands', 'std_msgs/msg/Float64MultiArray',
                        (Listener('/controller', 'std_msgs/msg/Float64MultiArray'),))
GOOD = LiveRobot(JOINTS, POSITIONS, {'front': CAMERA, 'wrist': CAMERA}, (COMMANDS,))


def worst(findings: list[Finding], what: str) -> Finding:
    found = [finding for finding in findings if finding.what.startswith(what)]
    return max(found, key=lambda finding: (OK, WARNING, PROBLEM).index(finding.level))


def test_a_system_that_fits() -> None:
    findings = check_robot(ROBOT, GOOD, hold_spec(ROBOT, 'joint_position'))
    assert {finding.level for finding in findings} == {OK}
    assert not any(finding.advice for finding in findings)


@pytest.mark.parametrize(('joints', 'level', 'text'), [
    ({'publishers': ()}, PROBLEM, 'nobody publishes'),
    ({'count': 0}, PROBLEM, 'nothing came'),
    ({'rate_hz': 12.0}, WARNING, '12.0 Hz'),
    ({'publishers': ('/a', '/b')}, WARNING, '2 publishers'),
    ({'age_s': None}, PROBLEM, 'no stamp'),
    ({'age_s': -0.2}, PROBLEM, '0.200 s in the future'),
    ({'age_s': 0.4}, PROBLEM, '400 ms old'),
    ({'age_s': -0.01}, OK, '-10 ms old'),
])
def test_joint_states(joints: dict[str, Any], level: str, text: str) -> None:
    found = check_robot(ROBOT, replace(GOOD, joints=replace(JOINTS, **joints)))
    finding = worst(found, 'joint states')
    said = [item.found for item in found if item.what.startswith('joint states')]
    assert finding.level == level
    assert any(text in item for item in said)
    assert bool(finding.advice) == (level != OK)


def test_joints_outside_by_what_a_sensor_may_err_are_inside() -> None:
    upper = ROBOT.joints[0].upper
    for beyond, level in ((0.005, OK), (0.02, PROBLEM)):
        live = replace(GOOD, positions={**POSITIONS, 'joint_1': upper + beyond})
        assert worst(check_robot(ROBOT, live), 'positions').level == level


@pytest.mark.parametrize(('camera', 'safe', 'level', 'text'), [
    (replace(CAMERA, problem='step is 3'), True, PROBLEM, 'step is 3'),
    (CAMERA, False, WARNING, 'large pictures'),
    (replace(CAMERA, size=(320, 240)), False, OK, '320x240'),
    (Camera(replace(PICTURES, publishers=()), compressed=True), True, WARNING, 'compressed alone'),
    (Camera(replace(PICTURES, publishers=())), True, PROBLEM, 'nobody publishes'),
])
def test_cameras(camera: Camera, safe: bool, level: str, text: str) -> None:
    live = replace(GOOD, cameras={'front': camera}, large_images_safe=safe)
    finding = worst(check_robot(ROBOT, live), 'camera front')
    assert finding.level == level
    assert any(text in item.found for item in check_robot(ROBOT, live))


@pytest.mark.parametrize(('commands', 'level', 'text'), [
    ({'listeners': ()}, PROBLEM, 'nobody listens'),
    ({'listeners': (Listener('/guard', 'std_msgs/msg/Float64MultiArray'),)}, PROBLEM,
     'nobody listens'),
    ({'listeners': (Listener('/c', 'x'),)}, PROBLEM, '/c wants x'),
    ({'listeners': (Listener('/c', COMMANDS.type, 'a deadline'),)}, PROBLEM, 'a deadline'),
    ({'publishers': ('/policy', '/guard')}, OK, 'to /controller'),
    ({'publishers': ('/policy', '/other')}, PROBLEM, 'also published by /other'),
])
def test_commands(commands: dict[str, Any], level: str, text: str) -> None:
    live = replace(GOOD, commands=(replace(COMMANDS, **commands),))
    found = check_robot(ROBOT, live, own_nodes=['/policy', '/guard'])
    assert worst(found, 'commands').level == level
    assert any(text in item.found for item in found)


@pytest.mark.parametrize(('change', 'level', 'text'), [
    (('', ''), OK, 'no limit is stricter'),
    (('upper="2.6" velocity="2.5"', 'upper="2.0" velocity="1.5"'), WARNING,
     'stricter: joint_1 upper 2 (file: 2.6), joint_1 velocity 1.5 (file: 2.5)'),
    (('<joint name="', '<joint name="other_'), WARNING, 'none of the joints; it has: other_joint'),
    (('<robot', '<!DOCTYPE robot><robot'), PROBLEM, 'document type'),
])
def test_the_description_that_is_published(change: tuple[str, str], level: str,
                                           text: str) -> None:
    urdf = Path(ROBOT.urdf).read_text(encoding='utf-8').replace(*change)
    found = worst(check_robot(ROBOT, replace(GOOD, description=urdf)), 'robot description')
    assert found.level == level
    assert text in found.found


def test_models() -> None:
    spec = hold_spec(ROBOT, 'joint_position')
    fewer = replace(ROBOT, cameras=('front',))
    assert 'wants the cameras wrist' in worst(check_robot(fewer, GOOD, spec), 'model').found
    other = replace(ROBOT, joints=ROBOT.joints[1:], home=ROBOT.home[1:])
    assert 'does not fit' in worst(check_robot(other, GOOD, spec), 'model').found
    slow = replace(GOOD, cameras={**GOOD.cameras, 'wrist': replace(
        CAMERA, stream=replace(PICTURES, rate_hz=15.0))})
    finding = worst(check_robot(ROBOT, slow, spec), 'model')
    assert (finding.level, finding.found) == (WARNING, 'camera wrist 15.0 Hz')
