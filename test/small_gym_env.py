# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A Gymnasium environment for tests: three joints that do as they are told, and pictures of them.

Importing this module registers it, as the module of a real one does.
"""
from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import gymnasium
from gymnasium import spaces
import numpy as np
import yaml

ID = 'vaa_test/Joints-v0'
MODULE = 'small_gym_env'

ROBOT = {
    'name': 'small', 'cameras': ['front'], 'gripper': 'finger', 'home': [0.0, 0.0, 0.01],
    'joints': [
        {'name': 'turn', 'unit': 'rad', 'lower': -2.0, 'upper': 2.0, 'velocity': 5.0,
         'acceleration': math.inf},
        {'name': 'bend', 'unit': 'rad', 'lower': -1.0, 'upper': 1.0, 'velocity': 5.0,
         'acceleration': math.inf},
        {'name': 'finger', 'unit': 'm', 'lower': 0.0, 'upper': 0.05, 'velocity': 1.0,
         'acceleration': math.inf}]}
MAPPING = {
    'env': ID, 'module': MODULE, 'robot': 'robot.yaml', 'joints': ['finger', 'turn', 'bend'],
    'cameras': {'front': 'pixels/front', 'side': 'render'}, 'state': 'agent/position',
    'velocity': 'agent/velocity', 'scale': {'finger': 0.04}, 'offset': {'finger': 0.01},
    'control_rate_hz': 20, 'success': {'info': 'is_success'}, 'max_steps': 30,
    'instruction': 'turn beyond half a radian'}


class Joints(gymnasium.Env):
    """
    Goes where the action says, within one step. The vectors are finger, turn, bend.
    """

    metadata = {'render_modes': ['rgb_array'], 'render_fps': 20}

    def __init__(self, render_mode: str | None = None, bad: str = '') -> None:
        self.render_mode = render_mode
        self.bad = bad
        self.action_space = spaces.Box(-3.0, 3.0, (3,), np.float32)
        vector = spaces.Box(-9.0, 9.0, (3,), np.float64)
        self.observation_space = spaces.Dict({
            'pixels': spaces.Dict({'front': spaces.Box(0, 255, (24, 32, 3), np.uint8)}),
            'agent': spaces.Dict({'position': vector, 'velocity': vector})})
        self.actions: list[np.ndarray] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None
              ) -> tuple[dict[str, Any], dict[str, Any]]:
        super().reset(seed=seed)
        self.position = np.array([0.25, *self.np_random.uniform(-0.2, 0.2, 2)])
        self.velocity = np.zeros(3)
        self.actions.clear()
        return self._look(), {}

    def step(self, action: np.ndarray
             ) -> tuple[dict[str, Any], float, bool, bool, dict[str, Any]]:
        self.actions.append(action.copy())
        before, self.position = self.position, action.astype(np.float64)
        if self.bad == 'nan':
            self.position[1] = np.nan
        self.velocity = (self.position - before) * 20
        turn = float(self.position[1])
        return self._look(), turn, turn > 1.9, False, {'is_success': turn > 0.5, 'turn': turn}

    def render(self) -> np.ndarray:
        picture = np.zeros((24, 32, 3), np.uint8)
        picture[:, :16] = 200
        return picture.astype(np.float32) if self.bad == 'picture' else picture

    def _look(self) -> dict[str, Any]:
        level = int(np.clip(100 + 50 * np.nan_to_num(self.position[1]), 0, 255))
        return {'pixels': {'front': np.full((24, 32, 3), level, np.uint8)},
                'agent': {'position': self.position.copy(), 'velocity': self.velocity.copy()}}


if ID not in gymnasium.registry:
    gymnasium.register(ID, entry_point=Joints)


def write_files(folder: Path, **changes: Any) -> Path:
    """
    Write the robot and the environment, with changes; None takes a key out.
    """
    (folder / 'robot.yaml').write_text(yaml.safe_dump(ROBOT))
    values = {**MAPPING, 'robot': str(folder / 'robot.yaml'), **changes}
    path = folder / 'joints.yaml'
    path.write_text(yaml.safe_dump(
        {key: item for key, item in values.items() if item is not None}))
    return path
