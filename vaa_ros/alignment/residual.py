# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bounded correction of a frozen policy, learned from reward.

The policy says where to go, the residual moves every action of the chunk aside by the same small
amount (Johannink et al., arXiv 1812.03201; Ankile et al., arXiv 2509.19301). It starts at zero,
so that the corrected policy begins as the policy itself, and never goes beyond its bound, so that
neither exploration nor a wrong value estimate takes the arm far from what was demonstrated.
"""
from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from vaa_ros.core.spec import ActionSpec

QUATERNION = ('qx', 'qy', 'qz', 'qw')


def make_layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """
    Make a small network of two hidden layers, with layer normalisation as in RLPD.

    :param inputs: length of the input.
    :param width: of the hidden layers.
    :param outputs: length of the output.
    :return: the network.
    """
    return nn.Sequential(
        nn.Linear(inputs, width), nn.LayerNorm(width), nn.SiLU(),
        nn.Linear(width, width), nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, outputs))


class Residual(nn.Module):
    """
    What to add to a policy's chunk.

    :param seen: length of what it decides from, see :meth:`vaa_ros.alignment.graphs.Answer.seen`.
    :param steps: steps of a chunk.
    :param elements: elements of an action.
    :param width: of the hidden layers.
    """

    def __init__(self, seen: int, steps: int, elements: int, width: int) -> None:
        super().__init__()
        self.body = make_layers(seen, width, elements)
        nn.init.zeros_(self.body[-1].weight)
        nn.init.zeros_(self.body[-1].bias)
        self.register_buffer('mean', torch.zeros(seen))
        self.register_buffer('scale', torch.ones(seen))
        self.register_buffer('bound', torch.zeros(elements))
        self.register_buffer('step', torch.zeros(steps, elements))

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor]) -> Residual:
        """
        Make one of a state dictionary.
        """
        residual = cls(len(state['mean']), *state['step'].shape, len(state['body.0.bias']))
        residual.load_state_dict(state)
        return residual

    def set_bounds(self, part: float, action_scale: torch.Tensor, action: ActionSpec) -> None:
        """
        Set how far the correction may go.

        :param part: part of how much the last action of a chunk varies in the demonstrations.
        :param action_scale: how much each varies (T, D) [rad, m, m/s or rad/s].
        :param action: what an action is; a quaternion is left alone, for adding to one turns it
            by who knows how much.
        """
        bound = part * action_scale[-1]
        free = torch.tensor([name not in QUATERNION for name in action.names])
        self.bound.copy_(bound * free)
        self.step.copy_(self.bound / action_scale)

    def set_statistics(self, seen: torch.Tensor) -> None:
        """
        Set what is usual from the demonstrations.

        :param seen: what is seen in them (N, V).
        """
        self.mean.copy_(seen.mean(0))
        self.scale.copy_(seen.std(0).clamp(min=1e-3))

    def normal(self, seen: torch.Tensor) -> torch.Tensor:
        """
        Give what the networks see (..., V): standardised, what is far out cut off.
        """
        return ((seen - self.mean) / self.scale).clamp(-5.0, 5.0)

    def act(self, seen: torch.Tensor) -> torch.Tensor:
        """
        Decide the correction, -1 to 1 of its bound, from :meth:`normal` (..., V): (..., D).
        """
        return torch.tanh(self.body(seen))

    def forward(self, seen: torch.Tensor, chunk: torch.Tensor) -> torch.Tensor:
        """
        Correct a chunk.

        :param seen: what is seen (B, V).
        :param chunk: the policy's answer, normalised (B, T, D).
        :return: the corrected one.
        """
        return chunk + self.act(self.normal(seen)).unsqueeze(1) * self.step
