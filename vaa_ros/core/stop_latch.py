# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An emergency stop, for what a person drives: who held the arm then must let go before going on.
"""
from __future__ import annotations

PRESSED = 'e_stop is pressed'
LET_GO = 'e_stop was pressed: let go, then take hold again'


class StopLatch:
    """
    Whether a person may drive.
    """

    def __init__(self) -> None:
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
            return PRESSED
        self._held = self._held and engaged
        return LET_GO if self._held else ''
