# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The simulated arm as another room would show it: for judging what a policy makes of that.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.sim.disturbances import foreign_object
from vaa_ros.sim.simulation import Simulation

CAMERA = 'front'
CAMERA_SHIFT_M = 0.02
LIGHT, AMBIENT = (0.6, 0.8), (1.15, 1.35)
"""Beyond what episodes differ in by themselves, which is about 15 %."""

COLOUR = 0.2
DISTRACTORS = 2


class ShiftedSimulation(Simulation):
    """
    The same tasks under visual shift; physics and success rules stay as they are.

    Every episode has, drawn from its seed: a dimmer or brighter lamp with the other light the
    other way round; every surface's colour changed by up to a fifth; the front camera 2 cm from
    its place, in any direction; and two objects on the table that touch nothing.

    :param task: name of the task.
    """

    def __init__(self, task: str = 'pick_place') -> None:
        self._usual: tuple[np.ndarray, ...] | None = None
        super().__init__(task)
        self._usual = tuple(values.copy() for values in self._shifted())
        self.reset(0)

    def reset(self, seed: int) -> None:
        """
        Start the episode of a seed, and shift what the cameras see.

        :param seed: not negative.
        :raises SimulationError: for a negative seed.
        """
        if self._usual is not None:
            for values, usual in zip(self._shifted(), self._usual, strict=True):
                values[:] = usual
        super().reset(seed)
        if self._usual is None:
            return
        random = np.random.default_rng([1, seed])
        light, ambient = random.uniform(*LIGHT), random.uniform(*AMBIENT)
        if random.random() < 0.5:
            light, ambient = ambient, light
        self.relight(light, ambient)
        way = random.normal(size=3)
        position = self._model.cam_pos[self._model.camera(CAMERA).id]
        position += CAMERA_SHIFT_M * way / np.linalg.norm(way)
        for colours in (self._model.mat_rgba, self._model.geom_rgba):
            change = 1 + COLOUR * random.uniform(-1, 1, (len(colours), 3))
            colours[:, :3] = np.clip(colours[:, :3] * change, 0, 1)
        taken = [pose[:2] for pose in self.objects().values()] + [self.tool_pose()[:2]]
        things = []
        for _ in range(DISTRACTORS):
            things.append(foreign_object(random, taken))
            taken.append(np.array(things[-1].position[:2]))
        self.things = tuple(things)

    def _shifted(self) -> tuple[np.ndarray, ...]:
        """
        Give what the resets of the arm itself do not put back.
        """
        return self._model.cam_pos, self._model.mat_rgba, self._model.geom_rgba
