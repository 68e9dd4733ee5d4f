# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The way to the start pose: straight, gentle, begun anew where the arm is not on it.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.start_policy import start_trajectory
from vaa_ros.core.start_policy import StartPolicy
from vaa_ros.core.types import Observation
from vaa_ros.policies.opening import hold_spec

ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
LIMITS = np.array([joint.velocity for joint in ROBOT.joints])
MOST = np.array([joint.acceleration for joint in ROBOT.joints])
PERIOD_NS = 33_333_333


def way(speed: float = 0.2) -> StartPolicy:
    return StartPolicy(hold_spec(ROBOT, 'joint_position'), ROBOT, speed)


def follow(policy: StartPolicy, here: np.ndarray, start_ns: int = 0,
           stop_after: int = 2000) -> np.ndarray:
    """
    Let an exact arm follow the first action of every chunk.
    """
    path = [here]
    for tick in range(stop_after):
        chunk = policy.infer(Observation(start_ns + tick * PERIOD_NS, {}, path[-1]))
        if policy.arrived:
            break
        path.append(chunk.actions[0].astype(np.float64))
    return np.array(path)


def test_it_comes_home_below_the_speed_that_was_allowed() -> None:
    start = HOME + [1.0, -0.5, 0.3, 0.2, 0.0, -0.4, -0.05]
    policy = way()
    path = follow(policy, start)
    assert policy.arrived
    np.testing.assert_allclose(path[-1], HOME, atol=0.02)
    speed = np.abs(np.diff(path, axis=0)) * 30
    assert (speed <= 0.2 * LIMITS + 1e-3).all()
    assert speed[:, 0].max() > 0.95 * 0.2 * LIMITS[0]
    # Gentle at both ends, and straight: every joint has done the same part of its way.
    assert speed[0].max() < 0.05
    parts = (path - start)[:, :2] / (HOME - start)[:2]
    np.testing.assert_allclose(parts[:, 0], parts[:, 1], atol=1e-5)


def test_a_controller_gets_the_same_way_as_points() -> None:
    start = HOME + [1.0, -0.5, 0.3, 0.2, 0.0, -0.4, -0.05]
    step_s, positions, velocities = start_trajectory(start, HOME, 0.2 * LIMITS, MOST)
    assert 0 < step_s <= 0.1
    np.testing.assert_allclose(positions[-1], HOME)
    assert not velocities[-1].any()
    assert (np.abs(velocities) <= 0.2 * LIMITS + 1e-9).all()
    assert np.abs(velocities[:, 0]).max() > 0.95 * 0.2 * LIMITS[0]
    # The velocities are those of the way between the points.
    between = np.diff(np.vstack([start, positions]), axis=0) / step_s
    means = (np.vstack([np.zeros(7), velocities[:-1]]) + velocities) / 2
    np.testing.assert_allclose(means, between, atol=0.01)
    # From home there is nowhere to go, and still a point after time 0.
    step_s, positions, _ = start_trajectory(HOME, HOME, 0.2 * LIMITS, MOST)
    assert step_s > 0 and len(positions) == 1


@pytest.mark.parametrize('way', [0.001, 0.02, 0.05, 0.3, 3.0])
@pytest.mark.parametrize('speed', [0.2, 1.0])
def test_neither_way_asks_for_more_than_the_accelerations(way: float, speed: float) -> None:
    arm = load_robot('ur5e')
    home, most = np.array(arm.home), np.array([joint.acceleration for joint in arm.joints])
    limits = speed * np.array([joint.velocity for joint in arm.joints])
    start = home + way * np.linspace(0.2, 1.0, len(home))
    step_s, positions, velocities = start_trajectory(start, home, limits, most)
    # A controller goes from point to point along cubic curves, fastest changing at their ends.
    points, rates = np.vstack([start, positions]), np.vstack([0 * home, velocities])
    slope = 6 * np.diff(points, axis=0) / step_s**2
    ends = (slope - (4 * rates[:-1] + 2 * rates[1:]) / step_s,
            (2 * rates[:-1] + 4 * rates[1:]) / step_s - slope)
    assert max(np.abs(end / most).max() for end in ends) <= 1.0 + 1e-9
    policy = StartPolicy(hold_spec(arm, 'joint_position'), arm, speed)
    track = policy.infer(Observation(0, {}, start)).actions.astype(np.float64)
    track = np.vstack([start, start, track])
    assert (np.abs(np.diff(track, 2, axis=0)) <= 1.01 * most * policy.spec.dt_s**2 + 1e-6).all()


def test_who_is_pushed_off_the_way_begins_anew_there() -> None:
    policy = way()
    path = follow(policy, HOME + 0.5 * np.eye(7)[0], stop_after=30)
    pushed = path[-1] + 0.4 * np.eye(7)[1]
    chunk = policy.infer(Observation(31 * PERIOD_NS, {}, pushed))
    assert np.abs(chunk.actions[0] - pushed).max() < 0.01
    assert not policy.arrived


def test_at_home_it_has_arrived_at_once() -> None:
    policy = way()
    assert not policy.arrived
    policy.infer(Observation(0, {}, HOME))
    assert policy.arrived
    policy.reset()
    assert not policy.arrived


def test_the_start_pose_needs_joint_commands() -> None:
    with pytest.raises(ConfigError, match='velocity_commands'):
        StartPolicy(hold_spec(ROBOT, 'end_effector_twist'), ROBOT, 0.2)
