# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures of the simulated scene, quick enough for software rendering.
"""
from __future__ import annotations

import atexit
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

    def render(self, data: mujoco.MjData, camera: str) -> np.ndarray:
        """
        Draw one camera.

        :param data: the state to draw.
        :param camera: the camera's name in the model.
        :return: (height, width, 3) uint8 rgb, a new array.
        """
        self._renderer.update_scene(data, camera)
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
