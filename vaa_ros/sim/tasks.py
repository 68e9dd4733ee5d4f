# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The tasks: what an episode starts with, and when it has succeeded.

Everything that differs between episodes is drawn from the seed alone.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import colorsys
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from vaa_ros.core.errors import unknown_name
from vaa_ros.sim.registry import TASK_NAMES

CUBE_HALF = 0.02
TRAY_INNER_HALF = 0.069
REST_SPEED = 0.05
TOUCH_DISTANCE = 0.02
ZONE_RADIUS = 0.04
PUSH_OPENING = 0.03

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
    """

    poses: Mapping[str, np.ndarray]
    opening: float
    joint_noise: np.ndarray
    appearance: Appearance


@dataclass(frozen=True)
class Task:
    """
    One thing to do with the arm.

    :param name: the task's name, and of its scene file.
    :param instruction: what a person would say.
    :param objects: names of the bodies that matter, movable ones first.
    :param max_time_s: time limit of an episode [s].
    :param settle_s: how long the rule has to hold without a break [s]; it is looked at 100
        times a second, and one look at which it does not hold starts the time anew.
    :param rule: whether the scene fulfils the task right now; its docstring is the exact rule,
        with the time it must hold.
    :param sample: draws the start of an episode.
    """

    name: str
    instruction: str
    objects: tuple[str, ...]
    max_time_s: float
    settle_s: float
    rule: Callable[[SceneState], bool]
    sample: Callable[[np.random.Generator], Start]


def make_task(name: str) -> Task:
    """
    Find a task by name.

    :param name: the task's name.
    :return: the task.
    :raises ConfigError: for an unknown name; lists the tasks that exist.
    """
    if name not in TASKS:
        raise unknown_name('task', name, TASK_NAMES)
    return TASKS[name]


def reach_rule(scene: SceneState) -> bool:
    """
    Hold while the tool point is within 2 cm of the centre of the target ball.

    The task is done once this has held for 0.2 s without a break.
    """
    gap = scene.tool_pose()[:3] - scene.object_pose('target')[:3]
    return bool(np.linalg.norm(gap) < TOUCH_DISTANCE)


def push_rule(scene: SceneState) -> bool:
    """
    Hold while the block lies in the zone and is at rest.

    That is: its centre is within 4 cm of the zone's centre, seen from above, it is not lifted
    (centre below 3.5 cm), and it moves at less than 5 cm/s. The task is done once all of this
    has held for 0.3 s without a break.
    """
    block = scene.object_pose('block')
    gap = block[:2] - scene.object_pose('zone')[:2]
    return bool(np.linalg.norm(gap) < ZONE_RADIUS and block[2] < 0.035
                and scene.object_speed('block') < REST_SPEED)


def pick_place_rule(scene: SceneState) -> bool:
    """
    Hold while the cube lies in the tray, released and at rest.

    That is: its centre is within the inner walls of the tray, seen from above, and below
    4.5 cm; the gripper is open wider than 5.5 cm; and the cube moves at less than 5 cm/s. The
    task is done once all of this has held for 0.2 s without a break.
    """
    cube = scene.object_pose('cube')
    gap = np.abs(cube[:2] - scene.object_pose('tray')[:2])
    return bool(gap.max() < TRAY_INNER_HALF and cube[2] < 0.045
                and scene.gripper_opening() > 0.055
                and scene.object_speed('cube') < REST_SPEED)


def _pose(x: float, y: float, z: float, yaw: float = 0.0) -> np.ndarray:
    return np.array([x, y, z, np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])


def _colour(rng: np.random.Generator, hue_from: float, hue_to: float,
            saturation: tuple[float, float] = (0.75, 0.95),
            value: tuple[float, float] = (0.75, 0.95)) -> tuple[float, float, float]:
    hue = rng.uniform(hue_from, hue_to) / 360.0 % 1.0
    return colorsys.hsv_to_rgb(hue, rng.uniform(*saturation), rng.uniform(*value))


def _appearance(rng: np.random.Generator,
                colours: Mapping[str, tuple[float, float, float]]) -> Appearance:
    table, mat = rng.uniform(0.93, 1.05, 2)
    return Appearance(
        colours={**colours,
                 'table': tuple(table * np.array(TABLE_COLOUR)),
                 'mat': tuple(mat * np.array(MAT_COLOUR))},
        light=float(rng.uniform(0.85, 1.12)),
        ambient=float(rng.uniform(0.90, 1.10)),
        light_direction=(float(rng.uniform(-0.7, -0.3)), float(rng.uniform(-0.5, 0.5)), -1.0),
    )


def _joint_noise(rng: np.random.Generator) -> np.ndarray:
    return rng.uniform(-0.06, 0.06, 6)


def _reach_start(rng: np.random.Generator) -> Start:
    target = _pose(rng.uniform(0.28, 0.48), rng.uniform(-0.20, 0.20), rng.uniform(0.06, 0.20))
    red = _colour(rng, -25.0, 50.0)
    return Start({'target': target}, 0.0, _joint_noise(rng), _appearance(rng, {'target': red}))


def _push_start(rng: np.random.Generator) -> Start:
    yaw = np.deg2rad(rng.uniform(-12.0, 12.0))
    block = _pose(rng.uniform(0.30, 0.36), rng.uniform(-0.09, 0.09), 0.025, yaw)
    zone = _pose(rng.uniform(0.46, 0.50), block[1] + rng.uniform(-0.05, 0.05), 0.0)
    green = _colour(rng, 100.0, 150.0)
    pale = tuple(0.5 * (channel + 1.0) for channel in green)
    colours = {'block': _colour(rng, -15.0, 50.0), 'zone_ring': green, 'zone_disc': pale}
    return Start({'block': block, 'zone': zone}, PUSH_OPENING, _joint_noise(rng),
                 _appearance(rng, colours))


def _pick_place_start(rng: np.random.Generator) -> Start:
    yaw = np.deg2rad(rng.uniform(-20.0, 20.0))
    cube = _pose(rng.uniform(0.28, 0.48), rng.uniform(-0.08, 0.17), CUBE_HALF, yaw)
    tray = _pose(rng.uniform(0.35, 0.41), rng.uniform(-0.27, -0.21), 0.0)
    blue = _colour(rng, 195.0, 250.0)
    colours = {'cube': _colour(rng, -25.0, 50.0), 'tray_floor': blue}
    rim = tuple(0.85 * channel for channel in blue)
    colours.update({f'tray_wall_{index}': rim for index in range(1, 5)})
    return Start({'cube': cube, 'tray': tray}, 0.09, _joint_noise(rng),
                 _appearance(rng, colours))


TASKS: dict[str, Task] = {
    'reach': Task('reach', 'touch the target with the fingertips', ('target',), 8.0, 0.2,
                  reach_rule, _reach_start),
    'push': Task('push', 'push the block into the zone', ('block', 'zone'), 12.0, 0.3,
                 push_rule, _push_start),
    'pick_place': Task('pick_place', 'put the cube into the tray', ('cube', 'tray'), 12.0, 0.2,
                       pick_place_rule, _pick_place_start),
}
"""Every task by name."""
