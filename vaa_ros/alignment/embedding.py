# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The shared space: projections, temperature, and the losses that pull matching pairs together.
"""
from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from vaa_ros.alignment.config import LossConfig

MAX_LOG_SCALE = math.log(100.0)


class Projection(nn.Module):
    """
    Linear projection to unit length.

    :param features: length of the input.
    :param size: dimension of the shared space.
    """

    def __init__(self, features: int, size: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """
        Project features (B, F) to unit vectors (B, E).
        """
        x = self.linear(x)
        return x / x.square().sum(-1, keepdim=True).clamp_min(1e-12).sqrt()


def chunk_distances(chunk: torch.Tensor) -> torch.Tensor:
    """
    Compare all chunks of a batch: mean absolute difference of their normalised values.

    :param chunk: normalised chunks (B, T, D), padded steps holding the last real one.
    :return: distances (B, B).
    """
    flat = chunk.flatten(1)
    return torch.cdist(flat, flat, p=1.0) / flat.shape[1]


def nearness(distances: torch.Tensor, quantile: float) -> torch.Tensor:
    """
    Turn distances into how much two items count as the same, 1 on the diagonal.

    :param distances: (B, B).
    :param quantile: the in-batch quantile of distances that is the length scale.
    :return: values in (0, 1] (B, B).
    """
    count = distances.shape[0]
    others = distances[~torch.eye(count, dtype=torch.bool, device=distances.device)]
    scale = torch.quantile(others, quantile) if len(others) else distances.new_ones(())
    return torch.exp(-distances / scale.clamp_min(1e-6))


class Contrast(nn.Module):
    """
    The contrastive loss with its learned temperature (and, for the sigmoid form, bias).

    Frames next to each other in one episode go with nearly the same chunk. Punishing them as
    negatives would tear apart what belongs together, so targets are soft: as similar as the
    chunks themselves are.

    :param config: form of the loss.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.form, self.quantile = config.contrast, config.target_quantile
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)))
        self.bias = nn.Parameter(torch.tensor(-10.0 if self.form == 'sigmoid' else 0.0),
                                 requires_grad=self.form == 'sigmoid')

    def forward(self, z_vision: torch.Tensor, z_action: torch.Tensor,
                chunk: torch.Tensor) -> torch.Tensor:
        """
        Give the loss of a batch of matching pairs.

        :param z_vision: unit embeddings of scenes (B, E).
        :param z_action: unit embeddings of their chunks (B, E).
        :param chunk: the normalised chunks (B, T, D), for the targets.
        :return: scalar.
        """
        logits = z_vision @ z_action.T * self.log_scale.clamp(0.0, MAX_LOG_SCALE).exp()
        if self.form == 'infonce':
            target = torch.eye(len(logits), device=logits.device)
        else:
            target = nearness(chunk_distances(chunk.detach()), self.quantile)
        if self.form == 'sigmoid':
            loss = functional.binary_cross_entropy_with_logits(
                logits + self.bias, target, reduction='sum')
            return loss / len(logits)
        target = target / target.sum(1, keepdim=True)
        forth = -(target * logits.log_softmax(1)).sum(1).mean()
        back = -(target * logits.T.log_softmax(1)).sum(1).mean()
        return (forth + back) / 2

    @property
    def temperature(self) -> float:
        """
        Give the present temperature.
        """
        return float((-self.log_scale.detach().clamp(0.0, MAX_LOG_SCALE)).exp())
