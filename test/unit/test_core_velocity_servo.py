# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Positions as velocities: they follow a path, end in a hold, and never exceed the limits.
"""
from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import numpy as np
import pytest

from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.velocity_servo import VelocityServo

PERIOD_S = 0.05
ROBOT = RobotSpec('two', (JointSpec('a', 'rad', -3.0, 3.0, 2.0, 8.0),
                          JointSpec('b', 'rad', -3.0, 3.0, 1.0)), (0.0, 0.0), ())


def path(count: int) -> np.ndarray:
    times = np.arange(1, count + 1) * PERIOD_S
    return np.stack([1 - np.cos(times), 0.4 * times], axis=1)


def run(commands: np.ndarray, gain: float, delay: int = 0) -> np.ndarray:
    """
    Give where an arm comes that does ``gain`` times the velocity it is told.
    """
    servo, here = VelocityServo(ROBOT, PERIOD_S), np.zeros(2)
    seen = [here]
    for command in commands:
        measured = seen[max(0, len(seen) - 1 - delay)].copy()
        here = here + gain * servo.velocity(command, measured) * PERIOD_S
        seen.append(here)
    return np.array(seen[1:])


def test_an_exact_arm_is_on_every_point() -> None:
    np.testing.assert_allclose(run(path(60), 1.0), path(60), atol=0.02)


@pytest.mark.parametrize(('gain', 'delay'), [(0.9, 0), (1.1, 0), (0.9, 1), (1.1, 1)])
def test_an_arm_that_is_ten_percent_off_stays_on_the_path(gain: float, delay: int) -> None:
    error = np.abs(run(path(400), gain, delay) - path(400))
    # Without feedback the second joint would be 0.8 off in the end. Two periods of motion are
    # what a period of delay and a tenth of the gain explain.
    assert (error.max(axis=0) < 2 * PERIOD_S * np.array([1.0, 0.4])).all()


def test_a_gripper_that_holds_something_is_not_wound_up() -> None:
    servo = VelocityServo(replace(ROBOT, gripper='b'), PERIOD_S)
    for _ in range(20):
        velocity = servo.velocity(np.zeros(2), np.array([0.1, 0.1]))
    assert velocity[0] < 0 and velocity[1] == 0


@pytest.mark.parametrize('gain', [0.9, 1.1])
def test_a_command_that_stays_is_reached_also_by_an_arm_that_is_off(gain: float) -> None:
    way = np.vstack([path(30), np.tile(path(30)[-1], (60, 1))])
    np.testing.assert_allclose(run(way, gain)[-1], way[-1], atol=1e-3)


def test_an_old_measurement_moves_the_arm_no_further_than_it_was_behind() -> None:
    servo, seen = VelocityServo(ROBOT, PERIOD_S), np.array([-0.05, 0.0])
    servo.velocity(np.zeros(2), np.zeros(2))
    moved = sum(servo.velocity(np.zeros(2), seen)[0] * PERIOD_S for _ in range(200))
    assert moved == pytest.approx(0.05)


def test_a_hold_brakes_as_fast_as_the_acceleration_allows() -> None:
    servo = VelocityServo(ROBOT, PERIOD_S)
    for command in path(30):
        moving = servo.velocity(command, None)
    assert (moving > 0).all()
    speeds = [moving]
    while servo.moving:
        speeds.append(servo.velocity(path(30)[-1], np.ones(2) * len(speeds), False))
    slower = np.diff(speeds, axis=0)[:, 0]
    np.testing.assert_allclose(slower[:-1], -8.0 * PERIOD_S)
    assert -8.0 * PERIOD_S <= slower[-1] < 0


def test_a_new_start_counts_from_where_the_arm_is() -> None:
    servo = VelocityServo(ROBOT, PERIOD_S)
    servo.velocity(np.array([2.5, 2.5]), np.array([2.5, 2.5]))
    far = servo.velocity(np.array([0.01, -0.01]), np.zeros(2))
    np.testing.assert_allclose(far, [0.2, -0.2])
    lost = servo.velocity(np.array([2.0, 2.0]), None)
    assert not lost.any()  # nobody knows where it is: no motion


@settings(max_examples=60, deadline=None)
@given(strategies.lists(strategies.tuples(*[strategies.floats(-3, 3)] * 4), max_size=30))
def test_limits_hold_whatever_comes(rows: list[tuple[float, ...]]) -> None:
    servo, before = VelocityServo(ROBOT, PERIOD_S), np.zeros(2)
    for a, b, c, d in rows:
        command = np.array([a, b])
        velocity = servo.velocity(command, np.array([c, d]))
        assert (np.abs(velocity) <= [2.0 + 1e-9, 1.0 + 1e-9]).all()
        assert abs(velocity[0] - before[0]) <= 8.0 * PERIOD_S + 1e-9
        before = velocity
