# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The action decoder's density is a real one.
"""
from __future__ import annotations

from learning_samples import TINY
from learning_samples import tiny_spec
import pytest
import torch

from vaa_ros.alignment.action_decoder import ActionDecoder
from vaa_ros.alignment.action_decoder import ChunkDensity
from vaa_ros.alignment.action_decoder import HIGH
from vaa_ros.alignment.action_decoder import LOW


@pytest.mark.parametrize('log_scale', [-3.0, 0.0, 1.5])
def test_the_density_integrates_to_one(log_scale):
    grid = torch.linspace(-80, 80, 100_001, dtype=torch.float64).view(-1, 1, 1)
    density = ChunkDensity(torch.full_like(grid, 0.7), torch.full_like(grid, log_scale))
    mass = torch.exp(-density.nll(grid)).sum() * (grid[1] - grid[0])
    assert mass.item() == pytest.approx(1.0, abs=2e-3)


def test_the_likelihood_is_that_of_a_laplace():
    torch.manual_seed(0)
    mean, log_scale, chunk = torch.randn(3, 2, 4, 3)
    wanted = -torch.distributions.Laplace(mean, log_scale.exp()).log_prob(chunk)
    assert torch.allclose(ChunkDensity(mean, log_scale).nll(chunk), wanted, atol=1e-5)


def test_beta_keeps_a_large_scale_from_starving_the_mean():
    chunk = torch.ones(1, 1, 2)
    gradients = {}
    for beta in (0.0, 1.0):
        mean = torch.zeros(1, 1, 2, requires_grad=True)
        density = ChunkDensity(mean, torch.tensor([[[-2.0, 2.0]]]))
        density.cloning_loss(chunk, beta).sum().backward()
        gradients[beta] = mean.grad.abs().flatten().tolist()
    assert gradients[1.0] == pytest.approx([1.0, 1.0])
    assert gradients[0.0][1] < 0.05 * gradients[0.0][0]


def test_with_any_beta_the_best_scale_is_the_mean_error():
    torch.manual_seed(0)
    chunk = torch.distributions.Laplace(0.0, 0.3).sample((500, 1, 1))
    raw = torch.zeros(1, 1, 1, requires_grad=True)
    optimiser = torch.optim.Adam([raw], lr=0.1)
    for _ in range(100):
        optimiser.zero_grad()
        ChunkDensity(torch.zeros_like(chunk), raw.expand_as(chunk)).cloning_loss(
            chunk, 1.0).mean().backward()
        optimiser.step()
    assert raw.exp().item() == pytest.approx(chunk.abs().mean().item(), rel=0.03)


def test_scales_stay_in_their_bounds():
    decoder = ActionDecoder(tiny_spec(), TINY)
    density = decoder(torch.randn(5, TINY.decoder_width) * 1000)
    assert density.mean.shape == density.log_scale.shape == (5, 6, 3)
    assert LOW <= density.log_scale.min() and density.log_scale.max() <= HIGH
