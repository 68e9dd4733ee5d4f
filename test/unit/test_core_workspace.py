# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The end effector of an arm that is told joints stays in its box, by the arm's own kinematics.
"""
from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.control_setup import make_control_loop
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import load_robot
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.workspace import TOLERANCE_M
from vaa_ros.core.workspace import Workspace
from vaa_ros.policies.kinematics import for_workspace
from vaa_ros.policies.kinematics import UrdfKinematics
from vaa_ros.policies.opening import hold_spec

ROBOT = load_robot('vaa_arm')
KINEMATICS = UrdfKinematics(ROBOT)
LOWER, UPPER = np.array(ROBOT.workspace)
HOME = np.array(ROBOT.home)
JOINTS_LOWER, JOINTS_UPPER = np.array([(joint.lower, joint.upper) for joint in ROBOT.joints]).T
PERIOD_S = 1 / 30


def outside(q: np.ndarray) -> float:
    """How far the end effector is outside of the box [m]."""
    place = KINEMATICS.forward(q)[:3]
    return float(max(np.maximum(LOWER - place, place - UPPER).max(), 0.0))


def motion() -> LimitedMotion:
    limiter = CommandLimiter(SafetyLimits.from_robot(ROBOT, max_jump=10.0))
    return LimitedMotion(limiter, Workspace(KINEMATICS, LOWER, UPPER))


def joints_at(x: float, y: float, z: float) -> np.ndarray:
    """Joints that put the tool, pointing down, at a place."""
    found = KINEMATICS.solve(HOME, np.concatenate([[x, y, z], KINEMATICS.forward(HOME)[3:]]))
    assert found.position_error < 1e-4
    return found.q


def test_what_is_inside_passes_unchanged() -> None:
    bounded, free, wish = motion(), LimitedMotion(motion()._limiter), joints_at(0.4, 0.1, 0.1)
    for _ in range(40):
        one, other = (each.move(wish, HOME, PERIOD_S) for each in (bounded, free))
        assert np.array_equal(one.command, other.command)
        assert np.array_equal(one.clamped, other.clamped)
    assert one.command == pytest.approx(wish) and not one.clamped.any()


def test_a_wish_below_the_table_is_led_along_it_and_counted() -> None:
    bounded = motion()
    for _ in range(80):
        result = bounded.move(joints_at(0.42, 0.1, -0.03), HOME, PERIOD_S)
        assert result.refused is None and outside(result.command) <= TOLERANCE_M
    place = KINEMATICS.forward(result.command)[:3]
    assert place == pytest.approx([0.42, 0.1, LOWER[2]], abs=1e-3)
    assert result.clamped_count > 0


def test_a_command_that_leads_out_is_refused_and_one_back_in_is_not() -> None:
    box = Workspace(KINEMATICS, LOWER, UPPER)
    inside, out, further = (joints_at(0.4, 0.0, z) for z in (0.02, -0.005, -0.02))
    assert box.refusal(inside, further) == (
        'the end effector would leave the workspace: z -0.020 m, expected 0.005 to 0.5')
    assert box.refusal(out, further) and not box.refusal(further, out)
    assert not box.refusal(inside, joints_at(0.4, 0.0, 0.001)), 'within the tolerance'
    bounded = motion()
    refused = bounded.move(further, further, PERIOD_S)
    assert refused.refused is None, 'an arm that stands outside is led back'
    assert outside(refused.command) < outside(further)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2**31), st.floats(0.002, 0.1), st.integers(1, 12)),
                min_size=1, max_size=8))
def test_whatever_is_wished_the_end_effector_stays_inside(wishes: list) -> None:
    bounded, moved = motion(), False
    for seed, dt_s, times in wishes:
        wish = np.random.default_rng(seed).uniform(JOINTS_LOWER, JOINTS_UPPER)
        for _ in range(times):
            result = bounded.move(wish, HOME, dt_s)
            held = bounded.hold(dt_s) if result.command is None else result.command
            if held is not None:
                moved = True
                assert outside(held) <= TOLERANCE_M
    assert moved


def test_it_bounds_joint_commands_of_robots_with_a_box_and_says_where_it_cannot() -> None:
    said: list[str] = []
    assert for_workspace(ROBOT, 'end_effector_pose', said.append) is None
    assert for_workspace(replace(ROBOT, workspace=None), 'joint_position', said.append) is None
    assert said == []
    assert for_workspace(replace(ROBOT, urdf=''), 'joint_position', said.append) is None
    assert said[0].startswith('the workspace of vaa_arm does not bound joint commands: robot ')
    kinematics = for_workspace(ROBOT, 'joint_position', said.append)
    loop = make_control_loop(hold_spec(ROBOT, 'joint_position'), ROBOT, ControlOptions(PERIOD_S),
                             kinematics)
    assert loop._motion._workspace is not None and len(said) == 1
