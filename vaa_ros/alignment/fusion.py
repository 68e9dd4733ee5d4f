# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the arm feels, and how it joins what it sees.
"""
from __future__ import annotations

import torch
from torch import nn

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.ranks import draw


class ProprioEncoder(nn.Module):
    """
    Normalised joint state to features; training sometimes hides the whole state.

    A policy that always has its joints learns where the arm was in the demonstrations instead of
    looking; hiding them now and then keeps it looking.

    :param size: joints.
    :param config: sizes.
    """

    def __init__(self, size: int, config: ModelConfig) -> None:
        super().__init__()
        width = config.proprio_features
        self.dropout = config.state_dropout
        # Without dropout nothing reads it.
        self.hidden = nn.Parameter(torch.zeros(size), requires_grad=self.dropout > 0)
        self.body = nn.Sequential(nn.Linear(size, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, state: torch.Tensor) -> torch.Tensor:
        """
        Encode normalised states (B, S) to features (B, proprio_features).
        """
        if self.training and self.dropout > 0:
            chance = draw(lambda rows: torch.rand(rows, 1, device=state.device), len(state))
            seen = (chance >= self.dropout).to(state)
            state = state * seen + self.hidden * (1 - seen)
        return self.body(state)


class Fusion(nn.Module):
    """
    Joins vision, proprioception and the scene's embedding into one vector.

    :param sizes: length of each part.
    :param config: sizes.
    """

    def __init__(self, sizes: list[int], config: ModelConfig) -> None:
        super().__init__()
        self.mix = nn.Linear(sum(sizes), config.decoder_width)

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        """
        Join parts (B, F_i) to (B, decoder_width).
        """
        return self.mix(torch.cat(parts, dim=1))
