# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether a camera stream is well: rate, age, gaps, frozen content, bad images.

Pure bookkeeping: time is passed in, never read.
"""
from __future__ import annotations

from collections import Counter
from collections import deque
from dataclasses import dataclass

from vaa_ros.core.types import NANOSECONDS

_WINDOW_S = 2.0
_GAP_PERIODS = 1.75
_PERIODS_KEPT = 32


@dataclass(frozen=True)
class Limits:
    """
    What is still well.

    :param stale_after_s: longest time without a frame [s].
    :param frozen_after_s: longest time without a change of the picture [s].
    :param expected_rate_hz: rate that the camera should have, 0 for unknown [Hz].
    """

    stale_after_s: float = 0.5
    frozen_after_s: float = 2.0
    expected_rate_hz: float = 0.0


class StreamHealth:
    """
    Counts the frames of one stream.

    :param limits: what is still well.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._received: deque[float] = deque()
        self._periods: deque[int] = deque(maxlen=_PERIODS_KEPT)
        self._last_stamp_ns: int | None = None
        self._last_received_s: float | None = None
        self._checksum: int | None = None
        self._changed_s = 0.0
        self._age_s = 0.0
        self.frames = 0
        """Good frames."""
        self.repeated = 0
        """Frames with the stamp of the one before."""
        self.missed = 0
        """Frames that the gaps between stamps have room for."""
        self.bad: Counter[str] = Counter()
        """Bad images by what is wrong with them."""

    def frame(self, now_s: float, stamp_ns: int, age_s: float, checksum: int) -> None:
        """
        Count a good frame.

        :param now_s: receive time on a steady clock [s].
        :param stamp_ns: its stamp [ns].
        :param age_s: time since its stamp [s].
        :param checksum: of its pixels.
        """
        self.frames += 1
        self._age_s = age_s
        self._last_received_s = now_s
        self._received.append(now_s)
        self._forget(now_s)
        if checksum != self._checksum:
            self._checksum = checksum
            self._changed_s = now_s
        if self._last_stamp_ns is not None:
            self._count_gap(stamp_ns - self._last_stamp_ns)
        self._last_stamp_ns = stamp_ns

    def reject(self, reason: str) -> None:
        """
        Count a bad image.

        :param reason: what is wrong, starting with the field's name.
        """
        self.bad[reason.split()[0] if reason else 'unknown'] += 1

    def rate_hz(self, now_s: float) -> float:
        """
        Give the rate over the last 2 s.

        :param now_s: time on the same clock as the frames [s].
        :return: rate [Hz].
        """
        self._forget(now_s)
        if len(self._received) < 2:
            return 0.0
        span_s = max(self._received[-1] - self._received[0], 1e-9)
        return (len(self._received) - 1) / span_s

    def silent_s(self, now_s: float) -> float | None:
        """
        Give the time since the last good frame.

        :param now_s: time on the same clock as the frames [s].
        :return: time [s], or None before the first frame.
        """
        return None if self._last_received_s is None else now_s - self._last_received_s

    def problem(self, now_s: float) -> str:
        """
        Say what is wrong with the stream.

        :param now_s: time on the same clock as the frames [s].
        :return: one line, or an empty string while all is well.
        """
        silent_s = self.silent_s(now_s)
        if silent_s is None:
            return 'no frame yet'
        if silent_s > self._limits.stale_after_s:
            return f'no frame for {silent_s:.1f} s'
        if self._last_received_s - self._changed_s > self._limits.frozen_after_s:
            return f'the picture has not changed for {now_s - self._changed_s:.1f} s'
        expected, rate = self._limits.expected_rate_hz, self.rate_hz(now_s)
        if expected > 0 and len(self._received) > 2 and rate < 0.8 * expected:
            return f'{rate:.1f} Hz, expected {expected:g} Hz'
        return ''

    def values(self, now_s: float) -> dict[str, object]:
        """
        Give the figures for diagnostics.

        :param now_s: time on the same clock as the frames [s].
        :return: values by name; times in s, rates in Hz.
        """
        silent_s = self.silent_s(now_s)
        figures: dict[str, object] = {
            'frames': self.frames, 'rate_hz': self.rate_hz(now_s), 'age_s': self._age_s,
            'silent_s': -1.0 if silent_s is None else silent_s, 'missed': self.missed,
            'repeated': self.repeated, 'bad': sum(self.bad.values()),
            'unchanged_s': now_s - self._changed_s if self.frames else 0.0}
        figures.update({f'bad_{reason}': count for reason, count in sorted(self.bad.items())})
        return figures

    def _count_gap(self, delta_ns: int) -> None:
        if delta_ns == 0:
            self.repeated += 1
            return
        if delta_ns < 0:
            self._periods.clear()
            return
        period_ns = self._period_ns()
        if period_ns and delta_ns > _GAP_PERIODS * period_ns:
            self.missed += round(delta_ns / period_ns) - 1
        self._periods.append(delta_ns)

    def _period_ns(self) -> float:
        if self._limits.expected_rate_hz > 0:
            return NANOSECONDS / self._limits.expected_rate_hz
        if len(self._periods) < 4:
            return 0.0
        return sorted(self._periods)[len(self._periods) // 2]

    def _forget(self, now_s: float) -> None:
        while self._received and now_s - self._received[0] > _WINDOW_S:
            self._received.popleft()
