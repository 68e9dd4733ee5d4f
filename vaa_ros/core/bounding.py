# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Numbers brought inside bounds: values, ways, turns, and speeds that can still be braked.
"""
from __future__ import annotations

import math

import numpy as np

ALMOST_ONE = 1.0 - 1e-12
"""Keeps a shortened way from being a rounding error too long."""

HARDLY = 1e-3
"""Part of the way that acceleration allows in one step; what is less is left at once."""


def clamp(values: np.ndarray, lower: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """
    Bring values inside bounds; those inside keep every bit (numpy.clip may change -0).

    :param values: values (n,), finite.
    :param lower: lower bounds (n,).
    :param upper: upper bounds (n,).
    :return: the values inside the bounds (n,).
    """
    return np.where(values < lower, lower, np.where(values > upper, upper, values))


def within(start: np.ndarray, target: np.ndarray, step: np.ndarray) -> np.ndarray:
    """
    Go towards a target, each element by at most a step.

    :param start: where to start (n,).
    :param target: where to go (n,).
    :param step: longest way of each element (n,), not negative.
    :return: the target where it is near enough, else the point one step away (n,).
    """
    way = target - start
    result = np.where(np.abs(way) > step, start + np.copysign(step, way), target)
    # The sum may round to one unit in the last place beyond the step.
    return np.where(np.abs(result - start) > step, np.nextafter(result, start), result)


def toward(start: np.ndarray, target: np.ndarray, distance: float) -> np.ndarray:
    """
    Go straight towards a target by at most a distance.

    :param start: where to start (3,).
    :param target: where to go (3,).
    :param distance: longest way, not negative.
    :return: the target if it is near enough, else the point at that distance (3,).
    """
    way = target - start
    peak = float(np.abs(way).max())
    if peak == 0:
        return target
    # Dividing first keeps the squares of very large and very small ways from over- or underflow.
    length = float(np.linalg.norm(way / peak))
    if peak * length <= distance:
        return target
    return start + way / peak * (distance * ALMOST_ONE / length)


def rotate_toward(start: np.ndarray, target: np.ndarray, angle: float) -> np.ndarray:
    """
    Turn towards a rotation by at most an angle.

    :param start: unit quaternion (4,).
    :param target: unit quaternion (4,).
    :param angle: largest turn [rad], positive.
    :return: the target if it is near enough, else the rotation at that angle (4,), unit length.
    """
    near = target if start @ target >= 0 else -target
    turn = turn_between(start, target)
    if turn <= angle:
        return target
    between, share = turn / 2.0, angle * ALMOST_ONE / turn
    mixed = math.sin((1 - share) * between) * start + math.sin(share * between) * near
    return mixed / np.linalg.norm(mixed)


def turn_between(one: np.ndarray, other: np.ndarray) -> float:
    """
    Give the angle between two rotations.

    :param one: unit quaternion (4,).
    :param other: unit quaternion (4,).
    :return: the angle [rad], 0 to pi.
    """
    near = other if one @ other >= 0 else -other
    # Between unit quaternions lies half the angle of the turn; atan2 is exact for small ones.
    return 4.0 * math.atan2(float(np.linalg.norm(near - one)), float(np.linalg.norm(near + one)))


def reachable(position: np.ndarray, rate: np.ndarray, lower: np.ndarray, upper: np.ndarray,
              top: np.ndarray, acceleration: np.ndarray, dt_s: float,
              ) -> tuple[np.ndarray, np.ndarray]:
    """
    Give the speeds that joints may have until the next command, each from lowest to highest.

    Within them a joint keeps its speed limit and its acceleration limit and can always stop
    before its position limits. A joint that is faster than its speed limit, because that was
    lowered, brakes.

    :param position: positions (n,) inside the limits.
    :param rate: present speeds (n,).
    :param lower: lowest positions (n,).
    :param upper: highest positions (n,).
    :param top: speed limits (n,).
    :param acceleration: acceleration limits (n,), may be infinite.
    :param dt_s: time until the next command [s].
    :return: lowest and highest speeds (n,).
    """
    change = acceleration * dt_s
    up, down = (brakeable(room, acceleration, change, dt_s)
                for room in (upper - position, position - lower))
    high = np.minimum(np.maximum(top, rate - change), np.minimum(rate + change, up))
    low = np.maximum(np.minimum(-top, rate + change), np.maximum(rate - change, -down))
    return np.minimum(low, high), high


def approach(position: np.ndarray, goal: np.ndarray, aim: np.ndarray, top: np.ndarray,
             acceleration: np.ndarray, dt_s: float) -> np.ndarray:
    """
    Give where to go next on the way to goals that move, so that none is overshot.

    A joint that is behind closes in so fast that it can still brake to the goal's own speed; one
    that is with its goal, or hardly behind, goes with it.

    :param position: positions (n,).
    :param goal: where to be now (n,).
    :param aim: where the goals were one step before (n,).
    :param top: speed limits (n,), which the goals' own speeds are taken to keep.
    :param acceleration: acceleration limits (n,), may be infinite.
    :param dt_s: time of the step [s].
    :return: the goals themselves where they may be reached, else points on the way (n,).
    """
    rate = clamp((goal - aim) / dt_s, -top, top)
    behind = goal - rate * dt_s - position
    change = acceleration * dt_s
    speed = rate + np.copysign(brakeable(np.abs(behind), acceleration, change, dt_s), behind)
    return np.where(np.abs(behind) <= HARDLY * change * dt_s, goal, position + speed * dt_s)


def brakeable(room: np.ndarray, acceleration: np.ndarray, change: np.ndarray,
               dt_s: float) -> np.ndarray:
    """
    Give the speed v with v dt + v^2 / (2 a) = room: one step, then a full stop, fit in.
    """
    room = np.maximum(room, 0.0)
    with np.errstate(invalid='ignore', over='ignore'):
        twice = 2.0 * acceleration * room
        speed = twice / (np.sqrt(change * change + twice) + change)
        return np.where(np.isfinite(acceleration), speed, room / dt_s)
