# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Figures over the last seconds, in constant time for each sample. Time is passed in.
"""
from __future__ import annotations

from collections import deque
import math

from vaa_ros.core.types import NANOSECONDS


class SlidingMax:
    """
    The largest of the samples of a window.

    :param window_s: length of the window [s].
    """

    def __init__(self, window_s: float) -> None:
        self._window_ns = round(window_s * NANOSECONDS)
        self.clear()

    def clear(self) -> None:
        """
        Forget every sample.
        """
        self._samples: deque[tuple[int, float, str]] = deque()
        self.count = self.first_ns = 0
        """How many samples came since there was none, and when the first of them did."""

    def add(self, now_ns: int, value: float, text: str = '') -> None:
        """
        Take a sample.

        :param now_ns: when, never before the sample before [ns].
        :param value: the sample.
        :param text: what it is about.
        """
        self.first_ns = self.first_ns if self.count else now_ns
        # Smaller ones that came before can never be the largest again.
        while self._samples and self._samples[-1][1] <= value:
            self._samples.pop()
        self._samples.append((now_ns, value, text))
        self.count += 1

    def largest(self, now_ns: int) -> tuple[float, str]:
        """
        Give the largest sample of the window.

        :param now_ns: the end of the window [ns].
        :return: the sample and its text; minus infinity without one.
        """
        while self._samples and self._samples[0][0] < now_ns - self._window_ns:
            self._samples.popleft()
        if not self._samples:
            self.count = 0
            return -math.inf, ''
        return self._samples[0][1:]


class SlidingShare:
    """
    The share of the samples of a window that are marked.

    :param window_s: length of the window [s].
    """

    def __init__(self, window_s: float) -> None:
        self._window_ns = round(window_s * NANOSECONDS)
        self.clear()

    def clear(self) -> None:
        """
        Forget every sample.
        """
        self._samples: deque[tuple[int, bool]] = deque()
        self._marked = 0

    def add(self, now_ns: int, marked: bool) -> None:
        """
        Take a sample.

        :param now_ns: when, never before the sample before [ns].
        :param marked: whether it counts.
        """
        self._samples.append((now_ns, marked))
        self._marked += marked

    def share(self, now_ns: int, fewest: int) -> float:
        """
        Give the share.

        :param now_ns: the end of the window [ns].
        :param fewest: number of samples below which there is none.
        :return: 0 to 1; 0 while there are too few samples to say.
        """
        while self._samples and self._samples[0][0] < now_ns - self._window_ns:
            self._marked -= self._samples.popleft()[1]
        return self._marked / len(self._samples) if len(self._samples) >= fewest else 0.0
