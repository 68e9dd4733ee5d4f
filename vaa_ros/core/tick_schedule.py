# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When the control thread ticks. Time is passed in.

:class:`TickSchedule` follows what the policy has to say, one command for each: replays, and arms
that are commanded at the policy's rate. :class:`SteadySchedule` ticks at absolute times, whatever
the policy does: setpoints at the arm's own rate.
"""
from __future__ import annotations

from typing import Protocol

EARLIEST = 0.75
DEADLINE = 1.25


class Schedule(Protocol):
    """What the control thread asks about its ticks."""

    period_ns: int

    def due_ns(self, has_new: bool) -> int:
        """
        Give the time of the next tick; one in the past means now [ns].
        """

    def ticked(self, now_ns: int, moving: bool) -> int:
        """
        Note that a tick was made; gives how many commands are missing since the last one.
        """


class TickSchedule:
    """
    When the next tick is due: with something new, or without at the deadline.

    :param period_ns: control period [ns].
    """

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self._last_tick_ns: int | None = None
        self._last_moving_ns: int | None = None

    def due_ns(self, has_new: bool) -> int:
        """
        Give the time of the next tick.

        :param has_new: whether an observation waits to be asked about here and now, or an answer
            to one that was asked about elsewhere.
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


class SteadySchedule:
    """
    Ticks at whole periods from the first one on; a late tick does not move those after it.

    A tick is missed when the next one is due before it was made: no burst makes up for it.

    :param period_ns: command period [ns].
    """

    def __init__(self, period_ns: int) -> None:
        self.period_ns = period_ns
        self._next_ns: int | None = None
        self._moving = False

    def due_ns(self, has_new: bool) -> int:
        """
        Give the time of the next tick.

        :param has_new: whether an answer of the policy waits: it is used in the next tick.
        :return: when to tick [ns]; a time in the past means now.
        """
        return 0 if self._next_ns is None else self._next_ns

    def ticked(self, now_ns: int, moving: bool) -> int:
        """
        Note that a tick was made.

        :param now_ns: when, on the clock of :meth:`due_ns` [ns].
        :param moving: whether it published a command while running.
        :return: how many ticks of this motion were missed before it.
        """
        was_moving, self._moving = self._moving, moving
        if self._next_ns is None:
            self._next_ns = now_ns + self.period_ns
            return 0
        if now_ns < self._next_ns:
            return 0
        passed = (now_ns - self._next_ns) // self.period_ns
        self._next_ns += (passed + 1) * self.period_ns
        return passed if moving and was_moving else 0
