# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures to features: what is in the scene, and where.

The layout is made for two CPU cores: the stem leaves full resolution at once, and the dense 3x3
convolutions after it run close to the peak of the machine in channels-last memory.
"""
from __future__ import annotations

import torch
from torch import nn

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.hub_encoder import FAMILIES
from vaa_ros.alignment.hub_encoder import HubEncoder
from vaa_ros.alignment.keypoints import Keypoints
from vaa_ros.alignment.text_encoder import Steering
from vaa_ros.core.errors import unknown_name

GROUPS = 8
EPSILON = 1e-3
"""Added to variances: where a picture is all one colour, nothing may blow rounding errors up."""


class ResidualBlock(nn.Module):
    """
    Two 3x3 convolutions around a shortcut.

    :param width: channels in and out.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.GroupNorm(GROUPS, width, EPSILON),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.GroupNorm(GROUPS, width, EPSILON),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """
        Refine a feature map (B, C, H, W).
        """
        return torch.relu(x + self.body(x))


def stage(before: int, width: int, blocks: int, kernel: int, stride: int) -> nn.Sequential:
    """
    Make a downsampling convolution with residual blocks after it.

    :param before: channels in.
    :param width: channels out.
    :param blocks: residual blocks.
    :param kernel: size of the downsampling kernel.
    :param stride: downsampling factor.
    :return: the stage.
    """
    return nn.Sequential(
        nn.Conv2d(before, width, kernel, stride, (kernel - stride + 1) // 2, bias=False),
        nn.GroupNorm(GROUPS, width, EPSILON), nn.ReLU(inplace=True),
        *(ResidualBlock(width) for _ in range(blocks)),
    )


class ConvEncoder(nn.Module):
    """
    A small residual network with keypoints: the encoder of the small configuration.

    :param config: sizes.
    :param text: length of the instruction's features, 0 where there are none.
    """

    half = False
    """Whether the maps are computed in bfloat16, in training; what follows is small."""

    def __init__(self, config: ModelConfig, text: int = 0) -> None:
        super().__init__()
        widths, blocks = config.widths, config.blocks
        self.stages = nn.ModuleList([stage(3, widths[0], blocks[0], kernel=6, stride=4)])
        for before, width, count in zip(widths, widths[1:], blocks[1:], strict=False):
            self.stages.append(stage(before, width, count, kernel=3, stride=2))
        self.where = Keypoints(widths[0], widths[1] if len(widths) > 1 else None,
                               config.keypoints)
        self.features = nn.Sequential(
            nn.Linear(2 * config.keypoints + widths[-1], config.vision_features),
            nn.LayerNorm(config.vision_features), nn.SiLU(),
        )
        self.steering = nn.ModuleList(Steering(text, width) for width in widths if text)

    def forward(self, picture: torch.Tensor, shift: torch.Tensor | None = None,
                text: torch.Tensor | None = None) -> torch.Tensor:
        """
        Encode pictures.

        :param picture: (B, 3, H, W) float, about -1 to 1.
        :param shift: how far the crop lies from the centre (B, 2), in half crop sides (x, y);
            keypoints are given in the frame of the camera, not of the crop. None is the centre.
        :param text: features of what is asked for (B, text), which steer what is looked for.
        :return: features (B, vision_features).
        """
        maps = [picture]
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=self.half):
            for place, layer in enumerate(self.stages):
                found = layer(maps[-1])
                maps.append(found if text is None else self.steering[place](found, text))
        maps = [found.float() for found in maps]
        points = self.where(*maps[1:3])
        if shift is not None:
            points = points + shift.repeat(1, points.shape[1] // 2)
        return self.features(torch.cat((points, maps[-1].mean((2, 3))), dim=1))


ENCODERS = {'conv': ConvEncoder, **dict.fromkeys(FAMILIES, HubEncoder)}


def make_vision_encoder(config: ModelConfig, text: int = 0) -> nn.Module:
    """
    Make the vision encoder that a configuration names.

    :param config: sizes and kind.
    :param text: length of the instruction's features, 0 where there are none.
    :return: the encoder of one camera.
    :raises ConfigError: if there is no such encoder.
    """
    if config.vision not in ENCODERS:
        raise unknown_name('vision encoder', config.vision, ENCODERS)
    return ENCODERS[config.vision](config, text)
