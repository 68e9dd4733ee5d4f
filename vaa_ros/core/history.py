# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which earlier frames a policy with a memory of frames sees.

One rule for the live path, evaluation, replay and the dataset, by stamps alone. The k-th earlier
frame is wanted ``k * history_stride`` control ticks before the present one, but never before the
first frame of the episode, which is so repeated at its start. The frame nearest to that time is
taken, the older of two, if it is at most half a stride away; where a gap left none, the present
frame stands in for it, which says that no motion is known.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from vaa_ros.core.spec import MAX_HISTORY_S
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.core.types import Past

REACH_NS = round(MAX_HISTORY_S * NANOSECONDS)
PRESENT = -1


def earlier_frames(stamps_ns: np.ndarray, first_ns: int, now_ns: np.ndarray,
                   spec: PolicySpec) -> np.ndarray:
    """
    Choose the earlier frames of moments of one episode.

    :param stamps_ns: stamps of frames (N,), rising; those at or after a moment do no harm [ns].
    :param first_ns: stamp of the episode's first frame, which need not be among them any more.
    :param now_ns: stamps of the present frames (M,) [ns].
    :param spec: how many frames are wanted, and how far apart.
    :return: index of each earlier frame (M, observation_history - 1), the youngest first, or
        ``PRESENT`` where the present one is to be repeated.
    """
    now, stride = np.asarray(now_ns, np.int64)[:, None], spec.history_stride_ns
    wanted = np.maximum(now - stride * np.arange(1, spec.observation_history), first_ns)
    if not len(stamps_ns):
        return np.full(wanted.shape, PRESENT)
    right = np.searchsorted(stamps_ns, wanted).clip(max=len(stamps_ns) - 1)
    left = (right - 1).clip(0)
    nearest = np.where(wanted - stamps_ns[left] <= np.abs(stamps_ns[right] - wanted), left, right)
    usable = (2 * np.abs(stamps_ns[nearest] - wanted) <= stride) & (stamps_ns[nearest] < now)
    return np.where(usable, nearest, PRESENT)


def seen_frames(spec: PolicySpec, observation: Observation) -> list[Mapping[str, np.ndarray]]:
    """
    Give the pictures that a policy sees at an observation; nothing is copied.

    :param spec: the policy.
    :param observation: the present, with the frames before it where they are known.
    :return: pictures by camera key, the present ones first, ``observation_history`` of them.
    """
    past = observation.past
    if spec.observation_history == 1 or past is None:
        return [observation.images] * spec.observation_history
    stamps = np.array([stamp_ns for stamp_ns, _ in past.frames], np.int64)
    chosen = earlier_frames(stamps, past.first_ns, np.array([observation.stamp_ns]), spec)[0]
    return [observation.images,
            *(observation.images if index == PRESENT else past.frames[index][1]
              for index in chosen)]


class ObservationHistory:
    """
    Keeps the frames of the last ``MAX_HISTORY_S`` and gives them to every new observation.

    It does not depend on the policy, so that another one may take over at any time.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """
        Forget every frame: the next one is the first of an episode.
        """
        self._frames: deque[tuple[int, Mapping[str, np.ndarray]]] = deque()
        self._first_ns: int | None = None

    def add(self, observation: Observation) -> Observation:
        """
        Take a new observation.

        :param observation: the present; frames that are not older than it are forgotten, and if
            that is all of them, it is the first of an episode.
        :return: the same, with the frames before it.
        """
        stamp_ns, frames = observation.stamp_ns, self._frames
        if self._first_ns is None or stamp_ns <= self._first_ns:
            frames.clear()
            self._first_ns = stamp_ns
        while frames and frames[-1][0] >= stamp_ns:
            frames.pop()
        while frames and frames[0][0] < stamp_ns - REACH_NS:
            frames.popleft()
        past = Past(self._first_ns, tuple(frames))
        frames.append((stamp_ns, observation.images))
        return replace(observation, past=past)
