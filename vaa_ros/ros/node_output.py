# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A terminal that takes no output holds no node up.

A log line is written with the GIL held: where the terminal does not take it, every thread of the
node would stand still, also the one that commands the arm or stops it.
"""
from __future__ import annotations

import contextlib
import io
import os
from pathlib import Path
import stat
import subprocess
import sys
from typing import Any

from vaa_ros.ros import output_relay

FLUSH_S = 2.0
"""How long the rest of the output may take at the end of the process [s]."""
COLOURS = 'RCUTILS_COLORIZED_OUTPUT'
STREAMS = {1: 'stdout', 2: 'stderr'}


class NodeOutput:
    """
    Leads stdout and stderr of the process, whoever writes them, through an ``output_relay``.

    Files and /dev/null stay as they are. What both of them lead to has one relay, so that the
    order stays; whether it is a terminal is still told.
    """

    def __init__(self) -> None:
        self._real: dict[int, int] = {}
        self._streams: dict[str, Any] = {}
        self._relay: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> NodeOutput:
        self._flush()
        targets: dict[tuple[int, int], list[int]] = {}
        for descriptor in STREAMS:
            if (target := _waits(descriptor)) is not None:
                targets.setdefault(target, []).append(descriptor)
        if targets:
            self._begin([*targets.values()])
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        if self._relay is None:
            return
        for name, stream in self._streams.items():
            setattr(sys, name, stream)
        # With them goes the last end to write to, and so the relay.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for descriptor in self._real:
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        # What says something after a terminal that takes nothing would not end.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._relay.wait(FLUSH_S)
            for descriptor, real in self._real.items():
                os.dup2(real, descriptor)
        for real in self._real.values():
            os.close(real)

    def _begin(self, groups: list[list[int]]) -> None:
        pipes = [os.pipe() for _ in groups]
        real = {descriptor: os.dup(descriptor) for group in groups for descriptor in group}
        ends = [(source, real[group[0]])
                for (source, _), group in zip(pipes, groups, strict=True)]
        try:
            # In a session of its own, Ctrl-C does not reach it.
            self._relay = subprocess.Popen(
                [sys.executable, '-I', '-S', str(Path(output_relay.__file__)),
                 *(f'{source}:{target}' for source, target in ends)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[each for pair in ends for each in pair], start_new_session=True)
        except OSError as error:
            sys.stderr.write(f'a terminal that takes no output would hold this node up: {error}\n')
            for descriptor in [*real.values(), *(end for pipe in pipes for end in pipe)]:
                os.close(descriptor)
            return
        self._real = real
        for (source, sink), group in zip(pipes, groups, strict=True):
            # A relay that is late costs lines, never time.
            os.set_blocking(sink, False)
            for descriptor in group:
                self._lead(descriptor, sink)
            os.close(source)
            os.close(sink)

    def _lead(self, descriptor: int, sink: int) -> None:
        terminal = os.isatty(descriptor)
        if terminal:
            os.environ.setdefault(COLOURS, '1')
        os.dup2(sink, descriptor)
        name = STREAMS[descriptor]
        old = self._streams[name] = getattr(sys, name)
        if isinstance(old, io.TextIOWrapper):
            raw = _Lossy(descriptor, terminal)
            # PYTHONUNBUFFERED has Python leave the buffer out.
            setattr(sys, name, io.TextIOWrapper(
                raw if isinstance(old.buffer, io.RawIOBase) else io.BufferedWriter(raw),
                encoding=old.encoding, errors=old.errors, line_buffering=old.line_buffering,
                write_through=old.write_through))

    def _flush(self) -> None:
        for name in STREAMS.values():
            stream = getattr(sys, name)
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.flush()


class _Lossy(io.FileIO):
    """
    Drops what a descriptor does not take, where a FileIO would have print() raise an error.

    :param descriptor: the descriptor; stays open.
    :param terminal: whether it stands for a terminal.
    """

    def __init__(self, descriptor: int, terminal: bool) -> None:
        super().__init__(descriptor, 'w', closefd=False)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal

    def write(self, data: Any) -> int:
        try:
            sent = super().write(data)
        except OSError:
            sent = None
        return len(data) if sent is None else sent


def _waits(descriptor: int) -> tuple[int, int] | None:
    """
    Give what a descriptor leads to, if that may make a writer wait; None otherwise.
    """
    try:
        found = os.fstat(descriptor)
    except OSError:
        return None
    kind = found.st_mode
    waits = os.isatty(descriptor) or stat.S_ISFIFO(kind) or stat.S_ISSOCK(kind)
    return (found.st_dev, found.st_ino) if waits else None
