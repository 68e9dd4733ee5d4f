# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which button does what to an episode: of a gamepad, a foot pedal, or the terminal.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name

ACTIONS = ('toggle', 'start', 'success', 'failure', 'discard', 'redo')
"""Toggle starts, ends as a success, or stops the countdown, whichever can be meant."""
KEYS = {'s': 'start', ' ': 'toggle', 'y': 'success', 'n': 'failure', 'd': 'discard', 'r': 'redo'}
KEY_HELP = ('keys: s start, y stop as success, n stop as failure, d discard, r record again, '
            'space start or stop as success, q quit')
JOY_ACTIONS = ('toggle=5', 'failure=9', 'redo=10', 'discard=8')
"""Buttons of an Xbox pad that teleop leaves free: RB, the sticks, and guide."""
GUARD_S = 0.3
"""Nobody means two things within this time; pedals bounce, and feet tremble."""


def bindings(lines: Sequence[str], where: str) -> dict[str, str]:
    """
    Read which button does what.

    :param lines: ``ACTION=BUTTON`` each.
    :param where: the parameter, for errors.
    :return: action by button.
    :raises ConfigError: for a line that is none, an unknown action or a button with two actions.
    """
    found: dict[str, str] = {}
    for line in lines:
        action, equals, button = (part.strip() for part in line.partition('='))
        if not equals or not button:
            raise ConfigError(f'{where}: found {line!r}, expected ACTION=BUTTON with an action '
                              f'of {", ".join(ACTIONS)}')
        if action not in ACTIONS:
            raise ConfigError(f'{where}: {unknown_name("action", action, ACTIONS)}')
        if button in found:
            raise ConfigError(f'{where}: button {button} does {found[button]} and {action}, '
                              'expected one of them')
        found[button] = action
    return found


def joy_bindings(lines: Sequence[str], where: str) -> dict[int, str]:
    """
    Read which button of a Joy message does what.

    :param lines: ``ACTION=NUMBER`` each.
    :param where: the parameter, for errors.
    :return: action by number of the button.
    :raises ConfigError: as :func:`bindings`, and where a button is no number.
    """
    found = bindings(lines, where)
    for button in found:
        if not button.isdecimal():
            raise ConfigError(f'{where}: button {button!r}, expected its number in the Joy '
                              'message, from 0')
    return {int(button): action for button, action in found.items()}


class Presses:
    """
    Turns buttons into actions: once a press, and not two within 0.3 s.

    :param actions: action by number of the button.
    """

    def __init__(self, actions: Mapping[int, str]) -> None:
        self._actions = dict(actions)
        # What is held when the first message comes was not pressed now.
        self._held: set[int] | None = None
        self._last_s = -GUARD_S

    def update(self, buttons: Sequence[int], now_s: float) -> str:
        """
        Take the state of all buttons.

        :param buttons: not 0 where held, by number.
        :param now_s: the time [s].
        :return: the action, empty for none.
        """
        held = {index for index, value in enumerate(buttons) if value}
        before, self._held = self._held, held
        new = [] if before is None else sorted(held - before)
        action = next((self._actions[button] for button in new if button in self._actions), '')
        return self._guarded(action, now_s)

    def press(self, button: int, now_s: float) -> str:
        """
        Take one press.

        :param button: its number.
        :param now_s: the time [s].
        :return: the action, empty for none.
        """
        return self._guarded(self._actions.get(button, ''), now_s)

    def _guarded(self, action: str, now_s: float) -> str:
        if not action or now_s - self._last_s < GUARD_S:
            return ''
        self._last_s = now_s
        return action
