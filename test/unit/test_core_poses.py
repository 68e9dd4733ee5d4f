# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Poses and twists: moving and the difference are inverse, rotations are about base axes.
"""
from __future__ import annotations

import math

import numpy as np
import pytest

from vaa_ros.core.poses import move_pose
from vaa_ros.core.poses import pose_difference

HOME = np.array([0.3, 0.1, 0.2, 1.0, 0.0, 0.0, 0.0])


def random_pose(random: np.random.Generator) -> np.ndarray:
    quaternion = random.normal(size=4)
    return np.concatenate([random.normal(size=3), quaternion / np.linalg.norm(quaternion)])


@pytest.mark.parametrize('seed', range(20))
def test_the_difference_moves_one_pose_to_the_other(seed: int) -> None:
    random = np.random.default_rng(seed)
    start, end = random_pose(random), random_pose(random)
    moved = move_pose(start, pose_difference(start, end, 0.1), 0.1)
    assert moved[:3] == pytest.approx(end[:3])
    assert abs(float(moved[3:] @ end[3:])) == pytest.approx(1.0)


def test_no_difference_is_no_twist() -> None:
    assert pose_difference(HOME, HOME, 0.1) == pytest.approx(np.zeros(6))
    flipped = HOME * [1, 1, 1, -1, -1, -1, -1]
    assert pose_difference(HOME, flipped, 0.1) == pytest.approx(np.zeros(6))


def test_a_quarter_turn_about_base_z() -> None:
    upright = np.array([0, 0, 0, 0, 0, 0, 1.0])
    moved = move_pose(upright, np.array([0, 0, 0, 0, 0, math.pi / 2]), 1.0)
    assert moved[3:] == pytest.approx([0, 0, math.sqrt(0.5), math.sqrt(0.5)])
    # a second turn, about base x, multiplies from the left
    moved = move_pose(moved, np.array([0, 0, 0, math.pi / 2, 0, 0]), 1.0)
    assert moved[3:] == pytest.approx([0.5, -0.5, 0.5, 0.5])


def test_tiny_turns_add_up() -> None:
    pose = np.array([0, 0, 0, 0, 0, 0, 1.0])
    for _ in range(1000):
        pose = move_pose(pose, np.array([0.1, 0, 0, 0, 0, 1e-3]), 1.0)
    assert pose[0] == pytest.approx(100.0)
    assert pose[5] == pytest.approx(math.sin(0.5))
