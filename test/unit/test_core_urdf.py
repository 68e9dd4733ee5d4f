# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a URDF says about joints, where it is found, and how it tightens a robot file.
"""
from __future__ import annotations

import math
from pathlib import Path

import pytest
import yaml

from vaa_ros.core.errors import SpecError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.urdf import parse_limits
from vaa_ros.core.urdf import urdf_path
from vaa_ros.core.urdf import UrdfLimits

ROBOT = """<robot name="two"><link name="a"/><link name="b"/><link name="c"/>
<joint name="turn" type="revolute"><parent link="a"/><child link="b"/>
<limit lower="-0.5" upper="3" velocity="1.5" effort="1"/></joint>
<joint name="spin" type="continuous"><parent link="b"/><child link="c"/>
<limit lower="0" upper="0" velocity="2"/></joint>
<joint name="weld" type="fixed"/><joint name="slide" type="prismatic"/></robot>"""
DESCRIPTION = {
    'name': 'two', 'home': [0.0, 0.0], 'cameras': [], 'urdf': 'two.urdf',
    'joints': [{'name': name, 'unit': 'rad', 'lower': -1, 'upper': 1, 'velocity': 5.0}
               for name in ('turn', 'spin')]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / 'two.urdf').write_text(ROBOT)
    return tmp_path


def robot_file(folder: Path, **changes: object) -> str:
    path = folder / 'two.yaml'
    path.write_text(yaml.safe_dump({**DESCRIPTION, **changes}))
    return str(path)


def test_limits_of_the_joints_that_move() -> None:
    assert parse_limits(ROBOT, 'two.urdf') == {
        'turn': UrdfLimits(-0.5, 3.0, 1.5), 'spin': UrdfLimits(velocity=2.0),
        'slide': UrdfLimits()}


def test_the_stricter_limit_wins(folder: Path) -> None:
    turn, spin = load_robot(robot_file(folder)).joints
    assert (turn.lower, turn.upper, turn.velocity) == (-0.5, 1, 1.5)
    assert (spin.lower, spin.upper, spin.velocity) == (-1, 1, 2.0)


def test_soft_limits_are_limits_and_the_xml_may_stand_in_the_robot_file(folder: Path) -> None:
    soft = ROBOT.replace('effort="1"/>', 'effort="1"/><!-- measured -->'
                         '<safety_controller soft_lower_limit="-0.4" soft_upper_limit="4"/>')
    robot = load_robot(robot_file(folder, urdf='  ' + soft))
    assert (robot.joints[0].lower, robot.joints[0].upper) == (-0.4, 1)
    assert robot.urdf.strip() == soft
    with pytest.raises(SpecError, match=r'two\.yaml.*no joint turn'):
        load_robot(robot_file(folder, urdf=ROBOT.replace('"turn"', '"twist"')))


def test_a_urdf_of_a_sourced_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    share = folder / 'install' / 'share' / 'my_arm'
    share.mkdir(parents=True)
    (folder / 'two.urdf').rename(share / 'two.urdf')
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/none:{folder / "install"}')
    found = load_robot(robot_file(folder, urdf='package://my_arm/two.urdf')).urdf
    assert found == str((share / 'two.urdf').resolve())
    monkeypatch.setenv('AMENT_PREFIX_PATH', '')
    with pytest.raises(SpecError, match='no ROS workspace is sourced'):
        urdf_path('package://my_arm/two.urdf', folder)


@pytest.mark.parametrize(('text', 'match'), [
    ('<mujoco/>', 'root is <mujoco>, expected <robot>'),
    ('<robot', 'cannot read the URDF'),
    (ROBOT.replace('"3"', '"three"'), 'limit of joint turn'),
    (ROBOT.replace('"turn"', '"twist"'), 'has no joint turn; it has: twist, spin, slide'),
    (ROBOT.replace('lower="-0.5"', 'lower="2"'), 'lower 2.0 is not below upper 1'),
    (ROBOT.replace('"3"', '"nan"'), 'upper is nan'),
    (ROBOT.replace('velocity="1.5"', 'velocity="0"'), 'velocity'),
    ('<!DOCTYPE robot [<!ENTITY a "-0.5">]>' + ROBOT.replace('"-0.5"', '"&a;"'),
     'document type or entities'),
    ('<!DOCTYPE robot SYSTEM "file:///etc/passwd">' + ROBOT, 'document type or entities'),
])
def test_urdfs_that_are_wrong(folder: Path, text: str, match: str) -> None:
    (folder / 'two.urdf').write_text(text)
    with pytest.raises(SpecError, match=match):
        load_robot(robot_file(folder))


def test_a_missing_urdf_says_where_it_looked(folder: Path) -> None:
    with pytest.raises(SpecError, match=r'looked at .*ur\.urdf.* xacro'):
        load_robot(robot_file(folder, urdf='ur.urdf'))


def test_the_limits_of_the_simulated_arm_agree() -> None:
    robot = load_robot('vaa_arm')
    limits = parse_limits(Path(robot.urdf).read_text(), robot.urdf)
    for joint in robot.joints:
        limit = limits[joint.name]
        assert (limit.lower, limit.upper, limit.velocity) == (
            joint.lower, joint.upper, joint.velocity)
    assert math.isinf(UrdfLimits().velocity)
