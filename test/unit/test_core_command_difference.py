# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The difference between what would have been commanded and what moved the arm.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.command_difference import CommandDifference


def test_mean_and_largest_difference_of_the_last_seconds() -> None:
    difference = CommandDifference(('turn', 'gripper'), window_s=10.0)
    assert difference.figures(0.0) == {'compared': 0}
    difference.add(0.0, np.array([9.0, 9.0]), np.zeros(2), 'commands')
    difference.add(9.0, np.array([0.1, 0.0]), np.zeros(2), 'commands')
    difference.add(11.0, np.array([0.0, 0.3]), np.zeros(2), 'measured joints')
    found = difference.figures(11.0)
    assert found['compared'] == 2
    assert found['compared_with'] == 'measured joints'
    assert found['difference_mean'] == pytest.approx(0.1)
    assert found['difference_largest'] == pytest.approx(0.3)
    assert found['difference_largest_of'] == 'gripper'
    assert difference.figures(30.0) == {'compared': 0}


def test_what_is_not_known_is_left_out() -> None:
    difference = CommandDifference(('turn', 'gripper'))
    difference.add(0.0, np.array([0.5, 0.5]), np.array([0.25, np.nan]), 'commands')
    found = difference.figures(0.0)
    assert found['difference_mean'] == found['difference_largest'] == 0.25
    difference = CommandDifference(('turn', 'gripper'))
    difference.add(0.0, np.array([0.5, 0.5]), np.full(2, np.nan), 'commands')
    assert difference.figures(0.0) == {'compared': 0}
