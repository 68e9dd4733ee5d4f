# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Everything that was seen and done, ready to be drawn from.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from vaa_ros.learning.actor_critic import Transitions


@dataclass(frozen=True, eq=False)
class Trajectory:
    """
    One episode as the learner needs it.

    :param seen: what was seen at each tick, standardised (N, V).
    :param action: the residual, -1 to 1 of its bound (N, D).
    :param reward: after each tick (N,).
    :param ended: whether the episode had come to its end, so that nothing follows; False where
        it was cut off, and would have gone on.
    """

    seen: np.ndarray
    action: np.ndarray
    reward: np.ndarray
    ended: bool


def decisions(trajectory: Trajectory, hold: int) -> Trajectory:
    """
    Thin a trajectory to one decision for so many ticks: their mean action, all their reward.

    What one tick's residual does to the outcome drowns in noise; what several do can be learned.

    :param trajectory: tick by tick.
    :param hold: ticks of a decision.
    :return: decision by decision.
    """
    starts = np.arange(0, len(trajectory.reward), hold)
    counts = np.diff([*starts, len(trajectory.reward)])
    return Trajectory(
        trajectory.seen[starts], np.add.reduceat(trajectory.action, starts) / counts[:, None],
        np.add.reduceat(trajectory.reward, starts), trajectory.ended)


class Replay:
    """
    Keeps trajectories and draws transitions over ``n_step`` ticks.

    What is seen is kept in half precision: it is standardised, and there is much of it.

    :param capacity: ticks that it has room for.
    :param seen: length of what is seen.
    :param actions: length of an action.
    :param n_step: ticks of a transition.
    :param discount: what a reward one tick later is worth.
    """

    def __init__(self, capacity: int, seen: int, actions: int, n_step: int,
                 discount: float) -> None:
        self._n_step, self._gamma = n_step, discount
        self._seen = np.zeros((capacity, seen), np.float16)
        self._action = np.zeros((capacity, actions), np.float32)
        self._reward = np.zeros(capacity, np.float32)
        self._discount = np.zeros(capacity, np.float32)
        self._later = np.zeros(capacity, np.int64)
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def add(self, trajectory: Trajectory) -> None:
        """
        Keep a trajectory.

        :param trajectory: the episode.
        :raises ValueError: if there is no room for it.
        """
        length, start = len(trajectory.reward), self._count
        if start + length > len(self._reward):
            raise ValueError(f'no room for {length} ticks more: {start} of {len(self._reward)} '
                             'are taken')
        rows = slice(start, start + length)
        self._seen[rows], self._action[rows] = trajectory.seen, trajectory.action
        tick = np.arange(length)
        ahead = np.minimum(self._n_step, length - tick)
        reward = np.zeros(length, np.float64)
        for step in range(min(self._n_step, length)):
            reward[:length - step] += self._gamma ** step * trajectory.reward[step:]
        over = tick + ahead >= length
        self._reward[rows] = reward
        # Cut off, the last thing seen stands for what would have been seen next.
        self._later[rows] = start + np.minimum(tick + ahead, length - 1)
        self._discount[rows] = np.where(over & trajectory.ended, 0.0, self._gamma ** ahead)
        self._count += length

    def draw(self, count: int, generator: torch.Generator) -> Transitions:
        """
        Draw transitions, each equally likely.

        :param count: how many.
        :param generator: decides which.
        :return: the batch.
        """
        rows = torch.randint(self._count, (count,), generator=generator).numpy()
        return Transitions(*(torch.from_numpy(values) for values in (
            self._seen[rows].astype(np.float32), self._action[rows], self._reward[rows],
            self._seen[self._later[rows]].astype(np.float32), self._discount[rows])))


def draw_mixed(own: Replay, shown: Replay, part: float, count: int,
               generator: torch.Generator) -> Transitions:
    """
    Draw a batch, part of it from the demonstrations (symmetric sampling, Ball et al. 2023).

    :param own: what the policy did itself.
    :param shown: the demonstrations.
    :param part: part of them.
    :param count: transitions in the batch.
    :param generator: decides which.
    :return: the batch.
    """
    from_shown = round(part * count) if len(shown) else 0
    parts = [replay.draw(size, generator)
             for replay, size in ((own, count - from_shown), (shown, from_shown)) if size]
    return Transitions(*(torch.cat([getattr(item, name) for item in parts])
                         for name in ('seen', 'action', 'reward', 'later', 'discount')))
