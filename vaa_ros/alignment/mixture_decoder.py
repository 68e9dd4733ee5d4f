# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A mixture density over whole action chunks, so that two ways of doing a thing stay two.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vaa_ros.alignment.action_decoder import bounded_log_scale
from vaa_ros.alignment.action_decoder import ChunkDensity
from vaa_ros.alignment.action_decoder import masked_mean
from vaa_ros.alignment.action_decoder import pick
from vaa_ros.alignment.action_decoder import residual_layers
from vaa_ros.alignment.action_decoder import Score
from vaa_ros.alignment.action_decoder import small_outlet
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.core.spec import PolicySpec


@dataclass(frozen=True, eq=False)
class MixtureDensity:
    """
    A mixture of K chunk densities (mixture density network, Bishop 1994).

    One weight belongs to a whole chunk, not to a step: a component is a trajectory, and the left
    half of one way is never joined to the right half of another.

    :param log_weight: log of the weights (B, K); the weights sum to one.
    :param mean: locations of the components (B, K, T, D).
    :param log_scale: log of their Laplace scales (B, K, T, D).
    """

    log_weight: torch.Tensor
    mean: torch.Tensor
    log_scale: torch.Tensor

    def components(self) -> ChunkDensity:
        """
        Give the components, with an axis of them after that of the batch.
        """
        return ChunkDensity(self.mean, self.log_scale)

    def log_joint(self, chunk: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Give log weight + log p of the real part of each chunk under each component (B, K).
        """
        each = self.components().nll(chunk.unsqueeze(1)) * mask.unsqueeze(1)
        return self.log_weight - each.sum((2, 3))

    def chunk_nll(self, chunk: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """
        Give -log p of the real part of each chunk (B,), in nats; exact.
        """
        return -self.log_joint(chunk, mask).logsumexp(1)

    def cloning(self, chunk: torch.Tensor, mask: torch.Tensor, beta: float) -> torch.Tensor:
        """
        Give the loss, averaged over the real elements.

        It is the variational free energy of EM (Neal and Hinton 1998) with each component's
        posterior share r held fixed: sum_k r_k (cost_k - log weight_k + log r_k). With beta 0
        its value is -log p and its gradient that of -log p; with a larger beta each component's
        cost is the beta-NLL, so that scales do not starve its mean.
        """
        with torch.no_grad():
            log_share = self.log_joint(chunk, mask).log_softmax(1)
        cost = self.components().cloning_loss(chunk.unsqueeze(1), beta) * mask.unsqueeze(1)
        free = log_share.exp() * (cost.sum((2, 3)) - self.log_weight + log_share)
        return free.sum() / mask.sum().clamp_min(1)

    def glance(self, chunk: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Give ``nll``, and ``l1`` of the most likely component, of the whole batch.
        """
        error = (pick(self.mean, self.log_weight.argmax(1)) - chunk).abs()
        return {'nll': self.chunk_nll(chunk, mask).sum() / mask.sum().clamp_min(1),
                'l1': masked_mean(error, mask)}

    def deployed(self, score: Score) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Give the mean and log scale of the most likely component; ``score`` has no say.
        """
        best = self.log_weight.argmax(1)
        return pick(self.mean, best), pick(self.log_scale, best)


class MixtureDecoder(nn.Module):
    """
    Residual perceptron from fused features to a mixture of ``components`` chunk densities.

    All components begin alike; the ways in the demonstrations pull them apart.

    :param spec: the policy whose actions these are.
    :param config: sizes.
    """

    def __init__(self, spec: PolicySpec, config: ModelConfig) -> None:
        super().__init__()
        steps, elements = spec.chunk_length, len(spec.action.names)
        self.shape = (config.components, 2, steps, elements)
        self.layers = residual_layers(config)
        self.outlet = small_outlet(
            config.decoder_width, config.components * 2 * steps * elements)
        self.weigh = small_outlet(config.decoder_width, config.components)

    def forward(self, features: torch.Tensor) -> MixtureDensity:
        """
        Decode fused features (B, decoder_width) to a density over normalised chunks.
        """
        for layer in self.layers:
            features = features + layer(features)
        mean, raw = self.outlet(features).view(-1, *self.shape).unbind(2)
        return MixtureDensity(
            self.weigh(features).log_softmax(1), mean, bounded_log_scale(raw))
