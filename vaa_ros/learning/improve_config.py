# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a trained policy is improved by reward: ``config/train/rl.yaml`` and ``irl.yaml``.
"""
from __future__ import annotations

from dataclasses import dataclass

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.records import from_mapping
from vaa_ros.learning.config import read_config

METHODS = ('rl', 'irl')
TASK_REWARD = 'success'
LEARNED_REWARDS = ('transport', 'discriminator', 'critic')
CONTROL = 'constant'
"""A reward that knows nothing: what a policy gains by it is no merit of a learned reward."""


@dataclass(frozen=True)
class ImproveConfig:
    """
    A run of reinforcement learning. It ends at ``steps`` or after ``max_minutes``.

    :param method: ``rl`` (the task's own reward) or ``irl`` (one learned from demonstrations).
    :param name: name of the policy.
    :param reward: ``success`` with ``rl``; with ``irl`` ``transport`` (optimal transport to the
        demonstrations), ``discriminator`` (adversarial) or ``critic`` (the alignment itself);
        ``constant`` is the control, by which nothing can be learned.
    :param steps: control ticks to act.
    :param max_minutes: time limit, None is no limit.
    :param workers: processes that act.
    :param episodes_per_round: episodes between two changes of the policy that acts.
    :param warmup_episodes: episodes of the frozen policy with noise, before anything is learned.
    :param greedy: part of the later episodes that is done without noise; their success is the
        learning curve.
    :param bound: how far the residual may go, as part of the spread of the last action of a chunk.
    :param noise: exploration noise, as part of the bound.
    :param noise_memory: part of the noise that stays from one decision to the next.
    :param hold: control ticks that a decision is held for while exploring.
    :param demonstrations: part of each batch that comes from the demonstrations.
    :param updates_per_step: batches learned from for each control tick acted.
    :param batch_size: transitions in a batch.
    :param n_step: decisions that a target looks ahead.
    :param discount: what a reward one decision later is worth; a learned one comes at the end of
        all episodes alike, undiscounted.
    :param critics: value estimates; targets take the lowest of two drawn ones (REDQ).
    :param width: hidden size of actor and critics.
    :param learning_rate: of both.
    :param target_rate: how fast the averaged networks follow.
    :param actor_delay: updates of the critics for one of the actor.
    :param actor_after: updates of the critics before the first of the actor.
    :param shrink: weight of the squared residual, which keeps to the policy where nothing is won.
    :param seed: seed of weights, batches and exploration.
    :param first_scene: seed of the first scene, and a million more for each ``seed``, so that each
        acts other scenes; those of the demonstrations and of evaluation are far from it.
    """

    method: str = 'rl'
    name: str = 'improved'
    reward: str = TASK_REWARD
    steps: int = 100_000
    max_minutes: float | None = 60.0
    workers: int = 2
    episodes_per_round: int = 8
    warmup_episodes: int = 40
    greedy: float = 0.25
    bound: float = 0.1
    noise: float = 0.5
    noise_memory: float = 0.5
    hold: int = 4
    demonstrations: float = 0.25
    updates_per_step: float = 0.25
    batch_size: int = 128
    n_step: int = 4
    discount: float = 0.97
    critics: int = 2
    width: int = 128
    learning_rate: float = 3e-4
    target_rate: float = 0.005
    actor_delay: int = 2
    actor_after: int = 500
    shrink: float = 0.15
    seed: int = 0
    first_scene: int = 500_000

    def scene(self, index: int) -> int:
        """
        Give the seed of the scene of an episode.

        :param index: its place in the run.
        """
        return self.first_scene + 1_000_000 * self.seed + index

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f'method {self.method!r}, expected one of {METHODS}')
        rewards = (TASK_REWARD,) if self.method == 'rl' else (*LEARNED_REWARDS, CONTROL)
        if self.reward not in rewards:
            raise ValueError(f'reward {self.reward!r}, expected one of {rewards} with method '
                             f'{self.method}')
        least = {'steps': 1, 'workers': 1, 'episodes_per_round': 1, 'warmup_episodes': 0,
                 'batch_size': 2, 'n_step': 1, 'hold': 1, 'critics': 2, 'width': 1,
                 'actor_delay': 1, 'actor_after': 0,
                 'seed': 0, 'first_scene': 0}
        for name, lowest in least.items():
            if getattr(self, name) < lowest:
                raise ValueError(f'{name} {getattr(self, name)}, expected at least {lowest}')
        for name in ('greedy', 'bound', 'noise', 'noise_memory', 'demonstrations', 'discount',
                     'target_rate', 'learning_rate'):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f'{name} {getattr(self, name)}, expected 0 to 1')
        if self.noise_memory == 1:
            raise ValueError('noise_memory 1, expected less: noise that only stays never begins')
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise ValueError(f'max_minutes {self.max_minutes}, expected a positive time or null')
        if self.updates_per_step <= 0 or self.shrink < 0:
            raise ValueError('updates_per_step must be positive, and shrink not negative')


def load_improve_config(name: str, **overrides: object) -> ImproveConfig:
    """
    Load a configuration by name or by the path of its YAML file.

    :param name: a name in ``config/train``, or a path that ends in ``.yaml``.
    :param overrides: keys to replace; None leaves a key.
    :return: the configuration.
    :raises ConfigError: if there is no such file, or it has a wrong key or value.
    """
    values, path = read_config(name)
    given = {key: value for key, value in overrides.items() if value is not None}
    if not isinstance(values, dict) or values.get('method') not in METHODS:
        raise ConfigError(f'{path}: no configuration for --method rl or irl: its key `method` '
                          'must be one of them')
    return from_mapping(ImproveConfig, {**values, **given}, str(path))
