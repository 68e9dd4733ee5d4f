# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A generative head: noise flows to an action chunk along a learned velocity.

Trained by flow matching on straight lines (Lipman et al. 2023, rectified flow of Liu et al. 2023),
which needs no simulation of the flow.
"""
from __future__ import annotations

from dataclasses import dataclass
import math

import torch
from torch import nn

from vaa_ros.alignment.action_decoder import LOW
from vaa_ros.alignment.action_decoder import masked_mean
from vaa_ros.alignment.action_decoder import pick
from vaa_ros.alignment.action_decoder import residual_layers
from vaa_ros.alignment.action_decoder import Score
from vaa_ros.alignment.action_decoder import small_outlet
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.ranks import draw
from vaa_ros.core.spec import PolicySpec

EVALUATIONS = 4
"""Euler steps from noise to a chunk, unrolled in the exported graph."""
SOLVER_STEPS = 16
"""Runge-Kutta steps of the likelihood."""
EXACT_TRACE = 8
"""Chunks of up to this many numbers get the exact trace, larger ones an estimate."""
GLANCE = 8
"""Chunks of a batch whose likelihood goes to the training log."""
HARMONICS = 8
LEAST_COMPANY = 4
"""Samples from which on it can be told which of them lie apart."""


def lonely(chunks: torch.Tensor) -> torch.Tensor:
    """
    Tell which samples lie apart: the half whose second nearest other sample is furthest.

    :param chunks: samples (B, K, T, D), at least three.
    :return: (B, K) bool; at least half of each scene's are not.
    """
    flat = chunks.flatten(2)
    distance = (flat.unsqueeze(1) - flat.unsqueeze(2)).abs().mean(-1)
    company = distance.sort(-1).values[..., 2]  # before it come the sample itself and its nearest
    middle = company.sort(1).values[:, (flat.shape[1] - 1) // 2]
    return company > middle.unsqueeze(1)


@dataclass(frozen=True, eq=False)
class FlowDensity:
    """
    The density of the chunks that the flow carries standard normal noise to.

    :param decoder: holds the velocity field.
    :param features: fused features of the scenes (B, decoder_width).
    """

    decoder: FlowDecoder
    features: torch.Tensor

    def cloning(self, chunk: torch.Tensor, mask: torch.Tensor, beta: float) -> torch.Tensor:
        """
        Give the flow matching loss, averaged over the real elements; ``beta`` has no say.

        It is the squared error of the velocity on the line from a noise to the chunk. It is not
        -log p: its minimiser is the flow whose density :meth:`chunk_nll` evaluates.
        """
        noise = draw(lambda rows: torch.randn(rows, *chunk.shape[1:], device=chunk.device),
                     len(chunk))
        time = draw(lambda rows: torch.rand(rows, 1, device=chunk.device), len(chunk))
        along = time.unsqueeze(-1)
        between = ((1 - along) * noise + along * chunk) * mask
        found = self.decoder.velocity(between, time, self.features)
        return masked_mean((found - (chunk - noise)).square(), mask)

    @torch.no_grad()
    def chunk_nll(self, chunk: torch.Tensor, mask: torch.Tensor,
                  steps: int = SOLVER_STEPS) -> torch.Tensor:
        """
        Give -log p of the real part of each chunk (B,), in nats; a measurement, no gradient.

        By the instantaneous change of variables (Chen et al. 2018): the chunk flows back to its
        noise, and -log p = -log N(noise) + the integral of the velocity's divergence. Up to
        ``EXACT_TRACE`` numbers the divergence is exact, above it is Hutchinson's estimate with
        one fixed random sign for each number (FFJORD, Grathwohl et al. 2019): no bound, but
        unbiased, so averages over many chunks hold. What else is between this figure and the
        truth is the error of ``steps`` steps of fourth order, which are finer towards the
        chunk, where the velocity changes fastest. It is the density of the continuous flow; the
        deployed chunks come from ``EVALUATIONS`` Euler steps of it. Masked numbers take no part
        in the flow: the density is one over the real numbers alone.
        """
        probe = self._probe(chunk)
        x, spread = chunk * mask, torch.zeros(len(chunk), device=chunk.device)
        times = (1 - torch.linspace(0, 1, steps + 1).square()).tolist()
        for now, then in zip(times, times[1:], strict=False):
            step, middle = then - now, (now + then) / 2
            v1, d1 = self._slope(x, now, mask, probe)
            v2, d2 = self._slope(x + step / 2 * v1, middle, mask, probe)
            v3, d3 = self._slope(x + step / 2 * v2, middle, mask, probe)
            v4, d4 = self._slope(x + step * v3, then, mask, probe)
            x = x + step / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
            spread = spread - step / 6 * (d1 + 2 * d2 + 2 * d3 + d4)
        normal = (0.5 * x.square() + 0.5 * math.log(2 * math.pi)) * mask
        return normal.sum((1, 2)) + spread

    def glance(self, chunk: torch.Tensor, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """
        Give ``nll``, with half the solver's steps, and ``l1`` of one sample.

        Only the first chunks of the batch are looked at: it is costly.
        """
        chunk, mask = chunk[:GLANCE], mask[:GLANCE]
        part = FlowDensity(self.decoder, self.features[:GLANCE])
        sample = part.sample(self.decoder.noise[:1]).squeeze(1)
        nll = part.chunk_nll(chunk, mask, SOLVER_STEPS // 2).sum()
        return {'nll': nll / mask.sum().clamp_min(1),
                'l1': masked_mean((sample - chunk).abs(), mask)}

    def sample(self, noise: torch.Tensor) -> torch.Tensor:
        """
        Let noises (K, T, D) flow to a chunk each, for every scene: (B, K, T, D).
        """
        x = noise.unsqueeze(0).expand(len(self.features), -1, -1, -1)
        features = self.features.unsqueeze(1)
        for step in range(EVALUATIONS):
            time = x.new_full((1,), step / EVALUATIONS)
            x = x + self.decoder.velocity(x, time, features) / EVALUATIONS
        return x

    def deployed(self, score: Score) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Sample from the fixed noises and give the chunk that fits the scene best.

        Few steps leave a sample between two ways now and then, and the critic has never learned
        what that is; so only samples in company are asked about, see :func:`lonely`; of fewer
        than ``LEAST_COMPANY``, all.

        :param score: the aligned critic, see ``AlignedPolicy.score``.
        :return: the best chunks, and the log of the mean distance of the other samples from
            them, the smallest there is for a single sample, each (B, T, D).
        """
        chunks = self.sample(self.decoder.noise)
        scores = score(chunks)
        if chunks.shape[1] >= LEAST_COMPANY:
            scores = scores.masked_fill(lonely(chunks), -2.0)
        best = pick(chunks, scores.argmax(1))
        distance = (chunks - best.unsqueeze(1)).abs().sum(1) / max(chunks.shape[1] - 1, 1)
        return best, distance.clamp_min(math.exp(LOW)).log()

    def _probe(self, chunk: torch.Tensor) -> torch.Tensor:
        """
        Give the directions in which the trace is taken (P, B, T, D), the same at every call.
        """
        size = chunk[0].numel()
        if size <= EXACT_TRACE:
            axes = torch.eye(size, device=chunk.device).view(size, 1, *chunk.shape[1:])
            return axes.expand(-1, len(chunk), -1, -1)
        signs = torch.randint(0, 2, (1, *chunk.shape), generator=torch.Generator().manual_seed(0))
        return (2.0 * signs - 1).to(chunk)

    def _slope(self, x: torch.Tensor, time: float, mask: torch.Tensor,
               probe: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """
        Give the velocity (B, T, D) and its divergence (B,).
        """
        with torch.enable_grad():
            x = x.detach().requires_grad_(True)
            velocity = mask * self.decoder.velocity(
                x * mask, x.new_full((1,), time), self.features.detach())
            divergence = sum(
                (torch.autograd.grad((velocity * axis).sum(), x, retain_graph=True)[0]
                 * axis).sum((1, 2)) for axis in probe)
        return velocity.detach(), divergence


class FlowDecoder(nn.Module):
    """
    Velocity field over chunks, given fused features; and the noises that deployment starts from.

    The noises are fixed, so that an answer depends on the observation alone. They come in pairs
    of opposite sign and not as the one zero noise: from the middle of two ways the flow has
    nothing to choose by, and would end between them.

    :param spec: the policy whose actions these are.
    :param config: sizes.
    """

    def __init__(self, spec: PolicySpec, config: ModelConfig) -> None:
        super().__init__()
        self.shape = (spec.chunk_length, len(spec.action.names))
        size, width = self.shape[0] * self.shape[1], config.decoder_width
        self.inlet = nn.Linear(size, width)
        self.clock = nn.Linear(HARMONICS, width)
        self.layers = residual_layers(config)
        self.outlet = small_outlet(width, 2 * size)
        self.register_buffer('noise', torch.empty(0))
        self.draw(config.candidates)
        self.register_buffer('turns', math.pi * torch.arange(HARMONICS), persistent=False)

    def draw(self, count: int, seed: int = 0) -> None:
        """
        Draw the noises anew.

        :param count: how many.
        :param seed: seed of the draw.
        """
        half = torch.randn((count + 1) // 2, *self.shape,
                           generator=torch.Generator().manual_seed(seed))
        self.noise = torch.cat((half, -half))[:count].to(self.noise.device)

    def forward(self, features: torch.Tensor) -> FlowDensity:
        """
        Give the density that fused features (B, decoder_width) stand for.
        """
        return FlowDensity(self, features)

    def velocity(self, x: torch.Tensor, time: torch.Tensor,
                 features: torch.Tensor) -> torch.Tensor:
        """
        Give where chunks on their way are going.

        The velocity is shift + gain * x: for normally distributed chunks that is its exact form,
        and no width of the perceptron is spent on handing x through.

        :param x: (..., T, D).
        :param time: from 0, noise, to 1, chunk (..., 1).
        :param features: fused features (..., decoder_width).
        :return: (..., T, D).
        """
        hidden = self.inlet(x.flatten(-2)) + self.clock(torch.cos(self.turns * time)) + features
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        shift, gain = self.outlet(hidden).unflatten(-1, (2, *self.shape)).unbind(-3)
        return shift + gain * x
