# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What stops the arm and has to be let go of: an emergency stop, a deadman switch, a rival.

Nothing moves by the release of a button, nor because a rival left: who held the arm must let go
before going on, and a policy waits for its reset.
"""
from __future__ import annotations

import math

PRESSED = 'e_stop is pressed'
LET_GO = 'e_stop was pressed: let go, then take hold again'
NOT_HELD = 'the deadman switch is not held'
TAKE_HOLD = 'the deadman switch was not held: let go, then take hold again'


class StopLatch:
    """
    Whether a person may drive.

    :param stopped: what is said while it is stopped.
    :param let_go: what is said after that, to one who held the arm.
    """

    def __init__(self, stopped: str = PRESSED, let_go: str = LET_GO) -> None:
        self._words = stopped, let_go
        self.pressed = False
        """Whether the stop is pressed now."""
        self._held = False

    def press(self, pressed: bool, engaged: bool = True) -> None:
        """
        Note whether the stop is pressed.

        :param pressed: whether it is.
        :param engaged: whether a person has hold of the arm.
        """
        self._held = self._held or (pressed and engaged)
        self.pressed = pressed

    def bars(self, engaged: bool) -> str:
        """
        Say why the person may not drive, nothing if so.

        :param engaged: whether the person has hold of the arm, or wants to.
        :return: the reason.
        """
        if self.pressed:
            self._held = engaged
            return self._words[0]
        self._held = self._held and engaged
        return self._words[1] if self._held else ''


class Rival:
    """
    Whether somebody else commands the arm, or did, until a reset.
    """

    def __init__(self) -> None:
        self.reason = ''
        """Who it is and what to do; nothing where there is and was nobody."""
        self._left = False

    def told(self, reason: str, paused: bool) -> None:
        """
        Take note of who else commands the arm now.

        :param reason: who, nothing for nobody.
        :param paused: whether the arm was left to others.
        """
        if reason or paused and not self._left:
            self.reason, self._left = reason, False
        elif self.reason and not self._left:
            self.reason, self._left = f'{self.reason}; it is gone: reset the policy to go on', True

    def reset(self) -> None:
        """
        Forget one that left.
        """
        if self._left:
            self.reason, self._left = '', False


class Deadman:
    """
    A switch that somebody has to hold while a person drives.

    :param max_age_s: longest silence that still counts as held [s].
    """

    def __init__(self, max_age_s: float) -> None:
        self._max_age_s = max_age_s
        self._held_s = -math.inf
        self._latch = StopLatch(NOT_HELD, TAKE_HOLD)

    def told(self, held: bool, now_s: float) -> None:
        """
        Take a message of the switch.

        :param held: whether somebody holds it.
        :param now_s: the present, on a clock that does not jump [s].
        """
        self._held_s = now_s if held else -math.inf

    def bars(self, engaged: bool, now_s: float) -> str:
        """
        Say why the person may not drive, nothing if so.

        :param engaged: whether the person has hold of the arm, or wants to.
        :param now_s: the present, on the same clock [s].
        :return: the reason.
        """
        self._latch.press(now_s - self._held_s > self._max_age_s, engaged)
        return self._latch.bars(engaged)
