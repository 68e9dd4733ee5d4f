# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How good is the alignment, and how good are the actions.
"""
from __future__ import annotations

import torch

from vaa_ros.core.spec import PolicySpec

RANKS = (1, 5, 10)
NEAR = 0.05
"""Quantile of chunk distances up to which a retrieved chunk is near enough to be right."""
TOLERANCES = {'joint_position': {'rad': 0.02, 'm': 0.005},
              'end_effector_pose': {'x': 0.005, 'y': 0.005, 'z': 0.005, 'gripper': 0.005},
              'end_effector_twist': {'vx': 0.02, 'vy': 0.02, 'vz': 0.02, 'gripper': 0.005}}
"""Errors that count as right: 0.02 rad, 5 mm, 0.02 m/s; other elements 0.02."""


def recall(query: torch.Tensor, key: torch.Tensor, ranks: tuple[int, ...] = RANKS,
           same: torch.Tensor | None = None) -> dict[int, float]:
    """
    Tell how often the right key is among the nearest of a pool.

    :param query: unit embeddings (N, E).
    :param key: unit embeddings (N, E); ``key[i]`` is right for ``query[i]``.
    :param ranks: how many nearest to look at.
    :param same: other answers that count as right as well (N, N) bool, or None.
    :return: rank to fraction of queries.
    """
    right = torch.eye(len(query), dtype=torch.bool, device=query.device)
    if same is not None:
        right = right | same
    similarity = query @ key.T
    best_right = similarity.masked_fill(~right, -2.0).max(1).values
    # Ties count against: a collapsed space must not look perfect.
    better = ((similarity >= best_right[:, None]) & ~right).sum(1)
    return {rank: float((better < rank).float().mean()) for rank in ranks}


def reciprocal_rank(query: torch.Tensor, key: torch.Tensor) -> float:
    """
    Give the mean of 1 / rank of the right key (mean reciprocal rank), ties counted against.

    :param query: unit embeddings (N, E).
    :param key: unit embeddings (N, E); ``key[i]`` is right for ``query[i]``.
    :return: 1 where every right key comes first.
    """
    similarity = query @ key.T
    others = ~torch.eye(len(query), dtype=torch.bool, device=query.device)
    better = ((similarity >= similarity.diagonal()[:, None]) & others).sum(1)
    return float((1 / (better + 1.0)).mean())


def near_enough(distances: torch.Tensor) -> torch.Tensor:
    """
    Tell which chunks are as good as each other: those within the nearest 5 % of distances.

    :param distances: distances of the chunks (N, N), N at least 2.
    :return: (N, N) bool, true on the diagonal.
    """
    others = distances[~torch.eye(len(distances), dtype=torch.bool, device=distances.device)]
    same = distances <= torch.quantile(others, NEAR)
    return same.fill_diagonal_(True)


def retrieval(z_vision: torch.Tensor, z_action: torch.Tensor,
              distances: torch.Tensor | None = None) -> dict[str, float]:
    """
    Measure retrieval both ways in one pool.

    :param z_vision: scenes (N, E).
    :param z_action: their chunks (N, E).
    :param distances: distances of the chunks (N, N); with them, a retrieved chunk within the
        nearest 5 % of distances counts as right in ``tolerance_recall_at_1``.
    :return: ``recall_at_K`` and ``mrr`` (vision to action), ``recall_back_at_K`` and ``mrr_back``
        (action to vision), and what guessing reaches where that depends on the pool.
    """
    result = {f'recall_at_{k}': v for k, v in recall(z_vision, z_action).items()}
    result.update({f'recall_back_at_{k}': v for k, v in recall(z_action, z_vision).items()})
    result['mrr'] = reciprocal_rank(z_vision, z_action)
    result['mrr_back'] = reciprocal_rank(z_action, z_vision)
    if distances is not None and len(distances) > 1:
        same = near_enough(distances)
        result['tolerance_recall_at_1'] = recall(z_vision, z_action, (1,), same)[1]
        result['tolerance_recall_back_at_1'] = recall(z_action, z_vision, (1,), same)[1]
        result['chance_tolerance_at_1'] = float(same.float().mean())
    return result


def space_quality(z_vision: torch.Tensor, z_action: torch.Tensor) -> dict[str, float]:
    """
    Measure the space itself (Wang and Isola, arXiv 2005.10242).

    :param z_vision: scenes (N, E).
    :param z_action: their chunks (N, E).
    :return: ``alignment`` (mean squared distance of pairs, lower is better), ``uniformity`` of
        both sides (lower is better), ``modality_gap``, and the mean cosine of matched and of
        unmatched pairs.
    """
    cosine = z_vision @ z_action.T
    others = ~torch.eye(len(cosine), dtype=torch.bool, device=cosine.device)

    def uniformity(z: torch.Tensor) -> float:
        squared = (2 - 2 * z @ z.T)[others]
        return float(torch.exp(-2 * squared).mean().log())

    return {
        'alignment': float((z_vision - z_action).square().sum(1).mean()),
        'uniformity_vision': uniformity(z_vision),
        'uniformity_action': uniformity(z_action),
        'modality_gap': float((z_vision.mean(0) - z_action.mean(0)).norm()),
        'cosine_matched': float(cosine.diagonal().mean()),
        'cosine_unmatched': float(cosine[others].mean()),
    }


def tolerances(spec: PolicySpec) -> torch.Tensor:
    """
    Give the error of each action element that still counts as right (D,).
    """
    units = {joint.name: joint.unit for joint in spec.joints}
    table = TOLERANCES[spec.action.kind]
    return torch.tensor([table.get(name, table.get(units.get(name, ''), 0.02))
                         for name in spec.action.names])


def action_errors(spec: PolicySpec, predicted: torch.Tensor, actual: torch.Tensor,
                  mask: torch.Tensor) -> dict[str, float]:
    """
    Compare predicted with demonstrated chunks in physical units.

    :param spec: the policy.
    :param predicted: (N, T, D).
    :param actual: (N, T, D).
    :param mask: 1 where a step is real (N, T).
    :return: ``first_l1`` and ``chunk_l1`` (mean absolute error over the elements other than the
        gripper), ``gripper_l1`` [m], and ``accuracy`` (chunk steps with every element within
        its tolerance) with ``first_accuracy`` for the first step alone.
    """
    error = (predicted - actual).abs()
    arm = [index for index, name in enumerate(spec.action.names) if name != 'gripper']
    right = (error <= tolerances(spec)).all(-1).float()
    total = mask.sum().clamp_min(1)
    result = {
        'first_l1': float(error[:, 0, arm].mean()),
        'chunk_l1': float((error[..., arm].mean(-1) * mask).sum() / total),
        'first_accuracy': float(right[:, 0].mean()),
        'accuracy': float((right * mask).sum() / total),
    }
    if len(arm) < len(spec.action.names):
        gripper = error[..., [i for i in range(error.shape[-1]) if i not in arm]].mean(-1)
        result['gripper_l1'] = float((gripper * mask).sum() / total)
    return result


def errors_along(spec: PolicySpec, predicted: torch.Tensor, actual: torch.Tensor,
                 mask: torch.Tensor) -> dict[str, list[float]]:
    """
    Tell how the error grows along the chunk; NaN for steps that no frame has.

    :param spec: the policy.
    :param predicted: (N, T, D).
    :param actual: (N, T, D).
    :param mask: 1 where a step is real (N, T).
    :return: for each step ``l1`` (mean absolute error over the elements other than the gripper),
        ``l1_p90`` (its 90 % quantile over the frames) and ``accuracy`` (frames with every element
        within its tolerance).
    """
    error = (predicted - actual).abs()
    arm = [index for index, name in enumerate(spec.action.names) if name != 'gripper']
    l1 = error[..., arm].mean(-1).masked_fill(mask < 0.5, torch.nan)
    right = (error <= tolerances(spec)).all(-1).float().masked_fill(mask < 0.5, torch.nan)
    return {'l1': l1.nanmean(0).tolist(), 'l1_p90': l1.nanquantile(0.9, dim=0).tolist(),
            'accuracy': right.nanmean(0).tolist()}
