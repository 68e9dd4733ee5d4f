# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From action chunks to the one setpoint that is due now.

``actions[i]`` of a chunk is due at ``stamp + i * dt``. Between two actions the setpoint is
interpolated, the last action is held for one more step, then the chunk is exhausted. An answer
that comes late loses its first actions by itself, because time decides which one is due.

With ``temporal`` ensembling (ACT, arXiv 2304.13705) every chunk that covers the instant has a
vote of weight ``exp(-coefficient * rank)``, rank 0 being the oldest; a negative coefficient
favours the newest. The default does: with votes that count nearly the same (ACT's 0.01) old
chunks, which foresaw a lift after the grasp, cancelled new ones that had seen the grasp fail, and
the arm hovered (18 of 20 episodes against 20 of 20). Two kinds of element are not averaged
plainly: a gripper opens or closes, and the mean of both is a half-open hand that drops what it
holds, so the newest chunk alone decides it; a quaternion is averaged after its sign is aligned
with the newest one, and brought back to unit length.

A policy that answers seldom is followed chunk by chunk instead: each new one takes over from the
one before it, across a seam in which both are mixed.
"""
from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np

from vaa_ros.core.blending import align_signs
from vaa_ros.core.blending import blended
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import NANOSECONDS

ENSEMBLES = ('temporal', 'none')
MAX_CHUNKS = 256
DEFAULT_COEFFICIENT = -0.25


class ChunkPlayer:
    """
    Plays overlapping action chunks against a clock that is passed in.

    Not thread-safe: the control loop owns it.

    :param dt_s: time between two actions [s]; every chunk must have the same.
    :param ensemble: ``temporal`` (all chunks vote) or ``none`` (the newest decides).
    :param coefficient: decay of the vote from the oldest chunk to the newest.
    :param newest_only: elements that the newest chunk alone decides, such as the gripper.
    :param quaternion: index of qx where the action holds a quaternion x y z w, else None.
    :raises ConfigError: if an option is out of range.
    """

    def __init__(
        self,
        dt_s: float,
        ensemble: str = 'temporal',
        coefficient: float = DEFAULT_COEFFICIENT,
        newest_only: Sequence[int] = (),
        quaternion: int | None = None,
    ) -> None:
        if not 0 < dt_s < math.inf:
            raise ConfigError(f'dt_s is {dt_s}, expected a positive time in seconds')
        if ensemble not in ENSEMBLES:
            raise ConfigError(f'ensemble is {ensemble!r}, expected one of {", ".join(ENSEMBLES)}')
        if not -1 <= coefficient <= 1:
            raise ConfigError(f'ensemble coefficient is {coefficient}, expected -1 to 1')
        self._dt_s = float(dt_s)
        self.ensemble = ensemble
        """How overlapping chunks are combined, one of :data:`ENSEMBLES`."""
        self._coefficient = float(coefficient)
        self._newest_only = list(newest_only)
        self._quaternion = None if quaternion is None else slice(quaternion, quaternion + 4)
        self._chunks: list[ActionChunk] = []

    @classmethod
    def for_action(
        cls,
        action: ActionSpec,
        dt_s: float,
        ensemble: str = 'temporal',
        coefficient: float = DEFAULT_COEFFICIENT,
        gripper: str | None = 'gripper',
    ) -> ChunkPlayer:
        """
        Make the player that fits an action: knows its gripper and its quaternion.

        :param action: what one action is.
        :param dt_s: time between two actions [s].
        :param ensemble: ``temporal`` or ``none``.
        :param coefficient: decay of the vote from the oldest chunk to the newest.
        :param gripper: name of the gripper element; None or an absent name means there is none.
        :return: the player.
        """
        newest_only = [index for index, name in enumerate(action.names) if name == gripper]
        quaternion = action.names.index('qx') if action.kind == 'end_effector_pose' else None
        return cls(dt_s, ensemble, coefficient, newest_only, quaternion)

    def __len__(self) -> int:
        return len(self._chunks)

    def reset(self) -> None:
        """
        Forget every chunk.
        """
        self._chunks = []

    def add(self, chunk: ActionChunk) -> None:
        """
        Take in a chunk; one with a stamp already known replaces the earlier answer.

        :param chunk: the policy's answer to one observation.
        :raises ModelError: if it is not finite, or of another step or width than before.
        """
        self._check(chunk)
        chunks = [known for known in self._chunks if known.stamp_ns != chunk.stamp_ns]
        chunks.append(chunk)
        chunks.sort(key=lambda known: known.stamp_ns)
        newest_ns = chunks[-1].stamp_ns
        chunks = [known for known in chunks if self._end_ns(known) > newest_ns]
        self._chunks = chunks[-MAX_CHUNKS:]

    def follow(self, chunk: ActionChunk, now_ns: int, seam_s: float) -> None:
        """
        Take in a chunk that is to be followed alone from now on.

        :param chunk: the policy's answer to one observation.
        :param now_ns: the present, on the clock of the chunk stamps [ns].
        :param seam_s: how long to go over to it from the chunk before [s].
        :raises ModelError: as :meth:`add`.
        """
        self._check(chunk)
        before, self._chunks = self._chunks[-1:], []
        mixed = before and blended(
            chunk, before[0], now_ns, seam_s, self._quaternion, self._newest_only)
        self.add(mixed or chunk)

    def setpoint(self, now_ns: int) -> np.ndarray | None:
        """
        Give the action that is due.

        :param now_ns: the present, on the clock of the chunk stamps [ns].
        :return: the action (D,) float64 in physical units, or None when no chunk covers now.
        """
        self._drop(now_ns)
        covering = self._covering(now_ns)
        if not covering:
            return None
        newest = self._sample(covering[-1], now_ns)
        if self.ensemble == 'none' or len(covering) == 1:
            return newest
        votes = np.stack([self._sample(chunk, now_ns) for chunk in covering[:-1]] + [newest])
        if self._quaternion is not None:
            align_signs(votes[:, self._quaternion], newest[self._quaternion])
        return self._normalised(self.vote(votes))

    def covering(self, now_ns: int) -> tuple[ActionChunk, ...]:
        """
        Give the chunks that say something about now, the oldest first.

        :param now_ns: the present, on the clock of the chunk stamps [ns].
        """
        self._drop(now_ns)
        return tuple(self._covering(now_ns))

    def vote(self, votes: np.ndarray) -> np.ndarray:
        """
        Combine what several chunks say.

        :param votes: what each says (k, D), the oldest first; quaternions with signs that agree.
        :return: the result (D,).
        """
        newest = votes[-1]
        if self.ensemble == 'none' or len(votes) == 1:
            return newest
        weights = np.exp(-self._coefficient * np.arange(len(votes)))
        # Voting on the difference from the newest leaves an unanimous vote exactly as it is.
        mean = newest + weights @ (votes - newest) / weights.sum()
        mean[self._newest_only] = newest[self._newest_only]
        return mean

    def remaining_s(self, now_ns: int) -> float:
        """
        Tell for how long setpoints are still to be had without a new chunk.

        :param now_ns: the present, on the clock of the chunk stamps [ns].
        :return: the time until exhaustion [s], 0 when no chunk covers now.
        """
        ends = [self._end_ns(chunk) for chunk in self._covering(now_ns)]
        return (max(ends) - now_ns) / NANOSECONDS if ends else 0.0

    def _check(self, chunk: ActionChunk) -> None:
        if not math.isclose(chunk.dt_s, self._dt_s, rel_tol=1e-6):
            raise ModelError(f'action chunk has a step of {chunk.dt_s} s, expected {self._dt_s} s')
        if not np.isfinite(chunk.actions).all():
            step, element = np.argwhere(~np.isfinite(chunk.actions))[0]
            raise ModelError(f'action chunk is not finite: actions[{step}, {element}] is '
                             f'{chunk.actions[step, element]}')
        width = chunk.actions.shape[1]
        if self._chunks and width != self._chunks[0].actions.shape[1]:
            raise ModelError(f'action chunk has {width} elements an action, the one before had '
                             f'{self._chunks[0].actions.shape[1]}; reset before changing policy')

    def _end_ns(self, chunk: ActionChunk) -> int:
        return chunk.stamp_ns + round(len(chunk.actions) * self._dt_s * NANOSECONDS)

    def _drop(self, now_ns: int) -> None:
        # A chunk further ahead than its own length means that the clock was set back: played when
        # its time comes again, it would answer a scene that is long gone.
        self._chunks = [
            chunk for chunk in self._chunks
            if now_ns < self._end_ns(chunk)
            and chunk.stamp_ns - now_ns <= self._end_ns(chunk) - chunk.stamp_ns
        ]

    def _covering(self, now_ns: int) -> list[ActionChunk]:
        return [chunk for chunk in self._chunks
                if chunk.stamp_ns <= now_ns < self._end_ns(chunk)]

    def _sample(self, chunk: ActionChunk, now_ns: int) -> np.ndarray:
        last = len(chunk.actions) - 1
        place = min((now_ns - chunk.stamp_ns) / NANOSECONDS / self._dt_s, float(last))
        # Stamps are whole nanoseconds and steps are not: on a grid point, give its action itself.
        if abs(place - round(place)) * self._dt_s * NANOSECONDS < 2.0:
            place = float(round(place))
        index = int(place)
        before = chunk.actions[index].astype(np.float64)
        after = chunk.actions[min(index + 1, last)].astype(np.float64)
        if self._quaternion is not None:
            align_signs(after[None, self._quaternion], before[self._quaternion])
        return self._normalised(before + (place - index) * (after - before))

    def _normalised(self, action: np.ndarray) -> np.ndarray:
        if self._quaternion is not None:
            norm = float(np.linalg.norm(action[self._quaternion]))
            if norm > 0:
                action[self._quaternion] /= norm
        return action
