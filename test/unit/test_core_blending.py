# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From one plan to another: where it begins and ends, and rotations on the short way.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies
import numpy as np
from policy_models import POSE

from vaa_ros.core.blending import align_signs
from vaa_ros.core.blending import blended
from vaa_ros.core.blending import quaternion
from vaa_ros.core.types import ActionChunk

MS = 1_000_000


def chunk(value: float, stamp_ns: int = 0, length: int = 10, dt_s: float = 0.1) -> ActionChunk:
    return ActionChunk(stamp_ns, np.full((length, 2), value, np.float32), dt_s)


def test_it_begins_with_the_plan_before_and_ends_with_its_own() -> None:
    mixed = blended(chunk(1.0), chunk(0.0), 0, 0.5)
    np.testing.assert_allclose(mixed.actions[:, 0], [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1],
                               atol=1e-6)
    later = blended(chunk(1.0, 200 * MS), chunk(0.0), 0, 0.5)
    np.testing.assert_allclose(later.actions[:4, 0], [0.4, 0.6, 0.8, 1.0], atol=1e-6)


def test_there_is_an_end_to_it() -> None:
    assert blended(chunk(1.0, 600 * MS), chunk(0.0), 0, 0.5) is None
    assert blended(chunk(1.0, 100 * MS), chunk(0.0), 0, 0.0) is None
    # The plan before does not reach that far.
    assert blended(chunk(1.0, 2000 * MS), chunk(0.0), 2000 * MS, 0.5) is None


def test_a_rotation_stays_one_and_takes_the_short_way() -> None:
    before = np.tile(np.float32([0, 0, 0, 0, 0, 0, 1, 0]), (10, 1))
    after = np.tile(np.float32([0, 0, 0, 0, 0, 0.6, -0.8, 0]), (10, 1))
    mixed = blended(ActionChunk(0, after, 0.1), ActionChunk(0, before, 0.1), 0, 0.5,
                    quaternion(POSE)).actions
    np.testing.assert_allclose(np.linalg.norm(mixed[:, 3:7], axis=1), 1.0, atol=1e-6)
    assert (mixed[:, 6] <= -0.8 + 1e-6).all()


@given(strategies.integers(0, 1500), strategies.floats(0.0, 2.0), strategies.integers(1, 12))
def test_it_never_leaves_the_space_between_the_plans(
    late_ms: int, blend_s: float, length: int,
) -> None:
    mixed = blended(chunk(1.0, late_ms * MS, length), chunk(-1.0), 100 * MS, blend_s)
    if mixed is not None:
        assert (np.abs(mixed.actions) <= 1.0 + 1e-6).all()
        assert (np.diff(mixed.actions, axis=0) >= -1e-6).all()


def test_align_signs() -> None:
    quaternions = np.array([[0, 0, 0, 1.0], [0, 0, 0, -1.0], [1.0, 0, 0, 0]])
    align_signs(quaternions, np.array([0, 0, 0, -1.0]))
    assert quaternions.tolist() == [[0, 0, 0, -1], [0, 0, 0, -1], [1, 0, 0, 0]]
