# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Positions as velocities: they follow a path, end in a hold, and never exceed the limits.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import replace

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import numpy as np
import pytest

from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.tick_schedule import DEADLINE
from vaa_ros.core.tick_schedule import EARLIEST
from vaa_ros.core.velocity_servo import VelocityServo

PERIOD_S = 0.05
TARDY = 0.06
"""How far an arm may pass a limit that comes only half of the way to its velocity in a tick."""
ROBOT = RobotSpec('two', (JointSpec('a', 'rad', -3.0, 3.0, 2.0, 8.0),
                          JointSpec('b', 'rad', -9.0, 9.0, 1.0)), (0.0, 0.0), ())


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


ELBOW = RobotSpec('elbow', (JointSpec('e', 'rad', -3.1416, 3.1416, 3.1416, 3.1416),), (0.0,), ())
"""A joint that needs half its range to stop."""


@dataclass(frozen=True)
class Arm:
    """
    How an arm does what it is told.

    :param share: part of the velocity that it reaches.
    :param quickness: part of the way to that velocity that it comes in a tick.
    :param delay: age of what is measured [ticks].
    """

    share: float = 1.0
    quickness: float = 1.0
    delay: int = 0


@dataclass(frozen=True, eq=False)
class Ride:
    """What an arm was told (k,), when [s], the speed that was allowed, and where it was."""

    told: np.ndarray
    dt_s: np.ndarray
    top: float
    positions: np.ndarray


def ride(arm: Arm, gaps: np.ndarray, wishes: np.ndarray, speed: float = 1.0) -> Ride:
    """
    Drive the elbow to one wish after the other, with so many periods between ticks.
    """
    limits = SafetyLimits.from_robot(ELBOW, speed, max_jump=10.0)
    motion, servo = LimitedMotion(CommandLimiter(limits)), VelocityServo(ELBOW, PERIOD_S)
    here, real, told = np.zeros(1), np.zeros(1), [0.0]
    seen = [here]
    for gap, wish in zip(gaps, wishes, strict=True):
        real = real + arm.quickness * (arm.share * told[-1] - real)
        here = here + real * gap * PERIOD_S
        seen.append(here)
        command = motion.move(np.array([wish]), here, gap * PERIOD_S).command
        measured = seen[max(0, len(seen) - 1 - arm.delay)].copy()
        told.append(servo.velocity(command, measured, True, *motion.step())[0])
    return Ride(np.array(told[1:]), gaps * PERIOD_S, limits.velocity[0], np.array(seen)[:, 0])


RIDES = {
    'share': strategies.floats(0.5, 1.1), 'quickness': strategies.floats(0.5, 1.0),
    'delay': strategies.integers(0, 1), 'seed': strategies.integers(0, 10**6),
    'speed': strategies.sampled_from([0.05, 0.2, 1.0])}


@settings(max_examples=40, deadline=None)
@given(**RIDES)
def test_no_arm_is_told_more_than_speed_and_acceleration_allow_however_ticks_come(
    share: float, quickness: float, delay: int, seed: int, speed: float,
) -> None:
    random = np.random.default_rng(seed)
    gaps = np.where(random.random(120) < 0.2, random.uniform(0.02, 4.0, 120),
                    random.uniform(EARLIEST, DEADLINE, 120))
    wishes = np.repeat(random.uniform(-3.1, 3.1, 6), 20)
    found = ride(Arm(share, quickness, delay), gaps, wishes, speed)
    assert np.abs(found.told).max() <= found.top * (1 + 1e-9)
    change = np.abs(np.diff(found.told, prepend=0.0))
    assert (change <= 3.1416 * np.minimum(found.dt_s, 2 * PERIOD_S) + 1e-9).all()


@settings(max_examples=40, deadline=None)
@given(**RIDES)
def test_no_arm_is_driven_past_a_position_limit_however_ticks_come(
    share: float, quickness: float, delay: int, seed: int, speed: float,
) -> None:
    random = np.random.default_rng(seed)
    gaps = random.uniform(EARLIEST, DEADLINE, 160)
    gaps[random.integers(0, 160, 4)] = 2.0
    wishes = np.repeat([4.0, -4.0], 80)
    past = np.abs(ride(Arm(share, quickness, delay), gaps, wishes, speed).positions).max() - 3.1416
    # What an arm needs to take up a velocity is not foreseen.
    assert past <= (1e-3 if quickness == 1.0 else TARDY)


@pytest.mark.parametrize('delay', [0, 1])
@pytest.mark.parametrize('gap', [EARLIEST, 1.0, DEADLINE])
def test_an_exact_arm_comes_to_its_limit_and_not_past_it(gap: float, delay: int) -> None:
    found = ride(Arm(delay=delay), np.full(240, gap), np.full(240, 4.0))
    assert 3.1416 - 1e-2 < found.positions[-1] <= found.positions.max() <= 3.1416 + 1e-6


@pytest.mark.parametrize('gap', [EARLIEST, 1.0, DEADLINE, 2.0])
def test_the_velocity_is_the_way_in_the_time_that_it_took(gap: float) -> None:
    servo, dt_s = VelocityServo(ELBOW, PERIOD_S), gap * PERIOD_S
    told = [servo.velocity(np.array([place]), None, True, dt_s)
            for place in np.arange(1, 16) * 0.5 * dt_s]
    assert told[-1] == pytest.approx(0.5)


def test_a_speed_that_is_lowered_brakes_the_arm() -> None:
    servo = VelocityServo(ELBOW, PERIOD_S)
    way = np.cumsum(np.full(30, 0.05))
    for place in way[:20]:
        before = servo.velocity(np.array([place]), None)
    speeds = [servo.velocity(np.array([place]), None, True, PERIOD_S, np.array([0.2]))[0]
              for place in way[20:]]
    assert np.diff([before[0], *speeds])[:4] == pytest.approx([-3.1416 * PERIOD_S] * 4)
    assert speeds[-1] == pytest.approx(0.2)
