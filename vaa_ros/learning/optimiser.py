# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What learns, and how fast.
"""
from __future__ import annotations

import math
from typing import Any

import torch

from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.learning.config import TrainConfig


def learning_rate(part: float, config: TrainConfig) -> float:
    """
    Give the learning rate at a part (0 to 1) of the training: warm-up, then cosine.
    """
    settings = config.optimiser
    if part < settings.warmup:
        return settings.learning_rate * max(part / settings.warmup, 0.02)
    turn = (min(part, 1.0) - settings.warmup) / (1 - settings.warmup)
    cosine = (1 + math.cos(math.pi * turn)) / 2
    return settings.learning_rate * (settings.final + (1 - settings.final) * cosine)


@torch.no_grad()
def average(averaged: AlignedPolicy, policy: AlignedPolicy, step: int, most: float) -> None:
    """
    Move the running average of the weights towards those of now; short at first.

    :param averaged: the average, changed in place.
    :param policy: the policy that learns.
    :param step: batches learned from.
    :param most: largest decay.
    """
    decay = min(most, (1 + step) / (10 + step))
    torch._foreach_lerp_(list(averaged.parameters()), list(policy.parameters()), 1 - decay)
    # Running statistics of batch norms are averages already.
    for ours, theirs in zip(averaged.buffers(), policy.buffers(), strict=True):
        ours.copy_(theirs)


def parameter_groups(policy: AlignedPolicy, config: TrainConfig) -> list[dict[str, Any]]:
    """
    Sort what learns: with decay and without, and a fine-tuned vision encoder by itself.

    No decay on norms, biases and the temperature.

    :param policy: the policy.
    :param config: the configuration.
    :return: groups for the optimiser; ``scale`` is a factor on the learning rate.
    """
    slow: set[int] = set()
    if config.model.train_vision == 'fine_tune':
        slow = {id(p) for eye in policy.eyes.values() for p in eye.body.parameters()}
    groups = []
    for chosen, scale in ((slow, config.optimiser.vision_rate), (None, 1.0)):
        found = [p for p in policy.parameters() if p.requires_grad
                 and (id(p) in slow) == (chosen is not None)]
        for decay, part in ((config.optimiser.weight_decay, [p for p in found if p.ndim > 1]),
                            (0.0, [p for p in found if p.ndim <= 1])):
            if part:
                groups.append({'params': part, 'weight_decay': decay, 'scale': scale})
    return groups
