# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Features to a probability density over action chunks.
"""
from __future__ import annotations

from dataclasses import dataclass
import math

import torch
from torch import nn

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.core.spec import PolicySpec

LOW, HIGH = -5.0, 2.0
"""Bounds of the log scale, in normal units."""


@dataclass(frozen=True, eq=False)
class ChunkDensity:
    """
    An independent Laplace density for each step and element of a chunk.

    :param mean: location, the most likely chunk (B, T, D).
    :param log_scale: log of the scale b (B, T, D).
    """

    mean: torch.Tensor
    log_scale: torch.Tensor

    def nll(self, chunk: torch.Tensor) -> torch.Tensor:
        """
        Give -log p of each element of chunks (B, T, D), in nats; a true density.
        """
        error = (chunk - self.mean).abs()
        return math.log(2.0) + self.log_scale + error * torch.exp(-self.log_scale)

    def cloning_loss(self, chunk: torch.Tensor, beta: float) -> torch.Tensor:
        """
        Give the beta-NLL of each element: the likelihood, weighted by scale^beta.

        With the plain likelihood (beta 0) a large scale explains errors away and the mean stops
        learning there; with beta 1 every element of the mean gets the gradient of its L1 error.
        """
        return self.nll(chunk) * torch.exp(beta * self.log_scale.detach())


class ActionDecoder(nn.Module):
    """
    Residual perceptron from fused features to a chunk density.

    :param spec: the policy whose actions these are.
    :param config: sizes.
    """

    def __init__(self, spec: PolicySpec, config: ModelConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.shape = (spec.chunk_length, len(spec.action.names))
        self.layers = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(),
                          nn.Linear(width, width))
            for _ in range(config.decoder_layers))
        self.outlet = nn.Sequential(
            nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, 2 * self.shape[0] * self.shape[1]))
        nn.init.zeros_(self.outlet[-1].bias)
        nn.init.normal_(self.outlet[-1].weight, std=1e-3)

    def forward(self, features: torch.Tensor) -> ChunkDensity:
        """
        Decode fused features (B, decoder_width) to a density over normalised chunks.
        """
        for layer in self.layers:
            features = features + layer(features)
        mean, raw = self.outlet(features).view(-1, 2, *self.shape).unbind(1)
        return ChunkDensity(mean, LOW + (HIGH - LOW) * torch.sigmoid(raw + 0.9))
