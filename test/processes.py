# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Waiting without fixed sleeps, and nodes as processes of their own.
"""
from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import signal
import subprocess
import sys
import threading
import time

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 20.0
GRACE_S = 5.0


def wait_for(what: Callable[[], object] | threading.Event, timeout_s: float = TIMEOUT_S,
             message: str = 'it') -> object:
    """
    Wait until an event is set or a predicate holds, and give what the predicate gave.

    :raises AssertionError: if that takes longer than the timeout.
    """
    if isinstance(what, threading.Event):
        assert what.wait(timeout_s), f'waited {timeout_s} s in vain for {message}'
        return True
    deadline = time.monotonic() + timeout_s
    while True:
        result = what()
        if result:
            return result
        assert time.monotonic() < deadline, f'waited {timeout_s} s in vain for {message}'
        time.sleep(0.005)


class NodeProcess:
    """
    A node as a process of its own, its output gathered line by line.

    :param module: the module to run, for example ``vaa_ros.nodes.camera_subscriber``.
    :param arguments: its command line.
    :param environment: variables to set, or to remove where the value is None.
    :param sink: a descriptor that its output goes to instead.
    """

    def __init__(self, module: str, *arguments: str,
                 environment: dict[str, str | None] | None = None,
                 sink: int = subprocess.PIPE) -> None:
        variables = {**os.environ, 'PYTHONUNBUFFERED': '1', 'PYTHONPATH': str(ROOT),
                     **(environment or {})}
        self.lines: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, '-m', module, *arguments], cwd=ROOT, text=True,
            stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT,
            env={key: value for key, value in variables.items() if value is not None})
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def output(self) -> str:
        return '\n'.join(self.lines)

    def wait_for_line(self, part: str, timeout_s: float = TIMEOUT_S) -> str:
        """Wait for a line of output that holds some text, and give it."""
        def find() -> str | None:
            return next((line for line in list(self.lines) if part in line), None)
        try:
            return str(wait_for(find, timeout_s, f'a line with {part!r}'))
        except AssertionError as error:
            raise AssertionError(f'{error}; its output:\n{self.output}') from None

    def wait(self, timeout_s: float = TIMEOUT_S) -> int:
        """Wait for the end, and give the exit status."""
        status = self.process.wait(timeout_s)
        self._reader.join(timeout_s)
        return status

    def stop(self, number: int = signal.SIGINT, timeout_s: float = TIMEOUT_S) -> int:
        """Send a signal, wait for the end, and give the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout_s)

    def end(self) -> None:
        """
        End it with a signal, or whatever it does after a while.

        A process that is killed while it publishes leaves locked shared memory of Fast DDS
        behind, and whoever comes next waits for seconds to be discovered.
        """
        try:
            self.stop(signal.SIGTERM, GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it whatever it does."""
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.append(line.rstrip('\n'))
