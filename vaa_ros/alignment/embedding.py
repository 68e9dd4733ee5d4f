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
from vaa_ros.alignment.ranks import whole

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


def length_scale(distances: torch.Tensor, quantile: float) -> torch.Tensor:
    """
    Give the distance that is near: a quantile of those between different items of the batch.

    :param distances: (B, B).
    :param quantile: which.
    :return: scalar, above 0.
    """
    others = distances[~torch.eye(len(distances), dtype=torch.bool, device=distances.device)]
    scale = torch.quantile(others, quantile) if len(others) else distances.new_ones(())
    return scale.clamp_min(1e-6)


def targets_of(distances: torch.Tensor, kind: str, quantile: float) -> torch.Tensor:
    """
    Turn distances into how much two items count as the same, 1 on the diagonal.

    :param distances: (B, B).
    :param kind: ``one_hot``; ``near``, 1 up to the length scale and 0 beyond it (several
        positives, as in Khosla et al. 2020, where a label tells which); or ``soft``, falling
        exponentially.
    :param quantile: the in-batch quantile of distances that is the length scale.
    :return: values of 0 to 1 (B, B).
    """
    own = torch.eye(len(distances), device=distances.device)
    if kind == 'one_hot':
        return own
    if kind == 'near':
        return own.maximum((distances <= length_scale(distances, quantile)).to(own))
    return torch.exp(-distances / length_scale(distances, quantile))


def episode_weights(episode: torch.Tensor, stamp: torch.Tensor, horizon_ns: int,
                    hard: float) -> torch.Tensor:
    """
    Tell how much each pair of a batch counts as a negative, from where its frames come from.

    As in time-contrastive learning (Sermanet et al. 2018, there with a margin in time): moments
    of one episode whose chunks overlap say too much of the same to be told apart, later ones show
    the same scene with another thing to do, which is the hardest to tell apart.

    :param episode: episode of each frame (B,).
    :param stamp: stamps (B,) int64 [ns].
    :param horizon_ns: frames of one episode at least this far apart share no step [ns].
    :param hard: what these count.
    :return: 0 for frames of one episode within the horizon, ``hard`` beyond it, 1 for frames of
        different episodes and on the diagonal (B, B).
    """
    same = episode[:, None] == episode[None, :]
    apart = (stamp[:, None] - stamp[None, :]).abs() >= horizon_ns
    weight = torch.where(same, torch.where(apart, hard, 0.0), 1.0)
    return weight.fill_diagonal_(1.0)


def softmax_contrast(logits: torch.Tensor, target: torch.Tensor,
                     weight: torch.Tensor | None = None) -> torch.Tensor:
    """
    Give symmetric InfoNCE (van den Oord et al. 2018; both ways as CLIP, Radford et al. 2021).

    Each row is a choice among the batch. With a one-hot target it is the plain form; otherwise
    its rows are normalised here and near-duplicates are right answers too: just as much (several
    positives, Khosla et al. 2020) or in part (soft InfoNCE of CLASS, Lee et al. 2025).

    :param logits: cosines over temperature (B, B).
    :param target: how much each pair belongs together, symmetric (B, B).
    :param weight: how often each pair stands in the choice, symmetric, see
        :func:`episode_weights`; pairs with 0 are no answer either. None is 1 for all.
    :return: scalar.
    """
    if weight is None:
        forth, back = logits.log_softmax(1), logits.T.log_softmax(1)
    else:
        target = target * (weight > 0)
        often = weight.log()
        forth = logits - (logits + often).logsumexp(1, keepdim=True)
        back = logits.T - (logits.T + often).logsumexp(1, keepdim=True)
    target = target / target.sum(1, keepdim=True)
    return (-(target * forth).sum(1).mean() + -(target * back).sum(1).mean()) / 2


def sigmoid_contrast(logits: torch.Tensor, target: torch.Tensor,
                     weight: torch.Tensor | None = None) -> torch.Tensor:
    """
    Give the pairwise sigmoid loss (SigLIP, Zhai et al. 2023): each pair is a yes or no.

    With a one-hot target it is the published one.

    :param logits: cosines over temperature, plus a bias (B, B).
    :param target: how much each pair belongs together (B, B).
    :param weight: how much each pair counts, see :func:`episode_weights`; None is 1 for all.
    :return: scalar: the sum over pairs, divided by the size of the batch.
    """
    loss = functional.binary_cross_entropy_with_logits(logits, target, weight, reduction='sum')
    return loss / len(logits)


class Contrast(nn.Module):
    """
    The contrastive loss with its learned temperature (and, for the sigmoid form, bias).

    Frames next to each other in one episode go with nearly the same chunk. Punishing them as
    negatives would tear apart what belongs together, so by default targets are soft: as similar
    as the chunks themselves are.

    :param config: form of the loss.
    """

    def __init__(self, config: LossConfig) -> None:
        super().__init__()
        self.form, self.targets = config.contrast, config.chosen_targets
        self.quantile = config.target_quantile
        self.log_scale = nn.Parameter(torch.tensor(-math.log(config.temperature)),
                                      requires_grad=config.learn_temperature)
        self.bias = nn.Parameter(torch.tensor(-10.0 if self.form == 'sigmoid' else 0.0),
                                 requires_grad=self.form == 'sigmoid')

    def forward(self, z_vision: torch.Tensor, z_action: torch.Tensor, chunk: torch.Tensor,
                weight: torch.Tensor | None = None) -> torch.Tensor:
        """
        Give the loss of a batch of matching pairs, of all processes that share it together.

        :param z_vision: unit embeddings of scenes (B, E).
        :param z_action: unit embeddings of their chunks (B, E).
        :param chunk: the normalised chunks (B, T, D), for the targets.
        :param weight: how much each pair of the whole batch counts, or None for all alike.
        :return: scalar.
        """
        z_vision, z_action, chunk = whole(z_vision), whole(z_action), whole(chunk)
        logits = z_vision @ z_action.T * self.log_scale.clamp(0.0, MAX_LOG_SCALE).exp()
        target = targets_of(chunk_distances(chunk.detach()), self.targets, self.quantile)
        if self.form == 'sigmoid':
            return sigmoid_contrast(logits + self.bias, target, weight)
        return softmax_contrast(logits, target, weight)

    @torch.no_grad()
    def bound_temperature(self) -> None:
        """
        Bring the temperature back to 0.01 to 1, after a step of the optimiser, as CLIP does.

        Beyond its bounds it has no gradient, and would never come back.
        """
        self.log_scale.clamp_(0.0, MAX_LOG_SCALE)

    @property
    def temperature(self) -> float:
        """
        Give the present temperature.
        """
        return float((-self.log_scale.detach().clamp(0.0, MAX_LOG_SCALE)).exp())
