# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Velocities that somebody left: they end, and no faster than the arm may brake.
"""
from __future__ import annotations

from dataclasses import replace
import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from vaa_ros.core.braking import Braking
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import load_robot

ROBOT = load_robot('vaa_arm')
ACCELERATION = np.array([joint.acceleration for joint in ROBOT.joints])
TIMES = st.lists(st.floats(1e-3, 0.05), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, 7, elements=st.floats(-5, 5)), TIMES)
def test_joints_brake_within_their_accelerations(velocity: np.ndarray, times: list) -> None:
    braking, before = Braking.joints(velocity, ROBOT), velocity
    for dt_s in times:
        now = braking.go_on(dt_s)
        assert (np.abs(now - before) <= ACCELERATION * dt_s * (1 + 1e-9)).all()
        assert (np.abs(now) <= np.abs(before)).all() and (now * before >= 0).all()
        before = now
    # As fast as they may: what is left is what could not be taken away.
    left = np.maximum(np.abs(velocity) - ACCELERATION * sum(times), 0.0)
    assert np.abs(before) == pytest.approx(left, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(hnp.arrays(np.float64, 6, elements=st.floats(-2, 2)), TIMES)
def test_twists_brake_within_their_accelerations_and_keep_their_direction(
        twist: np.ndarray, times: list) -> None:
    limits = SafetyLimits.from_robot(ROBOT)
    braking, before = Braking.twist(twist, ROBOT), twist
    for dt_s in times:
        now = braking.go_on(dt_s)
        for part, most in ((slice(0, 3), limits.linear_acceleration),
                           (slice(3, 6), limits.angular_acceleration)):
            assert math.dist(now[part], before[part]) <= most * dt_s * (1 + 1e-9)
            assert np.abs(np.cross(now[part], twist[part])).max() <= 1e-9
        before = now
    if sum(times) > 2 * math.sqrt(3) / limits.linear_acceleration + 0.01:
        assert not before[:3].any()


@pytest.mark.parametrize('velocity', [np.ones(3), np.full(7, math.nan), np.full(7, math.inf)])
def test_what_cannot_be_braked_ends_at_once(velocity: np.ndarray) -> None:
    braking = Braking.joints(velocity, ROBOT)
    assert not braking.moving and not braking.go_on(0.01).any()


def test_without_an_acceleration_it_ends_at_once() -> None:
    bare = replace(ROBOT, joints=tuple(
        replace(joint, acceleration=math.inf) for joint in ROBOT.joints))
    braking = Braking.joints(np.ones(7), bare)
    assert braking.moving
    assert not braking.go_on(1e-3).any() and not braking.moving
