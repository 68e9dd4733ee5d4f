# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Features to a probability density over action chunks: the Laplace head, and what all heads share.

The other heads are in :mod:`vaa_ros.alignment.mixture_decoder` and
:mod:`vaa_ros.alignment.flow_decoder`; :mod:`vaa_ros.alignment.decoders` chooses among them.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from typing import Protocol

import torch
from torch import nn

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.core.spec import PolicySpec

LOW, HIGH = -5.0, 2.0
"""Bounds of the log scale, in normal units."""

Score = Callable[[torch.Tensor], torch.Tensor]
"""Candidate chunks (B, K, T, D), normalised, to how well each fits the scene (B, K)."""


class Density(Protocol):
    """
    What every head gives: a density p(chunk | scene) over normalised chunks (B, T, D).

    A ``mask`` (B, T, D) is 1 where a chunk is real; what it hides changes nothing.
    """

    def cloning(self, chunk: torch.Tensor, mask: torch.Tensor, beta: float) -> torch.Tensor:
        """
        Give what training minimises, a scalar, averaged over the real elements.
        """

    def chunk_nll(self, chunk: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Give -log p of the real part of each chunk (B,), in nats.
        """

    def glance(self, chunk: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Give ``nll`` [nats an element] and ``l1`` [normal units] for the training log.
        """

    def deployed(self, score: Score) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Give the chunks to execute and the log of their scale, each (B, T, D).
        """


def masked_mean(values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """
    Average over what is real.

    :param values: any shape.
    :param mask: 1 where a value counts, of the same shape.
    :return: scalar.
    """
    return (values * mask).sum() / mask.sum().clamp_min(1)


def pick(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """
    Take one of several chunks for each item of a batch.

    :param values: (B, K, T, D).
    :param index: which one (B,).
    :return: (B, T, D).
    """
    index = index.view(-1, 1, 1, 1).expand(-1, 1, *values.shape[2:])
    return values.gather(1, index).squeeze(1)


def residual_layers(config: ModelConfig) -> nn.ModuleList:
    """
    Make the perceptron layers of a head, each to be added to its input.
    """
    width = config.decoder_width
    return nn.ModuleList(
        nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU(),
                      nn.Linear(width, width))
        for _ in range(config.decoder_layers))


def small_outlet(width: int, size: int) -> nn.Sequential:
    """
    Make the last layers of a head, which begin near zero.

    :param width: features in.
    :param size: numbers out.
    """
    outlet = nn.Sequential(nn.LayerNorm(width), nn.SiLU(), nn.Linear(width, size))
    nn.init.zeros_(outlet[-1].bias)
    nn.init.normal_(outlet[-1].weight, std=1e-3)
    return outlet


def bounded_log_scale(raw: torch.Tensor) -> torch.Tensor:
    """
    Squeeze any number into the bounds of the log scale, 0 to about 0.
    """
    return LOW + (HIGH - LOW) * torch.sigmoid(raw + 0.9)


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
        Give the beta-NLL of each element (Seitzer et al. 2022): -log p, weighted by scale^beta.

        With the plain likelihood (beta 0) a large scale explains errors away and the mean stops
        learning there; with beta 1 every element of the mean gets the gradient of its L1 error.
        """
        return self.nll(chunk) * torch.exp(beta * self.log_scale.detach())

    def cloning(self, chunk: torch.Tensor, mask: torch.Tensor, beta: float) -> torch.Tensor:
        """
        Give the beta-NLL, averaged over the real elements.
        """
        return masked_mean(self.cloning_loss(chunk, beta), mask)

    def chunk_nll(self, chunk: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Give -log p of the real part of each chunk (B,), in nats; exact.
        """
        return (self.nll(chunk) * mask).sum((1, 2))

    def glance(self, chunk: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Give ``nll`` and ``l1`` of the whole batch.
        """
        return {'nll': masked_mean(self.nll(chunk), mask),
                'l1': masked_mean((self.mean - chunk).abs(), mask)}

    def deployed(self, score: Score) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Give the most likely chunks and the log of their scale; there is nothing to choose.
        """
        return self.mean, self.log_scale


class ActionDecoder(nn.Module):
    """
    Residual perceptron from fused features to one Laplace density.

    :param spec: the policy whose actions these are.
    :param config: sizes.
    """

    def __init__(self, spec: PolicySpec, config: ModelConfig) -> None:
        super().__init__()
        self.shape = (spec.chunk_length, len(spec.action.names))
        self.layers = residual_layers(config)
        self.outlet = small_outlet(config.decoder_width, 2 * self.shape[0] * self.shape[1])

    def forward(self, features: torch.Tensor) -> ChunkDensity:
        """
        Decode fused features (B, decoder_width) to a density over normalised chunks.
        """
        for layer in self.layers:
            features = features + layer(features)
        mean, raw = self.outlet(features).view(-1, 2, *self.shape).unbind(1)
        return ChunkDensity(mean, bounded_log_scale(raw))
