# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Watches a stream of commands from outside: when it breaks off, somebody has to stop the arm.

Whoever commands an arm says again and again that it does, and once when it lets go; in between
commands come at every tick, in a hold as well. A silence in between means that the process was
killed, stopped or stuck, and cannot hold the arm itself any more. Time is passed in.
"""
from __future__ import annotations

import math

from vaa_ros.core.types import NANOSECONDS

IDLE = 'idle'
WATCHING = 'watching'
STOPPED = 'stopped'
UNHEARD = 6
"""So often somebody says that it commands before it is odd that no command is heard: it says so
twice a second, and the two topics are discovered one after the other."""


class CommandGuard:
    """
    Tells when a stream of commands has broken off.

    :param timeout_s: longest silence of somebody who commands [s].
    :raises ValueError: if it is no positive time.
    """

    def __init__(self, timeout_s: float) -> None:
        if not 0 < timeout_s < math.inf:
            raise ValueError(f'timeout_s is {timeout_s}, expected a positive time')
        self.timeout_s = timeout_s
        self.stops = 0
        """How often the arm was stopped."""
        self.longest_s = 0.0
        """Longest silence while somebody commanded [s]."""
        self.reason = ''
        self._commanding = False
        self._unheard = 0
        self._last_ns: int | None = None

    @property
    def state(self) -> str:
        """
        Give ``idle`` (nobody commands), ``watching`` or ``stopped`` (until :meth:`reset`).
        """
        if self.reason:
            return STOPPED
        return WATCHING if self._commanding and self._last_ns is not None else IDLE

    @property
    def deaf(self) -> bool:
        """
        Tell whether somebody commands and none of it is heard here: nobody would stop the arm.
        """
        return self._unheard >= UNHEARD

    def commanding(self, begins: bool) -> None:
        """
        Note that somebody begins to command the arm, or lets go of it.

        :param begins: whether it begins.
        """
        self._commanding = begins
        if not begins:
            self._last_ns = None
        self._unheard = self._unheard + 1 if begins and self._last_ns is None else 0

    def command(self, now_ns: int) -> None:
        """
        Note a command.

        :param now_ns: when it came, on a clock that does not jump [ns].
        """
        if self._commanding:
            self._silence(now_ns)
            self._last_ns, self._unheard = now_ns, 0

    def check(self, now_ns: int) -> bool:
        """
        Look whether the arm has to be stopped now.

        :param now_ns: the present, on the clock of :meth:`command` [ns].
        :return: True once for every stop.
        """
        if self.state != WATCHING or self._silence(now_ns) <= self.timeout_s:
            return False
        # Whoever comes back says so again.
        self._commanding = False
        self.reason = (f'no command for {self._silence(now_ns):.2f} s, longest silence allowed '
                       f'{self.timeout_s:g} s: the process that commands the arm is gone or stuck')
        self.stops += 1
        return True

    def reset(self) -> None:
        """
        Forget a stop; whoever says again that it commands is watched.
        """
        self.reason = ''
        self.commanding(False)

    def _silence(self, now_ns: int) -> float:
        if self._last_ns is None:
            return 0.0
        silence_s = (now_ns - self._last_ns) / NANOSECONDS
        self.longest_s = max(self.longest_s, silence_s)
        return silence_s
