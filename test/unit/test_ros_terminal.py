# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keys from a terminal (that a whole node is driven by keys is tested in test/ros).
"""
from __future__ import annotations

import os
import pty
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
