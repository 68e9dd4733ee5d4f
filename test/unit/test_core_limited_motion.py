# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A motion: what it goes on from, and how it ends.
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

from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.safety import CommandLimiter

LIMITS = SafetyLimits(
    names=('pan', 'lift', 'gripper'), lower=[-1, -1, 0], upper=[1, 1, 0.09],
    velocity=[2, 2, 0.3], acceleration=[20, 20, 5], gripper=2, linear_speed=0.8,
    angular_speed=2.0, linear_acceleration=6.0, angular_acceleration=15.0)
HOME = np.array([0.0, 0.0, 0.05])
STILL = np.append(np.zeros(6), 0.05)


def motion(kind: str = 'joint_position') -> LimitedMotion:
    return LimitedMotion(CommandLimiter(LIMITS, kind))


def test_the_first_command_starts_where_the_arm_is_and_the_next_where_it_was_sent() -> None:
    joints = motion()
    first = joints.move(HOME + 0.5, HOME, 0.02)
    second = joints.move(HOME + 0.5, None, 0.02)
    assert first.command[0] == pytest.approx(20 * 0.02 * 0.02)
    assert second.motion.velocity[0] == pytest.approx(2 * first.motion.velocity[0])


def test_a_position_is_held_by_saying_it_again_and_the_next_motion_starts_standing() -> None:
    joints = motion()
    for _ in range(4):
        moved = joints.move(HOME + 0.5, HOME, 0.02)
    assert np.array_equal(joints.hold(0.02), moved.command)
    assert not joints.moving
    again = joints.move(HOME + 0.5, None, 0.02)
    assert again.command[0] - moved.command[0] == pytest.approx(20 * 0.02 * 0.02)


def test_a_motion_blends_in_from_where_it_begins() -> None:
    joints, wish = motion(), HOME + [0.004, 0.0, 0.0]
    path = [joints.move(wish, HOME, 0.02, share=share).command for share in (0.0, 0.25, 0.75, 1.0)]
    assert [command[0] for command in path] == pytest.approx([0.0, 0.001, 0.003, 0.004])
    joints.hold(0.02)
    again = joints.move(HOME, None, 0.02, share=0.5).command
    assert again[0] == pytest.approx(0.002)


def test_a_wish_too_far_is_refused_also_while_it_blends_in() -> None:
    limiter = CommandLimiter(replace(LIMITS, jump=[0.3, 0.3, 1.0]))
    assert LimitedMotion(limiter).move(HOME + [0.9, 0, 0], HOME, 0.02, share=0.1).refused


def test_poses_blend_in_as_rotations() -> None:
    start = np.array([0.3, 0, 0.2, 0, 0, 0, 1, 0.05])
    wish = np.array([0.304, 0, 0.2, 0, 0, -math.sin(0.01), -math.cos(0.01), 0.05])
    half = motion('end_effector_pose').move(wish, start, 0.02, share=0.5).command
    assert half[0] == pytest.approx(0.302)
    assert half[3:7] == pytest.approx([0, 0, math.sin(0.005), math.cos(0.005)], abs=1e-9)


def test_what_is_refused_changes_nothing() -> None:
    joints = motion()
    joints.move(HOME + 0.01, HOME, 0.02)
    before = joints.last.copy()
    assert joints.move(HOME * np.nan, None, 0.02).command is None
    assert np.array_equal(joints.last, before)


def test_after_it_let_go_nothing_is_held_and_where_it_was_sent_is_forgotten() -> None:
    joints = motion()
    joints.move(HOME + 0.01, HOME, 0.02)
    joints.release()
    assert joints.hold(0.02) is None
    assert joints.move(HOME, HOME - [0.2, 0, 0], 0.02).command[0] < -0.19


@settings(deadline=None)
@given(wanted=hnp.arrays(np.float64, 7, elements=st.floats(-3, 3)),
       ticks=st.integers(1, 30), dt_s=st.floats(0.002, 0.1))
def test_a_velocity_is_held_by_braking_within_the_limits(
    wanted: np.ndarray, ticks: int, dt_s: float,
) -> None:
    twists = motion('end_effector_twist')
    for _ in range(ticks):
        sent = twists.move(wanted, STILL, dt_s).command
    steps = 0
    while twists.moving:
        held = twists.hold(dt_s)
        for part, most in ((slice(0, 3), 6.0), (slice(3, 6), 15.0)):
            assert np.linalg.norm(held[part] - sent[part]) <= most * dt_s * (1 + 1e-9)
            assert np.linalg.norm(held[part]) <= np.linalg.norm(sent[part])
        assert held[6] == sent[6]
        sent, steps = held, steps + 1
        assert steps <= 0.15 / dt_s + 2
    assert not twists.hold(dt_s)[:6].any()
