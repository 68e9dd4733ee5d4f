# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy that stays where it is.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from policy_models import observation
from policy_models import POSE
from policy_models import SPEC
from policy_models import TWIST
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import ActionSpec
from vaa_ros.policies.base import Policy
from vaa_ros.policies.hold_policy import HoldPolicy


def test_joint_positions_are_repeated() -> None:
    policy = HoldPolicy(SPEC)
    assert isinstance(policy, Policy)
    policy.reset()
    chunk = policy.infer(observation(state=(0.25, 0.05)))
    assert chunk.actions.shape == (5, 2)
    assert (chunk.actions == np.float32([0.25, 0.05])).all()
    assert chunk.stamp_ns == 1_000
    assert chunk.dt_s == SPEC.dt_s
    assert np.isnan(chunk.alignment)


def test_joints_are_taken_by_name() -> None:
    spec = replace(SPEC, action=ActionSpec('joint_position', ('gripper', 'turn')))
    chunk = HoldPolicy(spec).infer(observation(state=(0.25, 0.05)))
    assert (chunk.actions == np.float32([0.05, 0.25])).all()


def test_twists_are_zero_and_the_gripper_stays() -> None:
    chunk = HoldPolicy(TWIST).infer(observation(state=(0.25, 0.05)))
    assert (chunk.actions == np.float32([0, 0, 0, 0, 0, 0, 0.05])).all()


def test_a_twist_without_gripper_joint_is_all_zero() -> None:
    spec = replace(TWIST, joints=SPEC.joints[:1])
    assert not HoldPolicy(spec).infer(observation(spec, state=[0.25])).actions.any()


def test_poses_are_refused_with_a_way_out() -> None:
    with pytest.raises(ModelError, match='Use joint_position or end_effector_twist'):
        HoldPolicy(POSE)


@pytest.mark.parametrize('change', [{'front': None}, {'state': [0.0, np.nan]}, {'state': []}])
def test_observations_that_do_not_fit(change: dict) -> None:
    with pytest.raises(ModelError):
        HoldPolicy(SPEC).infer(observation(**change))
