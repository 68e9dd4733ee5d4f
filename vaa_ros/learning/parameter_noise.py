# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Exploration by other weights for a whole episode: parameter-space noise.

Plappert et al., arXiv 1706.01905. What explores is again a residual: it can be exported, needs
nothing new in whatever runs it, and stays within the bound whatever its weights are.
"""
from __future__ import annotations

import copy

import torch
from torch import nn
from torch.func import functional_call

from vaa_ros.alignment.residual import Residual

SMALLEST, LARGEST = 1e-4, 1e3
"""Standard deviations of the weights between which the wanted one is looked for."""
HALVINGS = 30


@torch.no_grad()
def perturbed(residual: Residual, seen: torch.Tensor, noise: float,
              generator: torch.Generator) -> Residual:
    """
    Move the weights at random, so far that what is done changes by as much as is wanted.

    Layer normalisation stays as it is, as in the paper: its scales are no directions to explore.

    :param residual: what is explored around; it stays as it is.
    :param seen: states to measure the change at, standardised (N, V).
    :param noise: root mean square of the change over these states and the elements that may be
        moved, as part of the bound.
    :param generator: decides the direction.
    :return: another residual.
    """
    moved = copy.deepcopy(residual)
    body, free = moved.body, residual.bound > 0
    weights = {f'{place}.{name}': value for place, layer in body.named_children()
               if isinstance(layer, nn.Linear) for name, value in layer.named_parameters()}
    direction = {name: torch.randn(value.shape, generator=generator)
                 for name, value in weights.items()}
    before = residual.act(seen)

    def at(scale: float) -> dict[str, torch.Tensor]:
        return {name: value + scale * direction[name] for name, value in weights.items()}

    def change(scale: float) -> float:
        after = torch.tanh(functional_call(body, at(scale), (seen,)))
        return float((after - before)[:, free].square().mean().sqrt())

    low, high = 0.0, SMALLEST
    while noise and change(high) < noise and high < LARGEST:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if change(middle) >= noise else (middle, high)
    for name, value in at(high if noise else 0.0).items():
        weights[name].copy_(value)
    return moved
