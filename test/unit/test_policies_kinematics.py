# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Kinematics from a URDF: the same arm as in MuJoCo, its limits, and slowness near singularities.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import load_robot
from vaa_ros.sim.kinematics import ArmKinematics

pytest.importorskip('pinocchio')
from vaa_ros.policies.kinematics import SINGULAR_STOP
from vaa_ros.policies.kinematics import UrdfKinematics

ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
LOWER, UPPER = np.array([(joint.lower, joint.upper) for joint in ROBOT.joints]).T
DT_S = 1 / 30


def postures(count: int) -> np.ndarray:
    return np.random.default_rng(3).uniform(LOWER, UPPER, (count, 7))


def test_it_is_the_arm_of_the_simulator() -> None:
    mine, other = UrdfKinematics(ROBOT), ArmKinematics()
    read = UrdfKinematics(replace(ROBOT, urdf=Path(ROBOT.urdf).read_text()))
    for q in postures(30):
        np.testing.assert_array_equal(read.forward(q), mine.forward(q))
        here, there = mine.forward(q), other.forward(q)
        np.testing.assert_allclose(here[:3], there[:3], atol=1e-9)
        assert abs(here[3:] @ there[3:]) == pytest.approx(1.0)
        np.testing.assert_allclose(mine.jacobian(q), other.jacobian(q), atol=1e-9)


def test_it_finds_postures_near_home() -> None:
    kinematics, random = UrdfKinematics(ROBOT), np.random.default_rng(0)
    for _ in range(30):
        pose = kinematics.forward(np.clip(HOME + random.normal(0, 0.25, 7), LOWER, UPPER))
        found = kinematics.solve(HOME, pose)
        assert found.position_error < 1e-4 and found.angle_error < 1e-3
        assert found.q[6] == HOME[6]  # the gripper is not moved
        np.testing.assert_allclose(kinematics.forward(found.q)[:3], pose[:3], atol=1e-4)


def test_what_is_out_of_reach_ends_inside_the_limits() -> None:
    found = UrdfKinematics(ROBOT).solve(HOME, np.array([2.0, 0, 0.3, 0, 1, 0, 0]))
    assert found.position_error > 1.0
    assert (found.q >= LOWER).all() and (found.q <= UPPER).all()


def test_a_step_keeps_the_speed_limits_and_the_direction() -> None:
    kinematics = UrdfKinematics(ROBOT)
    start = kinematics.forward(HOME)
    q, left = kinematics.advance(HOME, start + [0.0, 0.2, 0, 0, 0, 0, 0], DT_S)
    speeds = np.abs(q - HOME) / DT_S
    limits = np.array([joint.velocity for joint in ROBOT.joints])
    assert left == 1.0
    assert speeds[:6].max() <= limits[:6].max() + 1e-9 and (speeds <= limits + 1e-9).all()
    assert np.isclose(speeds[:6] / limits[:6], 1.0, atol=1e-6).any()  # as fast as it may
    way = kinematics.forward(q)[:3] - start[:3]
    assert way[1] > 0.02 and abs(way[1]) > 3 * np.abs(way[[0, 2]]).max()


def test_towards_a_singularity_it_slows_and_stops_and_can_come_back() -> None:
    kinematics, q = UrdfKinematics(ROBOT), HOME.copy()
    pose, parts = kinematics.forward(q), []
    for _ in range(400):  # stretch the arm until its elbow would be straight
        pose = pose + [0.003, 0, 0, 0, 0, 0, 0]
        q, part = kinematics.advance(q, pose, DT_S)
        parts.append(part)
        assert kinematics.condition(q) <= SINGULAR_STOP
    assert parts[0] == 1.0 and parts[-1] < 0.05
    assert any(0.1 < part < 0.9 for part in parts)  # slowly, not at once
    stopped = kinematics.forward(q)
    q, part = kinematics.advance(q, stopped - [0.01, 0, 0, 0, 0, 0, 0], DT_S)
    assert part == 1.0
    assert kinematics.forward(q)[0] < stopped[0] - 0.002


def test_robots_without_kinematics_say_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='add urdf: FILE'):
        UrdfKinematics(replace(ROBOT, urdf=''))
    with pytest.raises(ConfigError, match=r"frame .* 'hand'.*Available: .*tool0"):
        UrdfKinematics(replace(ROBOT, end_effector_frame='hand'))
    with pytest.raises(ConfigError, match='moves with the arm'):
        UrdfKinematics(replace(ROBOT, base_frame='link_3'))
    with pytest.raises(ConfigError, match='not finite'):
        UrdfKinematics(ROBOT).solve(HOME * np.nan, np.ones(7))


def test_a_continuous_joint_turns_on(tmp_path: Path) -> None:
    text = Path(ROBOT.urdf).read_text().replace(
        'name="joint_6" type="revolute"', 'name="joint_6" type="continuous"')
    path = tmp_path / 'round.urdf'
    path.write_text(text)
    kinematics, plain = UrdfKinematics(replace(ROBOT, urdf=str(path))), UrdfKinematics(ROBOT)
    for q in postures(5):
        np.testing.assert_allclose(kinematics.forward(q)[:3], plain.forward(q)[:3], atol=1e-9)
        np.testing.assert_allclose(kinematics.jacobian(q), plain.jacobian(q), atol=1e-9)
