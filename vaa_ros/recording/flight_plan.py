# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is worth a flight, and when it is written; time is passed in.
"""
from __future__ import annotations

import re

from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import STOPPED

GOOD_AGAIN = 'inputs are good again'


class HoldWatch:
    """
    Tells from what a policy says of itself when the arm is held or stopped.
    """

    def __init__(self) -> None:
        self._state = ''
        self._seen: set[str] = set()

    def look(self, state: str, reason: str) -> str:
        """
        Look at a status.

        :param state: state of the gate.
        :param reason: why it is in that state, several reasons with ``;`` between.
        :return: what happened: a hold or a stop begins, or goes on for another reason than those
            before; or nothing.
        """
        before, self._state = self._state, state
        if state not in (HOLDING, STOPPED):
            self._seen.clear()
            return ''
        # Without figures: an age that grows is no other reason.
        causes = {re.sub(r'[\d.]+', '', cause).strip() for cause in reason.split(';')
                  if GOOD_AGAIN not in cause}
        new = causes - self._seen
        self._seen |= causes
        return f'{state}: {reason}' if new or state != before else ''


class FlightPlan:
    """
    When the next flight is written, and of what it tells.

    What happens before it is written is told by the same flight; nothing is left out.

    :param after_s: how long after what happened it is written [s].
    :param min_gap_s: shortest time between two flights [s]; what is urgent does not wait for it.
    :param most_s: longest time from what happened first until it is written [s].
    """

    def __init__(self, after_s: float, min_gap_s: float, most_s: float) -> None:
        self._after_s, self._min_gap_s, self._most_s = after_s, min_gap_s, most_s
        self._reasons: list[str] = []
        self._first_s = self._due_s = 0.0
        self._last_s: float | None = None

    @property
    def waiting(self) -> int:
        """
        Give how many things happened that no flight tells of yet.
        """
        return len(self._reasons)

    def happened(self, reason: str, now_s: float, urgent: bool = False) -> None:
        """
        Note what happened.

        :param reason: what.
        :param now_s: the present, on a clock that does not jump [s].
        :param urgent: whether it names the flight and does not wait for ``min_gap_s``.
        """
        due_s = now_s + self._after_s
        if not self._reasons:
            self._first_s = now_s
            if self._last_s is not None and not urgent:
                due_s = max(due_s, self._last_s + self._min_gap_s)
        elif not urgent:
            due_s = max(due_s, self._due_s)
        self._due_s = min(due_s, self._first_s + max(self._most_s, self._after_s))
        self._reasons.insert(0 if urgent else len(self._reasons), reason)

    def due(self, now_s: float) -> bool:
        """
        Tell whether a flight is to be written now.

        :param now_s: the present [s].
        """
        return bool(self._reasons) and now_s >= self._due_s

    def take(self, now_s: float) -> str:
        """
        Begin the flight.

        :param now_s: the present [s].
        :return: all that it tells of.
        """
        told = '; '.join(dict.fromkeys(self._reasons))
        self._reasons.clear()
        self._last_s = now_s
        return told
