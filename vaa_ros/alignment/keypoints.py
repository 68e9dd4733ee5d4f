# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where in a picture the things are that matter: spatial softmax (Finn et al. 2016).
"""
from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional


class Keypoints(nn.Module):
    """
    Where in the picture each learned thing is: expected coordinates under a softmax.

    The fine map says where exactly, the coarse one, which sees more around each place, says
    which of several candidates is meant; their scores add up.

    :param fine: channels of the fine map.
    :param coarse: channels of the coarse map, or None where there is none.
    :param count: points to find.
    """

    def __init__(self, fine: int, coarse: int | None, count: int) -> None:
        super().__init__()
        self.score = nn.Conv2d(fine, count, 1)
        self.context = None if coarse is None else nn.Conv2d(coarse, count, 1)

    def forward(self, fine: torch.Tensor, coarse: torch.Tensor | None = None) -> torch.Tensor:
        """
        Find the points.

        :param fine: feature map (B, C, H, W).
        :param coarse: feature map of the same picture at lower resolution.
        :return: their coordinates (B, 2 * count), x and y in turn, -1 to 1 across the map.
        """
        score = self.score(fine)
        if self.context is not None:
            score = score + functional.interpolate(
                self.context(coarse), size=fine.shape[-2:], mode='bilinear')
        rows, columns = fine.shape[-2:]
        y, x = torch.meshgrid(
            torch.linspace(-1, 1, rows, device=fine.device, dtype=fine.dtype),
            torch.linspace(-1, 1, columns, device=fine.device, dtype=fine.dtype), indexing='ij')
        grid = torch.stack((x.flatten(), y.flatten()), dim=1)
        return (score.flatten(2).softmax(-1) @ grid).flatten(1)
