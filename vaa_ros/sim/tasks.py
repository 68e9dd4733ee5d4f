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

SORT_CUBES = ('cube_red', 'cube_green', 'cube_blue')
SORT_TRAYS = ('tray_left', 'tray_right')
SORT_GOALS = tuple((cube, tray) for cube in SORT_CUBES for tray in SORT_TRAYS)
SORT_INSTRUCTIONS = tuple(
    f'put the {cube.removeprefix("cube_")} cube in the {tray.removeprefix("tray_")} tray'
    for cube, tray in SORT_GOALS)

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

    :param name: the task's name, and of its scene file.
    :param instructions: what a person may say; the first where an episode does not say it.
    :param objects: names of the bodies that matter, movable ones first.
    :param max_time_s: time limit of an episode [s].
    :param settle_s: how long the rule has to hold without a break [s]; it is looked at 100
        times a second, and one look at which it does not hold starts the time anew.
    :param rule: whether the scene fulfils the task right now; its docstring is the exact rule,
        with the time it must hold.
    :param sample: draws the start of an episode.
    """

    name: str
    instructions: tuple[str, ...]
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


def sort_goal(instruction: str) -> tuple[str, str]:
    """
    Read which cube goes where.

    :param instruction: one of :data:`SORT_INSTRUCTIONS`.
    :return: the names of the cube and of the tray.
    """
    return SORT_GOALS[SORT_INSTRUCTIONS.index(instruction)]


def sort_rule(scene: SceneState) -> bool:
    """
    Hold while the cube of the instruction lies in its tray, released and at rest, and no other.

    That is: the centre of the cube that is asked for is within the inner walls of the tray that
    is asked for, seen from above, and below 4.5 cm; the gripper is open wider than 5.5 cm; the
    cube moves at less than 5 cm/s; and no other cube's centre is within the inner walls of
    either tray. Left is the side of positive y, left of the robot as it faces the table. The
    task is done once all of this has held for 0.2 s without a break.
    """
    wanted = sort_goal(scene.instruction)
    lying = {(cube, tray) for cube in SORT_CUBES for tray in SORT_TRAYS
             if _inside(scene.object_pose(cube), scene.object_pose(tray))}
    return bool(lying == {wanted} and scene.object_pose(wanted[0])[2] < 0.045
                and scene.gripper_opening() > 0.055
                and scene.object_speed(wanted[0]) < REST_SPEED)


def _inside(cube: np.ndarray, tray: np.ndarray) -> bool:
    return bool(np.abs(cube[:2] - tray[:2]).max() < TRAY_INNER_HALF)


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


def _sort_start(rng: np.random.Generator) -> Start:
    yaws = np.deg2rad(rng.uniform(-20.0, 20.0, 3))
    poses = {name: _pose(*place, CUBE_HALF, yaw) for name, place, yaw in zip(
        SORT_CUBES, _apart(rng, len(SORT_CUBES)), yaws, strict=True)}
    poses['tray_left'] = _pose(rng.uniform(0.35, 0.41), rng.uniform(0.21, 0.24), 0.0)
    poses['tray_right'] = _pose(rng.uniform(0.35, 0.41), rng.uniform(-0.275, -0.245), 0.0)
    colours = {'cube_red': _colour(rng, -12.0, 8.0), 'cube_green': _colour(rng, 105.0, 140.0),
               'cube_blue': _colour(rng, 210.0, 240.0)}
    for tray in SORT_TRAYS:
        grey = rng.uniform(0.65, 0.85)
        colours[f'{tray}_floor'] = (grey, grey, grey)
        colours.update({f'{tray}_wall_{index}': (0.85 * grey,) * 3 for index in range(1, 5)})
    instruction = SORT_INSTRUCTIONS[rng.integers(len(SORT_INSTRUCTIONS))]
    return Start(poses, 0.09, _joint_noise(rng), _appearance(rng, colours), instruction)


def _apart(rng: np.random.Generator, count: int) -> list[tuple[float, float]]:
    """
    Draw places on the mat so far apart that the open gripper fits over each of them.
    """
    places: list[tuple[float, float]] = []
    while len(places) < count:
        x, y = rng.uniform(0.29, 0.47), rng.uniform(-0.115, 0.075)
        if all(abs(x - other[0]) > 0.075 or abs(y - other[1]) > 0.105 for other in places):
            places.append((float(x), float(y)))
        elif rng.uniform() < 0.02:
            # Two may stand so that there is no room for a third.
            places.clear()
    return places


TASKS: dict[str, Task] = {
    'reach': Task('reach', ('touch the target with the fingertips',), ('target',), 8.0, 0.2,
                  reach_rule, _reach_start),
    'push': Task('push', ('push the block into the zone',), ('block', 'zone'), 12.0, 0.3,
                 push_rule, _push_start),
    'pick_place': Task('pick_place', ('put the cube into the tray',), ('cube', 'tray'), 12.0, 0.2,
                       pick_place_rule, _pick_place_start),
    'sort': Task('sort', SORT_INSTRUCTIONS, (*SORT_CUBES, *SORT_TRAYS), 12.0, 0.2, sort_rule,
                 _sort_start),
}
"""Every task by name."""
