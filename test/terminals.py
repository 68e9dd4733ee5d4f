# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Commands in a terminal of their own, with someone who types.
"""
from __future__ import annotations

import os
import pty
import select
import signal
import time

from processes import ROOT


def environment() -> dict[str, str]:
    values = {**os.environ, 'PYTHONPATH': str(ROOT)}
    values.pop('ROS_DOMAIN_ID', None)
    return values


class Terminal:
    """A command in a terminal of its own, with someone who types."""

    def __init__(self, arguments: list[str], domain: str = '') -> None:
        self.said = ''
        self._seen = 0
        self.process, self._master = pty.fork()
        if self.process == 0:
            os.execve(arguments[0], arguments, {
                **environment(), **({'ROS_DOMAIN_ID': domain} if domain else {})})

    def wait_for(self, text: str, timeout_s: float = 60.0) -> None:
        """Read until a text comes that has not been waited for yet."""
        deadline = time.monotonic() + timeout_s
        while text not in self.said[self._seen:]:
            assert time.monotonic() < deadline, f'no {text!r} in:\n{self.said}'
            if select.select([self._master], [], [], 0.1)[0]:
                try:
                    self.said += os.read(self._master, 4096).decode(errors='replace')
                except OSError:
                    assert text in self.said[self._seen:], self.said
        self._seen = self.said.index(text, self._seen) + len(text)

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def code(self) -> int:
        """Wait for the end and return the exit code."""
        status = os.waitpid(self.process, 0)[1]
        self.process = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        if self.process:
            os.kill(self.process, signal.SIGTERM)
            os.waitpid(self.process, 0)
        os.close(self._master)
