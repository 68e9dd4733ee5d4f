# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Instructions to features, and how they steer what is seen.

The words are those of the known instructions and their embeddings are learned with everything
else. There are few instructions, so the features of all of them are a small table: exported, it
is a constant, and an instruction costs a running policy one look into it.
"""
from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from vaa_ros.core.instructions import words


class TextEncoder(nn.Module):
    """
    Reads known instructions word by word with a GRU (Cho et al. 2014), so that order counts.

    :param instructions: the known instructions.
    :param features: length of the feature vector.
    """

    def __init__(self, instructions: Sequence[str], features: int) -> None:
        super().__init__()
        read = [words(text) for text in instructions]
        vocabulary = sorted({word for text in read for word in text})
        number = {word: place for place, word in enumerate(vocabulary, start=1)}
        tokens = torch.zeros(len(read), max(map(len, read)), dtype=torch.int64)
        for row, text in enumerate(read):
            tokens[row, :len(text)] = torch.tensor([number[word] for word in text])
        self.register_buffer('tokens', tokens, persistent=False)
        self.register_buffer('last', torch.tensor([len(text) - 1 for text in read]),
                             persistent=False)
        self.embedding = nn.Embedding(len(vocabulary) + 1, features, padding_idx=0)
        self.reader = nn.GRU(features, features, batch_first=True)

    def table(self) -> torch.Tensor:
        """
        Give the features of every known instruction (K, features).
        """
        states, _ = self.reader(self.embedding(self.tokens))
        return states[torch.arange(len(self.last), device=self.last.device), self.last]

    def forward(self, instruction: torch.Tensor) -> torch.Tensor:
        """
        Give the features (B, features) of instructions by their place in the list (B,).
        """
        return self.table()[instruction]


class Steering(nn.Module):
    """
    Scales and shifts the channels of a feature map by what was asked for.

    This is FiLM (Perez et al. 2018). It begins as no change at all.

    :param text: length of the instruction's features.
    :param channels: channels of the map.
    """

    def __init__(self, text: int, channels: int) -> None:
        super().__init__()
        self.change = nn.Linear(text, 2 * channels)
        nn.init.zeros_(self.change.weight)
        nn.init.zeros_(self.change.bias)

    def forward(self, features: torch.Tensor, text: torch.Tensor) -> torch.Tensor:
        """
        Steer a map (B, C, H, W) by instructions (B, text).
        """
        gain, offset = self.change(text)[..., None, None].chunk(2, dim=1)
        return features * (1 + gain) + offset
