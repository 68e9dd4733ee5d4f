# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How what a policy would have commanded differs from what moved the arm. Time is passed in.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

WINDOW_S = 10.0


class CommandDifference:
    """
    Compares two streams of commands over the last seconds.

    :param names: elements of a command.
    :param window_s: how long a comparison counts [s].
    """

    def __init__(self, names: Sequence[str], window_s: float = WINDOW_S) -> None:
        self._names = tuple(names)
        self._window_s = window_s
        self._rows: deque[tuple[float, np.ndarray, str]] = deque()

    def add(self, now_s: float, would: np.ndarray, real: np.ndarray, source: str) -> None:
        """
        Compare two commands of one time.

        :param now_s: the present [s].
        :param would: what would have been commanded (D,).
        :param real: what moved the arm (D,); NaN for elements that are not known.
        :param source: where that is from, in words.
        """
        self._rows.append((now_s, np.abs(np.asarray(would, np.float64) - real), source))
        self._forget(now_s)

    def figures(self, now_s: float) -> dict[str, object]:
        """
        Give mean and largest difference, in the units of the commands.

        :param now_s: the present [s].
        :return: figures by name; only ``compared`` is there when there was nothing to compare.
        """
        self._forget(now_s)
        rows = list(self._rows)
        found: dict[str, object] = {'compared': len(rows)}
        if not rows:
            return found
        table = np.stack([row for _, row, _ in rows])
        known = np.isfinite(table).any(axis=0)
        if not known.any():
            return {'compared': 0}
        largest = np.where(known, np.nanmax(np.where(known, table, 0.0), axis=0), -1.0)
        worst = int(np.argmax(largest))
        return {**found, 'compared_with': rows[-1][2],
                'difference_mean': float(np.nanmean(table[:, known])),
                'difference_largest': float(largest[worst]),
                'difference_largest_of': self._names[worst]}

    def _forget(self, now_s: float) -> None:
        while self._rows and now_s - self._rows[0][0] > self._window_s:
            self._rows.popleft()
