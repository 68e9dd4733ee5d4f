# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Robot descriptions: the one that ships, and the errors of those that are wrong.
"""
from __future__ import annotations

import copy
from dataclasses import replace
import json
import math
from pathlib import Path

import pytest
import yaml

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.core.robot import robot_to_mapping
from vaa_ros.core.robot import RobotSpec

PLAIN = {
    'name': 'two', 'home': [0.0, 0.05], 'cameras': ['front'], 'gripper': 'gripper',
    'workspace': [[0.1, -0.4, 0.0], [0.6, 0.4, 0.5]],
    'joints': [
        {'name': 'turn', 'unit': 'rad', 'lower': -1, 'upper': 1, 'velocity': 2.0},
        {'name': 'gripper', 'unit': 'm', 'lower': 0, 'upper': 0.09, 'velocity': 0.2}]}


def changed(**change: object) -> dict:
    return {**copy.deepcopy(PLAIN), **change}


def joint_changed(**change: object) -> dict:
    plain = copy.deepcopy(PLAIN)
    plain['joints'][0].update(change)
    return plain


def test_the_robot_that_ships() -> None:
    robot = load_robot('vaa_arm')
    assert robot.name == 'vaa_arm'
    assert robot.joint_names == tuple(f'joint_{i}' for i in range(1, 7)) + ('gripper',)
    assert robot.cameras == ('front', 'wrist')
    assert robot.gripper == 'gripper'


def test_reads_a_file(tmp_path: Path) -> None:
    path = tmp_path / 'two.yaml'
    path.write_text(yaml.safe_dump(PLAIN))
    robot = load_robot(str(path))
    assert robot.joints[0] == JointSpec('turn', 'rad', -1, 1, 2.0, 10.0, 0.2)
    assert robot.workspace == ((0.1, -0.4, 0.0), (0.6, 0.4, 0.5))


def test_an_unknown_robot_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match=r"unknown robot 'vaa_am'. Did you mean 'vaa_arm'\?"):
        load_robot('vaa_am')


@pytest.mark.parametrize('content', [b'', b'[]', b'{', b'\xff\xfe\x00', b'joints: 5', b'a: b'])
def test_files_that_are_no_robot(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / 'bad.yaml'
    path.write_bytes(content)
    with pytest.raises(SpecError, match='bad.yaml'):
        load_robot(str(path))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match='none.yaml'):
        load_robot(str(tmp_path / 'none.yaml'))


@pytest.mark.parametrize(('values', 'match'), [
    (changed(joints=[]), 'at least one'),
    (changed(joints=PLAIN['joints'][:1] * 2), 'no name twice'),
    (changed(home=[0.0]), 'home has 1 values for 2 joints'),
    (changed(home=[2.0, 0.05]), 'home of turn is 2.0, outside its limits -1 to 1'),
    (changed(home=[math.nan, 0.05]), 'home is'),
    (changed(gripper='hand'), "gripper 'hand' is not one of the joints"),
    (changed(cameras='front'), 'cameras is'),
    (changed(tool_speed=0), 'tool_speed'),
    (changed(tool_speed=math.inf), 'tool_speed'),
    (changed(workspace=[[0, 0], [1, 1]]), 'two corners of three numbers'),
    (changed(workspace=[[0, 0, 0], [1, 0, 1]]), 'lower corner'),
    (changed(workspace=[[0, 0, 0]]), 'workspace'),
    (changed(workspace=[1, 2]), 'workspace'),
    (changed(colour='red'), 'unknown key colour'),
    (joint_changed(lower=1), 'lower 1 is not below upper 1'),
    (joint_changed(lower=math.nan), r'joints\[0\]: lower is nan, expected a number'),
    (joint_changed(lower=-math.inf), 'must be finite'),
    (joint_changed(velocity=0), 'must be positive'),
    (joint_changed(velocity=math.inf), 'must be finite'),
    (joint_changed(acceleration=0), 'must be positive'),
    (joint_changed(unit='deg'), "unit 'deg', expected one of"),
    (joint_changed(name=5), r'joints\[0\]: name is 5, expected text'),
    (joint_changed(extra=1), 'unknown key extra'),
    (changed(joints=['turn', 'gripper']), r'joints\[0\]: found str, expected a mapping'),
])
def test_descriptions_that_are_wrong_name_the_key(values: dict, match: str) -> None:
    with pytest.raises(SpecError, match=match) as caught:
        robot_from_mapping(values, 'two.yaml')
    assert 'two.yaml' in str(caught.value)


def test_robots_without_gripper_or_workspace() -> None:
    robot = robot_from_mapping(changed(gripper=None, workspace=None), 'x')
    assert (robot.gripper, robot.workspace) == (None, None)


def test_a_robot_survives_a_mapping_that_json_can_hold() -> None:
    bare = RobotSpec('bare', (JointSpec('a', 'rad', -1.0, 1.0, 2.0),), (0.0,), ())
    for robot in (bare, load_robot('vaa_arm')):
        text = json.dumps(robot_to_mapping(robot), allow_nan=False)
        # The path of a URDF means nothing on another computer.
        assert robot_from_mapping(json.loads(text), 'text') == replace(robot, urdf='')
