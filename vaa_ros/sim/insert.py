# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The task ``insert``: a square peg into a hole that is 2.5 mm wider, at any place and turn.

What is drawn, when it has succeeded, and the field of its expert.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.sim.grasping import Fetch
from vaa_ros.sim.grasping import Grip
from vaa_ros.sim.motions import approach
from vaa_ros.sim.motions import fade
from vaa_ros.sim.motions import Motion
from vaa_ros.sim.motions import quarter_turn
from vaa_ros.sim.motions import Scene
from vaa_ros.sim.motions import Style
from vaa_ros.sim.motions import upright_yaw
from vaa_ros.sim.motions import with_height
from vaa_ros.sim.scenes import draw_appearance
from vaa_ros.sim.scenes import draw_colour
from vaa_ros.sim.scenes import draw_joint_noise
from vaa_ros.sim.scenes import OPEN
from vaa_ros.sim.scenes import pose_at
from vaa_ros.sim.scenes import SceneState
from vaa_ros.sim.scenes import Start

PEG_WIDTH, PEG_HALF_LENGTH = 0.028, 0.032
HOLE_WIDTH = 0.0305
SOCKET_HEIGHT = 0.025
REST_SPEED = 0.05
ON_AXIS, INSERTED_BELOW = 0.003, 0.010

PEG_GRIP = Grip(width=PEG_WIDTH, height=0.014, lowest=0.046, clear=0.058, miss=0.045)
RELEASE_BELOW = 0.008      # the fingers open when the peg's lower end is so low in the hole [m]
_HOVER = 0.010             # lower end of the peg over the block while it is aligned [m]
_TURN_ARM = 0.03           # a turn of the peg counts as so much of a way [m/rad]


def insert_rule(scene: SceneState) -> bool:
    """
    Hold while the peg stands in the hole, released and at rest.

    That is: the middle of its lower end is within 3 mm of the axis of the hole, seen from above,
    and less than 1 cm over the table, which is at least 1.5 cm deep in the hole; the gripper is
    open wider than 4.5 cm; and the peg moves at less than 5 cm/s. The task is done once all of
    this has held for 0.2 s without a break.
    """
    end = lower_end(scene.object_pose('peg'))
    gap = end[:2] - scene.object_pose('socket')[:2]
    return bool(np.linalg.norm(gap) < ON_AXIS and end[2] < INSERTED_BELOW
                and scene.gripper_opening() > 0.045 and scene.object_speed('peg') < REST_SPEED)


def lower_end(peg: np.ndarray) -> np.ndarray:
    """
    Give the middle of that end of the peg which is lower.

    :param peg: pose of the peg (7,).
    :return: (3,) [m].
    """
    w, x, y, z = peg[3:]
    axis = np.array([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)])
    return peg[:3] - PEG_HALF_LENGTH * axis * np.where(axis[2] < 0, -1.0, 1.0)


def insert_start(rng: np.random.Generator) -> Start:
    """
    Draw the start of an episode: the peg stands at the left, the block lies at the right.

    :param rng: the source of chance.
    :return: the start.
    """
    turns = np.deg2rad(rng.uniform(-10.0, 10.0, 2))
    peg = pose_at(rng.uniform(0.33, 0.43), rng.uniform(0.0, 0.10), PEG_HALF_LENGTH, turns[0])
    socket = pose_at(rng.uniform(0.35, 0.41), rng.uniform(-0.22, -0.17), 0.0, turns[1])
    blue = draw_colour(rng, 195.0, 250.0)
    pale = tuple(0.5 * (channel + 1.0) for channel in blue)
    colours = {'peg': draw_colour(rng, -25.0, 50.0)}
    for index in range(1, 5):
        colours.update({f'socket_wall_{index}': blue, f'socket_rim_{index}': blue,
                        f'socket_edge_{index}': pale})
    return Start({'peg': peg, 'socket': socket}, OPEN, draw_joint_noise(rng),
                 draw_appearance(rng, colours))


class InsertField:
    """
    Grasp the peg, align it over the hole, lower it, let go; back to it whenever it is elsewhere.
    """

    def __init__(self, style: Style) -> None:
        self._style = style
        self._fetch = Fetch(style, PEG_GRIP)

    def motion(self, scene: Scene) -> Motion:
        """
        Say where to go now.
        """
        peg, socket = scene.objects['peg'], scene.objects['socket']
        end = lower_end(peg)
        gap = socket[:2] - end[:2]
        if np.linalg.norm(gap) < ON_AXIS and end[2] < RELEASE_BELOW:
            return self._leave(scene, socket)
        if self._fetch.holds(scene, peg):
            return self._insert(scene, gap, end, socket)
        return self._fetch.motion(scene, peg)

    def _insert(self, scene: Scene, gap: np.ndarray, end: np.ndarray,
                socket: np.ndarray) -> Motion:
        style = self._style
        turn = upright_yaw(socket)
        distance = float(np.linalg.norm(gap))
        aside = distance + _TURN_ARM * abs(
            quarter_turn(upright_yaw(scene.objects['peg']) - turn))
        # Down into the hole only when the peg fits; on the way there well over the block.
        low = SOCKET_HEIGHT + _HOVER
        carry = max(style.carry - PEG_GRIP.lowest, low)
        height = low * fade(aside, 0.0015, 0.0040) + (carry - low) * fade(distance, 0.02, 0.07)
        lifted = np.clip((end[2] - 0.010) / 0.015, 0.0, 1.0) if distance > 0.005 else 1.0
        speed = style.speed if distance > 0.02 else 0.6 * style.speed
        velocity = with_height(lifted * approach(gap, speed), end[2], height, speed)
        return Motion(velocity, PEG_GRIP.squeeze, turn)

    def _leave(self, scene: Scene, socket: np.ndarray) -> Motion:
        height = 0.16 if scene.opening > PEG_GRIP.opening(0.2) else scene.tool[2]
        rise = with_height(np.zeros(2), scene.tool[2], height, 0.7 * self._style.speed)
        return Motion(rise, OPEN, upright_yaw(socket))
