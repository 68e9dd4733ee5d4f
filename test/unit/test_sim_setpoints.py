# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the setpoint ramp.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import SimulationError
from vaa_ros.sim.setpoints import SetpointRamp

DT = 0.01


@pytest.fixture
def ramp() -> SetpointRamp:
    """
    Give a ramp of two joints, slow enough to show the speed limit.
    """
    return SetpointRamp(np.array([-1.0, 0.0]), np.array([1.0, 0.5]), np.array([2.0, 1.0]), DT)


def run(ramp: SetpointRamp, steps: int) -> np.ndarray:
    return np.array([ramp.advance()[0] for _ in range(steps)])


def test_goes_in_a_straight_line_and_stays(ramp: SetpointRamp) -> None:
    ramp.follow(np.array([0.1]), np.array([[0.1, 0.05]]))
    path = run(ramp, 15)
    np.testing.assert_allclose(path[:10, 0], np.linspace(0.01, 0.1, 10))
    np.testing.assert_allclose(path[9:], np.tile([0.1, 0.05], (6, 1)))


def test_passes_through_every_point(ramp: SetpointRamp) -> None:
    ramp.follow(np.array([0.1, 0.2]), np.array([[0.1, 0.0], [0.0, 0.1]]))
    path = run(ramp, 20)
    np.testing.assert_allclose(path[9], [0.1, 0.0], atol=1e-12)
    np.testing.assert_allclose(path[19], [0.0, 0.1], atol=1e-12)


def test_new_command_starts_from_the_present_setpoint(ramp: SetpointRamp) -> None:
    ramp.follow(np.array([0.1]), np.array([[0.1, 0.0]]))
    middle = run(ramp, 5)[-1]
    ramp.follow(np.array([0.1]), np.array([[0.0, 0.0]]))
    assert abs(run(ramp, 1)[0, 0] - middle[0]) < 0.006


def test_limits_of_position_and_speed_hold(ramp: SetpointRamp) -> None:
    ramp.follow(np.array([0.01]), np.array([[5.0, 5.0]]))
    previous = ramp.position
    for _ in range(200):
        position, velocity = ramp.advance()
        assert np.all(np.abs(position - previous) <= np.array([2.0, 1.0]) * DT + 1e-12)
        assert np.all(np.abs(velocity) <= np.array([2.0, 1.0]) + 1e-9)
        previous = position
    np.testing.assert_allclose(previous, [1.0, 0.5])


@pytest.mark.parametrize(('times', 'points', 'part'), [
    ([0.1], [[0.1]], 'shape'),
    ([], np.zeros((0, 2)), 'shape'),
    ([0.1, 0.2], [[0.0, 0.0]], 'times'),
    ([0.2, 0.1], [[0.0, 0.0], [0.1, 0.1]], 'grow'),
    ([0.0], [[0.0, 0.0]], 'grow'),
    ([0.1], [[np.nan, 0.0]], 'finite'),
    ([np.inf], [[0.0, 0.0]], 'finite'),
])
def test_bad_commands_are_refused_and_change_nothing(
        ramp: SetpointRamp, times: list, points: list, part: str) -> None:
    ramp.follow(np.array([0.1]), np.array([[0.1, 0.05]]))
    run(ramp, 5)
    with pytest.raises(SimulationError, match=part):
        ramp.follow(np.array(times), np.array(points))
    np.testing.assert_allclose(run(ramp, 5)[-1], [0.1, 0.05])
