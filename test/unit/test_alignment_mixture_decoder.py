# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The mixture: its likelihood, its loss, and which way it takes.
"""
from __future__ import annotations

import math

import learning_samples  # noqa: F401 (sets the number of threads)
import numpy as np
import pytest
import torch

from vaa_ros.alignment.action_decoder import ChunkDensity
from vaa_ros.alignment.mixture_decoder import MixtureDensity


def mixture(batch: int = 3, count: int = 4, seed: int = 0) -> MixtureDensity:
    generator = torch.Generator().manual_seed(seed)
    shape = (batch, count, 5, 2)
    return MixtureDensity(torch.randn(batch, count, generator=generator).log_softmax(1),
                          torch.randn(shape, generator=generator),
                          torch.randn(shape, generator=generator) * 0.3)


def padded_mask(batch: int = 3) -> torch.Tensor:
    mask = torch.ones(batch, 5, 2)
    mask[0, 3:] = 0
    return mask


def test_the_likelihood_is_that_of_a_sum_of_whole_chunks():
    density, mask = mixture(), padded_mask()
    chunk = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(1))
    weight, mean, scale, values, real = (item.double().numpy() for item in (
        density.log_weight.exp(), density.mean, density.log_scale.exp(), chunk, mask))
    for item in range(3):
        total = 0.0
        for part in range(4):
            product = weight[item, part]
            for step in range(5):
                for element in range(2):
                    if real[item, step, element]:
                        b = scale[item, part, step, element]
                        error = abs(values[item, step, element] - mean[item, part, step, element])
                        product *= np.exp(-error / b) / (2 * b)
            total += product
        found = density.chunk_nll(chunk, mask)[item].item()
        assert found == pytest.approx(-math.log(total), rel=1e-5)


def test_one_component_is_a_laplace():
    whole = mixture(count=1)
    chunk, mask = torch.randn(3, 5, 2), padded_mask()
    single = ChunkDensity(whole.mean[:, 0], whole.log_scale[:, 0])
    assert torch.allclose(whole.chunk_nll(chunk, mask), single.chunk_nll(chunk, mask), atol=1e-4)
    for beta in (0.0, 0.5, 1.0):
        assert whole.cloning(chunk, mask, beta).item() == pytest.approx(
            single.cloning(chunk, mask, beta).item(), rel=1e-5)


def test_without_beta_the_loss_and_its_gradient_are_those_of_the_likelihood():
    start, mask = mixture(), padded_mask()
    chunk = torch.randn(3, 5, 2, generator=torch.Generator().manual_seed(2))
    found = []
    for form in ('cloning', 'nll'):
        leaves = [item.clone().requires_grad_(True)
                  for item in (start.log_weight, start.mean, start.log_scale)]
        density = MixtureDensity(*leaves)
        loss = density.cloning(chunk, mask, 0.0) if form == 'cloning' else \
            density.chunk_nll(chunk, mask).sum() / mask.sum()
        found.append([loss, *torch.autograd.grad(loss, leaves)])
    for ours, wanted in zip(*found, strict=True):
        assert torch.allclose(ours, wanted, atol=1e-5)


def test_beta_keeps_a_large_scale_from_starving_a_component():
    pulls = {}
    for beta in (0.0, 1.0):
        mean = torch.zeros(1, 2, 1, 2, requires_grad=True)
        scale = torch.tensor([-2.0, 2.0]).expand(1, 2, 1, 2)
        density = MixtureDensity(torch.full((1, 2), -math.log(2)), mean, scale)
        density.cloning(torch.ones(1, 1, 2), torch.ones(1, 1, 2), beta).backward()
        pulls[beta] = mean.grad[0, 0, 0].abs().tolist()
    assert pulls[1.0][0] == pytest.approx(pulls[1.0][1])
    assert pulls[0.0][1] < 0.05 * pulls[0.0][0]


def test_a_way_is_a_whole_chunk_and_not_a_step():
    ways = torch.stack([torch.ones(5, 2), -torch.ones(5, 2)]).unsqueeze(0)
    density = MixtureDensity(torch.full((1, 2), -math.log(2)), ways, torch.full_like(ways, -2.0))
    crossed = ways[:, 0].clone()
    crossed[:, 3:] = -1
    mask = torch.ones(1, 5, 2)
    costs = [density.chunk_nll(chunk, mask).item() for chunk in (ways[:, 0], ways[:, 1], crossed)]
    assert costs[0] == pytest.approx(costs[1])
    assert costs[2] > costs[0] + 50


def test_the_most_likely_component_is_executed():
    density = mixture()
    chunk, log_scale = density.deployed(lambda _: pytest.fail('asked the critic'))
    for item, best in enumerate(density.log_weight.argmax(1).tolist()):
        assert torch.equal(chunk[item], density.mean[item, best])
        assert torch.equal(log_scale[item], density.log_scale[item, best])
