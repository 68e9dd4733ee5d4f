# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
gym-aloha's environments, with pictures that are only drawn when someone looks.

gym-aloha draws three pictures of 640x480 with shadows in every step, which takes most of the time
of an episode on a processor without a GPU. Here its own physics, tasks, seeds and rewards run, and
:meth:`QuickAloha.render` draws one camera, at the size asked for, without shadows.

Importing this module registers ``vaa_ros/AlohaTransferCube-v0`` and ``vaa_ros/AlohaInsertion-v0``.
"""
from __future__ import annotations

from typing import Any

import gym_aloha.env
import gymnasium
from gymnasium import spaces
import mujoco
import numpy as np

from vaa_ros.sim.rendering import CameraRenderer

TASKS = {
    'vaa_ros/AlohaTransferCube-v0': 'transfer_cube',
    'vaa_ros/AlohaInsertion-v0': 'insertion',
}
"""Gymnasium id -> gym-aloha's task."""

CAMERAS = ('top', 'angle', 'front_close')
JOINTS = 14


class QuickAloha(gymnasium.Env):
    """
    A task of gym-aloha.

    Action: joint targets (14,) of the left, then the right arm [rad], each with a normalised
    gripper last. Observation: ``agent_pos`` and ``agent_vel`` (14,) alike. ``info`` has
    ``is_success``.

    :param task: ``transfer_cube`` or ``insertion``.
    :param width: width of the pictures [px].
    :param height: height of the pictures [px].
    :param camera: the camera of the scene that :meth:`render` draws.
    :param zoom: how much closer it looks than in gym-aloha; at 1.4 the table fills the picture.
    :param render_mode: ``rgb_array``.
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 50}

    def __init__(self, task: str, width: int = 320, height: int = 240, camera: str = 'top',
                 zoom: float = 1.0, render_mode: str = 'rgb_array') -> None:
        if camera not in CAMERAS or not 0.1 <= zoom <= 10:
            raise ValueError(f'camera is {camera!r} and zoom {zoom}, expected one of {CAMERAS} '
                             'and 0.1 to 10')
        self.render_mode = render_mode
        self._camera = camera
        self._size = (height, width)
        self._renderer: CameraRenderer | None = None
        self._inner = gym_aloha.env.AlohaEnv(task, obs_type='pixels_agent_pos')
        self._dm = self._inner._env
        self._dm.task.get_observation = self._look
        self._blank = np.zeros((1, 1, 3), np.uint8)
        quality = self.model.vis.quality
        quality.offsamples = quality.shadowsize = 0
        fovy = np.deg2rad(self.model.camera(camera).fovy)
        self.model.camera(camera).fovy = np.rad2deg(2 * np.arctan(np.tan(fovy / 2) / zoom))
        self.action_space = spaces.Box(-np.inf, np.inf, (JOINTS,), np.float32)
        vector = spaces.Box(-np.inf, np.inf, (JOINTS,), np.float64)
        self.observation_space = spaces.Dict({'agent_pos': vector, 'agent_vel': vector})

    @property
    def model(self) -> mujoco.MjModel:
        """
        Give the model of the scene.
        """
        return self._dm.physics.model.ptr

    @property
    def data(self) -> mujoco.MjData:
        """
        Give the state of the scene.
        """
        return self._dm.physics.data.ptr

    def reset(self, *, seed: int | None = None,
              options: dict[str, Any] | None = None) -> tuple[dict[str, np.ndarray], dict]:
        """
        Start an episode.

        :param seed: decides where the objects lie.
        :param options: none are known.
        :return: the first observation and info.
        """
        super().reset(seed=seed)
        _, info = self._inner.reset(seed=seed)
        return self._observation(), info

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict]:
        """
        Let one control step of 20 ms pass.

        :param action: joint targets (14,).
        :return: observation, reward 0 to 4, terminated (success), truncated, info.
        """
        _, reward, terminated, truncated, info = self._inner.step(action)
        return self._observation(), float(reward), terminated, truncated, info

    def render(self) -> np.ndarray:
        """
        Give the picture of the camera, (H, W, 3) uint8 rgb.
        """
        if self._renderer is None:
            self._renderer = CameraRenderer(self.model, self._size)
        return self._renderer.render(self.data, self._camera)

    def close(self) -> None:
        """
        Free the renderer.
        """
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None

    def _observation(self) -> dict[str, np.ndarray]:
        task, physics = self._dm.task, self._dm.physics
        return {'agent_pos': task.get_qpos(physics), 'agent_vel': task.get_qvel(physics)}

    def _look(self, physics: Any) -> dict[str, Any]:
        return {'qpos': self._dm.task.get_qpos(physics), 'images': {'top': self._blank}}


for _id, _task in TASKS.items():
    if _id not in gymnasium.registry:
        gymnasium.register(_id, entry_point=f'{__name__}:QuickAloha', kwargs={'task': _task})
