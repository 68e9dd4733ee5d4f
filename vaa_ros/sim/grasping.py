# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The part of a field that fetches: go over a thing, down around it, and close the fingers.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaa_ros.sim.motions import approach
from vaa_ros.sim.motions import fade
from vaa_ros.sim.motions import gate
from vaa_ros.sim.motions import Motion
from vaa_ros.sim.motions import Scene
from vaa_ros.sim.motions import Style
from vaa_ros.sim.motions import upright_yaw
from vaa_ros.sim.motions import with_height
from vaa_ros.sim.scenes import OPEN

GRASP_BELOW = 0.014        # the fingers close this close to the end of the way down [m]
_SQUEEZE = 0.02            # commanded opening below the width of the thing: about 10 N [m]


@dataclass(frozen=True)
class Grip:
    """
    How a thing is taken.

    :param width: of the thing, between the fingers [m].
    :param height: of the tool over the thing's centre when the fingers close [m].
    :param lowest: lowest height of the tool over the table [m].
    :param clear: height of the tool over the centre where closed fingers pass over it [m].
    :param miss: how much too high a near miss closes [m].
    :param widest: how far the gripper opens [m].
    :param near: how near to its place, seen from above, the tool is all the way down [m].
    :param far: how far from it the way down begins [m].
    :param let_slide: turn of the thing that the closing fingers straighten; from there on the
        gripper turns with it [rad].
    """

    width: float
    height: float
    lowest: float
    clear: float
    miss: float
    widest: float = OPEN
    near: float = 0.010
    far: float = 0.045
    let_slide: float = 0.0

    @property
    def squeeze(self) -> float:
        """
        Give the opening to command around the thing [m].
        """
        return self.width - _SQUEEZE

    def opening(self, part: float) -> float:
        """
        Give an opening between that around the thing (0) and the widest (1) [m].
        """
        return self.width + part * (self.widest - self.width)

    def yaw(self, pose: np.ndarray) -> float:
        """
        Give the turn of the gripper for a thing [rad].

        A thing that is turned a little slides straight between the closing fingers. One that
        is turned more would jam across its corners.

        :param pose: of the thing (7,).
        """
        yaw = upright_yaw(pose)
        return yaw if abs(yaw) > self.let_slide else 0.0


class Fetch:
    """
    Fetches one thing; remembers the deliberate mistakes that are still to be made.

    :param style: how the episode is done.
    :param grip: how the thing is taken.
    """

    def __init__(self, style: Style, grip: Grip) -> None:
        self._style, self._grip = style, grip
        self._detour, self._near_miss = style.detour, style.near_miss

    def holds(self, scene: Scene, pose: np.ndarray) -> bool:
        """
        Tell whether the thing is held: between the fingers, and they are closed around it.
        """
        # Fingers that press a turned cube are up to 6 mm more open than it is wide.
        held = self._between(scene, pose) and scene.opening < self._grip.width + 0.006
        if held:
            self._detour, self._near_miss = None, False
        return held

    def motion(self, scene: Scene, pose: np.ndarray) -> Motion:
        """
        Say where to go now.

        :param scene: what is seen.
        :param pose: where the thing is (7,).
        """
        style, grip = self._style, self._grip
        between = self._between(scene, pose)
        spot = pose[:2] if self._detour is None else pose[:2] + self._detour
        gap = spot - scene.tool[:2]
        distance = float(np.linalg.norm(gap))
        if self._detour is not None and distance < 0.012:
            self._detour = None
        bottom = max(grip.lowest, pose[2] + grip.height)
        if self._detour is not None or self._near_miss:
            bottom += grip.miss
        narrow = scene.opening < grip.opening(0.5) and not between
        if narrow:
            bottom = max(bottom, pose[2] + grip.clear)  # the fingers must not come down on it
        height = bottom + style.approach * fade(distance, grip.near, grip.far)
        bent = gap + style.bend * fade(distance, 0.04, 0.16)
        horizontal = gate(scene.tool[2], height) * approach(bent, style.speed)
        at_grasp = distance < grip.near and abs(scene.tool[2] - bottom) < GRASP_BELOW \
            and not narrow
        closing = between and scene.opening < grip.opening(0.76) and distance < grip.near + 0.003
        gripper = grip.squeeze if at_grasp or closing else grip.widest
        if self._near_miss and scene.opening < grip.opening(0.2):
            self._near_miss, gripper = False, grip.widest
        elif self._near_miss and distance < 0.02 and scene.opening < grip.opening(0.9):
            gripper = grip.squeeze
        return Motion(with_height(horizontal, scene.tool[2], height, style.speed), gripper,
                      grip.yaw(pose))

    def _between(self, scene: Scene, pose: np.ndarray) -> bool:
        offset = pose[:3] - scene.tool
        return bool(abs(offset[0]) < 0.020 and abs(offset[1]) < 0.030
                    and abs(offset[2] + self._grip.height) < 0.018)
