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
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from typing import Protocol

import numpy as np

from vaa_ros.sim.tasks import PUSH_OPENING
from vaa_ros.sim.tasks import sort_goal
from vaa_ros.sim.tasks import TRAY_INNER_HALF

OPEN = 0.09
SQUEEZE = 0.02             # commanded opening around a 4 cm cube: about 10 N
HELD_OPENING = 0.046       # at most this open with the cube between the fingers: it is held
GRASP_HEIGHT = 0.018       # tool height over the table when grasping or pushing [m]
RELEASE_HEIGHT = 0.045     # where the way down over the tray would end [m]
RELEASE_BELOW = 0.085      # the fingers open on that way, well before its end [m]
GRASP_BELOW = 0.014        # the fingers close this close to the end of the way down [m]
YAW_LET_SLIDE = 0.38       # turn of the cube that the closing fingers straighten [rad]
PUSH_STANDOFF = 0.047      # tool to block centre while pushing [m]

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
        far = _fade(float(np.linalg.norm(gap)), 0.02, 0.12)
        height = target[2] + 0.004 + 0.5 * style.approach * far
        horizontal = _approach(gap + far * style.bend, style.speed)
        return Motion(_with_height(horizontal, scene.tool[2], height, style.speed), 0.0)


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
            return Motion(_with_height(horizontal, scene.tool[2], GRASP_HEIGHT, style.speed),
                          PUSH_OPENING)
        return Motion(self._get_behind(scene, block[:2] - 0.070 * way), PUSH_OPENING)

    def _get_behind(self, scene: Scene, spot: np.ndarray) -> np.ndarray:
        style = self._style
        gap = spot - scene.tool[:2]
        distance = float(np.linalg.norm(gap))
        height = GRASP_HEIGHT + (0.04 + style.approach) * _fade(distance, 0.012, 0.04)
        bent = gap + style.bend * _fade(distance, 0.03, 0.15)
        horizontal = _gate(scene.tool[2], height) * _approach(bent, style.speed)
        return _with_height(horizontal, scene.tool[2], height, style.speed)

    def _leave(self, scene: Scene, block: np.ndarray) -> np.ndarray:
        away = scene.tool[:2] - block[:2]
        away = away / max(float(np.linalg.norm(away)), 1e-6)
        return _with_height(0.08 * away * _fade(0.12 - scene.tool[2], 0.0, 0.05),
                            scene.tool[2], 0.14, self._style.speed)


class PickPlaceField:
    """
    Grasp the cube, carry it over the tray, let go; back to the cube whenever it is not there.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._detour = style.detour
        self._near_miss = style.near_miss

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.
        """
        cube, tray = scene.objects['cube'], scene.objects['tray']
        offset = cube[:3] - scene.tool
        over_tray = float(np.abs(cube[:2] - tray[:2]).max()) < TRAY_INNER_HALF - 0.004
        between = bool(abs(offset[0]) < 0.020 and abs(offset[1]) < 0.030
                       and abs(offset[2]) < 0.018)
        if between and scene.opening < HELD_OPENING:
            self._detour, self._near_miss = None, False
            return self._carry(scene, tray[:2] + self._style.aim)
        if over_tray:
            return self._retreat(scene, cube, tray)
        return self._fetch(scene, cube, between)

    def _fetch(self, scene: Scene, cube: np.ndarray, between: bool) -> Motion:
        style = self._style
        spot = cube[:2]
        if self._detour is not None:
            spot = spot + self._detour
        gap = spot - scene.tool[:2]
        distance = float(np.linalg.norm(gap))
        if self._detour is not None and distance < 0.012:
            self._detour = None
        bottom = max(GRASP_HEIGHT, cube[2] - 0.002)
        if self._detour is not None or self._near_miss:
            bottom += 0.030
        narrow = scene.opening < 0.065 and not between
        if narrow:
            bottom = max(bottom, cube[2] + 0.045)  # the fingers must not come down on the cube
        height = bottom + style.approach * _fade(distance, 0.010, 0.045)
        rise = scene.tool[2] - bottom
        at_grasp = distance < 0.010 and abs(rise) < GRASP_BELOW and not narrow
        closing = between and scene.opening < 0.078 and distance < 0.013
        gripper = SQUEEZE if at_grasp or closing else OPEN
        if self._near_miss and scene.opening < 0.05:
            self._near_miss, gripper = False, OPEN
        elif self._near_miss and distance < 0.02 and scene.opening < 0.085:
            gripper = SQUEEZE
        bent = gap + style.bend * _fade(distance, 0.04, 0.16)
        horizontal = _gate(scene.tool[2], height) * _approach(bent, style.speed)
        return Motion(_with_height(horizontal, scene.tool[2], height, style.speed), gripper,
                      _grasp_yaw(cube))

    def _carry(self, scene: Scene, spot: np.ndarray) -> Motion:
        style = self._style
        gap = spot - scene.tool[:2]
        distance = float(np.linalg.norm(gap))
        height = RELEASE_HEIGHT + (style.carry - RELEASE_HEIGHT) * _fade(distance, 0.03, 0.09)
        gate = np.clip((scene.tool[2] - 0.03) / 0.05, 0.0, 1.0)
        there = distance < 0.03 and scene.tool[2] < RELEASE_BELOW
        velocity = _with_height(gate * _approach(gap, style.speed), scene.tool[2], height,
                                style.speed)
        return Motion(velocity, OPEN if there else SQUEEZE, _grasp_yaw(scene.objects['cube']))

    def _retreat(self, scene: Scene, cube: np.ndarray, tray: np.ndarray) -> Motion:
        # Straight up until clear of the cube, then up and a little back.
        height = 0.16 if scene.opening > 0.05 else scene.tool[2]
        gap = tray[:2] - scene.tool[:2]
        return Motion(_with_height(_approach(0.5 * gap, 0.05), scene.tool[2], height,
                                   0.7 * self._style.speed), OPEN)


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
}
"""The field of every task by name."""


def _fade(value: float, low: float, high: float) -> float:
    part = min(max((value - low) / (high - low), 0.0), 1.0)
    return part * part * (3.0 - 2.0 * part)


def _grasp_yaw(cube: np.ndarray) -> float:
    # A cube that is turned a little slides straight between the closing fingers. One that was
    # knocked round would jam across its corners, so then the gripper turns.
    w, x, y, z = cube[3:]
    axes = ((1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)),
            (2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)),
            (2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)))
    flat = min(axes, key=lambda axis: abs(axis[2]))
    quarter = np.pi / 2
    yaw = float((np.arctan2(flat[1], flat[0]) + quarter / 2) % quarter - quarter / 2)
    return yaw if abs(yaw) > YAW_LET_SLIDE else 0.0


def _gate(height: float, wanted: float) -> float:
    # Below the funnel: rise first, so that nothing is swept aside.
    return float(np.clip(1.0 - (wanted - height - 0.01) / 0.03, 0.0, 1.0))


def _approach(gap: np.ndarray, speed: float) -> np.ndarray:
    distance = float(np.linalg.norm(gap))
    if distance < 1e-9:
        return np.zeros_like(gap)
    return gap / distance * min(speed, np.sqrt(2.0 * _BRAKE * distance), _GAIN * distance)


def _with_height(horizontal: np.ndarray, height: float, wanted: float,
                 speed: float) -> np.ndarray:
    vertical = _approach(np.array([wanted - height]), speed)
    return np.concatenate([horizontal, vertical])
