# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Latency figures over a long run, in bounded memory and without garbage in the hot path.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np

BINS_A_DECADE = 96
LOWEST_MS = 0.01
DECADES = 6


@dataclass(frozen=True)
class LatencySummary:
    """
    What a series of latencies amounts to; NaN where nothing was measured.

    :param count: how many were measured.
    :param p50: median [ms].
    :param p99: 99th percentile [ms].
    :param max: longest, exactly [ms].
    """

    count: int
    p50: float
    p99: float
    max: float


class LatencyStats:
    """
    A histogram with logarithmic bins: percentiles within 2.4 % over any number of samples.

    One thread adds; any thread may read, and then sees all but the very last sample.
    """

    def __init__(self) -> None:
        self._counts = np.zeros(BINS_A_DECADE * DECADES, dtype=np.int64)
        self._max = math.nan

    def add(self, milliseconds: float) -> None:
        """
        Count one latency.

        :param milliseconds: the latency [ms]; what is not finite is left out, and a negative
            one (two clocks) counts as the lowest.
        """
        if not math.isfinite(milliseconds):
            return
        if not milliseconds <= self._max:
            self._max = milliseconds
        position = math.log10(max(milliseconds, LOWEST_MS) / LOWEST_MS) * BINS_A_DECADE
        self._counts[min(int(position), self._counts.size - 1)] += 1

    def reset(self) -> None:
        """
        Forget every sample.
        """
        self._counts[:] = 0
        self._max = math.nan

    def percentile(self, fraction: float) -> float:
        """
        Give the latency that a fraction of the samples does not exceed.

        :param fraction: 0 to 1.
        :return: the upper edge of its bin [ms], never above the longest sample; NaN if empty.
        """
        total = int(self._counts.sum())
        if total == 0:
            return math.nan
        rank = max(1, math.ceil(fraction * total))
        index = int(np.searchsorted(np.cumsum(self._counts), rank))
        return min(LOWEST_MS * 10 ** ((index + 1) / BINS_A_DECADE), self._max)

    def cumulative(self, edges_ms: Sequence[float]) -> list[int]:
        """
        Count the samples up to each of some edges, as a Prometheus histogram does.

        :param edges_ms: the edges, growing; met within the width of a bin [ms].
        :return: the counts.
        """
        sums = np.append(0, np.cumsum(self._counts))
        return [int(sums[-1 if edge == math.inf else min(
            round(math.log10(edge / LOWEST_MS) * BINS_A_DECADE), len(sums) - 1)])
            for edge in edges_ms]

    def summary(self) -> LatencySummary:
        """
        Sum the samples up.

        :return: count, median, 99th percentile and maximum.
        """
        return LatencySummary(
            int(self._counts.sum()), self.percentile(0.5), self.percentile(0.99), self._max)


def summary_values(name: str, stats: LatencyStats) -> dict[str, object]:
    """
    Give a series as flat names and numbers.

    :param name: what was measured.
    :param stats: the series.
    :return: median, 99th percentile and maximum [ms].
    """
    summary = stats.summary()
    return {f'{name}_ms_p50': summary.p50, f'{name}_ms_p99': summary.p99,
            f'{name}_ms_max': summary.max}
