# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Values, ways and turns, brought inside bounds.
"""
from __future__ import annotations

import math

import numpy as np
import pytest

from vaa_ros.core.bounding import clamp
from vaa_ros.core.bounding import rotate_toward
from vaa_ros.core.bounding import toward
from vaa_ros.core.bounding import within


def test_clamp_and_within() -> None:
    assert clamp(np.array([-9, 0.5, 9]), np.zeros(3), np.ones(3)).tolist() == [0, 0.5, 1]
    assert within(np.zeros(3), np.array([-9, 0.5, 9]), np.ones(3)).tolist() == [-1, 0.5, 1]


@pytest.mark.parametrize('target', [
    [1e308] * 3, [-1.7e308, 1.7e308, 0], [1e-320, 0, 0], [0, 0, 0], [1, -1, 1e-300]])
def test_toward_neither_overflows_nor_overshoots(target: list) -> None:
    result = toward(np.zeros(3), np.array(target, dtype=float), 0.5)
    assert np.isfinite(result).all()
    assert math.hypot(*result) <= 0.5 + 1e-12
    if math.hypot(*target) <= 0.5:
        assert result.tolist() == target


@pytest.mark.parametrize('turn', [1e-12, 1e-8, 1e-3, 0.5, 1.5, 3.0, math.pi])
def test_rotate_toward_turns_by_the_angle_it_may(turn: float) -> None:
    start = np.array([0.0, 0.0, 0.0, 1.0])
    target = np.array([math.sin(turn / 2), 0.0, 0.0, math.cos(turn / 2)])
    result = rotate_toward(start, target, turn / 3)
    assert 2 * math.asin(result[0]) == pytest.approx(turn / 3, rel=1e-6)
    assert rotate_toward(start, target, turn * 1.01).tolist() == target.tolist()
