# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Vision encoders of Hugging Face transformers: ResNet, ViT, CLIP's and DINOv2's.

The only file that imports transformers. What is built here has random weights; pretrained ones
are put in by :mod:`vaa_ros.learning.pretrained`, once, at the start of a training run.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.keypoints import Keypoints
from vaa_ros.alignment.ranks import WholeBatchNorm
from vaa_ros.alignment.text_encoder import Steering
from vaa_ros.core.errors import ConfigError

IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)
CLIP = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Family:
    """
    A kind of encoder in the library.

    :param config: name of its configuration class.
    :param model: name of its model class.
    :param normal: mean and standard deviation (rgb, 0 to 1) of the pictures that it was made for.
    :param small: configuration of the size that is trained from scratch.
    :param paper: where it is described.
    :param unread: beginnings of the names of weights that have no part in the last feature map.
    """

    config: str
    model: str
    normal: tuple[tuple[float, ...], tuple[float, ...]]
    small: Mapping[str, Any]
    paper: str
    unread: tuple[str, ...] = ()


_SMALL_TOKENS = {'image_size': 96, 'patch_size': 12, 'hidden_size': 128, 'num_hidden_layers': 4,
                 'num_attention_heads': 4}

FAMILIES = {
    'resnet': Family(
        'ResNetConfig', 'ResNetModel', IMAGENET,
        {'embedding_size': 32, 'hidden_sizes': [32, 64, 128, 192], 'depths': [1, 1, 1, 1],
         'layer_type': 'basic'}, 'He et al. 2016'),
    'vit': Family('ViTConfig', 'ViTModel', HALF, {**_SMALL_TOKENS, 'intermediate_size': 256},
                  'Dosovitskiy et al. 2021', ('pooler',)),
    'clip': Family('CLIPVisionConfig', 'CLIPVisionModel', CLIP,
                   {**_SMALL_TOKENS, 'intermediate_size': 256},
                   'Radford et al. 2021', ('post_layernorm',)),
    'dinov2': Family('Dinov2Config', 'Dinov2Model', IMAGENET, {**_SMALL_TOKENS, 'mlp_ratio': 2},
                     'Oquab et al. 2023', ('embeddings.mask_token',)),
}
"""Values of ``model.vision`` besides ``conv``."""


def library() -> Any:
    """
    Import transformers.

    :raises ConfigError: if it is not installed.
    """
    try:
        import transformers
    except ImportError as problem:
        raise ConfigError(
            f'model.vision {", ".join(FAMILIES)} need the library transformers: '
            "pip install -c constraints.txt -e '.[vision]'") from problem
    transformers.logging.set_verbosity_error()
    return transformers


def body_config(config: ModelConfig) -> Any:
    """
    Give the library's configuration of an encoder.

    :param config: kind of encoder, and what differs from its small size.
    :return: an instance of the family's configuration class.
    :raises ConfigError: for a key that the family does not have, or a value it refuses.
    """
    family = FAMILIES[config.vision]
    kind = getattr(library(), family.config)
    known = set(kind().to_dict())
    unknown = sorted(set(config.vision_config) - known)
    if unknown:
        raise ConfigError(f'model.vision_config: unknown key {", ".join(unknown)} for '
                          f'{family.config}. Known: {", ".join(sorted(known))}')
    try:
        made = kind(**{**family.small, **config.vision_config})
    except Exception as problem:
        raise refused(family.config, problem) from problem
    if config.vision != 'resnet' and not isinstance(made.image_size, int):
        raise ConfigError(f'model.vision_config: image_size is {made.image_size}, expected one '
                          'number: pictures are made square')
    return made


def refused(name: str, problem: Exception) -> ConfigError:
    """
    Make the error for a configuration that the library does not take; it has many of its own.
    """
    return ConfigError(f'model.vision_config: {name} refuses it: '
                       f'{" ".join(str(problem).split()) or type(problem).__name__}')


class HubEncoder(nn.Module):
    """
    An encoder of the library, with what it needs around it.

    Pictures are normalised as its weights are used to, and token encoders get them at their own,
    square size. Of the last feature map it takes the expected coordinates of learned points
    (where) and the average (what), as the small encoder does.

    :param config: kind, size, and whether it is trained.
    :param text: length of the instruction's features, 0 where there are none.
    :raises ConfigError: if the library is not there, or refuses the configuration.
    """

    half = False
    """Whether the map is computed in bfloat16, in training; what follows is small."""

    def __init__(self, config: ModelConfig, text: int = 0) -> None:
        super().__init__()
        inner = body_config(config)
        family = FAMILIES[config.vision]
        self.frozen = config.train_vision == 'frozen'
        # Small batches of one arm would replace what millions of pictures told.
        self.keeps_statistics = config.train_vision == 'fine_tune'
        try:
            self.body = getattr(library(), family.model)(inner)
        except Exception as problem:
            raise refused(family.model, problem) from problem
        for name, layer in list(self.body.named_modules()):
            if isinstance(layer, nn.BatchNorm2d):
                self.body.set_submodule(
                    name, WholeBatchNorm(layer.num_features, layer.eps, layer.momentum))
        self.tokens = config.vision != 'resnet'
        self.side = inner.image_size if self.tokens else 0
        channels = inner.hidden_size if self.tokens else inner.hidden_sizes[-1]
        normal = family.normal if config.image_mean is None else (
            config.image_mean, config.image_std)
        mean, spread = (torch.tensor(values).view(1, 3, 1, 1) for values in normal)
        # Pictures come as -1 to 1.
        self.register_buffer('middle', 2 * mean - 1, persistent=False)
        self.register_buffer('spread', 2 * spread, persistent=False)
        self.where = Keypoints(channels, None, config.keypoints)
        self.features = nn.Sequential(
            nn.Linear(2 * config.keypoints + channels, config.vision_features),
            nn.LayerNorm(config.vision_features), nn.SiLU())
        self.steering = nn.ModuleList([Steering(text, channels)] if text else [])
        # Several processes wait for a gradient of everything that learns. What is never read has
        # none, and stays only so that weights of the library fit.
        for name, weights in self.body.named_parameters():
            weights.requires_grad_(not self.frozen and not name.startswith(family.unread))
        self.train()

    def train(self, mode: bool = True) -> HubEncoder:
        """
        Set training mode, but not of what stays as it is.

        That is a frozen body, and the batch norms of one that is fine-tuned.
        """
        super().train(mode)
        if self.frozen:
            self.body.eval()
        elif self.keeps_statistics:
            for layer in self.body.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eval()
        return self

    def forward(self, picture: torch.Tensor, shift: torch.Tensor | None = None,
                text: torch.Tensor | None = None) -> torch.Tensor:
        """
        Encode pictures.

        :param picture: (B, 3, H, W) float, about -1 to 1.
        :param shift: how far the crop lies from the centre (B, 2), in half crop sides (x, y).
        :param text: features of what is asked for (B, text), which steer what is looked for.
        :return: features (B, vision_features).
        """
        with torch.autocast(picture.device.type, torch.bfloat16, enabled=self.half):
            features = self.map(picture)
            if text is not None:
                features = self.steering[0](features, text)
        features = features.float()
        points = self.where(features)
        if shift is not None:
            points = points + shift.repeat(1, points.shape[1] // 2)
        return self.features(torch.cat((points, features.mean((2, 3))), dim=1))

    def map(self, picture: torch.Tensor) -> torch.Tensor:
        """
        Give the last feature map (B, C, h, w).
        """
        x = (picture - self.middle) / self.spread
        if self.tokens and x.shape[-2:] != (self.side, self.side):
            x = functional.interpolate(x, size=(self.side, self.side), mode='bilinear')
        found = self.body(pixel_values=x.contiguous()).last_hidden_state
        if not self.tokens:
            return found
        # The first token stands for the whole picture.
        patches = found[:, 1:]
        rows = math.isqrt(patches.shape[1])
        return patches.transpose(1, 2).unflatten(2, (rows, rows))
