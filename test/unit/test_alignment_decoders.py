# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What holds for every action decoder: a real density, padding without say, gradients everywhere.
"""
from __future__ import annotations

from dataclasses import replace

from learning_samples import TINY
from learning_samples import tiny_spec
import pytest
import torch
from torch import nn

from vaa_ros.alignment.action_decoder import ActionDecoder
from vaa_ros.alignment.config import DECODERS
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.decoders import make_action_decoder
from vaa_ros.alignment.flow_decoder import FlowDecoder
from vaa_ros.alignment.mixture_decoder import MixtureDecoder
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import PolicySpec

FAR = {'laplace': (20.0, 801), 'mixture': (20.0, 801), 'flow': (8.0, 81)}
"""Half the side of the square to integrate over, and the points along it."""


def small_spec(elements: int) -> PolicySpec:
    """One step of one or two joints."""
    names = ('joint_1', 'joint_2')[:elements]
    return replace(tiny_spec(length=1), action=ActionSpec('joint_position', names))


def decoder_of(kind: str, spec: PolicySpec, seed: int = 0) -> nn.Module:
    """A decoder whose answers are not all alike, as the first ones of training would be."""
    torch.manual_seed(seed)
    decoder = make_action_decoder(spec, replace(TINY, decoder=kind))
    for layer in (decoder.outlet, getattr(decoder, 'weigh', decoder.outlet)):
        nn.init.normal_(layer[-1].weight, std=0.15)
    return decoder


@pytest.mark.parametrize('kind, wanted', [
    ('laplace', ActionDecoder), ('mixture', MixtureDecoder), ('flow', FlowDecoder)])
def test_one_word_chooses(kind, wanted):
    assert type(make_action_decoder(tiny_spec(), replace(TINY, decoder=kind))) is wanted


def test_without_a_word_it_is_the_laplace_with_the_weights_that_it_always_had():
    policy = AlignedPolicy(tiny_spec(), TINY, LossConfig())
    keys = [key for key in policy.state_dict() if key.startswith(('decoder', 'contrast'))]
    layer = [f'decoder.layers.0.{index}.{name}' for index in (0, 1, 3)
             for name in ('weight', 'bias')]
    assert sorted(keys) == sorted([
        *layer, 'decoder.outlet.0.weight', 'decoder.outlet.0.bias', 'decoder.outlet.2.weight',
        'decoder.outlet.2.bias', 'contrast.log_scale', 'contrast.bias'])
    assert not any('balance' in key for key in policy.state_dict())


@pytest.mark.parametrize('elements', [1, 2])
@pytest.mark.parametrize('kind', DECODERS)
def test_the_density_integrates_to_one(kind, elements):
    far, count = FAR[kind]
    line = torch.linspace(-far, far, count)
    grid = torch.cartesian_prod(*[line] * elements).view(-1, 1, elements)
    density = decoder_of(kind, small_spec(elements))(torch.randn(1, TINY.decoder_width))
    with torch.no_grad():
        mass = torch.exp(-density.chunk_nll(grid, torch.ones_like(grid))).double().sum()
    assert mass.item() * (line[1] - line[0]).item() ** elements == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize('kind', DECODERS)
def test_what_is_masked_changes_nothing(kind):
    decoder = decoder_of(kind, tiny_spec())
    density = decoder(torch.randn(4, TINY.decoder_width))
    chunk, mask = torch.randn(4, 6, 3), torch.ones(4, 6, 3)
    mask[:, 3:] = 0
    spoilt = torch.where(mask > 0, chunk, 50.0)
    with torch.no_grad():
        assert torch.allclose(density.chunk_nll(chunk, mask), density.chunk_nll(spoilt, mask),
                              rtol=1e-5)
        for beta in (0.0, 1.0):
            losses = []
            for values in (chunk, spoilt):
                torch.manual_seed(1)
                losses.append(density.cloning(values, mask, beta).item())
            assert losses[0] == pytest.approx(losses[1], rel=1e-5)
        first, second = density.glance(chunk, mask), density.glance(spoilt, mask)
    for name in ('nll', 'l1'):
        assert first[name].item() == pytest.approx(second[name].item(), rel=1e-5)
    whole = density.chunk_nll(chunk, torch.ones_like(mask))
    assert not torch.allclose(whole, density.chunk_nll(chunk, mask), atol=0.1)


@pytest.mark.parametrize('kind', DECODERS)
def test_nothing_real_costs_nothing(kind):
    density = decoder_of(kind, tiny_spec())(torch.randn(2, TINY.decoder_width))
    chunk, none = torch.randn(2, 6, 3), torch.zeros(2, 6, 3)
    assert density.chunk_nll(chunk, none).tolist() == pytest.approx([0.0, 0.0], abs=1e-5)
    assert density.cloning(chunk, none, 0.0).item() == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize('kind', DECODERS)
def test_a_gradient_reaches_every_weight_and_the_features(kind):
    decoder = decoder_of(kind, tiny_spec())
    features = torch.randn(8, TINY.decoder_width, requires_grad=True)
    decoder(features).cloning(torch.randn(8, 6, 3), torch.ones(8, 6, 3), 1.0).backward()
    still = [name for name, weights in decoder.named_parameters()
             if weights.grad is None or not weights.grad.any()]
    assert still == [] and features.grad.abs().sum(1).min() > 0


@pytest.mark.parametrize('kind', DECODERS)
def test_the_answer_is_of_one_scene_and_the_same_every_time(kind):
    decoder = decoder_of(kind, tiny_spec())
    features = torch.randn(5, TINY.decoder_width)
    with torch.no_grad():
        chunk, log_scale = decoder(features).deployed(lambda chunks: chunks.sum((2, 3)))
        torch.randn(7)
        alone = decoder(features[3:4]).deployed(lambda chunks: chunks.sum((2, 3)))
    assert chunk.shape == log_scale.shape == (5, 6, 3)
    assert torch.allclose(chunk[3:4], alone[0], atol=1e-5)
    assert torch.allclose(log_scale[3:4], alone[1], atol=1e-4)


@pytest.mark.parametrize('kind', DECODERS)
def test_training_raises_the_likelihood_of_what_was_shown(kind):
    torch.manual_seed(0)
    spec = small_spec(2)
    decoder = make_action_decoder(spec, replace(TINY, decoder=kind))
    features = torch.zeros(64, TINY.decoder_width)
    chunk = torch.tensor([0.8, -0.5]) + 0.1 * torch.randn(64, 1, 2)
    mask = torch.ones_like(chunk)
    before = decoder(features).chunk_nll(chunk, mask).mean().item()
    optimiser = torch.optim.Adam(decoder.parameters(), lr=1e-2)
    for _ in range(150):
        optimiser.zero_grad()
        decoder(features).cloning(chunk, mask, 0.0).backward()
        optimiser.step()
    density = decoder(features)
    after = density.chunk_nll(chunk, mask).mean().item()
    # The entropy of what was shown is 2 * (log 0.1 + 1.42) = -1.77 nats.
    assert after < before - 1.5 and after > -2.3
    shown = density.deployed(lambda chunks: chunks.new_zeros(chunks.shape[:2]))[0][0, 0]
    assert shown.tolist() == pytest.approx([0.8, -0.5], abs=0.25)


@pytest.mark.parametrize('change, message', [
    ({'decoder': 'gmm'}, "decoder 'gmm', expected one of .*laplace.*mixture.*flow"),
    ({'decoder': 'mixture', 'components': 0}, 'components 0'),
    ({'decoder': 'mixture', 'samples': 4}, 'only the flow decoder samples'),
    ({'decoder': 'flow', 'samples': 0}, 'samples 0, expected 1 to 256')])
def test_a_decoder_that_cannot_be_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        ModelConfig(**change)


def test_only_the_flow_has_candidates():
    assert [ModelConfig(decoder=kind).candidates for kind in DECODERS] == [1, 1, 8]
    assert ModelConfig(decoder='flow', samples=5).candidates == 5
