# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a policy does on held-out demonstrations: actions, retrieval, calibration.
"""
from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import torch

from vaa_ros.alignment.embedding import chunk_distances
from vaa_ros.alignment.metrics import action_errors
from vaa_ros.alignment.metrics import RANKS
from vaa_ros.alignment.metrics import retrieval
from vaa_ros.alignment.metrics import space_quality
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.batches import gather
from vaa_ros.learning.batches import to_batch
from vaa_ros.learning.frames import Frames

POOL = 256
BATCH = 64


@dataclass(frozen=True, eq=False)
class Answers:
    """
    What a policy says to a set of frames, and what was demonstrated.

    :param predicted: predicted chunks (N, T, D), physical.
    :param actual: demonstrated chunks (N, T, D), physical.
    :param mask: 1 where a step is real (N, T).
    :param relative: the demonstrated chunks as the network sees them (N, T, D).
    :param z_vision: embeddings of the scenes (N, E).
    :param z_action: embeddings of the demonstrated chunks (N, E).
    :param z_own: embeddings of the predicted chunks (N, E), as the exported policy gives them.
    :param nll: mean -log p of the demonstrated chunks, normal units, in nats an element; None
        where it is not known.
    :param l1: mean absolute error in normal units.
    :param episode: which episode each frame is from (N,).
    """

    predicted: torch.Tensor
    actual: torch.Tensor
    mask: torch.Tensor
    relative: torch.Tensor
    z_vision: torch.Tensor
    z_action: torch.Tensor
    z_own: torch.Tensor
    nll: float | None
    l1: float
    episode: np.ndarray


def spread(frames: np.ndarray, count: int) -> np.ndarray:
    """
    Pick frames evenly over all of them.

    :param frames: frame indices (n,).
    :param count: how many to pick at most.
    :return: frame indices (min(n, count),).
    """
    if len(frames) <= count:
        return frames
    return frames[np.linspace(0, len(frames) - 1, count).round().astype(np.int64)]


@torch.no_grad()
def answer(policy: AlignedPolicy, frames: Frames, chosen: np.ndarray) -> Answers:
    """
    Ask a policy about frames, with centre crops.

    :param policy: the policy; it is put into evaluation mode.
    :param frames: the dataset.
    :param chosen: frame indices (N,).
    :return: its answers.
    """
    policy.eval()
    parts: dict[str, list[torch.Tensor]] = defaultdict(list)
    history = frames.history(policy.spec)
    for start in range(0, len(chosen), BATCH):
        batch = to_batch(gather(frames, chosen[start:start + BATCH], policy.config.crop,
                                history=history),
                         device=policy.contrast.log_scale.device)
        chunk = policy.space.normal_chunk(batch.actions, batch.state)
        text = policy.read(batch.instruction)
        features, z_vision = policy.see(batch.pictures, text=text)
        density = policy.decide(features, z_vision, batch.state, text)
        own, _, z_own = policy.answer(density, z_vision)
        mask = batch.mask.unsqueeze(-1).expand_as(chunk)
        found = {
            'predicted': policy.space.physical_chunk(own, batch.state),
            'actual': batch.actions, 'mask': batch.mask, 'relative': chunk,
            'z_vision': z_vision, 'z_action': policy.embed_chunk(chunk, batch.mask),
            'z_own': z_own,
            'nll': density.chunk_nll(chunk, mask).sum()[None],
            'l1': ((own - chunk).abs() * mask).sum()[None], 'count': mask.sum()[None],
        }
        for name, value in found.items():
            parts[name].append(value.cpu())
    whole = {name: torch.cat(values) for name, values in parts.items()}
    count = whole.pop('count').sum()
    sums = {name: float(whole.pop(name).sum() / count) for name in ('nll', 'l1')}
    return Answers(**whole, **sums, episode=np.asarray(frames.episode[chosen]))


def pools(episode: np.ndarray, size: int = POOL, most: int = 8, seed: int = 0) -> list[np.ndarray]:
    """
    Draw retrieval pools: ``size`` items, each from another episode where there are enough.

    Where there are fewer episodes than that, all of them give equally many, drawn at random.

    :param episode: which episode each item is from (N,).
    :param size: items in a pool.
    :param most: pools at most.
    :param seed: seed of the draw, so that two policies are asked the same.
    :return: item indices of each pool; one pool of all where there are not enough items.
    """
    random = np.random.default_rng(seed)
    count = len(episode)
    if count <= size:
        return [np.arange(count)]
    drawn = []
    for _ in range(min(most, max(1, count // 128))):
        order = random.permutation(count)
        seen: dict[int, int] = defaultdict(int)
        turn = np.empty(count, np.int64)
        for place, item in enumerate(order):
            turn[place] = seen[int(episode[item])]
            seen[int(episode[item])] += 1
        drawn.append(order[np.argsort(turn, kind='stable')[:size]])
    return drawn


def judge(found: Answers, spec: PolicySpec) -> dict[str, float]:
    """
    Measure answers to held-out frames.

    :param found: the answers, at least two.
    :param spec: the policy that gave them.
    :return: names to figures; ``pool`` is the size of the retrieval pools and
        ``chance_at_K`` what guessing would reach. ``nll`` is left out where it is not known.
    """
    known = {} if found.nll is None else {'nll': found.nll}
    return {**known, 'l1': found.l1,
            **action_errors(spec, found.predicted, found.actual, found.mask),
            **judge_space(found)}


def judge_space(found: Answers) -> dict[str, float]:
    """
    Measure retrieval and the shared space, averaged over pools of held-out pairs.

    :param found: a policy's answers.
    :return: names to figures.
    """
    sums: dict[str, float] = defaultdict(float)
    drawn = pools(found.episode)
    for pool in drawn:
        z_vision, z_action = found.z_vision[pool], found.z_action[pool]
        figures = retrieval(z_vision, z_action, chunk_distances(found.relative[pool]))
        figures.update(space_quality(z_vision, z_action))
        for name, value in figures.items():
            sums[name] += value / len(drawn)
    size = len(drawn[0])
    return {**sums, 'pool': float(size),
            'chance_mrr': sum(1 / rank for rank in range(1, size + 1)) / size,
            **{f'chance_at_{rank}': min(1.0, rank / size) for rank in RANKS}}


def calibrate(found: Answers) -> dict[str, float]:
    """
    Measure what alignment is normal: cosine of scene and own prediction on held-out frames.

    :param found: a policy's answers.
    :return: quantiles of the cosine, and ``alignment_low``, the 1 % quantile: below it the scene
        is unlike all that was demonstrated.
    """
    own = (found.z_vision * found.z_own).sum(1)
    low, middle, high = torch.quantile(own, torch.tensor([0.01, 0.5, 0.99])).tolist()
    return {'alignment_low': low, 'alignment_median': middle, 'alignment_high': high,
            'frames': len(own)}
