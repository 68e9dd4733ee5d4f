# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Setpoints at the arm's rate between those of the policy, with continuous velocity.

Each chunk is a smooth path through its actions: cubic Hermite pieces whose slopes are harmonic
means, which never leave the space between two actions (Fritsch and Butland, 1984). All chunks
that cover the present vote, as at the policy's rate. The paths are followed one policy period less
one step later than the actions are due, which is when an arm told at the policy's rate would be
there: the motion keeps the timing that the policy learned with.

Whenever other chunks cover the present, what they say differently, in place and speed, fades in
over one policy period. So does the way from where a motion begins, at rest. What is wanted then
goes through the limits like any other wish.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from vaa_ros.core.blending import align_signs
from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import NANOSECONDS

AROUND = np.array([-1, 0, 1, 2])


class Motion(NamedTuple):
    """Position (D,) and velocity (D,) [1/s]."""

    position: np.ndarray
    velocity: np.ndarray


class Fade(NamedTuple):
    """A difference that is all there in the beginning, and nothing of it a period later."""

    start_ns: int
    difference: Motion


class SetpointInterpolator:
    """
    Leads from setpoint to setpoint. Time is passed in; not thread-safe.

    :param period_s: the policy's period [s].
    :param step_s: time from a command until the arm is there [s], shorter than the period.
    :param rotation: the elements that are a quaternion, if any.
    :raises ValueError: if the times do not fit.
    """

    def __init__(self, period_s: float, step_s: float, rotation: slice | None = None) -> None:
        if not 0 < step_s < period_s:
            raise ValueError(f'step_s is {step_s}, expected more than 0 and less than the period '
                             f'of {period_s} s')
        self._period_s = period_s
        self._step_ns = round(step_s * NANOSECONDS)
        self._late_ns = round((period_s - step_s) * NANOSECONDS)
        self._rotation = rotation
        self._begin: np.ndarray | None = None
        self._chunks: tuple[ActionChunk, ...] = ()
        self._fades: tuple[Fade, ...] = ()
        self._reference: np.ndarray | None = None

    def start(self, position: np.ndarray) -> None:
        """
        Begin a motion at rest, with the next setpoint.

        :param position: where the arm is (D,).
        """
        self._begin, self._chunks, self._fades = position, (), ()
        self._reference = None if self._rotation is None else position[self._rotation]

    def at(self, player: ChunkPlayer, now_ns: int, stamp_now_ns: int) -> np.ndarray | None:
        """
        Give the setpoint to command now.

        :param player: has the chunks.
        :param now_ns: the present, on a clock that does not jump [ns].
        :param stamp_now_ns: the present, on the clock of the chunk stamps [ns].
        :return: the setpoint (D,), or None when no chunk covers now.
        """
        chunks = player.covering(stamp_now_ns)
        if not chunks:
            return None
        place_ns = stamp_now_ns - self._late_ns
        wanted = self._motion(player, chunks, place_ns)
        self._fades = tuple(fade for fade in self._fades if self._share(fade, now_ns) < 1)
        if self._begin is not None:
            # As if it had been commanded to stay one step ago.
            self._fade(Motion(self._begin, np.zeros_like(self._begin)), wanted,
                       now_ns - self._step_ns)
            self._begin = None
        elif chunks != self._chunks:
            self._fade(self._motion(player, self._chunks, place_ns), wanted, now_ns)
        self._chunks = chunks
        position = wanted.position
        for fade in self._fades:
            position = position + self._left(fade, now_ns)
        if self._rotation is not None and position[self._rotation].any():
            position[self._rotation] /= np.linalg.norm(position[self._rotation])
        return position

    def _fade(self, before: Motion, after: Motion, now_ns: int) -> None:
        self._fades += (Fade(now_ns, Motion(before.position - after.position,
                                            before.velocity - after.velocity)),)

    def _share(self, fade: Fade, now_ns: int) -> float:
        return (now_ns - fade.start_ns) / NANOSECONDS / self._period_s

    def _left(self, fade: Fade, now_ns: int) -> np.ndarray:
        s, (way, speed) = self._share(fade, now_ns), fade.difference
        return (1 - s) ** 2 * ((1 + 2 * s) * way + s * self._period_s * speed)

    def _motion(self, player: ChunkPlayer, chunks: Sequence[ActionChunk], at_ns: int) -> Motion:
        """
        Let the paths of chunks vote.
        """
        positions, velocities = smooth(chunks, at_ns)
        if self._rotation is not None:
            # q and -q are one rotation: all are told as the one that was told before.
            turns = positions[:, self._rotation]
            velocities[turns @ self._reference < 0, self._rotation] *= -1.0
            align_signs(turns, self._reference)
        found = Motion(player.vote(positions), player.vote(velocities))
        if self._rotation is not None:
            self._reference = found.position[self._rotation]
        return found


def smooth(chunks: Sequence[ActionChunk], at_ns: int) -> tuple[np.ndarray, np.ndarray]:
    """
    Give place and speed on the smooth paths through the actions of chunks.

    Before its first action a path is a straight line; after its last it stays there.

    :param chunks: the chunks (k), all of the same step.
    :param at_ns: the instant, on the clock of the stamps [ns].
    :return: positions (k, D) and velocities (k, D) [1/s].
    """
    dt_s = chunks[0].dt_s
    near, shares = np.empty((len(chunks), 4, chunks[0].actions.shape[1])), np.empty(len(chunks))
    for row, chunk in enumerate(chunks):
        last = len(chunk.actions) - 1
        place = min((at_ns - chunk.stamp_ns) / NANOSECONDS / dt_s, last + 1.0)
        index = min(max(int(place), 0), last)
        shares[row] = place - index
        near[row] = chunk.actions.take(index + AROUND, axis=0, mode='clip')
        if index == 0:
            # As if it had come along the same line.
            near[row, 0] = 2 * near[row, 1] - near[row, 2]
    steps = np.diff(near, axis=1)
    product = steps[:, :-1] * steps[:, 1:]
    total = steps[:, :-1] + steps[:, 1:]
    slopes = np.where(product > 0, 2 * product / np.where(total == 0, 1.0, total), 0.0)
    s, (start, end) = np.maximum(shares, 0.0)[:, None], (slopes[:, 0], slopes[:, 1])
    way, left = steps[:, 1], 1 - s
    positions = near[:, 1] + (3 - 2 * s) * s * s * way + s * left * (left * start - s * end)
    velocities = 6 * s * left * way + left * (1 - 3 * s) * start + s * (3 * s - 2) * end
    positions += np.minimum(shares, 0.0)[:, None] * start
    return positions, velocities / dt_s
