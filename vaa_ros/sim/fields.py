# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Fields of tool velocity: where to go from anywhere, for each task.

A field looks at the tool, the gripper and the objects, and answers with a velocity and a gripper
opening. Heights follow from horizontal distances (a funnel around what is to be touched) instead
of from timers, so motion is smooth, has no pauses, and recovers from anything that moves. The
gripper acts on the way, not at its end: a copy that stops a little short must still get there.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np

from vaa_ros.sim.grasping import Fetch
from vaa_ros.sim.grasping import Grip
from vaa_ros.sim.insert import InsertField
from vaa_ros.sim.motions import approach
from vaa_ros.sim.motions import fade
from vaa_ros.sim.motions import Field
from vaa_ros.sim.motions import gate
from vaa_ros.sim.motions import Motion
from vaa_ros.sim.motions import Scene
from vaa_ros.sim.motions import Style
from vaa_ros.sim.motions import with_height
from vaa_ros.sim.tasks import CUBE_HALF
from vaa_ros.sim.tasks import NARROW_OPENING
from vaa_ros.sim.tasks import PUSH_OPENING
from vaa_ros.sim.tasks import sort_goal
from vaa_ros.sim.tasks import TRAY_INNER_HALF

GRASP_HEIGHT = 0.018       # tool height over the table when grasping or pushing [m]
RELEASE_HEIGHT = 0.045     # where the way down over the tray would end [m]
RELEASE_BELOW = 0.085      # the fingers open on that way, well before its end [m]
PUSH_STANDOFF = 0.047      # tool to block centre while pushing [m]

CUBE_GRIP = Grip(width=2 * CUBE_HALF, height=-0.002, lowest=GRASP_HEIGHT, clear=0.045, miss=0.030,
                 let_slide=0.38)
NARROW_GRIP = replace(CUBE_GRIP, widest=NARROW_OPENING, near=0.004, far=0.016, let_slide=0.0)


class ReachField:
    """
    Go to the target from a little above.
    """

    def __init__(self, style: Style) -> None:
        self._style = style

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.
        """
        style = self._style
        target = scene.objects['target'][:3]
        gap = target[:2] - scene.tool[:2]
        far = fade(float(np.linalg.norm(gap)), 0.02, 0.12)
        height = target[2] + 0.004 + 0.5 * style.approach * far
        horizontal = approach(gap + far * style.bend, style.speed)
        return Motion(with_height(horizontal, scene.tool[2], height, style.speed), 0.0)


class PushField:
    """
    Get behind the block, seen from the zone, and push it there along a straight line.
    """

    def __init__(self, style: Style) -> None:
        self._style = style

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.
        """
        style = self._style
        block, zone = scene.objects['block'], scene.objects['zone']
        way = zone[:2] - block[:2]
        left = float(np.linalg.norm(way))
        if left < 0.008:
            return Motion(self._leave(scene, block), PUSH_OPENING)
        way = way / left
        offset = scene.tool[:2] - block[:2]
        along = float(offset @ way)
        aside = offset - along * way
        low = scene.tool[2] < GRASP_HEIGHT + 0.012
        if low and -0.11 < along < -0.035 and np.linalg.norm(aside) < 0.016:
            speed = min(0.6 * style.speed, np.sqrt(2 * 0.4 * left), 5.0 * left + 0.01)
            if along < -PUSH_STANDOFF - 0.005:
                speed = min(style.speed, speed + 6.0 * (-along - PUSH_STANDOFF))
            horizontal = way * speed - 6.0 * aside
            return Motion(with_height(horizontal, scene.tool[2], GRASP_HEIGHT, style.speed),
                          PUSH_OPENING)
        return Motion(self._get_behind(scene, block[:2] - 0.070 * way), PUSH_OPENING)

    def _get_behind(self, scene: Scene, spot: np.ndarray) -> np.ndarray:
        style = self._style
        gap = spot - scene.tool[:2]
        distance = float(np.linalg.norm(gap))
        height = GRASP_HEIGHT + (0.04 + style.approach) * fade(distance, 0.012, 0.04)
        bent = gap + style.bend * fade(distance, 0.03, 0.15)
        horizontal = gate(scene.tool[2], height) * approach(bent, style.speed)
        return with_height(horizontal, scene.tool[2], height, style.speed)

    def _leave(self, scene: Scene, block: np.ndarray) -> np.ndarray:
        away = scene.tool[:2] - block[:2]
        away = away / max(float(np.linalg.norm(away)), 1e-6)
        return with_height(0.08 * away * fade(0.12 - scene.tool[2], 0.0, 0.05),
                           scene.tool[2], 0.14, self._style.speed)


class PickPlaceField:
    """
    Grasp the cube, carry it over the tray, let go; back to the cube whenever it is not there.
    """

    def __init__(self, style: Style, grip: Grip = CUBE_GRIP) -> None:
        self._style, self._grip = style, grip
        self._fetch = Fetch(style, grip)

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.
        """
        cube, tray = scene.objects['cube'], scene.objects['tray']
        over_tray = float(np.abs(cube[:2] - tray[:2]).max()) < TRAY_INNER_HALF - 0.004
        if self._fetch.holds(scene, cube):
            return self._carry(scene, tray[:2] + self._style.aim)
        if over_tray:
            return self._retreat(scene, tray)
        return self._fetch.motion(scene, cube)

    def _carry(self, scene: Scene, spot: np.ndarray) -> Motion:
        style, grip = self._style, self._grip
        gap = spot - scene.tool[:2]
        distance = float(np.linalg.norm(gap))
        height = RELEASE_HEIGHT + (style.carry - RELEASE_HEIGHT) * fade(distance, 0.03, 0.09)
        lifted = np.clip((scene.tool[2] - 0.03) / 0.05, 0.0, 1.0)
        there = distance < 0.03 and scene.tool[2] < RELEASE_BELOW
        velocity = with_height(lifted * approach(gap, style.speed), scene.tool[2], height,
                               style.speed)
        return Motion(velocity, grip.widest if there else grip.squeeze,
                      grip.yaw(scene.objects['cube']))

    def _retreat(self, scene: Scene, tray: np.ndarray) -> Motion:
        # Straight up until clear of the cube, then up and a little back.
        height = 0.16 if scene.opening > self._grip.opening(0.2) else scene.tool[2]
        gap = tray[:2] - scene.tool[:2]
        return Motion(with_height(approach(0.5 * gap, 0.05), scene.tool[2], height,
                                  0.7 * self._style.speed), self._grip.widest)


class SortField:
    """
    Put the cube of the instruction into its tray, as if there were no other.
    """

    def __init__(self, style: Style) -> None:
        self._field = PickPlaceField(style)

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.
        """
        cube, tray = sort_goal(scene.instruction)
        objects = {'cube': scene.objects[cube], 'tray': scene.objects[tray]}
        return self._field.motion(replace(scene, objects=objects))


FIELDS: dict[str, Callable[[Style], Field]] = {
    'reach': ReachField,
    'push': PushField,
    'pick_place': PickPlaceField,
    'sort': SortField,
    'pick_place_narrow': partial(PickPlaceField, grip=NARROW_GRIP),
    'pick_place_moved': PickPlaceField,
    'insert': InsertField,
}
"""The field of every task by name."""
