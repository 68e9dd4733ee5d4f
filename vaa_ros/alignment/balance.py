# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How heavy the contrastive term is against cloning, measured instead of guessed.
"""
from __future__ import annotations

import torch
from torch import nn

from vaa_ros.alignment.ranks import total

DECAY = 0.99
"""Of the running average of the weight."""
HEAVIEST = 100.0
"""Largest weight, for where the contrast has nothing left to say."""


class GradientBalance(nn.Module):
    """
    Weighs the contrastive term so that it pulls ``ratio`` times as hard as cloning.

    After GradNorm (Chen et al. 2018), which compares the gradients of the terms at the weights
    that they share; here they are compared at the shared features, and the weight follows in
    closed form, as in Esser et al. 2021. Weighing by uncertainty (Kendall et al. 2018) is no
    choice here: the cloning term is the logarithm of a density and may be negative, and then that
    loss has no minimum.

    :param ratio: wanted ratio of the norms of the two gradients.
    """

    def __init__(self, ratio: float) -> None:
        super().__init__()
        self.ratio = ratio
        self.register_buffer('weight', torch.tensor(float(ratio)))
        self.register_buffer('seen', torch.tensor(0.0))

    def forward(self, cloning: torch.Tensor, align: torch.Tensor,
                shared: torch.Tensor) -> torch.Tensor:
        """
        Give the weight of the contrastive term, without gradient.

        In training it is measured on this batch and averaged over batches; otherwise it is what
        it was.

        :param cloning: the cloning term, scalar.
        :param align: the contrastive term, scalar.
        :param shared: what both were computed from (B, F).
        :return: scalar.
        """
        if self.training and torch.is_grad_enabled():
            pulls = [torch.autograd.grad(loss, shared, retain_graph=True)[0].square().sum()
                     for loss in (cloning, align)]
            ours, theirs = total(torch.stack(pulls)).sqrt()
            found = (self.ratio * ours / theirs.clamp_min(1e-12)).clamp_max(HEAVIEST)
            self.seen += 1
            self.weight.lerp_(found, max(1 - DECAY, 1 / float(self.seen)))
        return self.weight.clone()
