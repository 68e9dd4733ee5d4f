# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the fields of tool velocity are made of: what they see, answer and share.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

_GAIN = 7.0                # 1/s
_BRAKE = 0.7               # m/s^2


@dataclass(frozen=True)
class Scene:
    """
    What a field sees.

    :param tool: position (3,) of tool0 [m].
    :param opening: opening of the gripper [m].
    :param objects: pose (7,) of every object.
    :param instruction: what is asked for.
    """

    tool: np.ndarray
    opening: float
    objects: Mapping[str, np.ndarray]
    instruction: str = ''


@dataclass(frozen=True)
class Motion:
    """
    What a field answers.

    :param velocity: wanted velocity (3,) of the tool [m/s].
    :param gripper: wanted opening [m].
    :param yaw: wanted turn of the downward gripper about the vertical [rad].
    """

    velocity: np.ndarray
    gripper: float
    yaw: float = 0.0


@dataclass(frozen=True)
class Style:
    """
    How one episode is done, so that demonstrations are not all one line.

    :param speed: highest tool speed [m/s].
    :param approach: height over the object while approaching [m].
    :param carry: height of the tool while carrying [m].
    :param bend: sideways offset (2,) of the approach, which fades on the way [m].
    :param aim: offset (2,) of the place where things are put [m].
    :param detour: offset (2,) of a wrong place that is tried first, or None [m].
    :param near_miss: whether the first grasp closes too high.
    """

    speed: float
    approach: float
    carry: float
    bend: np.ndarray
    aim: np.ndarray
    detour: np.ndarray | None
    near_miss: bool


class Field(Protocol):
    """
    The velocity field of one task.
    """

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.

        :param scene: what is seen.
        :return: the wanted motion.
        """


def draw_style(rng: np.random.Generator) -> Style:
    """
    Draw the style of an episode.

    :param rng: the source of chance.
    :return: the style.
    """
    angle, wrong_angle = rng.uniform(-np.pi, np.pi, 2)
    bend = rng.uniform(0.0, 0.04) * np.array([np.cos(angle), np.sin(angle)])
    detour = rng.uniform(0.02, 0.04) * np.array([np.cos(wrong_angle), np.sin(wrong_angle)])
    errs, misses = rng.uniform(size=2)
    return Style(
        speed=float(0.14 * rng.uniform(0.8, 1.2)),
        approach=float(rng.uniform(0.055, 0.085)),
        carry=float(rng.uniform(0.095, 0.125)),
        bend=bend,
        aim=rng.uniform(-0.008, 0.008, 2),
        detour=detour if errs < 0.12 else None,
        near_miss=bool(misses < 0.05),
    )


def fade(value: float, low: float, high: float) -> float:
    """
    Go smoothly from 0 at ``low`` and below to 1 at ``high`` and above.
    """
    part = min(max((value - low) / (high - low), 0.0), 1.0)
    return part * part * (3.0 - 2.0 * part)


def gate(height: float, wanted: float) -> float:
    """
    Give the part of a horizontal speed that is allowed: none below the funnel.

    What is too low rises first, so that nothing is swept aside.

    :param height: of the tool [m].
    :param wanted: height of the funnel [m].
    :return: 0 to 1.
    """
    return float(np.clip(1.0 - (wanted - height - 0.01) / 0.03, 0.0, 1.0))


def approach(gap: np.ndarray, speed: float) -> np.ndarray:
    """
    Give the velocity that closes a gap and brakes at its end.

    :param gap: the way to go (n,) [m].
    :param speed: highest speed [m/s].
    :return: velocity (n,) [m/s].
    """
    distance = float(np.linalg.norm(gap))
    if distance < 1e-9:
        return np.zeros_like(gap)
    return gap / distance * min(speed, np.sqrt(2.0 * _BRAKE * distance), _GAIN * distance)


def with_height(horizontal: np.ndarray, height: float, wanted: float,
                speed: float) -> np.ndarray:
    """
    Add to a horizontal velocity (2,) the vertical one that goes to a height.

    :param horizontal: velocity (2,) [m/s].
    :param height: where the tool is [m].
    :param wanted: where it should be [m].
    :param speed: highest vertical speed [m/s].
    :return: velocity (3,) [m/s].
    """
    vertical = approach(np.array([wanted - height]), speed)
    return np.concatenate([horizontal, vertical])


def upright_yaw(pose: np.ndarray) -> float:
    """
    Give how something square is turned about the vertical, whichever side is up.

    :param pose: x y z qw qx qy qz (7,).
    :return: from -pi/4 to pi/4 [rad].
    """
    w, x, y, z = pose[3:]
    axes = ((1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
            (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
            (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)))
    flat = min(axes, key=lambda axis: abs(axis[2]))
    return quarter_turn(float(np.arctan2(flat[1], flat[0])))


def quarter_turn(angle: float) -> float:
    """
    Give the smallest angle that turns something square alike, from -pi/4 to pi/4 [rad].
    """
    quarter = np.pi / 2
    return float((angle + quarter / 2) % quarter - quarter / 2)
