# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The learner: TD3 on a residual, made sample-efficient as in RLPD and REDQ.

Off-policy with many updates a step, demonstrations in every batch, layer normalisation, an
ensemble of critics of which a target takes the lower of two (Fujimoto et al. 2018, Ball et al.
2023, Chen et al. 2021). It sees cached features only: no convolution runs in an update.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vaa_ros.alignment.residual import Residual
from vaa_ros.learning.improve_config import ImproveConfig

SMOOTHING = 0.1
"""Standard deviation of the noise on the actions of a target, as part of the bound."""


@dataclass(frozen=True, eq=False)
class Transitions:
    """
    Transitions over several ticks.

    :param seen: what was seen, standardised (B, V).
    :param action: the residual, -1 to 1 of its bound (B, D).
    :param reward: discounted sum until the next (B,).
    :param later: what was seen then (B, V).
    :param discount: what the value then is worth now, 0 where the episode had ended (B,).
    """

    seen: torch.Tensor
    action: torch.Tensor
    reward: torch.Tensor
    later: torch.Tensor
    discount: torch.Tensor


class Critics(nn.Module):
    """
    Several value estimates at once: batched matrix products, not a loop.

    :param inputs: length of what is seen and of the action together.
    :param width: of the hidden layers.
    :param count: of the estimates.
    """

    def __init__(self, inputs: int, width: int, count: int) -> None:
        super().__init__()
        sizes = (inputs, width, width, 1)
        self.weight = nn.ParameterList(
            nn.Parameter((torch.rand(count, size, following) * 2 - 1) / size ** 0.5)
            for size, following in zip(sizes[:-1], sizes[1:], strict=True))
        self.bias = nn.ParameterList(nn.Parameter(torch.zeros(count, 1, size))
                                     for size in sizes[1:])

    def forward(self, seen: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
        """
        Estimate the values (count, B) of actions (B, D) where (B, V) is seen.
        """
        first = self.weight[0]
        hidden = torch.cat([seen, action], dim=1).expand(len(first), -1, -1)
        for layer, (weight, bias) in enumerate(zip(self.weight, self.bias, strict=True)):
            hidden = torch.baddbmm(bias, hidden, weight)
            if layer < 2:
                hidden = functional.silu(functional.layer_norm(hidden, hidden.shape[-1:]))
        return hidden.squeeze(-1)


class Learner:
    """
    Learns a residual from transitions.

    :param residual: where it starts; it becomes the averaged actor, which acts and is exported.
    :param config: how it learns.
    """

    def __init__(self, residual: Residual, config: ImproveConfig) -> None:
        self.config = config
        self.residual = residual.requires_grad_(False)
        self.actor = copy.deepcopy(residual).requires_grad_(True)
        seen, actions = len(residual.mean), len(residual.bound)
        self.critics = Critics(seen + actions, config.width, config.critics)
        self.averaged = copy.deepcopy(self.critics).requires_grad_(False)
        self.actor_optimiser = torch.optim.Adam(self.actor.parameters(), config.learning_rate)
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), config.learning_rate)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.updates = 0

    def update(self, batch: Transitions) -> dict[str, float]:
        """
        Learn from a batch: the critics always, the actor now and then.

        :param batch: transitions.
        :return: figures of the update.
        """
        values = self.critics(batch.seen, batch.action)
        error = functional.mse_loss(values, self.target(batch).expand_as(values))
        self.critic_optimiser.zero_grad(set_to_none=True)
        error.backward()
        self.critic_optimiser.step()
        self.updates += 1
        figures = {'critic': error.item(), 'value': values.mean().item()}
        if self.updates > self.config.actor_after and self.updates % self.config.actor_delay == 0:
            figures |= self._improve(batch)
        rate = self.config.target_rate
        with torch.no_grad():
            for kept, new in ((self.averaged, self.critics), (self.residual, self.actor)):
                for ours, theirs in zip(kept.parameters(), new.parameters(), strict=True):
                    ours.lerp_(theirs, rate)
        return figures

    @torch.no_grad()
    def target(self, batch: Transitions) -> torch.Tensor:
        """
        Give what the values should be (B,): the reward, and the lower of two estimates then.
        """
        action = self.residual.act(batch.later)
        noise = torch.randn(action.shape, generator=self.generator) * SMOOTHING
        action = (action + noise.clamp(-2 * SMOOTHING, 2 * SMOOTHING)).clamp(-1, 1)
        two = torch.randperm(self.config.critics, generator=self.generator)[:2]
        later = self.averaged(batch.later, action)[two].amin(0)
        return batch.reward + batch.discount * later

    def _improve(self, batch: Transitions) -> dict[str, float]:
        action = self.actor.act(batch.seen)
        self.critics.requires_grad_(False)
        value = self.critics(batch.seen, action).mean()
        self.critics.requires_grad_(True)
        size = action.square().mean()
        self.actor_optimiser.zero_grad(set_to_none=True)
        (self.config.shrink * size - value).backward()
        self.actor_optimiser.step()
        return {'residual': size.detach().sqrt().item()}

    def state(self) -> dict[str, Any]:
        """
        Give everything to go on from.
        """
        return {'residual': self.residual.state_dict(), 'actor': self.actor.state_dict(),
                'critics': self.critics.state_dict(), 'averaged': self.averaged.state_dict(),
                'actor_optimiser': self.actor_optimiser.state_dict(),
                'critic_optimiser': self.critic_optimiser.state_dict(),
                'generator': self.generator.get_state(), 'updates': self.updates}

    def restore(self, state: dict[str, Any]) -> None:
        """
        Go on from what :meth:`state` gave.
        """
        for name in ('residual', 'actor', 'critics', 'averaged', 'actor_optimiser',
                     'critic_optimiser'):
            getattr(self, name).load_state_dict(state[name])
        self.generator.set_state(state['generator'])
        self.updates = state['updates']
