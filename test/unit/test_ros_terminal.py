# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keys from a terminal (that a whole node is driven by keys is tested in test/ros).
"""
from __future__ import annotations

import os
import pty
import queue
import sys

import pytest

from vaa_ros.ros.terminal import split_keys
from vaa_ros.ros.terminal import TerminalKeys


@pytest.mark.parametrize(('text', 'keys'), [
    ('', []), ('s', ['s']), ('sy', ['s', 'y']), ('\x1b[A', ['\x1b[A']),
    ('s\x1b[B', ['s', '\x1b[B']), ('\x1b[A\x1b[A', ['\x1b[A', '\x1b[A'])])
def test_keys_are_told_apart(text: str, keys: list[str]) -> None:
    assert split_keys(text) == keys


def test_without_a_terminal_nothing_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, 'stdin', nothing)
        terminal = TerminalKeys(pytest.fail)
        assert not terminal.start()
        terminal.stop()


def test_a_terminal_of_others_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, other = pty.openpty()
    with open(other) as stdin:
        monkeypatch.setattr(sys, 'stdin', stdin)
        assert not TerminalKeys(pytest.fail).start()
    os.close(controller)


def test_keys_are_read_again_after_a_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    controller, other = pty.openpty()
    keys: queue.SimpleQueue[str] = queue.SimpleQueue()
    with open(other) as stdin:
        monkeypatch.setattr(sys, 'stdin', stdin)
        monkeypatch.setattr('vaa_ros.ros.terminal._in_foreground', lambda: True)
        terminal = TerminalKeys(keys.put)
        for key in 'ab':
            assert terminal.start()
            os.write(controller, key.encode())
            assert keys.get(timeout=20) == key
            terminal.stop()
            assert not terminal.active
    os.close(controller)
