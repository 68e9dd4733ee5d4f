# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When the control thread ticks. Time is passed in.
"""
from __future__ import annotations

EARLIEST = 0.75
DEADLINE = 1.25


class TickSchedule:
    """
    When the next tick is due: with a new observation, or without one at the deadline.

    :param period_ns: control period [ns].
    """

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self._last_tick_ns: int | None = None
        self._last_moving_ns: int | None = None

    def due_ns(self, has_new: bool) -> int:
        """
        Give the time of the next tick.

        :param has_new: whether an observation waits that was not answered yet.
        :return: when to tick [ns]; a time in the past means now.
        """
        if self._last_tick_ns is None:
            return 0
        share = EARLIEST if has_new else DEADLINE
        return self._last_tick_ns + round(share * self.period_ns)

    def ticked(self, now_ns: int, moving: bool) -> int:
        """
        Note that a tick was made.

        :param now_ns: when, on the clock of :meth:`due_ns` [ns].
        :param moving: whether it published a command while running.
        :return: how many commands are missing since the last one of this motion.
        """
        self._last_tick_ns = now_ns
        before, self._last_moving_ns = self._last_moving_ns, now_ns if moving else None
        if not moving or before is None or now_ns - before <= 2 * self.period_ns:
            return 0
        return (now_ns - before) // self.period_ns - 1
