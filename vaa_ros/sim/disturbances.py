# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What goes wrong in front of a camera, on demand: to see whether a policy notices.

Each disturbance begins at a moment of an episode and stays until its end. It changes what the
cameras show, never the physics.
"""
from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

from vaa_ros.core.errors import unknown_name
from vaa_ros.sim.rendering import Thing
from vaa_ros.sim.simulation import Simulation

COVERED = 'covered camera'
FOREIGN = 'foreign object'
LIGHTING = 'changed lighting'
FROZEN = 'frozen image'
DISTURBANCES = (COVERED, FOREIGN, LIGHTING, FROZEN)

LAMP_OUT, DIM = 0.0, 0.6
TABLE = (0.28, 0.48), (-0.14, 0.19)
"""Where a foreign object may stand: x and y of the mat's working part [m]."""

APART = 0.07


@dataclass(frozen=True)
class Plan:
    """
    One disturbance of one episode.

    :param name: one of :data:`DISTURBANCES`, or None for a clean episode.
    :param onset_s: when it begins [s].
    :param until_s: when the episode is cut off [s], or None for its own end.
    :param linger_s: how long an episode goes on after its own end [s].
    :param seed: seed of what it looks like and which camera it meets.
    """

    name: str | None = None
    onset_s: float = 0.0
    until_s: float | None = None
    linger_s: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.name is not None and self.name not in DISTURBANCES:
            raise unknown_name('disturbance', self.name, DISTURBANCES)


class DisturbedSimulation(Simulation):
    """
    The simulated arm with something going wrong in front of its cameras.

    :param task: name of the task.
    """

    def __init__(self, task: str = 'pick_place') -> None:
        self.plan = Plan()
        super().__init__(task)

    def reset(self, seed: int) -> None:
        """
        Start the episode of a seed, with the present plan.

        :param seed: not negative.
        :raises SimulationError: for a negative seed.
        """
        super().reset(seed)
        self._random = np.random.default_rng([self.plan.seed, seed])
        self._camera = str(self._random.choice(self.cameras))
        self._frozen: np.ndarray | None = None
        self._begun = False
        self._over_s: float | None = None

    @property
    def disturbed(self) -> bool:
        """
        Tell whether the disturbance has begun.
        """
        # Physics steps are no multiples of what a person writes down.
        return self.plan.name is not None and self.time_s >= self.plan.onset_s - 1e-9

    def done(self) -> bool:
        """
        Say whether the episode is over, or cut off.
        """
        until_s = self.plan.until_s
        if until_s is not None and self.time_s >= until_s - 1e-9:
            return True
        if self._over_s is None and super().done():
            self._over_s = self.time_s
        return self._over_s is not None and self.time_s >= (
            self._over_s + self.plan.linger_s - 1e-9)

    def render(self, camera: str) -> np.ndarray:
        """
        Take a picture, disturbed if it is time.

        :param camera: name of the camera.
        :return: (height, width, 3) uint8 rgb.
        :raises ConfigError: for an unknown camera; lists those that exist.
        :raises SimulationError: if no OpenGL backend works.
        """
        if self.disturbed and not self._begun:
            self._begun = True
            if self.plan.name == LIGHTING:
                self.relight(LAMP_OUT, DIM)
            elif self.plan.name == FOREIGN:
                taken = [pose[:2] for pose in self.objects().values()]
                self.things = (foreign_object(self._random, [*taken, self.tool_pose()[:2]]),)
        if camera != self._camera or self.plan.name not in (COVERED, FROZEN):
            return super().render(camera)
        if not self.disturbed:
            self._frozen = super().render(camera)
            return self._frozen.copy()
        if self.plan.name == FROZEN and self._frozen is not None:
            return self._frozen.copy()
        picture = super().render(camera)
        return cover(picture, self._random) if self.plan.name == COVERED else picture


def cover(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """
    Put something over the lens: nearly black, with the noise of a sensor.

    :param picture: (H, W, 3) uint8 rgb.
    :param random: the noise.
    :return: a new picture of the same shape.
    """
    dark = random.normal(12.0, 3.0, picture.shape)
    return np.clip(np.rint(dark), 0, 255).astype(np.uint8)


def foreign_object(random: np.random.Generator, taken: list[np.ndarray]) -> Thing:
    """
    Put something on the table that no demonstration had.

    Its colour is none of those of the tasks' objects (red to yellow, blue).

    :param random: draws shape, place, size and colour.
    :param taken: places (2,) that it keeps away from [m].
    :return: a box or a cylinder standing on the table.
    """
    place = np.zeros(2)
    for _ in range(50):
        place = np.array([random.uniform(*side) for side in TABLE])
        if all(np.linalg.norm(place - other) > APART for other in taken):
            break
    radius, half = random.uniform(0.02, 0.035), random.uniform(0.03, 0.06)
    hue = random.choice([random.uniform(80, 170), random.uniform(270, 320)]) / 360.0
    return Thing(str(random.choice(['box', 'cylinder'])), (*place.tolist(), half),
                 (radius, radius, half), colorsys.hsv_to_rgb(hue, 0.8, 0.8))
