# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the episodes of a long recording begin and end. Times and joints in, spans out.

Spans never overlap, lie inside the recorded time and rise. Time after the last event, or in which
nothing moves any more, changes none of them, but that the last one gets its full margin.
"""
from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np

from vaa_ros.core.errors import unknown_name
from vaa_ros.core.types import NANOSECONDS

RULES = ('auto', 'service', 'activity', 'length', 'whole')
START, STOP, DISCARD = 'start', 'stop', 'discard'

WINDOW_S = 0.2
"""Time over which a way is measured, so that noise of an encoder is no motion [s]."""
MOVING = 0.02
"""Part of its speed limit above which a joint moves."""
CLOSED, OPEN = 0.35, 0.65
"""Parts of the seen opening below which the gripper is closed, and above which it is open."""
SMALLEST_OPENING = 0.1
"""Part of the gripper's range that it must pass through to have opened at all."""


@dataclass(frozen=True, order=True)
class Span:
    """
    A stretch of time.

    :param start_ns: its first instant [ns].
    :param stop_ns: the first instant after it [ns].
    """

    start_ns: int
    stop_ns: int

    def __post_init__(self) -> None:
        if not self.start_ns < self.stop_ns:
            raise ValueError(f'span from {self.start_ns} to {self.stop_ns}: it must end after '
                             'its start')


@dataclass(frozen=True)
class Cutting:
    """
    How a recording is cut.

    :param rule: one of ``RULES``.
    :param idle_s: standing still for this long ends an episode [s].
    :param length_s: length of an episode cut by ``length`` [s].
    :param until_release: let an episode end where the gripper opens; motion that no opening
        follows is left out.
    :param margin_s: what is kept before and after motion, at most half of ``idle_s`` [s].
    :param shortest_s: shorter motion is no episode [s].
    """

    rule: str = 'auto'
    idle_s: float = 2.0
    length_s: float = 10.0
    until_release: bool = False
    margin_s: float = 0.25
    shortest_s: float = 0.5

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise unknown_name('rule to cut by', self.rule, RULES)
        for name in ('idle_s', 'length_s'):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f'{name} is {getattr(self, name)}, expected a time above 0 s')
        for name in ('margin_s', 'shortest_s'):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f'{name} is {getattr(self, name)}, expected at least 0 s')
        if self.idle_s < 2 * WINDOW_S:
            raise ValueError(f'idle_s is {self.idle_s}, expected at least {2 * WINDOW_S} s: '
                             f'motion is measured over {WINDOW_S} s')


def cut_length(recorded: Span, length_s: float) -> list[Span]:
    """
    Cut into pieces of one length; the last one is what is left.

    :param recorded: the recorded time.
    :param length_s: length of a piece [s].
    :return: the pieces.
    """
    step = max(1, round(length_s * NANOSECONDS))
    edges = [*range(recorded.start_ns, recorded.stop_ns, step), recorded.stop_ns]
    return [Span(*pair) for pair in zip(edges, edges[1:], strict=False)]


def cut_events(events: Iterable[tuple[int, str]], recorded: Span) -> list[Span]:
    """
    Cut where an operator started and stopped.

    Saying start again, or stop without a start, changes nothing. What was started and never
    stopped is left out: nobody said that it was whole.

    :param events: times [ns] and ``start``, ``stop`` or ``discard``.
    :param recorded: the recorded time.
    :return: what lies between each start and its stop.
    """
    spans: list[Span] = []
    began: int | None = None
    for at, what in sorted(events, key=lambda event: event[0]):
        at = min(max(at, recorded.start_ns), recorded.stop_ns)
        if what == START:
            began = at if began is None else began
        elif began is not None:
            if what == STOP and at > began:
                spans.append(Span(began, at))
            began = None
    return spans


def cut_activity(times: np.ndarray, positions: np.ndarray, speeds: Sequence[float],
                 recorded: Span, cutting: Cutting) -> list[Span]:
    """
    Cut where all joints stand still for long enough.

    :param times: times of the joint states, rising (n,) [ns].
    :param positions: joint positions (n, D) [rad or m], NaN where one was not told.
    :param speeds: speed limit of each joint (D,) [rad/s or m/s].
    :param recorded: the recorded time.
    :param cutting: idle time, margin and shortest motion.
    :return: each stretch of motion with its margins.
    """
    idle_ns, margin_ns, shortest_ns = (round(seconds * NANOSECONDS) for seconds in (
        cutting.idle_s, min(cutting.margin_s, cutting.idle_s / 2), cutting.shortest_s))
    merged: list[list[int]] = []
    for start, stop in motion(times, positions, speeds, idle_ns):
        if merged and start - merged[-1][1] < idle_ns:
            merged[-1][1] = max(merged[-1][1], stop)
        else:
            merged.append([start, stop])
    padded = ((max(start - margin_ns, recorded.start_ns), min(stop + margin_ns, recorded.stop_ns))
              for start, stop in merged if stop - start >= shortest_ns)
    return [Span(start, stop) for start, stop in padded if start < stop]


def motion(times: np.ndarray, positions: np.ndarray, speeds: Sequence[float],
           idle_ns: int) -> list[tuple[int, int]]:
    """
    Find where a joint covers more way in 0.2 s than 2 % of its speed limit would.

    Nothing is said of a time without joint states that is as long as an idle one.

    :param times: times of the joint states, rising (n,) [ns].
    :param positions: joint positions (n, D), NaN where one was not told.
    :param speeds: speed limit of each joint (D,).
    :param idle_ns: length of an idle time [ns].
    :return: begin and end of each piece of motion, rising by its begin [ns].
    """
    window = round(WINDOW_S * NANOSECONDS)
    smallest = MOVING * np.asarray(speeds, dtype=np.float64) * WINDOW_S
    positions = filled(positions)
    found: list[tuple[int, int]] = []
    breaks = np.flatnonzero(np.diff(times) >= idle_ns) + 1
    for part in np.split(np.arange(len(times)), breaks):
        if not len(part):
            continue
        at, rows = times[part], np.arange(len(part))
        before = np.maximum(np.searchsorted(at, at - window, 'right') - 1, 0)
        fast = (covered(positions[part], before) > smallest).any(1)
        changed = np.append(False, (np.diff(positions[part], axis=0) != 0).any(1))
        last = np.maximum.accumulate(np.where(changed, rows, 0))
        found += [(int(at[before[row]]), int(at[last[row]])) for row in np.flatnonzero(fast)]
    return found


def covered(positions: np.ndarray, before: np.ndarray) -> np.ndarray:
    """
    Give the way between the extremes of each joint from row ``before[i]`` to row i, both included.

    :param positions: joint positions (n, D).
    :param before: first row of each window (n,).
    :return: the ways (n, D).
    """
    edges = np.stack([before, np.arange(len(positions)) + 1], axis=1).reshape(-1)
    padded = np.append(positions, positions[-1:], axis=0)
    return (np.maximum.reduceat(padded, edges, axis=0)[::2]
            - np.minimum.reduceat(padded, edges, axis=0)[::2])


def filled(positions: np.ndarray) -> np.ndarray:
    """
    Let every joint keep the position that was told last, and before the first one that one.

    :param positions: joint positions (n, D), NaN where one was not told.
    :return: the same without NaN; zeros for a joint that was never told.
    """
    result = np.array(positions, dtype=np.float64)
    for column in result.T:
        told = np.isfinite(column)
        if not told.any():
            column[:] = 0.0
            continue
        last = np.maximum.accumulate(np.where(told, np.arange(len(column)), -1))
        column[:] = column[np.where(last < 0, np.argmax(told), last)]
    return result


def releases(times: np.ndarray, opening: np.ndarray, full: float) -> list[int]:
    """
    Find when the gripper opened after it had been closed.

    :param times: times of the joint states, rising (n,) [ns].
    :param opening: position of the gripper (n,), NaN where it was not told; larger is more open.
    :param full: the range of the joint.
    :return: the times [ns]; none where it hardly moves.
    """
    opening = filled(opening[:, None])[:, 0]
    low, high = (float(opening.min()), float(opening.max())) if len(opening) else (0.0, 0.0)
    if high - low < SMALLEST_OPENING * full:
        return []
    part = (opening - low) / (high - low)
    found, closed = [], False
    for at, value in zip(times, part, strict=True):
        if value < CLOSED:
            closed = True
        elif closed and value > OPEN:
            closed = False
            found.append(int(at))
    return found


def cut_at_releases(spans: Iterable[Span], opened: Sequence[int], cutting: Cutting) -> list[Span]:
    """
    Let episodes end where the gripper opened; what no opening follows is left out.

    :param spans: the stretches of motion.
    :param opened: when the gripper opened [ns].
    :param cutting: margin after an opening, and the shortest episode.
    :return: the episodes.
    """
    margin_ns, shortest_ns = (round(seconds * NANOSECONDS)
                              for seconds in (cutting.margin_s, cutting.shortest_s))
    result = []
    for span in spans:
        start = span.start_ns
        for at in opened:
            stop = min(at + margin_ns, span.stop_ns)
            if start <= at < span.stop_ns and stop - start > shortest_ns:
                result.append(Span(start, stop))
                start = stop
    return result
