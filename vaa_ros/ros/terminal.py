# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Single keys from the terminal, without Enter, while a node spins.
"""
from __future__ import annotations

from collections.abc import Callable
import os
import select
import sys
import termios
import threading
import tty

_POLL_S = 0.1


class TerminalKeys:
    """
    Calls a function for every key pressed, from a thread of its own.

    Ctrl-C still interrupts. Does nothing where stdin is not a terminal, as under launch, or where
    the process is in the background.

    :param on_key: called with one character, or with an escape sequence such as that of an arrow.
    """

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._settings: list[object] | None = None
        self.active = False
        """Whether keys are read."""

    def start(self) -> bool:
        """
        Begin to read keys.

        :return: false where there is no terminal to read from.
        """
        if not _in_foreground():
            return False
        self._settings = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin)
        self.active = True
        self._ended.clear()
        self._thread = threading.Thread(target=self._read, name='keys', daemon=True)
        self._thread.start()
        return True

    def stop(self) -> None:
        """Give the terminal back as it was."""
        if self._thread is None or self._settings is None:
            return
        self._ended.set()
        self._thread.join(timeout=1.0)
        termios.tcsetattr(sys.stdin, termios.TCSANOW, self._settings)
        self._thread = None
        self.active = False

    def _read(self) -> None:
        descriptor = sys.stdin.fileno()
        while not self._ended.is_set():
            ready, _, _ = select.select([descriptor], [], [], _POLL_S)
            if not ready:
                continue
            data = os.read(descriptor, 16)
            if not data:
                return
            for key in split_keys(data.decode(errors='ignore')):
                self._on_key(key)


def split_keys(text: str) -> list[str]:
    """
    Split what was read into keys.

    :param text: characters and escape sequences, as a terminal sends them.
    :return: one entry per key.
    """
    head, *sequences = text.split('\x1b')
    return [*head, *('\x1b' + sequence for sequence in sequences)]


def _in_foreground() -> bool:
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False
