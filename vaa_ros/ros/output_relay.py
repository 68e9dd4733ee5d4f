# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Passes on what a node says, as a process of its own: ``output_relay.py 5:7`` reads 5, writes 7.

A terminal may take no output for hours: Ctrl-S, a hung ssh, a launch that was stopped. The pipe of
the node is read here all the same, and what does not fit is dropped and counted.

The terminal is written to by plain blocking writes: O_NONBLOCK belongs to the open file
description, which the shell, launch and the other nodes share, and would cut their lines. A
process, not a thread of the node: what a node says as it crashes or is killed still comes out, and
reading never waits for the GIL of a node that is busy. Nothing of the package is imported, so that
it starts in milliseconds.
"""
from __future__ import annotations

from collections import deque
import os
import select
import signal
import sys
import threading

CHUNK = 1 << 16
MOST = 1 << 20
"""Bytes that are kept for a terminal that takes none."""
PATIENCE_S = 5.0
"""How long a terminal may take for the rest when the node has ended [s]."""


class Relay:
    """
    Reads all the time, and writes what fits.

    :param source: descriptor to read.
    :param target: descriptor to write.
    """

    def __init__(self, source: int, target: int) -> None:
        self._source = source
        self._target = target
        self._changed = threading.Condition()
        self._kept: deque[bytes] = deque()
        self._size = self._dropped = 0
        self._ended = False
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.writer = threading.Thread(target=self._write, daemon=True)

    def _read(self) -> None:
        while True:
            data = os.read(self._source, CHUNK)
            with self._changed:
                self._changed.notify_all()
                if not data:
                    self._ended = True
                    return
                # One gap is easier to tell than many.
                if self._dropped or self._size + len(data) > MOST:
                    self._dropped += max(data.count(b'\n'), 1)
                else:
                    self._kept.append(data)
                    self._size += len(data)

    def _write(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._kept or self._ended)
                if not self._kept:
                    return
                data, dropped = b''.join(self._kept), self._dropped
                self._kept.clear()
                self._size = self._dropped = 0
            if dropped:
                data += (b'\n[%d lines were dropped here: the terminal took no output]\n'
                         % dropped)
            try:
                self._send(memoryview(data))
            except OSError:
                # The terminal is gone; the node is not to notice.
                continue

    def _send(self, data: memoryview) -> None:
        while data:
            try:
                data = data[os.write(self._target, data):]
            except BlockingIOError:
                # Somebody who shares it made it so.
                select.select([], [self._target], [])


def main() -> None:
    """
    Relay until nobody writes any more.
    """
    # The end of the node is the end of this, also where everything is told to end at once.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    relays = [Relay(*map(int, pair.split(':'))) for pair in sys.argv[1:]]
    for relay in relays:
        relay.reader.start()
        relay.writer.start()
    for relay in relays:
        relay.reader.join()
    for relay in relays:
        relay.writer.join(PATIENCE_S)
    # A thread that still writes cannot be ended otherwise.
    os._exit(0)


if __name__ == '__main__':
    main()
