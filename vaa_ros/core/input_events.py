# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Events of Linux input devices (evdev) as the axes and buttons of a Joy message.

So that a gamepad or 3D mouse that is read directly does what the same one behind ``joy_node`` or
``spacenav_node`` does. Codes are those of linux/input-event-codes.h; axes follow REP 103:
forwards, left and up are positive.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EV_KEY, EV_REL, EV_ABS = 1, 2, 3
SPACEMOUSE_FULL = 350
"""What a 3D mouse of 3Dconnexion gives at full deflection."""


@dataclass(frozen=True)
class EventLayout:
    """
    Which event code is which axis and button.

    :param axes: code of each axis of the Joy message and the sign that makes it REP 103.
    :param buttons: code of each button.
    :param full: full deflection of an axis whose range the device does not tell.
    """

    axes: tuple[tuple[int, int], ...]
    buttons: tuple[int, ...]
    full: float = 1.0


GAMEPAD_EVENTS = EventLayout(
    axes=((0, -1), (1, -1), (2, 1), (3, -1), (4, -1), (5, 1), (16, -1), (17, -1)),
    buttons=(304, 305, 307, 308, 310, 311, 314, 315, 316))
"""An Xbox pad under Linux: sticks, triggers, cross; A B X Y LB RB back start guide."""

SPACEMOUSE_EVENTS = EventLayout(
    axes=((1, -1), (0, -1), (2, -1), (4, -1), (3, -1), (5, -1)), buttons=(256, 257),
    full=SPACEMOUSE_FULL)
"""A 3D mouse, whose own axes go right, towards the person and down."""


class EventState:
    """
    Keeps the axes and buttons of one device.

    :param layout: what is what.
    :param ranges: lowest and highest value of each axis that tells its range, by code.
    """

    def __init__(self, layout: EventLayout, ranges: Mapping[int, tuple[float, float]]) -> None:
        self.axes = [0.0] * len(layout.axes)
        """Positions, -1 to 1."""
        self.buttons = [0] * len(layout.buttons)
        """1 where pressed."""
        self._layout = layout
        self._ranges = dict(ranges)
        self._axis = {code: (index, sign) for index, (code, sign) in enumerate(layout.axes)}

    def event(self, kind: int, code: int, value: float) -> None:
        """
        Take one event; those of no axis or button are ignored.

        :param kind: ``EV_KEY``, ``EV_ABS`` or ``EV_REL``.
        :param code: which axis or button.
        :param value: position, deflection, or 0 for released, 1 for pressed, 2 for repeated.
        """
        if kind == EV_KEY and code in self._layout.buttons:
            self.buttons[self._layout.buttons.index(code)] = int(value != 0)
        elif kind in (EV_ABS, EV_REL) and code in self._axis:
            index, sign = self._axis[code]
            low, high = self._ranges.get(code, (-self._layout.full, self._layout.full))
            if high > low:
                part = 2.0 * (value - low) / (high - low) - 1.0
                self.axes[index] = sign * min(max(part, -1.0), 1.0)
