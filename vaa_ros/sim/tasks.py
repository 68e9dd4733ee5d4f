# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The tasks: what an episode starts with, and when it has succeeded.

Everything that differs between episodes is drawn from the seed alone.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from vaa_ros.core.errors import unknown_name
from vaa_ros.sim.insert import insert_rule
from vaa_ros.sim.insert import insert_start
from vaa_ros.sim.registry import TASK_NAMES
from vaa_ros.sim.scenes import draw_appearance
from vaa_ros.sim.scenes import draw_colour
from vaa_ros.sim.scenes import draw_joint_noise
from vaa_ros.sim.scenes import OPEN
from vaa_ros.sim.scenes import pose_at
from vaa_ros.sim.scenes import SceneState
from vaa_ros.sim.scenes import Start
from vaa_ros.sim.scenes import Task

CUBE_HALF = 0.02
TRAY_INNER_HALF = 0.069
REST_SPEED = 0.05
TOUCH_DISTANCE = 0.02
ZONE_RADIUS = 0.04
PUSH_OPENING = 0.03
NARROW_OPENING = 0.056

SORT_CUBES = ('cube_red', 'cube_green', 'cube_blue')
SORT_TRAYS = ('tray_left', 'tray_right')
SORT_GOALS = tuple((cube, tray) for cube in SORT_CUBES for tray in SORT_TRAYS)
SORT_INSTRUCTIONS = tuple(
    f'put the {cube.removeprefix("cube_")} cube in the {tray.removeprefix("tray_")} tray'
    for cube, tray in SORT_GOALS)


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
    return _put_down(scene, 'cube', 'tray', 0.055)


def pick_place_narrow_rule(scene: SceneState) -> bool:
    """
    Hold while the cube lies in the tray, released and at rest.

    That is: its centre is within the inner walls of the tray, seen from above, and below
    4.5 cm; the gripper, which opens to 5.6 cm, is open wider than 5 cm; and the cube moves at
    less than 5 cm/s. The task is done once all of this has held for 0.2 s without a break.
    """
    return _put_down(scene, 'cube', 'tray', 0.050)


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
    return lying == {wanted} and _put_down(scene, *wanted, 0.055)


def _put_down(scene: SceneState, name: str, tray: str, opening: float) -> bool:
    cube = scene.object_pose(name)
    return bool(_inside(cube, scene.object_pose(tray)) and cube[2] < 0.045
                and scene.gripper_opening() > opening and scene.object_speed(name) < REST_SPEED)


def _inside(cube: np.ndarray, tray: np.ndarray) -> bool:
    return bool(np.abs(cube[:2] - tray[:2]).max() < TRAY_INNER_HALF)


def _reach_start(rng: np.random.Generator) -> Start:
    target = pose_at(rng.uniform(0.28, 0.48), rng.uniform(-0.20, 0.20), rng.uniform(0.06, 0.20))
    red = draw_colour(rng, -25.0, 50.0)
    return Start({'target': target}, 0.0, draw_joint_noise(rng),
                 draw_appearance(rng, {'target': red}))


def _push_start(rng: np.random.Generator) -> Start:
    yaw = np.deg2rad(rng.uniform(-12.0, 12.0))
    block = pose_at(rng.uniform(0.30, 0.36), rng.uniform(-0.09, 0.09), 0.025, yaw)
    zone = pose_at(rng.uniform(0.46, 0.50), block[1] + rng.uniform(-0.05, 0.05), 0.0)
    green = draw_colour(rng, 100.0, 150.0)
    pale = tuple(0.5 * (channel + 1.0) for channel in green)
    colours = {'block': draw_colour(rng, -15.0, 50.0), 'zone_ring': green, 'zone_disc': pale}
    return Start({'block': block, 'zone': zone}, PUSH_OPENING, draw_joint_noise(rng),
                 draw_appearance(rng, colours))


def _pick_place_start(rng: np.random.Generator) -> Start:
    yaw = np.deg2rad(rng.uniform(-20.0, 20.0))
    cube = pose_at(rng.uniform(0.28, 0.48), rng.uniform(-0.08, 0.17), CUBE_HALF, yaw)
    tray = pose_at(rng.uniform(0.35, 0.41), rng.uniform(-0.27, -0.21), 0.0)
    return _cube_and_tray(rng, cube, tray)


def _pick_place_narrow_start(rng: np.random.Generator) -> Start:
    return replace(_pick_place_start(rng), opening=NARROW_OPENING)


def _pick_place_moved_start(rng: np.random.Generator) -> Start:
    yaw, side = np.deg2rad(rng.uniform(-20.0, 20.0)), rng.choice((-1.0, 1.0))
    cube = pose_at(rng.uniform(0.28, 0.48), side * rng.uniform(-0.15, 0.07), CUBE_HALF, yaw)
    tray = pose_at(rng.uniform(0.32, 0.44), side * rng.uniform(0.21, 0.25), 0.0)
    return _cube_and_tray(rng, cube, tray)


def _cube_and_tray(rng: np.random.Generator, cube: np.ndarray, tray: np.ndarray) -> Start:
    blue = draw_colour(rng, 195.0, 250.0)
    colours = {'cube': draw_colour(rng, -25.0, 50.0), 'tray_floor': blue}
    rim = tuple(0.85 * channel for channel in blue)
    colours.update({f'tray_wall_{index}': rim for index in range(1, 5)})
    return Start({'cube': cube, 'tray': tray}, OPEN, draw_joint_noise(rng),
                 draw_appearance(rng, colours))


def _sort_start(rng: np.random.Generator) -> Start:
    yaws = np.deg2rad(rng.uniform(-20.0, 20.0, 3))
    poses = {name: pose_at(*place, CUBE_HALF, yaw) for name, place, yaw in zip(
        SORT_CUBES, _apart(rng, len(SORT_CUBES)), yaws, strict=True)}
    poses['tray_left'] = pose_at(rng.uniform(0.35, 0.41), rng.uniform(0.21, 0.24), 0.0)
    poses['tray_right'] = pose_at(rng.uniform(0.35, 0.41), rng.uniform(-0.275, -0.245), 0.0)
    colours = {'cube_red': draw_colour(rng, -12.0, 8.0),
               'cube_green': draw_colour(rng, 105.0, 140.0),
               'cube_blue': draw_colour(rng, 210.0, 240.0)}
    for tray in SORT_TRAYS:
        grey = rng.uniform(0.65, 0.85)
        colours[f'{tray}_floor'] = (grey, grey, grey)
        colours.update({f'{tray}_wall_{index}': (0.85 * grey,) * 3 for index in range(1, 5)})
    instruction = SORT_INSTRUCTIONS[rng.integers(len(SORT_INSTRUCTIONS))]
    return Start(poses, OPEN, draw_joint_noise(rng), draw_appearance(rng, colours), instruction)


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
    'pick_place_narrow': Task('pick_place_narrow', ('put the cube into the tray',),
                              ('cube', 'tray'), 12.0, 0.2, pick_place_narrow_rule,
                              _pick_place_narrow_start, 'pick_place', NARROW_OPENING),
    'pick_place_moved': Task('pick_place_moved', ('put the cube into the tray',),
                             ('cube', 'tray'), 12.0, 0.2, pick_place_rule,
                             _pick_place_moved_start, 'pick_place'),
    'insert': Task('insert', ('put the peg into the hole',), ('peg', 'socket'), 14.0, 0.2,
                   insert_rule, insert_start),
}
"""Every task by name."""
