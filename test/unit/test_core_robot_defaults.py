# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Limits of acceleration and step are on, also where the robot file does not give them.
"""
from __future__ import annotations

import math
from pathlib import Path

import pytest

from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.core.robot import robot_names
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.robot_defaults import defaults_text

FILE = """
name: two
home: [0.0, 0.05]
cameras: [front]
gripper: gripper
joints:
  - {name: turn, unit: rad, lower: -1, upper: 1, velocity: 2.0}
  - {name: gripper, unit: m, lower: 0, upper: 0.09, velocity: 0.2, acceleration: 3.0, step: 0.01}
"""


def loaded(folder: Path, text: str) -> RobotSpec:
    path = folder / 'two.yaml'
    path.write_text(text)
    return load_robot(str(path))


def test_what_the_file_does_not_give_is_filled_in_and_named(tmp_path: Path) -> None:
    robot = loaded(tmp_path, FILE)
    turn, gripper = robot.joints
    assert (turn.acceleration, turn.step) == pytest.approx((10.0, 0.2))
    assert (gripper.acceleration, gripper.step) == (3.0, 0.01)
    assert robot.tool_acceleration == pytest.approx(5.0)
    assert robot.defaults == ('turn acceleration', 'turn step', 'tool_acceleration', 'tool_speed')
    assert defaults_text(robot) == (
        'acceleration of turn, step of turn, tool_acceleration, tool_speed')


def test_a_file_that_wants_no_limit_says_so(tmp_path: Path) -> None:
    text = FILE.replace('velocity: 2.0', 'velocity: 2.0, acceleration: .inf, step: .inf')
    robot = loaded(tmp_path, text + 'tool_speed: 0.5\ntool_acceleration: .inf\n')
    assert (robot.joints[0].acceleration, robot.joints[0].step) == (math.inf, math.inf)
    assert robot.tool_acceleration == math.inf
    assert robot.defaults == () and defaults_text(robot) == ''


def test_defaults_are_no_key_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(Exception, match='unknown key defaults'):
        loaded(tmp_path, FILE + 'defaults: [turn step]\n')


@pytest.mark.parametrize('name', [name for name in robot_names() if name != 'aloha'])
def test_every_robot_that_ships_has_all_limits(name: str) -> None:
    limits = SafetyLimits.from_robot(load_robot(name))
    for values in (limits.acceleration, limits.step, limits.linear_acceleration):
        assert values < math.inf if isinstance(values, float) else (values < math.inf).all()


def test_a_description_in_memory_is_left_as_it_is() -> None:
    robot = robot_from_mapping({
        'name': 'one', 'home': [0.0], 'cameras': [],
        'joints': [{'name': 'a', 'unit': 'rad', 'lower': -1, 'upper': 1, 'velocity': 2.0}]}, 'x')
    assert robot.joints[0].acceleration == math.inf and robot.defaults == ()
