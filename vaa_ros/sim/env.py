# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The simulated arm as a plain Gymnasium environment.
"""
from __future__ import annotations

from typing import Any

import gymnasium
from gymnasium import spaces
import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import unknown_name
from vaa_ros.sim.simulation import CONTROL_HZ
from vaa_ros.sim.simulation import Simulation

RENDER_MODES = ('rgb_array',)


class ArmEnv(gymnasium.Env):
    """
    Joint targets in at 30 Hz; pictures and joint measurements out.

    Action: joint targets (7,), joint_1 to joint_6 [rad] and the gripper's opening [m], reached
    one control step later. Observation: ``front`` and ``wrist`` (H, W, 3) uint8 rgb,
    ``joint_position`` and ``joint_velocity`` (7,). Reward: 1 in the step in which the task
    succeeds, which ends the episode, else 0. ``info`` has success, time_s, seed, instruction
    and objects (name -> pose x y z qw qx qy qz).

    :param task: name of the task.
    :param render_mode: ``rgb_array`` or None; :meth:`render` gives the front picture.
    :param image_size: height and width of the pictures [px].
    :raises ConfigError: for an unknown task or render mode; lists those that exist.
    """

    metadata = {'render_modes': list(RENDER_MODES), 'render_fps': CONTROL_HZ}

    def __init__(self, task: str = 'pick_place', render_mode: str | None = None,
                 image_size: tuple[int, int] = (240, 320)) -> None:
        if render_mode is not None and render_mode not in RENDER_MODES:
            raise unknown_name('render mode', render_mode, RENDER_MODES)
        self.render_mode = render_mode
        self.simulation = Simulation(task, image_size)
        robot = self.simulation.robot
        lower, upper, speed = np.array(
            [(joint.lower, joint.upper, joint.velocity) for joint in robot.joints], np.float32).T
        picture = spaces.Box(0, 255, (*image_size, 3), np.uint8)
        self.action_space = spaces.Box(lower, upper, dtype=np.float32)
        self.observation_space = spaces.Dict({
            **dict.fromkeys(robot.cameras, picture),
            # A servo may overshoot a limit a little, and a blow from outside moves it faster.
            'joint_position': spaces.Box(lower - 0.5, upper + 0.5, dtype=np.float32),
            'joint_velocity': spaces.Box(-20 * speed, 20 * speed, dtype=np.float32),
        })

    def reset(self, *, seed: int | None = None,
              options: dict[str, Any] | None = None) -> tuple[dict[str, np.ndarray], dict]:
        """
        Start an episode.

        :param seed: decides the episode; without one the next is drawn.
        :param options: ``instruction`` asks for something else than the seed would.
        :return: the first observation and info.
        :raises InstructionError: if the task does not know the instruction; lists those it does.
        """
        super().reset(seed=seed)
        drawn = int(self.np_random.integers(2**31)) if seed is None else seed
        self.simulation.reset(drawn)
        if options and 'instruction' in options:
            self.simulation.set_instruction(options['instruction'])
        return self._observation(), self._info()

    def step(self, action: np.ndarray) -> tuple[dict[str, np.ndarray], float, bool, bool, dict]:
        """
        Command joint targets and let one control step pass.

        :param action: joint targets (7,) [rad, m].
        :return: observation, reward, terminated (success), truncated (time limit), info.
        :raises SimulationError: if the action has the wrong size or is not finite.
        """
        action = np.asarray(action, dtype=np.float64)
        if action.shape != self.action_space.shape or not np.all(np.isfinite(action)):
            raise SimulationError(f'action is {action}, expected 7 finite joint targets')
        before = self.simulation.success()
        self.simulation.set_targets(action)
        self.simulation.step(1.0 / CONTROL_HZ)
        success = self.simulation.success()
        return (self._observation(), float(success and not before), success,
                self.simulation.timed_out(), self._info())

    def render(self) -> np.ndarray | None:
        """
        Give the front picture, (H, W, 3) uint8 rgb.
        """
        return self.simulation.render('front') if self.render_mode == 'rgb_array' else None

    def close(self) -> None:
        """
        Free the renderer.
        """
        self.simulation.close()

    def _observation(self) -> dict[str, np.ndarray]:
        simulation = self.simulation
        return {
            **{camera: simulation.render(camera) for camera in simulation.robot.cameras},
            'joint_position': simulation.joint_position.astype(np.float32),
            'joint_velocity': simulation.joint_velocity.astype(np.float32),
        }

    def _info(self) -> dict[str, Any]:
        simulation = self.simulation
        return {'success': simulation.success(), 'time_s': simulation.time_s,
                'seed': simulation.seed, 'instruction': simulation.instruction,
                'objects': simulation.objects()}
