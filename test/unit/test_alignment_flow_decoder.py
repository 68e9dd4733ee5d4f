# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The flow: its likelihood against closed forms, its loss, its samples and the choice among them.
"""
from __future__ import annotations

from dataclasses import replace
import math

from learning_samples import TINY
from learning_samples import tiny_spec
import pytest
import torch
from torch import nn

from vaa_ros.alignment import flow_decoder
from vaa_ros.alignment.action_decoder import LOW
from vaa_ros.alignment.flow_decoder import EVALUATIONS
from vaa_ros.alignment.flow_decoder import FlowDecoder
from vaa_ros.alignment.flow_decoder import lonely

FLOW = replace(TINY, decoder='flow', samples=6)


def still_decoder(shift: float = 0.0, gain: float = 0.0) -> FlowDecoder:
    """A velocity of shift + gain * x everywhere."""
    decoder = FlowDecoder(tiny_spec(), FLOW)
    nn.init.zeros_(decoder.outlet[-1].weight)
    with torch.no_grad():
        decoder.outlet[-1].bias.copy_(torch.tensor([shift, gain]).repeat_interleave(18))
    return decoder


def wild_decoder(seed: int = 0) -> FlowDecoder:
    torch.manual_seed(seed)
    decoder = FlowDecoder(tiny_spec(), FLOW)
    nn.init.normal_(decoder.outlet[-1].weight, std=0.15)
    return decoder


@pytest.mark.parametrize('shift, gain', [(0.0, 0.0), (0.7, 0.0), (0.4, 0.6), (-0.5, -1.2)])
def test_a_linear_flow_has_the_normal_density_that_it_must_have(shift, gain):
    density = still_decoder(shift, gain)(torch.randn(4, TINY.decoder_width))
    chunk, mask = torch.randn(4, 6, 3), torch.ones(4, 6, 3)
    mask[1, 2:] = 0
    mean = shift * math.expm1(gain) / gain if gain else shift
    wanted = -torch.distributions.Normal(mean, math.exp(gain)).log_prob(chunk)
    assert torch.allclose(density.chunk_nll(chunk, mask), (wanted * mask).sum((1, 2)), rtol=1e-4)


def test_the_estimated_trace_is_right_on_average(monkeypatch):
    decoder = wild_decoder()
    features = torch.randn(1, TINY.decoder_width).expand(256, -1)
    chunk = torch.randn(1, 6, 3).expand(256, -1, -1)
    mask = torch.ones(256, 6, 3)
    estimates = decoder(features).chunk_nll(chunk, mask, steps=4)
    monkeypatch.setattr(flow_decoder, 'EXACT_TRACE', 18)
    exact = decoder(features[:1]).chunk_nll(chunk[:1], mask[:1], steps=4).item()
    error = estimates.std().item() / 16
    assert error > 0
    assert estimates.mean().item() == pytest.approx(exact, abs=4 * error)


def test_the_trace_is_that_of_the_jacobian():
    decoder = wild_decoder()
    density = decoder(torch.randn(1, TINY.decoder_width))
    x, mask = torch.randn(1, 6, 3), torch.ones(1, 6, 3)
    time = torch.tensor([0.4])

    def velocity(values: torch.Tensor) -> torch.Tensor:
        return decoder.velocity(values.view(1, 6, 3), time, density.features).flatten()

    wanted = torch.autograd.functional.jacobian(velocity, x.flatten()).trace().item()
    axes = torch.eye(18).view(18, 1, 6, 3)
    assert density._slope(x, 0.4, mask, axes)[1].item() == pytest.approx(wanted, rel=1e-4)


def test_finer_steps_change_the_likelihood_little():
    density = wild_decoder()(torch.randn(3, TINY.decoder_width))
    chunk, mask = torch.randn(3, 6, 3), torch.ones(3, 6, 3)
    assert torch.allclose(density.chunk_nll(chunk, mask), density.chunk_nll(chunk, mask, 64),
                          atol=1e-2)


def test_the_loss_of_standing_still_is_the_squared_way():
    density = still_decoder()(torch.zeros(4000, TINY.decoder_width))
    torch.manual_seed(0)
    chunk = torch.full((4000, 6, 3), 1.5)
    loss = density.cloning(chunk, torch.ones_like(chunk), 1.0).item()
    assert loss == pytest.approx(1.5 ** 2 + 1, rel=0.02)


def test_a_sample_is_so_many_steps_along_the_velocity():
    decoder = wild_decoder()
    features = torch.randn(2, TINY.decoder_width)
    found = decoder(features).sample(decoder.noise)
    for scene in range(2):
        for index, x in enumerate(decoder.noise):
            x = x.unsqueeze(0)
            for step in range(EVALUATIONS):
                x = x + decoder.velocity(x, torch.tensor([[step / EVALUATIONS]]),
                                         features[scene:scene + 1]) / EVALUATIONS
            assert torch.allclose(found[scene, index], x[0], atol=1e-5)
    assert 2 <= EVALUATIONS <= 4


def test_the_best_sample_in_company_is_executed_and_the_scale_is_the_distance_of_the_others():
    decoder = still_decoder()
    density = decoder(torch.zeros(2, TINY.decoder_width))
    alone = lonely(decoder.noise.unsqueeze(0))[0]
    liked = torch.stack([torch.arange(6.0), -torch.arange(6.0)]) / 6
    wanted = [max((index for index in range(6) if not alone[index]), key=order.__getitem__)
              for order in liked.tolist()]

    def score(chunks: torch.Tensor) -> torch.Tensor:
        assert chunks.shape == (2, 6, 6, 3)
        return liked

    chunk, log_scale = density.deployed(score)
    assert torch.equal(chunk, decoder.noise[wanted]) and wanted[0] != wanted[1]
    others = torch.cat((decoder.noise[:wanted[0]], decoder.noise[wanted[0] + 1:]))
    away = (others - decoder.noise[wanted[0]]).abs().mean(0)
    assert torch.allclose(log_scale[0].exp(), away, rtol=1e-4)


@pytest.mark.parametrize('count', [1, 2, 3])
def test_of_few_samples_the_critic_picks_among_all(count):
    decoder = still_decoder()
    decoder.draw(count, seed=5)
    density = decoder(torch.zeros(1, TINY.decoder_width))
    for wanted in range(count):
        liked = torch.eye(count)[wanted:wanted + 1]
        chunk, log_scale = density.deployed(lambda _, liked=liked: liked)
        assert torch.equal(chunk[0], decoder.noise[wanted])
        others = torch.cat((decoder.noise[:wanted], decoder.noise[wanted + 1:]))
        away = (others - decoder.noise[wanted]).abs().sum(0) / max(count - 1, 1)
        assert torch.allclose(log_scale[0].exp(), away.clamp_min(math.exp(LOW)), rtol=1e-4)


def test_noises_can_be_drawn_anew():
    decoder = FlowDecoder(tiny_spec(), FLOW)
    before = decoder.noise
    decoder.draw(9, seed=1)
    assert decoder.noise.shape == (9, 6, 3) and torch.equal(decoder.noise[0], -decoder.noise[5])
    decoder.draw(6)
    assert torch.equal(decoder.noise, before)


def test_a_sample_between_two_ways_is_lonely():
    ways = torch.tensor([1.0, 1.25, -1.0, 0.125, -1.25, 1.5, -1.5, 0.0]).view(1, 8, 1, 1)
    found = lonely(ways.expand(-1, -1, 6, 3))[0].tolist()
    assert found[3] and found[7]
    assert not found[1] and not found[4]  # in the middle of their way
    assert not lonely(torch.zeros(2, 5, 6, 3)).any()


def test_two_samples_are_no_company():
    apart = torch.tensor([0.0, 3.0, 3.5, 4.0, 9.0, 9.0]).view(1, 6, 1, 1).expand(-1, -1, 6, 3)
    assert lonely(apart)[0].tolist() == [True, False, False, False, True, True]


@pytest.mark.parametrize('count', [4, 5, 8])
def test_half_of_the_samples_are_not_lonely(count):
    chunks = torch.randn(50, count, 6, 3, generator=torch.Generator().manual_seed(0))
    assert (~lonely(chunks)).sum(1).min() >= count / 2


def test_noises_are_fixed_come_in_pairs_and_are_kept_with_the_weights():
    torch.manual_seed(1)
    first = FlowDecoder(tiny_spec(), FLOW)
    torch.manual_seed(2)
    second = FlowDecoder(tiny_spec(), FLOW)
    assert torch.equal(first.noise, second.noise) and 'noise' in first.state_dict()
    assert torch.equal(first.noise[:3], -first.noise[3:])
    assert first.noise.std() > 0.7
    assert FlowDecoder(tiny_spec(), replace(FLOW, samples=5)).noise.shape == (5, 6, 3)


def test_a_measurement_leaves_chance_and_gradients_alone():
    decoder = wild_decoder()
    density = decoder(torch.randn(3, TINY.decoder_width, requires_grad=True))
    chunk, mask = torch.randn(3, 6, 3), torch.ones(3, 6, 3)
    before = torch.get_rng_state()
    first, second = density.chunk_nll(chunk, mask), density.chunk_nll(chunk, mask)
    assert torch.equal(first, second) and not first.requires_grad
    assert torch.equal(before, torch.get_rng_state())
    assert all(weights.grad is None for weights in decoder.parameters())
