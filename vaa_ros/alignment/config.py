# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How large the parts of the aligned policy are, and how they are weighed against each other.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

VISION_TRAINING = ('full', 'fine_tune', 'frozen')
DECODERS = ('laplace', 'mixture', 'flow')
CONTRASTS = ('soft_infonce', 'infonce', 'sigmoid')
TARGETS = ('one_hot', 'near', 'soft')
BALANCES = ('fixed', 'gradient')
SAMPLES = 8
"""Chunks that the flow decoder samples and chooses from, unless told otherwise."""


@dataclass(frozen=True)
class ModelConfig:
    """
    Sizes of the aligned policy.

    :param vision: kind of vision encoder, one of ``vision_encoder.ENCODERS``.
    :param vision_config: for the encoders of transformers, what differs from their small size, by
        the names of the family's configuration class (``hidden_size``, ``image_size`` ...).
    :param pretrained: a folder with their pretrained weights, or a name on a hub; empty for none.
    :param image_mean: mean colour (rgb, 0 to 1) of the pictures that they were trained with; None
        takes that of the pretrained weights, or else of the family.
    :param image_std: standard deviation of the same.
    :param train_vision: ``full``, or, of pretrained encoders, ``fine_tune`` (slower, see
        ``optimiser.vision_rate``) or ``frozen``; the layers after the encoder always learn.
    :param share_vision: one encoder for all cameras instead of one each.
    :param crop: part of each picture side that the encoder sees (random place in training).
    :param widths: channels of the vision stages, at 1/4, 1/8, 1/16 ... of the picture.
    :param blocks: residual blocks of each stage.
    :param keypoints: points in the picture that each encoder tracks.
    :param vision_features: length of the feature vector of each camera.
    :param proprio_features: length of the feature vector of the joint state.
    :param text_features: length of the feature vector of an instruction, for policies that know
        several.
    :param state_dropout: how often training hides the whole joint state.
    :param action_width: width of the action encoder.
    :param action_layers: transformer layers of the action encoder.
    :param action_heads: attention heads of the action encoder.
    :param embedding_size: dimension of the shared space.
    :param decoder_width: width of the action decoder.
    :param decoder_layers: residual layers of the action decoder.
    :param relative: predict arm joints relative to the present joint state.
    :param decoder: kind of action decoder: ``laplace``, ``mixture`` or ``flow``.
    :param components: ways that the mixture decoder can tell apart.
    :param samples: chunks that the flow decoder samples, of which the one nearest to the scene in
        the shared space is executed; None is 8, and export may change it. The other decoders
        sample none.
    """

    vision: str = 'conv'
    vision_config: Mapping[str, Any] = field(default_factory=dict)
    pretrained: str = ''
    image_mean: tuple[float, ...] | None = None
    image_std: tuple[float, ...] | None = None
    train_vision: str = 'full'
    share_vision: bool = False
    crop: float = 0.9375
    widths: tuple[int, ...] = (32, 64, 128, 192)
    blocks: tuple[int, ...] = (0, 1, 0, 0)
    keypoints: int = 32
    vision_features: int = 128
    proprio_features: int = 64
    text_features: int = 64
    state_dropout: float = 0.1
    action_width: int = 64
    action_layers: int = 2
    action_heads: int = 4
    embedding_size: int = 64
    decoder_width: int = 192
    decoder_layers: int = 2
    relative: bool = True
    decoder: str = 'laplace'
    components: int = 5
    samples: int | None = None

    def __post_init__(self) -> None:
        for name in ('widths', 'blocks'):
            object.__setattr__(self, name, tuple(int(item) for item in getattr(self, name)))
        if not self.widths or len(self.widths) != len(self.blocks):
            raise ValueError(f'widths {self.widths} and blocks {self.blocks}: expected the same '
                             'number of stages in both, at least one')
        if any(width % 8 for width in self.widths):
            raise ValueError(f'widths {self.widths}: expected multiples of 8')
        if self.train_vision not in VISION_TRAINING:
            raise ValueError(f'train_vision {self.train_vision!r}, expected one of '
                             f'{VISION_TRAINING}')
        if self.vision == 'conv' and (self.pretrained or self.vision_config
                                      or self.train_vision != 'full'):
            raise ValueError('vision conv has no pretrained weights, and is always trained in '
                             'full; leave out pretrained, vision_config and train_vision')
        if self.train_vision != 'full' and not self.pretrained:
            raise ValueError(f'train_vision {self.train_vision!r} without pretrained would leave '
                             f'the weights of {self.vision} at random; set pretrained, or '
                             'train_vision to full')
        self._check_normal()
        if not 0.5 <= self.crop <= 1:
            raise ValueError(f'crop {self.crop}, expected 0.5 to 1')
        if not 0 <= self.state_dropout < 1:
            raise ValueError(f'state_dropout {self.state_dropout}, expected 0 to below 1')
        if self.action_width % (2 * self.action_heads):
            raise ValueError(f'action_width {self.action_width}, expected a multiple of twice '
                             f'action_heads {self.action_heads}')
        for name in ('keypoints', 'vision_features', 'proprio_features', 'text_features',
                     'action_layers',
                     'action_heads', 'embedding_size', 'decoder_width', 'decoder_layers',
                     'components'):
            if getattr(self, name) < 1:
                raise ValueError(f'{name} {getattr(self, name)}, expected at least 1')
        if self.decoder not in DECODERS:
            raise ValueError(f'decoder {self.decoder!r}, expected one of {DECODERS}')
        if self.samples is not None and self.decoder != 'flow':
            raise ValueError(f'samples {self.samples}, but only the flow decoder samples, and '
                             f'decoder is {self.decoder!r}; leave it null')
        if self.samples is not None and not 1 <= self.samples <= 256:
            raise ValueError(f'samples {self.samples}, expected 1 to 256')

    def _check_normal(self) -> None:
        found = self.image_mean, self.image_std
        if found == (None, None):
            return
        if self.vision == 'conv':
            raise ValueError('image_mean and image_std are for the encoders of transformers, and '
                             'vision is conv; leave them out')
        if None in found or any(len(values) != 3 for values in found):
            raise ValueError(f'image_mean {found[0]} and image_std {found[1]}, expected both, '
                             'three numbers each')
        if not all(0 <= value <= 1 for value in found[0]) or not all(v > 0 for v in found[1]):
            raise ValueError(f'image_mean {found[0]}, expected 0 to 1; image_std {found[1]}, '
                             'expected above 0')
        for name, values in zip(('image_mean', 'image_std'), found, strict=True):
            object.__setattr__(self, name, tuple(float(value) for value in values))

    @property
    def candidates(self) -> int:
        """
        Give how many chunks the deployed policy chooses from.
        """
        if self.decoder != 'flow':
            return 1
        return SAMPLES if self.samples is None else self.samples


@dataclass(frozen=True)
class LossConfig:
    """
    Weights of the terms of the loss: L = L_BC + align * L_align + reconstruct * L_recon.

    :param beta: beta-NLL weighting of the behaviour cloning term, 0 is the plain likelihood.
    :param align: weight of the contrastive term (with ``balance`` gradient: how hard it pulls at
        the vision features, relative to the cloning term).
    :param contrast: its form: ``infonce`` or ``sigmoid``; ``soft_infonce`` is the former with
        soft targets.
    :param targets: which chunks count as a scene's own: ``one_hot`` its own alone, ``near`` those
        near it just as much, ``soft`` all, the less the further; None is ``one_hot`` with
        ``infonce`` and ``soft`` with the others.
    :param target_quantile: the in-batch quantile of distances that is near.
    :param temperature: temperature of the contrast, at the start of training.
    :param learn_temperature: whether training moves the temperature.
    :param hard_negatives: how many times frames of the same episode beyond the chunk horizon
        count as negatives, those within it not at all; None treats all frames alike.
    :param balance: whether the weight of the contrastive term is ``fixed`` or follows the
        ``gradient``, see :class:`~vaa_ros.alignment.balance.GradientBalance`.
    :param reconstruct: weight of rebuilding the chunk from its own embedding.
    """

    beta: float = 1.0
    align: float = 0.1
    contrast: str = 'soft_infonce'
    targets: str | None = None
    target_quantile: float = 0.02
    temperature: float = 0.07
    learn_temperature: bool = True
    hard_negatives: float | None = None
    balance: str = 'fixed'
    reconstruct: float = 0.1

    def __post_init__(self) -> None:
        if self.contrast not in CONTRASTS:
            raise ValueError(f'contrast {self.contrast!r}, expected one of {CONTRASTS}')
        if self.targets not in (None, *TARGETS):
            raise ValueError(f'targets {self.targets!r}, expected one of {TARGETS} or null')
        if self.contrast == 'soft_infonce' and self.targets not in (None, 'soft'):
            raise ValueError(f'targets {self.targets!r}, but contrast soft_infonce is infonce '
                             'with soft ones; set contrast to infonce')
        if not 0 <= self.beta <= 1:
            raise ValueError(f'beta {self.beta}, expected 0 to 1')
        if not 0 < self.target_quantile < 1:
            raise ValueError(f'target_quantile {self.target_quantile}, expected between 0 and 1')
        if not 0.01 <= self.temperature <= 1:
            raise ValueError(f'temperature {self.temperature}, expected 0.01 to 1')
        if self.hard_negatives is not None and not 0 < self.hard_negatives <= 1000:
            raise ValueError(f'hard_negatives {self.hard_negatives}, expected above 0 to 1000, or '
                             'null')
        if self.balance not in BALANCES:
            raise ValueError(f'balance {self.balance!r}, expected one of {BALANCES}')
        for name in ('align', 'reconstruct'):
            if getattr(self, name) < 0:
                raise ValueError(f'{name} {getattr(self, name)}, expected 0 or more')

    @property
    def chosen_targets(self) -> str:
        """
        Give the kind of targets, also where the form of the contrast says it.
        """
        return self.targets or ('one_hot' if self.contrast == 'infonce' else 'soft')
