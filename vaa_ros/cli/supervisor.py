# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Start node processes, watch them, and end every one of them whatever happens."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import os
from pathlib import Path
import signal
import subprocess
import sys
import time
from types import TracebackType

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError

LAST_LINES = 12
STOP_STEPS = ((signal.SIGINT, 6.0), (signal.SIGTERM, 3.0), (signal.SIGKILL, 5.0))
"""Signals sent to a child's process group, each with the time it is given [s]."""


@dataclass
class Child:
    """A running process, known by a name that a person understands."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    patience_s: float = 0.0
    """How long it may take after the first signal at least [s]."""

    def last_lines(self, count: int = LAST_LINES) -> str:
        """Return the end of the log, indented."""
        try:
            text = self.log.read_text(encoding='utf-8', errors='replace')
        except OSError as error:
            return f'  (log {self.log} cannot be read: {error})'
        lines = [line for line in text.splitlines() if line.strip()][-count:]
        return '\n'.join(f'  | {line}' for line in lines) or '  (it printed nothing)'


@dataclass
class Supervisor:
    """
    A context manager that owns child processes.

    :param log_dir: one log file per child is written here.
    :param environment: what is added to this process's environment for every child.
    """

    log_dir: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    children: list[Child] = field(default_factory=list)

    def __enter__(self) -> Supervisor:
        """Make the log folder."""
        try:
            self.log_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f'{self.log_dir}: cannot make the log folder: {error}') from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        """End every child."""
        self.stop()

    def start(self, name: str, module: str, arguments: Sequence[str] = (),
              stdin: int | None = None, patience_s: float = 0.0) -> Child:
        """
        Start ``python -m module`` in its own process group, with a log file.

        Call it from the main thread: on Linux a child also ends when the thread that started
        it does, so that not even ``kill -9`` of the command leaves one behind.

        :param stdin: file descriptor to read from; nothing when left out.
        :param patience_s: how long it may take to end after the first signal at least [s].
        """
        log = self.log_dir / f'{name}.log'
        command = [sys.executable, '-u', '-m', 'vaa_ros.cli.child', str(os.getpid()), module,
                   *arguments]
        with log.open('wb') as sink:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL if stdin is None else stdin, stdout=sink,
                stderr=subprocess.STDOUT, env={**os.environ, **self.environment},
                start_new_session=True)
        child = Child(name, process, log, patience_s)
        self.children.append(child)
        return child

    def check(self) -> None:
        """
        Make sure that every child is alive.

        :raises RosError: naming the child that ended, with the end of its log.
        """
        for child in self.children:
            code = child.process.poll()
            if code is not None:
                how = f'was ended by signal {-code}' if code < 0 else f'ended with code {code}'
                raise RosError(f'process {child.name} {how}; the end of {child.log}:\n'
                               + child.last_lines())

    def stop(self) -> None:
        """End all children, the last started first, asking politely before insisting."""
        asked = list(reversed(self.children))
        self.children = []
        for number, patience_s in STOP_STEPS:
            for child in asked:
                _signal_group(child.process, number)
            asked_s = time.monotonic()
            asked = [child for child in asked if not _ended(child.process, asked_s + max(
                patience_s, child.patience_s if number == signal.SIGINT else 0.0))]
            if not asked:
                return


def wait_until(condition: Callable[[], bool], timeout_s: float, failure: Callable[[], str],
               watch: Callable[[], None] = lambda: None, period_s: float = 0.02) -> None:
    """
    Wait for a condition that other processes bring about.

    :param condition: asked every ``period_s``.
    :param timeout_s: how long to wait [s] on the monotonic clock.
    :param failure: makes the message when time is up.
    :param watch: called every round; raises when there is no use in waiting on.
    :raises RosError: when the time is up.
    """
    deadline = time.monotonic() + timeout_s
    while not condition():
        watch()
        if time.monotonic() > deadline:
            raise RosError(failure())
        time.sleep(period_s)


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    # The child leads its own session, so its group number is its process number; once it has
    # been reaped the number may belong to someone else.
    if process.poll() is None:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass


def _ended(process: subprocess.Popen[bytes], deadline: float) -> bool:
    try:
        process.wait(max(deadline - time.monotonic(), 0.0))
    except subprocess.TimeoutExpired:
        return False
    return True
