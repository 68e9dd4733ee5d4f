# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures of the simulated scene, quick enough for software rendering.
"""
from __future__ import annotations

import atexit
from collections.abc import Sequence
from dataclasses import dataclass
import weakref

import mujoco
import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.sim.backend import no_backend_message

# Shadows, reflections and fog cost more than the rest of the picture in software.
_SLOW_FLAGS = (
    mujoco.mjtRndFlag.mjRND_SHADOW,
    mujoco.mjtRndFlag.mjRND_REFLECTION,
    mujoco.mjtRndFlag.mjRND_HAZE,
    mujoco.mjtRndFlag.mjRND_FOG,
)

_SHAPES = {'box': mujoco.mjtGeom.mjGEOM_BOX, 'cylinder': mujoco.mjtGeom.mjGEOM_CYLINDER}


@dataclass(frozen=True)
class Thing:
    """
    Something that is only seen: it stands in the pictures and touches nothing.

    :param shape: ``box`` or ``cylinder``, upright.
    :param position: its centre (3,) [m].
    :param size: half sizes (3,); a cylinder's radius comes first, its half height last [m].
    :param colour: rgb (3,), 0 to 1.
    """

    shape: str
    position: tuple[float, float, float]
    size: tuple[float, float, float]
    colour: tuple[float, float, float]


class CameraRenderer:
    """
    Draws the cameras of one model at one size.

    An OpenGL context belongs to the thread that made it: use one renderer a thread.

    :param model: the compiled MuJoCo model.
    :param image_size: height and width of the pictures [px].
    :raises SimulationError: if no OpenGL backend works; names the packages to install.
    """

    def __init__(self, model: mujoco.MjModel, image_size: tuple[int, int]) -> None:
        height, width = image_size
        try:
            self._renderer = mujoco.Renderer(model, height, width)
        except (ImportError, AttributeError, RuntimeError, OSError, ValueError) as problem:
            raise SimulationError(no_backend_message(problem)) from problem
        except Exception as problem:
            # PyOpenGL's own errors (EGLError, GLError) derive from Exception alone.
            if 'OpenGL' not in type(problem).__module__ and 'Fatal' not in type(problem).__name__:
                raise
            raise SimulationError(no_backend_message(problem)) from problem
        for flag in _SLOW_FLAGS:
            self._renderer.scene.flags[flag] = False
        # MuJoCo frees contexts too late at exit, after EGL has ended, and complains on stderr.
        atexit.register(_close, weakref.ref(self))

    def render(self, data: mujoco.MjData, camera: str, things: Sequence[Thing] = ()) -> np.ndarray:
        """
        Draw one camera.

        :param data: the state to draw.
        :param camera: the camera's name in the model.
        :param things: what to draw besides what is in the model.
        :return: (height, width, 3) uint8 rgb, a new array.
        """
        self._renderer.update_scene(data, camera)
        scene = self._renderer.scene
        for thing in things:
            # Radius twice, then the half height.
            size = [thing.size[0], thing.size[0], thing.size[2]] \
                if thing.shape == 'cylinder' else thing.size
            mujoco.mjv_initGeom(
                scene.geoms[scene.ngeom], _SHAPES[thing.shape], np.array(size, np.float64),
                np.array(thing.position, np.float64), np.eye(3).ravel(),
                np.array([*thing.colour, 1.0], np.float32))
            scene.ngeom += 1
        return self._renderer.render()

    def close(self) -> None:
        """
        Free the OpenGL context.
        """
        self._renderer.close()


def _close(reference: weakref.ref[CameraRenderer]) -> None:
    renderer = reference()
    if renderer is not None:
        renderer.close()
