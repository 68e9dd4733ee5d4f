# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The demonstrations of a dataset as reinforcement learning needs them: seen once, then cached.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from vaa_ros.alignment.graphs import ChunkGraph
from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.learning.corrections import CORRECTIONS
from vaa_ros.learning.frames import Frames

BATCH = 32


@dataclass(frozen=True, eq=False)
class Shown:
    """
    One demonstration through the eyes of a frozen policy.

    :param seen: what a residual would have seen (N, V), see
        :meth:`vaa_ros.alignment.graphs.Answer.seen`; not standardised.
    :param missing: the demonstrated action without the policy's own first one (N, D), physical.
    :param embedded: embeddings of scene and demonstrated chunk (N, 2 * E).
    :param success: whether the task was done in it, None where nobody said.
    :param whole: whether it is all of an episode, no stretch in which a person took over.
    """

    seen: np.ndarray
    missing: np.ndarray
    embedded: np.ndarray
    success: bool | None = True
    whole: bool = True

    @property
    def exemplary(self) -> bool:
        """
        Say whether to learn from it what the task looks like.
        """
        return self.whole and self.success is not False

    @property
    def won(self) -> bool:
        """
        Say whether it is known to end where the task is done.
        """
        return self.whole and self.success is True


@torch.no_grad()
def look_at(policy: AlignedPolicy, frames: Frames, split: str) -> list[Shown]:
    """
    Look at the demonstrations of a split.

    :param policy: the frozen policy.
    :param frames: the dataset.
    :param split: ``train`` or ``held_out``.
    :return: the demonstrations.
    """
    graph, chunks = PolicyGraph(policy).eval(), ChunkGraph(policy).eval()
    history, chosen = frames.history(policy.spec), frames.split(split)
    seen, missing, embedded = [], [], []
    for start in range(0, len(chosen), BATCH):
        rows = chosen[start:start + BATCH]
        state = torch.from_numpy(np.array(frames.state[rows]))
        inputs = [torch.from_numpy(np.array(frames.images[key][history[rows, age]]))
                  for key in policy.spec.camera_keys
                  for age in range(policy.spec.observation_history)] + [state]
        if graph.known is not None:
            inputs.append(torch.from_numpy(frames.instruction[rows]))
        answer = graph.answer(*inputs)
        actions, mask = (torch.from_numpy(values) for values in frames.chunks(rows))
        own = policy.space.physical_chunk(answer.chunk, state)[:, 0]
        seen.append(answer.seen(policy).numpy())
        missing.append((actions[:, 0] - own).numpy())
        embedded.append(torch.cat(
            [answer.z_vision, chunks(actions, mask, state)], dim=1).numpy())
    whole = [np.concatenate(parts) for parts in (seen, missing, embedded)]
    episode = np.asarray(frames.episode)[chosen]
    return [Shown(*(values[episode == index] for values in whole),
                  *verdict_on(frames.episodes[index])) for index in np.unique(episode)]


def verdict_on(item: Mapping[str, Any]) -> tuple[bool | None, bool]:
    """
    Tell of an episode of a dataset whether it was a success, and whether it is whole.
    """
    return item['success'], item.get('cut', {}).get('rule') != CORRECTIONS


@torch.no_grad()
def embed(policy: AlignedPolicy, z_vision: np.ndarray, actions: np.ndarray,
          state: np.ndarray) -> np.ndarray:
    """
    Embed what was seen and done.

    :param policy: the policy.
    :param z_vision: embeddings of the scenes (N, E).
    :param actions: executed chunks (N, T, D), physical.
    :param state: joints (N, S).
    :return: embeddings (N, 2 * E).
    """
    space = policy.space
    chunk = space.normal_chunk(torch.from_numpy(actions), torch.from_numpy(state))
    return np.concatenate([z_vision, policy.embed_chunk(chunk).numpy()], axis=1)
