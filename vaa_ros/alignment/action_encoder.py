# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Action chunks to features: their type, their parameters and their timing.
"""
from __future__ import annotations

import math

import torch
from torch import nn

from vaa_ros.alignment.config import ModelConfig
from vaa_ros.core.spec import ACTION_KINDS
from vaa_ros.core.spec import PolicySpec

EVENT_SPEED = 0.02
"""Gripper commands that change by more than this each step, in normal units, are an event."""
HOLD, CLOSE, OPEN = range(3)


def sinusoids(times_s: torch.Tensor, width: int) -> torch.Tensor:
    """
    Write times as sines and cosines of periods from 0.1 s to 20 s.

    :param times_s: times (T,) [s].
    :param width: length of each code, even.
    :return: codes (T, width).
    """
    periods = torch.logspace(math.log10(0.1), math.log10(20.0), width // 2)
    angles = 2 * math.pi * times_s.unsqueeze(1) / periods
    return torch.cat((angles.sin(), angles.cos()), dim=1)


class Attention(nn.Module):
    """
    Multi-head attention written out, so that every exporter knows it.

    :param width: features of a token.
    :param heads: attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads, self.size = heads, width // heads
        self.mix = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """
        Let tokens (B, T, C) look at each other; ``bias`` (B, 1, 1, T) hides padding.
        """
        batch, steps, width = x.shape
        mixed = self.mix(x).view(batch, steps, 3, self.heads, self.size).permute(2, 0, 3, 1, 4)
        query, key, value = mixed[0], mixed[1], mixed[2]
        weights = (query @ key.transpose(-1, -2) / math.sqrt(self.size) + bias).softmax(-1)
        return self.out((weights @ value).transpose(1, 2).reshape(batch, steps, width))


class Layer(nn.Module):
    """
    One transformer layer, normalised first.

    :param width: features of a token.
    :param heads: attention heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.before = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.after = nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """
        Refine tokens (B, T, C).
        """
        x = x + self.attention(self.before(x), bias)
        return x + self.feed(self.after(x))


class ActionEncoder(nn.Module):
    """
    A small transformer over the chunk.

    Each step is one token, the sum of its type (kind of command, gripper event), its parameters
    (the normalised values) and its timing (when in the chunk, at what rate). Padded steps are
    neither looked at nor averaged.

    :param spec: the policy whose actions these are.
    :param config: sizes.
    """

    def __init__(self, spec: PolicySpec, config: ModelConfig) -> None:
        super().__init__()
        width, names = config.action_width, spec.action.names
        self.features = width
        self.gripper = names.index('gripper') if 'gripper' in names else None
        self.kind = nn.Embedding(len(ACTION_KINDS), width)
        self.event = nn.Embedding(3, width)
        self.parameters_in = nn.Linear(len(names), width)
        self.timing = nn.Linear(width, width)
        self.rate = nn.Linear(1, width)
        times = torch.arange(spec.chunk_length) * spec.dt_s
        self.register_buffer('times', sinusoids(times, width), persistent=False)
        self.register_buffer('log_rate', torch.tensor([[math.log(spec.control_rate_hz)]]),
                             persistent=False)
        self.register_buffer('kind_index', torch.tensor(ACTION_KINDS.index(spec.action.kind)),
                             persistent=False)
        self.layers = nn.ModuleList(
            Layer(width, config.action_heads) for _ in range(config.action_layers))
        self.norm = nn.LayerNorm(width)

    def events(self, chunk: torch.Tensor) -> torch.Tensor:
        """
        Tell what the gripper is told to do in each step of a level chunk (B, T, D): (B, T) int.
        """
        if self.gripper is None:
            return torch.zeros(chunk.shape[:2], dtype=torch.long, device=chunk.device)
        opening = chunk[..., self.gripper]
        change = opening[:, 1:] - opening[:, :-1]
        event = (change < -EVENT_SPEED).long() * CLOSE + (change > EVENT_SPEED).long() * OPEN
        return torch.cat((torch.zeros_like(event[:, :1]), event), dim=1)

    def forward(self, chunk: torch.Tensor, mask: torch.Tensor | None = None,
                level: torch.Tensor | None = None) -> torch.Tensor:
        """
        Encode chunks.

        :param chunk: normalised chunks (B, T, D).
        :param mask: 1 where a step is real, 0 where it is padding (B, T), or None for all real.
        :param level: the same chunks in units that are the same in all steps, in which events are
            found; None where normal ones are.
        :return: features (B, action_width).
        """
        if mask is None:
            mask = torch.ones_like(chunk[..., 0])
        x = (self.parameters_in(chunk) + self.event(self.events(chunk if level is None else level))
             + self.kind(self.kind_index) + self.timing(self.times) + self.rate(self.log_rate))
        bias = ((mask - 1) * 1e4)[:, None, None, :]
        for layer in self.layers:
            x = layer(x, bias)
        real = mask.unsqueeze(-1)
        return (self.norm(x) * real).sum(1) / real.sum(1).clamp_min(1)
