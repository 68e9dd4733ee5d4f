# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The action decoders by the word that names each in a configuration.
"""
from __future__ import annotations

from torch import nn

from vaa_ros.alignment.action_decoder import ActionDecoder
from vaa_ros.alignment.config import DECODERS
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.flow_decoder import FlowDecoder
from vaa_ros.alignment.mixture_decoder import MixtureDecoder
from vaa_ros.core.spec import PolicySpec

CLASSES = dict(zip(DECODERS, (ActionDecoder, MixtureDecoder, FlowDecoder), strict=True))


def make_action_decoder(spec: PolicySpec, config: ModelConfig) -> nn.Module:
    """
    Make the action decoder that a configuration names.

    :param spec: the policy whose actions these are.
    :param config: sizes and kind.
    :return: a module from fused features (B, decoder_width) to a
        :class:`~vaa_ros.alignment.action_decoder.Density`.
    """
    return CLASSES[config.decoder](spec, config)
