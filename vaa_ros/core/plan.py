# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is wanted when: the action chunks, and at the arm's own rate the setpoints between them.
"""
from __future__ import annotations

from collections.abc import Callable
import copy

import numpy as np

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.inference import Answers
from vaa_ros.core.interpolation import SetpointInterpolator
from vaa_ros.core.types import ActionChunk


class Plan:
    """
    Keeps the policy's answers and gives the setpoint that is wanted now.

    Two clocks are passed in: that of the observation stamps, by which chunks are played, and one
    that does not jump, by which the arm moves. Not thread-safe: the control loop owns it.

    :param player: plays the action chunks.
    :param interpolator: leads from setpoint to setpoint at the arm's rate; None for an arm that
        is commanded at the policy's rate.
    :param combine: says how overlapping chunks of a policy are combined, ``temporal`` or ``none``;
        None leaves the player as it is.
    """

    def __init__(
        self, player: ChunkPlayer, interpolator: SetpointInterpolator | None = None,
        combine: Callable[[Answers], str] | None = None,
    ) -> None:
        self._player = player
        self._interpolator = interpolator
        self._combine = combine
        self._started = False

    def reset(self) -> None:
        """
        Forget every chunk.
        """
        self._player.reset()

    def take_over(self, policy: Answers) -> None:
        """
        Forget every chunk, and go on with those of another policy.

        :param policy: the policy that takes over.
        """
        self._player.reset()
        if self._combine is not None:
            self._player.ensemble = self._combine(policy)

    def add(self, chunk: ActionChunk, stamp_now_ns: int, seam_s: float | None = None) -> None:
        """
        Take in a chunk.

        :param chunk: the policy's answer to one observation.
        :param stamp_now_ns: the present on the clock of the stamps [ns].
        :param seam_s: how long to go over to it from the chunk before [s], to follow it alone;
            None lets all chunks vote.
        :raises ModelError: if it cannot be played.
        """
        if seam_s is None:
            self._player.add(chunk)
        else:
            self._player.follow(chunk, stamp_now_ns, seam_s)

    def start(self, position: np.ndarray | None) -> None:
        """
        Begin a motion at rest.

        :param position: where the arm is (D,); None while unknown.
        """
        self._started = self._interpolator is not None and position is not None
        if self._started:
            self._interpolator.start(np.asarray(position, np.float64))

    def wanted(self, now_ns: int, stamp_now_ns: int) -> np.ndarray | None:
        """
        Give what is wanted now.

        :param now_ns: the present on the clock that does not jump [ns].
        :param stamp_now_ns: the present on the clock of the stamps [ns].
        :return: the setpoint (D,), or None where no chunk covers the present.
        """
        if not self._started:
            return self._player.setpoint(stamp_now_ns)
        return self._interpolator.at(self._player, now_ns, stamp_now_ns)

    def copy(self) -> Plan:
        """
        Give a plan whose future does not change this one's.
        """
        twin = copy.copy(self)
        twin._player = copy.copy(self._player)
        twin._interpolator = copy.copy(self._interpolator)
        return twin
