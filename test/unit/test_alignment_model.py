# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The aligned policy as a whole.
"""
from __future__ import annotations

from dataclasses import replace

from learning_samples import arm_spec
from learning_samples import TINY
from learning_samples import tiny_spec
import pytest
import torch

from vaa_ros.alignment.config import CONTRASTS
from vaa_ros.alignment.config import DECODERS
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.embedding import chunk_distances
from vaa_ros.alignment.graphs import ChunkGraph
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.alignment.model import crop_size
from vaa_ros.core.spec import CameraSpec
from vaa_ros.learning.config import load_config


def policy_of(**loss: object) -> AlignedPolicy:
    torch.manual_seed(0)
    return AlignedPolicy(tiny_spec(), TINY, LossConfig(**loss))


def batch_of(count: int = 8, seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    rows, columns = crop_size(tiny_spec().cameras[0], TINY.crop)
    return Batch({'front': torch.rand(count, 3, rows, columns, generator=generator) * 2 - 1}, {},
                 torch.randn(count, 3, generator=generator) * 0.3,
                 torch.randn(count, 6, 3, generator=generator) * 0.3, torch.ones(count, 6))


def test_the_small_policy_has_about_a_million_parameters_most_of_them_in_vision():
    policy = AlignedPolicy(arm_spec(), load_config('small').model, LossConfig())
    whole = sum(weights.numel() for weights in policy.parameters())
    vision = sum(weights.numel() for weights in policy.eyes.parameters())
    assert 0.7e6 < whole < 1.5e6
    assert vision > whole / 2


def test_the_scene_embedding_comes_from_pictures_alone():
    graph = PolicyGraph(policy_of()).eval()
    picture = torch.randint(0, 256, (1, 24, 32, 3), dtype=torch.uint8)
    answers = [graph(picture, torch.full((1, 3), value)) for value in (0.0, 0.5)]
    assert torch.equal(answers[0][2], answers[1][2])
    assert not torch.allclose(answers[0][0], answers[1][0], atol=1e-4)
    other = graph(255 - picture, torch.zeros(1, 3))
    assert not torch.allclose(other[2], answers[0][2], atol=1e-4)


@pytest.mark.parametrize('contrast', CONTRASTS)
def test_every_part_learns_from_the_one_loss(contrast):
    policy = policy_of(contrast=contrast).train()
    loss, terms = policy(batch_of())
    loss.backward()
    still = [name for name, weights in policy.named_parameters()
             if weights.requires_grad and (weights.grad is None or not weights.grad.any())]
    # The events of these random chunks need not hold every kind, nor hide a state.
    assert [name for name in still if not name.startswith(
        ('action_encoder.event', 'proprio.hidden'))] == []
    assert all(torch.isfinite(value) for value in terms.values())


def test_the_loss_is_the_sum_of_its_terms():
    policy = policy_of(align=0.3, reconstruct=0.7).eval()
    total, terms = policy(batch_of())
    wanted = terms['cloning'] + 0.3 * terms['align'] + 0.7 * terms['reconstruct']
    assert total.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_without_beta_the_cloning_term_is_the_true_likelihood():
    policy = policy_of(beta=0.0).eval()
    _, terms = policy(batch_of())
    assert terms['cloning'].item() == pytest.approx(terms['nll'].item(), rel=1e-5)


def test_padding_changes_no_term_but_the_contrast():
    policy = policy_of().eval()
    batch = batch_of()
    mask = batch.mask.clone()
    mask[:, 4:] = 0
    padded = batch.actions.clone()
    padded[:, 4:] = padded[:, 3:4]
    spoilt = padded.clone()
    spoilt[:, 4:, :2] = 77.0
    terms = [policy(replace(batch, actions=actions, mask=mask))[1]
             for actions in (padded, spoilt)]
    for name in ('cloning', 'nll', 'l1', 'reconstruct'):
        assert terms[0][name].item() == pytest.approx(terms[1][name].item(), rel=1e-4), name


def test_it_learns_a_batch_by_heart_and_aligns_it():
    policy = policy_of(align=1.0, contrast='infonce').train()
    optimiser = torch.optim.Adam(policy.parameters(), lr=3e-3)
    batch = batch_of()
    first = None
    for _ in range(150):
        optimiser.zero_grad()
        loss, terms = policy(batch)
        first = first or {name: value.item() for name, value in terms.items()}
        loss.backward()
        optimiser.step()
    assert terms['l1'] < 0.5 * first['l1']
    assert terms['nll'] < first['nll'] - 0.5
    assert terms['align'] < first['align'] - 0.7
    assert terms['cosine'] > first['cosine'] + 0.3


def test_the_graph_answers_in_physical_units():
    policy = policy_of().eval()
    shift, scale = torch.tensor([1.0, 2.0, 0.05]), torch.full((3,), 0.01)
    policy.space.set_statistics(torch.zeros(3), torch.ones(3), shift, scale)
    picture = torch.zeros(1, 24, 32, 3, dtype=torch.uint8)
    state = torch.tensor([[0.3, -0.2, 0.08]])
    actions, spread, z_vision, z_action = PolicyGraph(policy)(picture, state)
    assert actions[0, 0].tolist() == pytest.approx([1.3, 1.8, 0.05], abs=0.05)
    assert 0 < spread.min() and spread.max() < 0.1
    assert z_vision.norm().item() == pytest.approx(1.0, abs=1e-5)
    own = ChunkGraph(policy)(actions, torch.ones(1, 6), state)
    assert torch.allclose(own, z_action, atol=1e-4)


@pytest.mark.parametrize('width, height, crop, wanted', [
    (128, 96, 0.9375, (90, 120)), (128, 96, 1.0, (96, 128)), (32, 24, 0.5, (12, 16))])
def test_crops_are_even_and_never_larger_than_the_picture(width, height, crop, wanted):
    assert crop_size(CameraSpec('front', width, height), crop) == wanted


def test_by_default_the_loss_is_what_it_always_was():
    policy, batch = policy_of(), batch_of()
    chunk = policy.space.normal_chunk(batch.actions, batch.state)
    policy.eval()
    features, z_vision = policy.see(batch.pictures)
    z_action = policy.embed_chunk(chunk, batch.mask)
    density = policy.decide(features, z_vision, batch.state)
    mask = batch.mask.unsqueeze(-1).expand_as(chunk)
    near = torch.exp(-chunk_distances(chunk) / torch.quantile(
        chunk_distances(chunk)[~torch.eye(8, dtype=torch.bool)], 0.02).clamp_min(1e-6))
    near = near / near.sum(1, keepdim=True)
    logits = z_vision @ z_action.T * policy.contrast.log_scale.exp()
    forth = -(near * logits.log_softmax(1)).sum(1).mean()
    back = -(near * logits.T.log_softmax(1)).sum(1).mean()
    wanted = ((density.cloning_loss(chunk, 1.0) * mask).sum() / mask.sum()
              + 0.1 * ((forth + back) / 2)
              + 0.1 * (((policy.rebuild(z_action) - chunk).abs() * mask).sum() / mask.sum()))
    assert torch.equal(policy(batch)[0], wanted)


@pytest.mark.parametrize('decoder', DECODERS)
def test_every_part_learns_with_every_decoder(decoder):
    torch.manual_seed(0)
    policy = AlignedPolicy(tiny_spec(), replace(TINY, decoder=decoder),
                           LossConfig(balance='gradient', hard_negatives=2.0)).train()
    batch = replace(batch_of(), episode=torch.arange(8) // 2,
                    stamp=torch.arange(8) % 2 * 1_000_000_000)
    loss, terms = policy(batch)
    loss.backward()
    still = [name for name, weights in policy.named_parameters()
             if weights.requires_grad and (weights.grad is None or not weights.grad.any())]
    assert [name for name in still if not name.startswith(
        ('action_encoder.event', 'proprio.hidden'))] == []
    assert {'cloning', 'nll', 'l1', 'align', 'align_weight'} <= set(terms)
    assert all(torch.isfinite(value) for value in terms.values())


def test_the_balance_makes_the_contrast_pull_as_told():
    policy = policy_of(balance='gradient', align=0.3).train()
    policy.proprio.dropout = 0.0
    batch = batch_of()
    chunk = policy.space.normal_chunk(batch.actions, batch.state)
    features, z_vision = policy.see(batch.pictures)
    density = policy.decide(features, z_vision, batch.state)
    cloning = density.cloning(chunk, torch.ones_like(chunk), 1.0)
    align = policy.contrast(z_vision, policy.embed_chunk(chunk, batch.mask), chunk)
    pulls = [torch.autograd.grad(term, features, retain_graph=True)[0].norm()
             for term in (cloning, align)]
    total, terms = policy(batch)
    found = terms['align_weight']
    assert (found * pulls[1]).item() == pytest.approx(0.3 * pulls[0].item(), rel=1e-4)
    wanted = terms['cloning'] + found * terms['align'] + 0.1 * terms['reconstruct']
    assert total.item() == pytest.approx(wanted.item(), rel=1e-5)


def test_the_balance_works_with_frozen_eyes():
    policy = policy_of(balance='gradient').train()
    policy.eyes.requires_grad_(False)
    loss, terms = policy(batch_of())
    loss.backward()
    assert 0 < terms['align_weight'] < 100


def test_hard_negatives_begin_beyond_the_chunk():
    policy = policy_of(hard_negatives=3.0)
    step = round(1e9 / 30)
    stamp = torch.tensor([0, 5, 6, 7]) * step  # a chunk has six steps
    batch = replace(batch_of(4), episode=torch.zeros(4, dtype=torch.int32), stamp=stamp)
    assert policy.pair_weights(batch)[0].tolist() == [1.0, 0.0, 3.0, 3.0]
    assert policy_of().pair_weights(batch) is None


def test_hard_negatives_of_unknown_frames_are_refused():
    with pytest.raises(ValueError, match='needs the episode and stamp'):
        policy_of(hard_negatives=1.0)(batch_of())


def test_the_best_of_several_is_the_one_nearest_to_the_scene():
    torch.manual_seed(0)
    policy = AlignedPolicy(tiny_spec(), replace(TINY, decoder='flow', samples=5),
                           LossConfig()).eval()
    batch = batch_of(3)
    with torch.no_grad():
        features, z_vision = policy.see(batch.pictures)
        density = policy.decide(features, z_vision, batch.state)
        chunk, _, z_action = policy.answer(density, z_vision)
        candidates = density.sample(policy.decoder.noise)
        for scene in range(3):
            cosines = [torch.dot(z_vision[scene], policy.embed_chunk(item[None])[0]).item()
                       for item in candidates[scene]]
            best = cosines.index(max(cosines))
            assert torch.allclose(chunk[scene], candidates[scene, best], atol=1e-5)
            cosine = torch.dot(z_vision[scene], z_action[scene]).item()
            assert cosine == pytest.approx(max(cosines), abs=1e-5)
