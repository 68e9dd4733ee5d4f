# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which ticks of the control thread took longer than a period, and what took that long.
"""
from __future__ import annotations

from vaa_ros.core.latency import LatencyStats

WAKE = 'wake'
INPUTS = 'inputs'
DECIDE = 'decide'
PUBLISH = 'publish'
REPORT = 'report'
STAGES = (WAKE, INPUTS, DECIDE, PUBLISH, REPORT)
"""
The parts of a tick: to be woken (the system, or another thread of the process, had the
processor), to look at the inputs, to decide on the command, to publish it, to tell about it.
"""


class TickBudget:
    """
    Counts ticks over budget. Time is passed in; one thread writes, any may read.

    :param period_ns: the budget: from when a tick was due until it is done [ns].
    """

    def __init__(self, period_ns: int) -> None:
        self._period_ns = period_ns
        self._ended_ns = 0
        self._marks_ns: list[int] = []
        self._scheduled = True
        self.late = LatencyStats()
        """How late ticks begin [ms]."""
        self.over = 0
        """Ticks over budget."""
        self.stages = dict.fromkeys(STAGES, 0)
        """How many of them by the stage that took longest."""
        self.worst = ''
        """The longest of all, in words."""
        self._worst_ns = 0

    def begin(self, due_ns: int, now_ns: int, scheduled: bool = True) -> None:
        """
        Note that a tick begins.

        :param due_ns: when it was due [ns].
        :param now_ns: when it begins [ns].
        :param scheduled: whether it is one of the regular ticks, whose lateness counts.
        """
        # What the tick before took is that tick's fault.
        due_ns = min(max(due_ns, self._ended_ns), now_ns)
        self._marks_ns = [due_ns, now_ns]
        if scheduled:
            self.late.add((now_ns - due_ns) / 1e6)

    def mark(self, now_ns: int) -> None:
        """
        Note that the next of :data:`STAGES` is done.

        :param now_ns: when [ns].
        """
        self._marks_ns.append(now_ns)

    def end(self, now_ns: int) -> str:
        """
        Note that the tick is done.

        :param now_ns: when [ns].
        :return: the stage that took longest where it is over budget, else nothing.
        """
        marks = [*self._marks_ns, now_ns]
        self._ended_ns = now_ns
        whole_ns = now_ns - marks[0]
        if whole_ns <= self._period_ns:
            return ''
        took_ns = [after - before for before, after in zip(marks, marks[1:], strict=False)]
        longest = max(range(len(took_ns)), key=took_ns.__getitem__)
        stage = STAGES[longest]
        self.over += 1
        self.stages[stage] += 1
        if whole_ns > self._worst_ns:
            self._worst_ns = whole_ns
            self.worst = (f'{whole_ns / 1e6:.1f} ms, {stage} {took_ns[longest] / 1e6:.1f} ms')
        return stage

    def values(self) -> dict[str, object]:
        """
        Give the figures as flat names and numbers.
        """
        late = self.late.summary()
        return {
            'tick_late_ms_p50': late.p50, 'tick_late_ms_p99': late.p99,
            'tick_late_ms_max': late.max, 'over_budget_ticks': self.over,
            'over_budget_stages': ', '.join(
                f'{stage} {count}' for stage, count in self.stages.items() if count),
            'over_budget_worst': self.worst}
