# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What episodes earn at their end, and since when that is known.

Where a reward is learned, nothing that an episode earns may come from the task's own verdict. So
every episode is judged, and paid, at one and the same horizon, which demonstrations alone decide:
success does not end it, and to end early is worth nothing.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import math
from typing import Any

import numpy as np

from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.replay import Trajectory
from vaa_ros.learning.rewards import area_under_curve
from vaa_ros.learning.rewards import make_reward
from vaa_ros.learning.rewards import Scale
from vaa_ros.learning.rollouts import Episode
from vaa_ros.learning.shown import Course
from vaa_ros.learning.shown import embed
from vaa_ros.learning.shown import horizon_of

FEWEST_COSTS = 8
"""Episodes of the frozen policy that tell what is usual, at least."""


class Payment:
    """
    Judges episodes, and pays them once enough of them were judged to know what is usual.

    :param config: the configuration.
    :param policy: the frozen policy, whose embeddings a learned reward compares.
    :param demonstrations: what was demonstrated.
    """

    def __init__(self, config: ImproveConfig, policy: AlignedPolicy,
                 demonstrations: Sequence[Course]) -> None:
        self._config, self._policy = config, policy
        self.horizon = horizon_of(demonstrations, policy.spec.dt_s)
        """Control ticks of an episode where the reward is learned."""
        self.demonstrations = [self.embedded(course) for course in demonstrations]
        self.reward = make_reward(config, self.demonstrations)
        self.scale: Scale | None = None
        self._costs: list[float] = []
        self._successes: list[bool] = []
        self._unpaid: list[Trajectory] = []

    @property
    def ticks(self) -> int | None:
        """
        Give how long an episode is to be acted; None to success or its time limit.
        """
        return None if self.reward is None else self.horizon

    @property
    def discount(self) -> float:
        """
        Give what a reward one decision later is worth.

        By a learned reward as much: all come at the horizon, and else those who see no clock would
        learn that what is seen late in an episode is worth more, or that it pays to end.
        """
        return self._config.discount if self.reward is None else 1.0

    def state(self) -> dict[str, Any]:
        """
        Give what is to be kept besides the episodes.
        """
        return {'reward': {} if self.reward is None else self.reward.state(),
                'scale': None if self.scale is None else [self.scale.centre, self.scale.spread]}

    def restore(self, state: dict[str, Any]) -> None:
        """
        Go on from what :meth:`state` gave; episodes are to be taken in again.
        """
        if self.reward is not None:
            self.reward.restore(state['reward'])
            self.scale = state['scale'] and Scale(*state['scale'])

    def embedded(self, course: Course) -> np.ndarray:
        """
        Give the embeddings (N, 2 * E) of an episode, as long as every other one.
        """
        return embed(self._policy, course.lasting(self.horizon, self._policy.spec.dt_s))

    def course(self, episode: Episode) -> Course:
        """
        Give what a learned reward compares of an episode.
        """
        return Course(episode.seen[:, :self._policy.config.embedding_size], episode.state,
                      episode.command, episode.stamp)

    def costs(self, episodes: Sequence[Episode]) -> list[float]:
        """
        Give what episodes cost by the learned reward, which learns from them; NaN without one.
        """
        if self.reward is None:
            return [math.nan] * len(episodes)
        embedded = [self.embedded(self.course(episode)) for episode in episodes]
        self.reward.learn(embedded)
        return [float(self.reward.costs(item).mean()) for item in embedded]

    def take(self, kept: Trajectory, cost: float, success: bool) -> None:
        """
        Take in an episode.

        :param kept: its decisions, not paid yet.
        :param cost: what it cost.
        :param success: the task's verdict, which pays where no reward is learned.
        """
        self._costs.append(cost)
        self._successes.append(success)
        self._unpaid.append(kept)

    def settle(self) -> list[Trajectory]:
        """
        Pay what waits for it.

        :return: the episodes that were paid now.
        """
        if self.reward is not None and self.scale is None:
            if len(self._costs) < max(FEWEST_COSTS, self._config.warmup_episodes):
                return []
            self.scale = Scale.of(self._costs, [
                self.reward.costs(shown).mean() for shown in self.demonstrations])
        count, self._unpaid, waited = len(self._unpaid), [], self._unpaid
        return [paid(kept, worth)
                for kept, worth in zip(waited, self.worths(count), strict=True)]

    def worths(self, count: int) -> list[float]:
        """
        Give what the last so many episodes earn; nothing before that can be told.
        """
        first = len(self._costs) - count
        if self.reward is None:
            return [float(success) for success in self._successes[first:]]
        return [self.scale.worth(cost) for cost in self._costs[first:]] if self.scale else []

    def figures(self, count: int) -> dict[str, float]:
        """
        Give figures of the last so many episodes.
        """
        worths = self.worths(count)
        figures = {'reward': float(np.mean(worths))} if worths else {}
        if self.reward is not None:
            costs, won = np.array(self._costs), np.array(self._successes)
            figures |= {'cost': float(costs[len(costs) - count:].mean()),
                        'reward_auc': area_under_curve(-costs[won], -costs[~won])}
        return figures


def paid(kept: Trajectory, worth: float) -> Trajectory:
    """
    Pay an episode, at its end.
    """
    reward = np.zeros_like(kept.reward)
    reward[-1] = worth
    return replace(kept, reward=reward)
