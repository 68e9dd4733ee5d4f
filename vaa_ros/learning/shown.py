# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations and own episodes as a learned reward compares them, both by the same code.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

import numpy as np
import torch

from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.corrections import CORRECTIONS
from vaa_ros.learning.frames import chunk_table
from vaa_ros.learning.frames import Frames

BATCH = 32
MARGIN = 1.25
"""How much longer than the longest demonstration an episode is judged."""


@dataclass(frozen=True, eq=False)
class Course:
    """
    What was seen and done in an episode.

    :param scene: embeddings of what was seen (N, E).
    :param state: joints (N, S) [rad or m].
    :param command: what the arm was told (N, D), physical.
    :param stamp: when, rising (N,) [ns].
    """

    scene: np.ndarray
    state: np.ndarray
    command: np.ndarray
    stamp: np.ndarray

    def __len__(self) -> int:
        return len(self.stamp)

    def lasting(self, ticks: int, dt_s: float) -> Course:
        """
        Give it as if it had lasted so long: cut, or staying as it ended.

        :param ticks: so many.
        :param dt_s: length of a tick [s].
        """
        time = self.stamp - self.stamp[0]
        tick_ns = dt_s * NANOSECONDS
        kept = int(np.searchsorted(time, (ticks - 0.5) * tick_ns))
        gap = float(np.median(np.diff(self.stamp))) if len(self) > 1 else tick_ns
        more = int(max(0.0, (ticks - 0.5) * tick_ns - time[kept - 1]) // gap)
        rows = np.append(np.arange(kept), np.full(more, kept - 1))
        stamp = self.stamp[rows]
        stamp[kept:] += np.round(gap * np.arange(1, more + 1)).astype(np.int64)
        return Course(self.scene[rows], self.state[rows], self.command[rows], stamp)


@dataclass(frozen=True, eq=False)
class Shown:
    """
    One demonstration through the eyes of a frozen policy.

    :param seen: what a residual would have seen (N, V), see
        :meth:`vaa_ros.alignment.graphs.Answer.seen`; not standardised.
    :param missing: the demonstrated action without the policy's own first one (N, D), physical.
    :param course: what there is for a learned reward to compare.
    :param success: whether the task was done in it, None where nobody said.
    :param whole: whether it is all of an episode, no stretch in which a person took over.
    """

    seen: np.ndarray
    missing: np.ndarray
    course: Course
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
    graph = PolicyGraph(policy).eval()
    history, chosen = frames.history(policy.spec), frames.split(split)
    seen, missing, scene = [], [], []
    for start in range(0, len(chosen), BATCH):
        rows = chosen[start:start + BATCH]
        state = torch.from_numpy(np.array(frames.state[rows]))
        inputs = [torch.from_numpy(np.array(frames.images[key][history[rows, age]]))
                  for key in policy.spec.camera_keys
                  for age in range(policy.spec.observation_history)] + [state]
        if graph.known is not None:
            inputs.append(torch.from_numpy(frames.instruction[rows]))
        answer = graph.answer(*inputs)
        own = policy.space.physical_chunk(answer.chunk, state)[:, 0]
        seen.append(answer.seen(policy).numpy())
        missing.append(frames.action[rows] - own.numpy())
        scene.append(answer.z_vision.numpy())
    whole = [*(np.concatenate(parts) for parts in (seen, missing, scene)),
             *(np.array(values[chosen]) for values in (frames.state, frames.action,
                                                       frames.stamp))]
    episode = np.asarray(frames.episode)[chosen]
    return [Shown(*(values[episode == index] for values in whole[:2]),
                  Course(*(values[episode == index] for values in whole[2:])),
                  *verdict_on(frames.episodes[index])) for index in np.unique(episode)]


def verdict_on(item: Mapping[str, Any]) -> tuple[bool | None, bool]:
    """
    Tell of an episode of a dataset whether it was a success, and whether it is whole.
    """
    return item['success'], item.get('cut', {}).get('rule') != CORRECTIONS


def horizon_of(courses: Sequence[Course], dt_s: float) -> int:
    """
    Say for how many ticks episodes are judged: from how long demonstrations last, nothing else.

    :param courses: the demonstrations.
    :param dt_s: length of a tick [s].
    """
    longest = max((int(course.stamp[-1] - course.stamp[0]) for course in courses), default=0)
    return math.ceil(MARGIN * (longest / (dt_s * NANOSECONDS) + 1))


@torch.no_grad()
def embed(policy: AlignedPolicy, course: Course) -> np.ndarray:
    """
    Embed what was seen, and the chunk that was executed from there on.

    :param policy: the policy.
    :param course: the episode; chunks are masked at its end as those of a dataset are.
    :return: embeddings (N, 2 * E).
    """
    spec, space = policy.spec, policy.space
    index, mask = chunk_table(course.stamp, np.zeros(len(course), np.int64), spec.dt_s,
                              spec.chunk_length)
    actions = torch.from_numpy(course.command[index].astype(np.float32))
    chunk = space.normal_chunk(actions, torch.from_numpy(course.state))
    return np.concatenate(
        [course.scene, policy.embed_chunk(chunk, torch.from_numpy(mask)).numpy()], axis=1)
