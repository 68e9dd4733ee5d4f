# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A small world to improve a policy in: a joint has to be turned, and the policy only holds still.

In a module of its own, for the processes that act import it.
"""
from __future__ import annotations

import os
from pathlib import Path
import signal

from learning_samples import TINY
from learning_samples import write_dataset
import numpy as np
from small_gym_env import MODULE
from small_gym_env import write_files
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning import checkpoint
from vaa_ros.learning.config import TrainConfig
from vaa_ros.learning.evaluate import Driver
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.policies.base import Policy
from vaa_ros.sim.environment import load_environment
from vaa_ros.sim.gym_simulation import GymSimulation


class TurnWorld(GymSimulation):
    """Turn a joint beyond half a radian; the task's name is the file of the environment."""

    def __init__(self, task: str) -> None:
        self.folder = Path(task).parent
        super().__init__(load_environment(task), MODULE)


class DeadlyWorld(TurnWorld):
    """Kills its own process at one scene, once."""

    def reset(self, seed: int) -> None:
        marker = self.folder / 'died'
        if seed == 11 and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        super().reset(seed)


class HangingWorld(TurnWorld):
    """Hangs at one scene, once."""

    def reset(self, seed: int) -> None:
        marker = self.folder / 'hung'
        if seed == 11 and not marker.exists():
            marker.touch()
            signal.pause()
        super().reset(seed)


def write_base(folder: Path, model: ModelConfig = TINY) -> tuple[Path, str]:
    """Write the run folder of a policy that holds still, and the environment that it is for."""
    task = str(write_files(folder))
    robot = TurnWorld(task).robot
    spec = PolicySpec('still', task, robot.name, (CameraSpec('front', 32, 24),), robot.joints,
                      ActionSpec('joint_position', robot.joint_names), 20.0, 6,
                      embedding_size=TINY.embedding_size)
    data = write_dataset(folder / 'data', spec)
    show_turning(data, TurnWorld(task))
    torch.manual_seed(0)
    policy = AlignedPolicy(spec, model, LossConfig())
    with torch.no_grad():
        for weights in policy.decoder.parameters():
            weights.mul_(0.1)
    policy.space.set_statistics(torch.zeros(3), torch.ones(3), torch.tensor([0.0, 0.0, 0.03]),
                                torch.tensor([0.1, 0.1, 1e-4]))
    run = folder / 'base'
    run.mkdir()
    checkpoint.save(run, TrainConfig(model=model), spec, {
        'averaged': policy.state_dict(), 'dataset': str(data), 'dataset_hash': '', 'metrics': {},
        'calibration': {}, 'step': 0, 'elapsed_s': 0.0, 'vaa_version': ''})
    return run, task


def show_turning(data: Path, world: TurnWorld, episodes: int = 6, frames: int = 30) -> None:
    """Put demonstrations of the task in place of what is in a dataset."""
    state, action = (np.zeros((episodes * frames, 3), np.float32) for _ in range(2))
    images = np.zeros((episodes * frames, 24, 32, 3), np.uint8)
    for row in range(episodes * frames):
        if row % frames == 0:
            world.reset(500 + row)
        state[row], images[row] = world.joint_position, world.render('front')
        action[row] = state[row] + [0.03, 0.0, 0.0]
        world.set_trajectory(np.array([0.05]), action[row][None].astype(np.float64))
        world.advance(1)
    stamp = np.arange(episodes * frames, dtype=np.int64) * round(NANOSECONDS * world.pace.tick_s)
    for name, values in (('state', state), ('action', action), ('images_front', images),
                         ('stamp', stamp)):
        np.save(data / f'{name}.npy', values)


def commands(policy: Policy, task: str, scene: int = 3) -> np.ndarray:
    """Give what a policy commands at each tick of an episode (N, D)."""
    told = []
    driver = Driver(TurnWorld(task), policy, on_tick=lambda _, tick: told.append(tick.command))
    driver.episode(scene)
    return np.array(told)


def small_config(**changes: object) -> ImproveConfig:
    """A run of seconds."""
    values = {'steps': 1000, 'max_minutes': None, 'workers': 1, 'episodes_per_round': 8,
              'warmup_episodes': 16, 'greedy': 0.5, 'bound': 1.0, 'noise': 1.0,
              'noise_memory': 0.8, 'hold': 4, 'demonstrations': 0.0, 'updates_per_step': 1.0,
              'batch_size': 64, 'critics': 2, 'width': 32, 'learning_rate': 2e-3,
              'target_rate': 0.02, 'actor_after': 50, 'shrink': 0.01, 'first_scene': 0}
    return ImproveConfig(**{**values, **changes})
