# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who commands the arm now: the policy, a person who takes over, or nobody.

A person wins at once and for as long as commands of the person come; then the arm holds, until
the policy is asked for: that nobody drives any more may mean that a device or a process failed,
so the policy never goes on by itself. Between two sources the commands blend.
Who drove is told tick by tick, so that corrections alone can be learned from: HG-DAgger (Kelly
et al., ICRA 2019, arXiv:1810.02890), after DAgger (Ross et al., AISTATS 2011, arXiv:1011.0686).
Time is passed in.
"""
from __future__ import annotations

import math

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.stop_latch import PRESSED
from vaa_ros.core.stop_latch import StopLatch

POLICY = 'policy'
PERSON = 'person'
HOLD = 'hold'
SOURCES = (POLICY, PERSON, HOLD)

GIVES_BACK = '~/resume gives the arm back to the policy'


class CommandMux:
    """
    Chooses one source; keeps no commands.

    :param timeout_s: silence after which a source counts as gone [s].
    :raises ConfigError: if that is no time.
    """

    def __init__(self, timeout_s: float = 0.2) -> None:
        if not 0 < timeout_s < math.inf:
            raise ConfigError(f'timeout_s is {timeout_s}, expected a time above 0 s')
        self.source = HOLD
        self.reason = f'waiting for a word of the policy whether it commands already; {GIVES_BACK}'
        self.takeovers = 0
        """How often a person took over."""
        self.keeps_policy_waiting = False
        """Whether the policy has to wait: a person drives or let go, or e_stop was pressed."""
        self._timeout_s = timeout_s
        self._last_s = dict.fromkeys((POLICY, PERSON), -math.inf)
        self._person_active: bool | None = None
        self._begun = False
        self._stop = StopLatch()

    def command(self, source: str, now_s: float) -> bool:
        """
        Note a command.

        :param source: ``policy`` or ``person``.
        :param now_s: when it came [s].
        :return: whether it is to be sent to the arm.
        """
        self._last_s[source] = now_s
        if self._stop.pressed:
            return False
        if source == PERSON:
            # Without word of teleop/active, its commands are the sign of activity.
            if self._person_active is False or self._stop.bars(bool(self._person_active)):
                return False
            if self.source != PERSON:
                self.takeovers += 1
                self.keeps_policy_waiting = True
                self._become(PERSON, 'a person took over')
        elif self.source == HOLD and self._begun and not self.keeps_policy_waiting:
            self._become(POLICY, '')
        return self.source == source

    def policy(self, commanding: bool) -> None:
        """
        Note what the policy says of itself; its first word alone counts.

        One that commands already was left by a mux that is gone: it waits for a request.

        :param commanding: whether it commands.
        """
        if self._begun:
            return
        waits = self.keeps_policy_waiting
        self._begun, self.keeps_policy_waiting = True, waits or commanding
        if not waits:
            self.reason = 'nobody commands yet' if not commanding else (
                f'the policy commanded already when the mux began; {GIVES_BACK}')

    def person(self, active: bool) -> None:
        """
        Note that the person takes hold or lets go.

        :param active: what ``teleop/active`` says.
        """
        self._person_active = active
        self._stop.bars(active)
        if not active and self.source == PERSON:
            self._become(HOLD, f'the person let go; {GIVES_BACK}')

    def e_stop(self, pressed: bool) -> None:
        """
        Hold while an emergency stop is pressed; the policy then waits for a request.

        A person who had hold of the arm must let go first.

        :param pressed: whether it is.
        """
        self._stop.press(pressed, bool(self._person_active))
        if pressed:
            self.keeps_policy_waiting = True
            self._become(HOLD, PRESSED)
        elif self.reason == PRESSED:
            self.reason = f'e_stop was pressed; {GIVES_BACK}'

    def rival(self) -> None:
        """
        Note that somebody else commands the arm, too: the policy then waits for a request.
        """
        self.keeps_policy_waiting = True
        if self.source == POLICY:
            self._become(HOLD, f'somebody else commanded the arm; {GIVES_BACK}')

    def resume(self) -> str:
        """
        Give the arm back to the policy, with its next command.

        :return: why not, or an empty string.
        """
        if self._stop.pressed:
            return PRESSED
        if self.source == PERSON:
            return 'a person drives; let go first'
        self.keeps_policy_waiting, self._begun = False, True
        if self.source == HOLD:
            self.reason = 'waiting for a command of the policy'
        return ''

    def check(self, now_s: float) -> None:
        """
        Look for silence.

        :param now_s: the present [s].
        """
        if self.source != HOLD and now_s - self._last_s[self.source] > self._timeout_s:
            silence = f'no command of the {self.source} for {self._timeout_s:g} s'
            self._become(HOLD, silence if self.source == POLICY else f'{silence}; {GIVES_BACK}')

    def _become(self, source: str, reason: str) -> None:
        self.source, self.reason = source, reason


class Blend:
    """
    Leads from the last command of one source to those of the next.

    :param kind: one of the action kinds.
    :param duration_s: how long it takes [s]; 0 takes the next source as it is.
    :raises ConfigError: if it is no time.
    """

    def __init__(self, kind: str, duration_s: float) -> None:
        if not 0 <= duration_s < math.inf:
            raise ConfigError(f'blend_s is {duration_s}, expected 0 or a time in seconds')
        self._kind = kind
        self._duration_s = duration_s
        self._start: np.ndarray | None = None
        self._start_s = 0.0

    def begin(self, start: np.ndarray | None, now_s: float) -> None:
        """
        Begin to lead away from a command.

        :param start: the last command, or what is measured (n,); None for nothing to blend with.
        :param now_s: the present [s].
        """
        self._start, self._start_s = start, now_s

    def mix(self, command: np.ndarray, now_s: float) -> np.ndarray:
        """
        Give the command between the old source and the new.

        :param command: what the new source wants (n,).
        :param now_s: the present [s].
        :return: the command (n,): the start at first, what is wanted from ``duration_s`` on.
        """
        if self._start is None or now_s - self._start_s >= self._duration_s:
            self._start = None
            return command
        part = max(0.0, (now_s - self._start_s) / self._duration_s)
        part = part * part * (3.0 - 2.0 * part)
        target = command
        if self._kind == 'end_effector_pose' and self._start[3:7] @ command[3:7] < 0:
            target = command.copy()
            target[3:7] = -command[3:7]
        mixed = self._start + part * (target - self._start)
        if self._kind == 'end_effector_pose':
            mixed[3:7] /= np.linalg.norm(mixed[3:7])
        return mixed
