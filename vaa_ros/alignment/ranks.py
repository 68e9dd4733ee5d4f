# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One batch over several processes, so that they learn what one process would learn from it.

Each process (a rank of ``torch.distributed``) has the rows of its share; the shares are of one
size and in the order of the ranks. Gradients are averaged over the ranks, so a loss must be
formed such that its mean over the ranks is the loss of the whole batch. Without a process group
there is one rank and everything here does nothing.
"""
from __future__ import annotations

from collections.abc import Callable

import torch
from torch import distributed
from torch import nn


def place() -> tuple[int, int]:
    """
    Give the rank of this process, and how many there are.
    """
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_rank(), distributed.get_world_size()
    return 0, 1


def whole(rows: torch.Tensor) -> torch.Tensor:
    """
    Join the rows of all ranks; gradients find their way back to each.

    :param rows: the rows of this rank (b, ...), as many as on every other.
    :return: those of all (B, ...).
    """
    if place()[1] == 1:
        return rows
    from torch.distributed.nn.functional import all_gather
    return torch.cat(all_gather(rows.contiguous()))


def total(values: torch.Tensor) -> torch.Tensor:
    """
    Add values up over the ranks, without gradient.
    """
    if place()[1] > 1:
        values = values.detach().clone()
        distributed.all_reduce(values)
    return values


def share_of_mean(mask: torch.Tensor) -> torch.Tensor | float:
    """
    Tell what a mean over the real elements of this rank counts in that of the whole batch.

    :param mask: 1 where an element of this rank is real.
    :return: the factor with which the mean over the ranks is the mean over all real elements.
    """
    count = place()[1]
    if count == 1:
        return 1.0
    real = mask.sum()
    return count * real / total(real).clamp_min(1)


def draw(sample: Callable[[int], torch.Tensor], rows: int) -> torch.Tensor:
    """
    Draw for the whole batch and take the rows of this rank.

    All ranks begin with one seed and draw alike, so the draw of a row does not depend on how many
    processes share the batch.

    :param sample: gives chance values for a number of rows.
    :param rows: rows of this rank.
    :return: their values (b, ...).
    """
    rank, count = place()
    return sample(rows * count)[rank * rows:(rank + 1) * rows]


class WholeBatchNorm(nn.BatchNorm2d):
    """
    Batch normalisation by the statistics of the whole batch; torch's own does that on GPUs alone.
    """

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """
        Normalise maps (b, C, H, W).
        """
        count = place()[1]
        if not self.training or count == 1:
            return super().forward(x)
        maps = x.float()
        mean = whole(maps.mean((0, 2, 3))[None]).mean(0)
        maps = maps - mean[:, None, None]
        variance = whole(maps.square().mean((0, 2, 3))[None]).mean(0)
        with torch.no_grad():
            values = count * x.numel() / x.shape[1]
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * values / max(values - 1, 1), self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt()
        return (maps * scale[:, None, None] + self.bias[:, None, None]).to(x.dtype)
