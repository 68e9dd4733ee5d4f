# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the arm's kinematics.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.spec import load_robot
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.kinematics import rotation_between

HOME = np.array(load_robot('vaa_arm').home)


@pytest.fixture(scope='module')
def arm() -> ArmKinematics:
    """
    Give one arm for all tests.
    """
    return ArmKinematics()


def test_home_points_down_over_the_table(arm: ArmKinematics) -> None:
    pose = arm.forward(HOME)
    np.testing.assert_allclose(pose[:3], [0.33, 0.0, 0.24], atol=1e-3)
    assert np.linalg.norm(rotation_between(pose[3:], np.array([0.0, 0, 1, 0]))) < 1e-2


def test_forward_then_inverse_comes_back(arm: ArmKinematics) -> None:
    rng = np.random.default_rng(0)
    for _ in range(30):
        q = HOME.copy()
        q[:6] += rng.uniform(-0.4, 0.4, 6)
        pose = arm.forward(q)
        found = arm.solve(HOME, pose)
        assert found.position_error < 1e-4
        assert found.angle_error < 1e-3
        np.testing.assert_allclose(arm.forward(found.q)[:3], pose[:3], atol=1e-4)


def test_inverse_keeps_the_gripper(arm: ArmKinematics) -> None:
    start = np.append(HOME[:6], 0.033)
    pose = arm.forward(start)
    pose[0] += 0.02
    q = arm.inverse(start, pose)
    assert q.shape == (7,)
    assert q[6] == 0.033


def test_inverse_obeys_the_limits_out_of_reach(arm: ArmKinematics) -> None:
    pose = arm.forward(HOME)
    pose[:3] = [2.0, 0.0, 0.1]
    found = arm.solve(HOME, pose)
    assert found.position_error > 1.0
    assert np.all(found.q[:6] >= arm.lower)
    assert np.all(found.q[:6] <= arm.upper)


def test_inverse_is_sure_over_the_whole_table(arm: ArmKinematics) -> None:
    down = np.array([0.0, 0.0, 1.0, 0.0])
    for x in np.linspace(0.25, 0.52, 4):
        for y in np.linspace(-0.28, 0.22, 5):
            for z in (0.018, 0.1, 0.2):
                found = arm.solve(HOME, np.concatenate([[x, y, z], down]))
                if np.hypot(x, y) < 0.54:
                    assert found.position_error < 1e-3, (x, y, z)


def test_jacobian_is_the_derivative_of_forward(arm: ArmKinematics) -> None:
    q = HOME + 0.2
    jacobian = arm.jacobian(q)
    pose = arm.forward(q)
    for joint in range(6):
        moved = q.copy()
        moved[joint] += 1e-6
        change = arm.forward(moved)
        linear = (change[:3] - pose[:3]) / 1e-6
        angular = rotation_between(pose[3:], change[3:]) / 1e-6
        np.testing.assert_allclose(jacobian[:, joint], np.concatenate([linear, angular]),
                                   atol=1e-4)


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_inverse_refuses_what_is_not_finite(arm: ArmKinematics, bad: float) -> None:
    pose = arm.forward(HOME)
    pose[1] = bad
    with pytest.raises(SimulationError, match='not finite'):
        arm.inverse(HOME, pose)
