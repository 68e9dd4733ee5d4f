# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How the streams of an episode kept time: rates, pauses and losses.
"""
from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from vaa_ros.core.lateness import OTHER_CLOCK_S
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.take import Stream

Figures = dict[str, dict[str, float]]

STEADY_MESSAGES = 10
SEEN_HZ = 30.0
"""Rate that is enough for eyes and joints, however fast commands are [Hz]."""
STEADY = 0.5
"""Most by which the middle half of a steady stream's intervals differ from the median, of it."""
ON_THE_WAY = 0.02
"""Distance from where it comes to rest beyond which a joint still moves [rad or m]."""


class TakeClock:
    """
    The time of a take: by the joints' stamps; what else came is placed among them by arrival.

    So a simulation may run at any pace, and clocks of other computers do not matter.

    :param joints: the joint states; None for the time of arrival.
    :param first_ns: when the take began [ns].
    """

    def __init__(self, joints: Stream | None, first_ns: int) -> None:
        self._first_ns = first_ns
        self._log_s = self._own_s = self.joints_s = np.zeros(1)
        self._pace = 1.0
        self.simulated = False
        if joints is None:
            return
        log, own = joints.arrivals_ns(), joints.times_ns()
        self._log_s, self._own_s = (log - first_ns) / NANOSECONDS, (own - own[0]) / NANOSECONDS
        self.joints_s = self._own_s[np.array(joints.rows, dtype=np.int64)]
        """When each row of the joints' positions was measured (N,) [s]."""
        self.simulated = bool(abs(np.median(log - own)) > OTHER_CLOCK_S * NANOSECONDS)
        """Whether stamps are of another clock than that of start, stop and arrival."""
        if self.simulated and log[-1] > log[0]:
            self._pace = float(self._own_s[-1] / (self._log_s[-1] - self._log_s[0]))

    def place(self, log_ns: Sequence[int] | np.ndarray) -> np.ndarray:
        """
        Give the time in the take.

        :param log_ns: arrivals (N,) [ns].
        :return: (N,) [s].
        """
        log = (np.asarray(log_ns, dtype=np.int64) - self._first_ns) / NANOSECONDS
        inside = np.clip(log, self._log_s[0], self._log_s[-1])
        return np.interp(inside, self._log_s, self._own_s) + (log - inside) * self._pace


def timing(watched: Mapping[str, Stream], steady: Collection[str], numbered: Collection[str],
           dropped: Mapping[str, int], clock: TakeClock, span_s: tuple[float, float]) -> Figures:
    """
    Work out how streams kept their own rate.

    :param watched: cameras, joints, and other topics.
    :param steady: those of them that are judged only if they have a steady rate.
    :param numbered: topics of which every loss is known by number.
    :param dropped: losses by topic.
    :param clock: the time of the take.
    :param span_s: its begin and end by that clock [s].
    :return: value by topic by figure.
    """
    figures: Figures = {name: {} for name in (
        'rate_hz', 'jitter_share', 'gap_s', 'missing_share', 'skipped_share')}
    for topic, stream in watched.items():
        intervals = np.diff(stream.times_ns()) / NANOSECONDS
        period = float(np.median(intervals)) if len(stream.log_ns) >= STEADY_MESSAGES else 0.0
        if topic in steady and not (period > 0 and is_steady(intervals, period)):
            continue
        # A stream that starts late or ends early has its gap there, however few messages it has.
        first, last = clock.place([stream.log_ns[0], stream.log_ns[-1]])
        gap = max(float(intervals.max(initial=0.0)), first - span_s[0], span_s[1] - last)
        figures['gap_s'][topic] = 0.0 if topic in steady and gap < 2 * period else float(gap)
        if period <= 0:
            continue
        figures['rate_hz'][topic] = 1 / period
        late = np.maximum(intervals - period, 0)
        figures['jitter_share'][topic] = float(np.percentile(late, 95)) / period
        absent, figure = _absent(intervals / period), 'missing_share'
        if topic in numbered:  # what was not lost was never sent
            figure, absent = 'skipped_share', max(absent - dropped.get(topic, 0), 0.0)
        figures[figure][topic] = absent / (len(stream.log_ns) + absent)
    return figures


def lost_shares(dropped: Mapping[str, int], counts: Mapping[str, int]) -> dict[str, float]:
    """
    Give the share of the messages that is known to be lost, by topic.

    :param dropped: losses by topic.
    :param counts: messages that are there by topic.
    """
    return {topic: count / (count + counts.get(topic, 0)) if count else 0.0
            for topic, count in dropped.items()}


def rate_shares(rates_hz: Mapping[str, float], seen: Collection[str], command_hz: float,
                control_hz: float) -> dict[str, float]:
    """
    Hold rates against that of the control loop.

    :param rates_hz: rate by topic [Hz].
    :param seen: cameras and joints, of which :data:`SEEN_HZ` is enough.
    :param command_hz: rate of the commands, 0 where it is not known [Hz].
    :param control_hz: what it should be, 0 where it is not known [Hz].
    :return: share by topic; empty where nothing is known.
    """
    if control_hz <= 0:
        return {}
    shares = {topic: rates_hz[topic] / min(control_hz, SEEN_HZ)
              for topic in seen if topic in rates_hz}
    return {**shares, **({'commands': command_hz / control_hz} if command_hz else {})}


def uncommanded_s(commands_s: np.ndarray, joints: Stream | None, clock: TakeClock,
                  span_s: tuple[float, float]) -> float:
    """
    Give the longest time for which the arm went on without a command.

    :param commands_s: when commands came (N,) [s].
    :param joints: the joint states; None where nobody saw the arm move.
    :param clock: the time of the take.
    :param span_s: its begin and end [s].
    :return: the time from a command, or the begin, until the arm stood still or the next one [s].
    """
    if joints is None:
        return 0.0
    edges = np.concatenate([[span_s[0]], commands_s, [span_s[1]]])
    intervals, values, longest = np.diff(edges), joints.positions(), 0.0
    for place in np.argsort(-intervals):
        if intervals[place] <= longest:
            break
        first, last = np.searchsorted(clock.joints_s, (edges[place], edges[place + 1]))
        if last <= first:
            continue
        inside = values[first:last]
        moving = np.flatnonzero((np.abs(inside - inside[-1]) > ON_THE_WAY).any(axis=1))
        if len(moving):
            longest = max(longest, float(clock.joints_s[first + moving[-1]] - edges[place]))
    return longest


def rate_hz(times_s: np.ndarray) -> float:
    """
    Give the rate of a stream, 0 where it has too few messages [Hz].

    :param times_s: when its messages came (N,) [s].
    """
    period = float(np.median(np.diff(times_s))) if len(times_s) >= STEADY_MESSAGES else 0.0
    return 1 / period if period > 0 else 0.0


def is_steady(intervals: np.ndarray, period: float) -> bool:
    """
    Tell whether a stream has a rate of its own.

    :param intervals: between its messages (N,) [s].
    :param period: the median of these [s].
    """
    quarters = np.percentile(intervals, (25, 75))
    return bool((np.abs(quarters - period) <= STEADY * period).all())


def _absent(periods: np.ndarray) -> float:
    """Count the messages that are not there, from the intervals in periods of the stream."""
    absent = 0.0
    for place in np.flatnonzero(periods >= 1.5):
        gap = round(float(periods[place])) - 1
        # A message that was only late is followed by shorter intervals, which make up for it.
        after = periods[place + 1:place + 2 + gap]
        absent += max(gap - round(float(np.maximum(1 - after, 0).sum())), 0)
    return absent
