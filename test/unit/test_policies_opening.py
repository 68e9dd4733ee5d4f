# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From names to policies, and which may take over.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import policy_models
from policy_models import ROBOT
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import CameraSpec
from vaa_ros.policies.opening import check_takeover
from vaa_ros.policies.opening import hold_spec
from vaa_ros.policies.opening import open_policy
from vaa_ros.policies.opening import policy_file


def test_hold_is_made_for_the_robot() -> None:
    policy = open_policy('hold', ROBOT, 'joint_position')
    policy.spec.check_robot(ROBOT)
    assert policy.spec.camera_keys == ROBOT.cameras
    name, digest = policy_file(policy)
    assert name == 'hold' and len(digest) == 64


def test_hold_for_poses_is_refused() -> None:
    with pytest.raises(ModelError, match='hold'):
        open_policy('hold', ROBOT, 'end_effector_pose')


def test_a_file_is_opened_and_named(tmp_path: Path) -> None:
    path = policy_models.save(policy_models.model(), tmp_path)
    policy = open_policy(str(path), ROBOT, 'joint_position')
    assert policy_file(policy) == (str(path), policy.sha256)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(ModelError, match='no_such_model'):
        open_policy('no_such_model', ROBOT, 'joint_position')


def test_the_same_wiring_may_take_over() -> None:
    check_takeover(SPEC, replace(SPEC, name='other', chunk_length=9, task='push'))


@pytest.mark.parametrize(('change', 'word'), [
    ({'cameras': (CameraSpec('front', 8, 6),)}, 'cameras'),
    ({'cameras': (CameraSpec('front', 9, 6), CameraSpec('wrist', 4, 4))}, 'cameras'),
    ({'cameras': SPEC.cameras[::-1]}, 'cameras'),
    ({'control_rate_hz': 20.0}, 'control_rate_hz'),
    ({'action': policy_models.TWIST.action}, 'action'),
])
def test_other_wiring_may_not(change: dict, word: str) -> None:
    with pytest.raises(ModelError, match=word):
        check_takeover(SPEC, replace(SPEC, **change))


def test_the_hold_spec_travels_as_json() -> None:
    spec = hold_spec(ROBOT, 'joint_position')
    assert type(spec).from_json(spec.to_json()) == spec
