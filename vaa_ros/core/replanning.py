# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When to ask the policy again, by how long its answers take.

An answer that is there well within a period of the policy is asked for with every observation, and
overlapping chunks are averaged. A slower one is asked for less often: each chunk is followed for
at least twice as long as the next one takes, and the seam between two chunks is blended. See
doc/timing.md.
"""
from __future__ import annotations

from collections import deque
import math
import statistics

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.types import NANOSECONDS

AUTO = 'auto'
ALWAYS = 'always'
CHUNKS = 'chunks'
REPLAN_CHOICES = (AUTO, ALWAYS, CHUNKS)

SHORT, SHORT_AGAIN = 0.8, 0.6
"""Shares of the policy's period above which answers are long, and below which they are short."""
SAMPLES = 15
FIRST_SAMPLES = 3
FOLLOWED = 2.0
"""How many times the time of an answer a chunk is followed at least."""
COVERED = 0.75
"""Share of a chunk's length within which the next one must be there."""
EARLY = 0.4
"""How much before its time an observation may be asked about [policy periods]."""


class ReplanRule:
    """
    Says whether the next observation is to be answered. Time is passed in; not thread-safe.

    :param period_s: the policy's period [s].
    :param mode: ``auto``, ``always`` (every observation) or ``chunks`` (each is followed).
    :raises ConfigError: if the mode is unknown.
    """

    def __init__(self, period_s: float, mode: str = AUTO) -> None:
        if mode not in REPLAN_CHOICES:
            raise ConfigError(f'replan is {mode!r}, expected one of {", ".join(REPLAN_CHOICES)}')
        self._period_s = period_s
        self._mode = mode
        self.reset()

    def reset(self) -> None:
        """
        Forget what was measured: another policy, or a new episode.
        """
        self._took_s: deque[float] = deque(maxlen=SAMPLES)
        self._asked_ns: int | None = None
        self._horizon_s = math.inf
        self.chunked = self._mode == CHUNKS
        """Whether chunks are followed and blended, instead of one for every observation."""

    @property
    def latency_s(self) -> float:
        """
        Give the median time of the last answers [s], 0 before there are enough.
        """
        return statistics.median(self._took_s) if len(self._took_s) >= FIRST_SAMPLES else 0.0

    @property
    def interval_s(self) -> float:
        """
        Give the time from asking to asking again [s].
        """
        if not self.chunked:
            return self._period_s
        wanted = math.ceil(FOLLOWED * self.latency_s / self._period_s - 1e-6) * self._period_s
        longest = COVERED * self._horizon_s - self.latency_s
        return max(self._period_s, min(wanted, longest))

    @property
    def seam_s(self) -> float | None:
        """
        Give how long the seam between two chunks is blended [s]; None where all chunks vote.
        """
        return 0.5 * self.interval_s if self.chunked else None

    def due(self, now_ns: int) -> bool:
        """
        Tell whether an observation that is there now is to be answered.

        :param now_ns: the present, on a clock that does not jump [ns].
        """
        if self._asked_ns is None:
            return True
        early_s = EARLY * self._period_s
        return (now_ns - self._asked_ns) / NANOSECONDS >= self.interval_s - early_s

    def asked(self, now_ns: int) -> None:
        """
        Note that the policy is asked.

        :param now_ns: when [ns].
        """
        self._asked_ns = now_ns

    def answered(self, took_s: float, horizon_s: float) -> None:
        """
        Note an answer.

        :param took_s: how long it took [s].
        :param horizon_s: how long its chunk lasts [s].
        """
        self._took_s.append(took_s)
        self._horizon_s = horizon_s
        if self._mode != AUTO or len(self._took_s) < FIRST_SAMPLES:
            return
        limit = SHORT_AGAIN if self.chunked else SHORT
        self.chunked = self.latency_s > limit * self._period_s
