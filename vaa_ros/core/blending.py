# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From one plan to another without a leap.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import NANOSECONDS


def quaternion(spec: PolicySpec) -> slice | None:
    """
    Say which elements of an action are a rotation.
    """
    if spec.action.kind != 'end_effector_pose':
        return None
    first = spec.action.names.index('qx')
    return slice(first, first + 4)


def blended(
    chunk: ActionChunk, before: ActionChunk, start_ns: int, blend_s: float,
    rotation: slice | None = None, at_once: Sequence[int] = (),
) -> ActionChunk | None:
    """
    Go over from one plan to another.

    The share of the new plan grows from 0 to 1 with the time at which an action is due, so that
    every chunk of that time agrees about it.

    :param chunk: the new plan.
    :param before: the old one.
    :param start_ns: when to begin [ns].
    :param blend_s: how long it takes [s].
    :param rotation: the elements that are a quaternion, if any.
    :param at_once: elements that are not mixed but the new plan's from the beginning.
    :return: the new plan with its beginning mixed; None when there is nothing left to mix.
    """
    due_ns = chunk.stamp_ns + np.arange(len(chunk.actions)) * (chunk.dt_s * NANOSECONDS)
    steps = (due_ns - before.stamp_ns) / (before.dt_s * NANOSECONDS)
    known = (steps >= 0) & (steps <= len(before.actions))
    passed_s = (due_ns - start_ns) / NANOSECONDS
    share = np.clip(passed_s / blend_s, 0.0, 1.0) if blend_s > 1e-9 else np.ones(len(due_ns))
    share = np.where(known, share, 1.0)[:, None]
    if (share == 1.0).all():
        return None
    grid = np.arange(len(before.actions))
    old = np.stack([np.interp(steps, grid, column) for column in before.actions.T], axis=1)
    if rotation is not None:
        for row, wanted in zip(old, chunk.actions, strict=True):
            align_signs(row[None, rotation], wanted[rotation])
    actions = old + share * (chunk.actions - old)
    actions[:, list(at_once)] = chunk.actions[:, list(at_once)]
    if rotation is not None:
        actions[:, rotation] /= np.linalg.norm(actions[:, rotation], axis=1, keepdims=True)
    return ActionChunk(chunk.stamp_ns, actions, chunk.dt_s, chunk.scale, chunk.z_vision,
                       chunk.z_action)


def align_signs(quaternions: np.ndarray, reference: np.ndarray) -> None:
    """
    Flip quaternions in place to the hemisphere of a reference; q and -q are one rotation.

    :param quaternions: quaternions (N, 4), changed in place.
    :param reference: the quaternion (4,) to agree with.
    """
    quaternions[quaternions @ reference < 0] *= -1.0
