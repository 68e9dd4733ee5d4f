# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a task is made of: what an episode starts with, what a success rule sees, how looks are drawn.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import colorsys
from dataclasses import dataclass
from typing import Protocol

import numpy as np

OPEN = 0.09
"""How far the gripper of the simulated arm opens [m]."""

TABLE_COLOUR = (0.74, 0.70, 0.64)
MAT_COLOUR = (0.35, 0.38, 0.43)


class SceneState(Protocol):
    """
    What a success rule may look at.
    """

    def object_pose(self, name: str) -> np.ndarray:
        """
        Give the pose (7,) of an object, x y z qw qx qy qz [m].
        """

    def object_speed(self, name: str) -> float:
        """
        Give the speed of an object's centre [m/s].
        """

    def tool_pose(self) -> np.ndarray:
        """
        Give the pose (7,) of tool0.
        """

    def gripper_opening(self) -> float:
        """
        Give the opening of the gripper [m].
        """

    @property
    def instruction(self) -> str:
        """
        Give what is asked for in the present episode.
        """


@dataclass(frozen=True)
class Appearance:
    """
    Colours and light of an episode.

    :param colours: rgb (0 to 1) for each geom and material that differs between episodes.
    :param light: brightness of the main light, 1 is the usual.
    :param ambient: brightness of the light from everywhere, 1 is the usual.
    :param light_direction: where the main light shines (3,).
    """

    colours: Mapping[str, tuple[float, float, float]]
    light: float
    ambient: float
    light_direction: tuple[float, float, float]


@dataclass(frozen=True)
class Start:
    """
    What an episode starts with.

    :param poses: pose (7,) of each object.
    :param opening: opening of the gripper [m].
    :param joint_noise: offset (6,) of the arm from its home pose [rad].
    :param appearance: colours and light.
    :param instruction: what is asked for, one of the task's instructions; None is the first.
    """

    poses: Mapping[str, np.ndarray]
    opening: float
    joint_noise: np.ndarray
    appearance: Appearance
    instruction: str | None = None


@dataclass(frozen=True)
class Task:
    """
    One thing to do with the arm.

    :param name: the task's name.
    :param instructions: what a person may say; the first where an episode does not say it.
    :param objects: names of the bodies that matter, movable ones first.
    :param max_time_s: time limit of an episode [s].
    :param settle_s: how long the rule has to hold without a break [s]; it is looked at 100
        times a second, and one look at which it does not hold starts the time anew.
    :param rule: whether the scene fulfils the task right now; its docstring is the exact rule,
        with the time it must hold.
    :param sample: draws the start of an episode.
    :param scene: name of the scene file; empty is the task's name.
    :param widest: how far the gripper opens, less than the robot's own limit in a variant [m].
    """

    name: str
    instructions: tuple[str, ...]
    objects: tuple[str, ...]
    max_time_s: float
    settle_s: float
    rule: Callable[[SceneState], bool]
    sample: Callable[[np.random.Generator], Start]
    scene: str = ''
    widest: float = OPEN


def pose_at(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    """
    Give the pose (7,) of something upright.

    :param x: place [m].
    :param y: place [m].
    :param z: place [m].
    :param yaw: turn about the vertical [rad].
    :return: x y z qw qx qy qz.
    """
    return np.array([x, y, z, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def draw_colour(rng: np.random.Generator, hue_from: float, hue_to: float,
                saturation: tuple[float, float] = (0.75, 0.95),
                value: tuple[float, float] = (0.75, 0.95)) -> tuple[float, float, float]:
    """
    Draw a colour between two hues.

    :param rng: the source of chance.
    :param hue_from: first hue [degree].
    :param hue_to: last hue [degree].
    :param saturation: lowest and highest, 0 to 1.
    :param value: lowest and highest brightness, 0 to 1.
    :return: rgb, 0 to 1.
    """
    hue = rng.uniform(hue_from, hue_to) / 360.0 % 1.0
    return colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value))


def draw_appearance(rng: np.random.Generator,
                    colours: Mapping[str, tuple[float, float, float]]) -> Appearance:
    """
    Draw table, mat and light, the same way for every task.

    :param rng: the source of chance.
    :param colours: rgb of the task's own geoms.
    :return: the look of an episode.
    """
    table, mat = rng.uniform(0.93, 1.05, 2)
    return Appearance(
        colours={**colours,
                 'table': tuple(table * np.array(TABLE_COLOUR)),
                 'mat': tuple(mat * np.array(MAT_COLOUR))},
        light=float(rng.uniform(0.85, 1.12)),
        ambient=float(rng.uniform(0.90, 1.10)),
        light_direction=(float(rng.uniform(-0.7, -0.3)), float(rng.uniform(-0.5, 0.5)), -1.0),
    )


def draw_joint_noise(rng: np.random.Generator) -> np.ndarray:
    """
    Draw the offset (6,) of the arm from its home pose [rad].
    """
    return rng.uniform(-0.06, 0.06, 6)
