# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What an episode is worth: the task's own verdict, or a reward learned from demonstrations alone.

A learned reward gives every tick a cost in the aligned space, from the embedding of the scene and
that of the actions that were executed. The cost of an episode is their mean over the horizon that
:mod:`vaa_ros.learning.payment` gives to all of them. What it earns lies between 0 and 1: how cheap
it was among the first ones of the frozen policy, so that neither the units of a reward nor the
number of demonstrations matters.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from typing import Protocol

import numpy as np
import torch
from torch.nn import functional

from vaa_ros.alignment.residual import make_layers
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.improve_config import CONTROL
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.improve_config import TASK_REWARD

TICKS = 64
"""Ticks that a demonstration is thinned to."""
EPSILON = 0.05
"""Entropy of the transport plan, in units of the cost."""
ITERATIONS = 100
PENALTY = 10.0
"""Weight of the discriminator's gradient penalty."""


class LearnedReward(Protocol):
    """
    A reward from demonstrations; embeddings are (N, 2 * E): z_vision, then z_action.
    """

    def costs(self, episode: np.ndarray) -> np.ndarray:
        """
        Give the cost of each tick (N,), not negative.
        """

    def learn(self, episodes: Sequence[np.ndarray]) -> None:
        """
        Learn from what the policy did last.
        """

    def state(self) -> dict[str, Any]:
        """
        Give what is to be kept of what was learned.
        """

    def restore(self, state: dict[str, Any]) -> None:
        """
        Go on from what :meth:`state` gave.
        """


@dataclass(frozen=True)
class Scale:
    """
    What an episode usually costs.

    :param centre: mean cost of an episode.
    :param spread: standard deviation of it.
    """

    centre: float
    spread: float

    @classmethod
    def of(cls, costs: Sequence[float], shown: Sequence[float]) -> Scale:
        """
        Measure it.

        :param costs: what usual episodes cost.
        :param shown: what demonstrations cost: wide enough that there is something to gain all the
            way to them.
        """
        centre = float(np.mean(costs))
        return cls(centre, max(float(np.std(costs)), (centre - float(np.mean(shown))) / 3, 1e-6))

    def worth(self, cost: float) -> float:
        """
        Give what an episode of a cost earns, 0 to 1: a half for what is usual.
        """
        return float(1.0 / (1.0 + np.exp(np.clip((cost - self.centre) / self.spread, -30, 30))))


def sinkhorn(cost: np.ndarray, epsilon: float = EPSILON,
             iterations: int = ITERATIONS) -> np.ndarray:
    """
    Give the optimal transport plans between uniform measures, with entropy (Cuturi 2013).

    In logarithms, so that a small entropy does not underflow.

    :param cost: costs (..., N, M).
    :param epsilon: weight of the entropy.
    :param iterations: how often rows and columns are brought to their sums.
    :return: plans (..., N, M) that sum to 1.
    """
    rows, columns = cost.shape[-2:]
    log_kernel = -torch.as_tensor(cost, dtype=torch.float64) / epsilon
    f = torch.zeros(log_kernel.shape[:-1], dtype=torch.float64)
    for _ in range(iterations):
        g = -np.log(columns) - torch.logsumexp(log_kernel + f.unsqueeze(-1), -2)
        f = -np.log(rows) - torch.logsumexp(log_kernel + g.unsqueeze(-2), -1)
    return torch.exp(log_kernel + f.unsqueeze(-1) + g.unsqueeze(-2)).numpy()


def cosine_costs(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """
    Give 1 - cosine, the mean of that of the scenes and that of the actions.

    :param one: embeddings (N, 2 * E), each half of unit length.
    :param other: embeddings (..., M, 2 * E).
    :return: costs (..., N, M), 0 to 2.
    """
    return np.clip(1.0 - one @ np.swapaxes(other, -1, -2) / 2, 0.0, 2.0)


class Transport:
    """
    Optimal transport to the nearest demonstration (ROT, Haldar et al. 2022).

    Every tick has to go to some part of the demonstration, and every part wants its share: an
    episode that never comes to the end of the task pays for it, and one that waits pays, too. In
    which order it comes by the parts does not matter: backwards costs as much.

    :param demonstrations: their embeddings (N_i, 2 * E), at least one.
    """

    def __init__(self, demonstrations: Sequence[np.ndarray]) -> None:
        self._shown = np.stack([thinned(shown, TICKS) for shown in demonstrations])

    def costs(self, episode: np.ndarray) -> np.ndarray:
        """
        Give what it costs to carry each tick over (N,).
        """
        return self._against(episode, self._shown) * len(episode)

    def learn(self, episodes: Sequence[np.ndarray]) -> None:
        """
        Learn nothing: the demonstrations are all that there is.
        """

    def state(self) -> dict[str, Any]:
        """
        Give nothing: it is made of the demonstrations.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """
        Do nothing.
        """

    def _against(self, episode: np.ndarray, shown: np.ndarray) -> np.ndarray:
        cost = cosine_costs(episode, shown)
        paid = (sinkhorn(cost) * cost).sum(-1)
        return paid[paid.sum(-1).argmin()]


class Critic:
    """
    The alignment itself: how badly the executed actions fit the scene, 1 - cosine.
    """

    def costs(self, episode: np.ndarray) -> np.ndarray:
        """
        Give 1 - cosine at each tick (N,).
        """
        seen, done = np.split(episode, 2, axis=1)
        return 1.0 - (seen * done).sum(1)

    def learn(self, episodes: Sequence[np.ndarray]) -> None:
        """
        Learn nothing more: the alignment was learned before.
        """

    def state(self) -> dict[str, Any]:
        """
        Give nothing.
        """
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        """
        Do nothing.
        """


class Constant(Critic):
    """
    The control: every tick of every episode costs the same.
    """

    def costs(self, episode: np.ndarray) -> np.ndarray:
        """
        Give 1 at each tick (N,).
        """
        return np.ones(len(episode))


class Discriminator:
    """
    Tells demonstrations from what the policy does (GAIL, Ho and Ermon 2016): cost -log D.

    With a gradient penalty (Gulrajani et al. 2017), without which it soon knows everything and
    says nothing.

    :param demonstrations: their embeddings (N_i, 2 * E).
    :param config: width, batches and learning rate.
    """

    def __init__(self, demonstrations: Sequence[np.ndarray], config: ImproveConfig,
                 updates: int = 100) -> None:
        self._shown = torch.from_numpy(np.concatenate(demonstrations).astype(np.float32))
        self._config, self._updates = config, updates
        self._generator = torch.Generator().manual_seed(config.seed)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self._network = make_layers(self._shown.shape[1], config.width, 1)
        self._optimiser = torch.optim.Adam(self._network.parameters(), config.learning_rate)

    def costs(self, episode: np.ndarray) -> np.ndarray:
        """
        Give -log D at each tick (N,).
        """
        with torch.no_grad():
            logits = self._network(torch.from_numpy(episode.astype(np.float32)))
        return functional.softplus(-logits).squeeze(1).numpy().astype(np.float64)

    def learn(self, episodes: Sequence[np.ndarray]) -> None:
        """
        Learn to tell these episodes from the demonstrations.
        """
        own = torch.from_numpy(np.concatenate(episodes).astype(np.float32))
        for _ in range(self._updates):
            shown, done = (values[torch.randint(
                len(values), (self._config.batch_size,), generator=self._generator)]
                for values in (self._shown, own))
            part = torch.rand(len(shown), 1, generator=self._generator)
            between = (part * shown + (1 - part) * done).requires_grad_()
            slope, = torch.autograd.grad(self._network(between).sum(), between, create_graph=True)
            loss = functional.softplus(-self._network(shown)).mean() \
                + functional.softplus(self._network(done)).mean() \
                + PENALTY * (slope.norm(dim=1) - 1).square().mean()
            self._optimiser.zero_grad(set_to_none=True)
            loss.backward()
            self._optimiser.step()

    def state(self) -> dict[str, Any]:
        """
        Give the network and its optimiser.
        """
        return {'network': self._network.state_dict(),
                'optimiser': self._optimiser.state_dict(),
                'generator': self._generator.get_state()}

    def restore(self, state: dict[str, Any]) -> None:
        """
        Go on from what :meth:`state` gave.
        """
        self._network.load_state_dict(state['network'])
        self._optimiser.load_state_dict(state['optimiser'])
        self._generator.set_state(state['generator'])


def make_reward(config: ImproveConfig, demonstrations: Sequence[np.ndarray],
                name: str | None = None) -> LearnedReward | None:
    """
    Make a reward.

    :param config: the configuration.
    :param demonstrations: their embeddings (N_i, 2 * E).
    :param name: which one, None for that of the configuration.
    :return: the reward; None is the task's own.
    :raises DatasetError: if there are no demonstrations.
    """
    name = name or config.reward
    if name != TASK_REWARD and not demonstrations:
        raise DatasetError(f'the reward {name!r} from no demonstrations: expected at least 1 that '
                           'is a whole episode and did not fail')
    if name == 'transport':
        return Transport(demonstrations)
    if name == 'discriminator':
        return Discriminator(demonstrations, config)
    return {'critic': Critic, CONTROL: Constant}[name]() if name != TASK_REWARD else None


def thinned(values: np.ndarray, count: int) -> np.ndarray:
    """
    Take so many rows evenly from all of them (N, ...), some twice where there are fewer.
    """
    return values[np.linspace(0, len(values) - 1, count).round().astype(np.int64)]


def area_under_curve(better: Sequence[float], worse: Sequence[float]) -> float:
    """
    Give how often one of the better ones scores above one of the worse ones, ties half (AUC).

    :param better: scores.
    :param worse: scores.
    :return: 0 to 1, NaN where one side is empty.
    """
    if not len(better) or not len(worse):
        return float('nan')
    gap = np.asarray(better)[:, None] - np.asarray(worse)[None]
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())
