# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The disk has what was recorded: asked again and again, so that a power cut costs little.
"""
from __future__ import annotations

import contextlib
import threading
import time

from vaa_ros.core.errors import BagError
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import check_free_space
from vaa_ros.recording.sure_file import sync_dir

PAUSE_S = 0.05
"""Shortest pause between two times that the disk is asked [s]; a slow one gets more."""
ROOM_S = 1.0
"""How often it is asked how much room it has [s]."""


class DiskSync:
    """
    Asks the disk in a thread of its own: a slow one must not delay what a killed process loses.

    :param writer: writes the bag, in another thread.
    :param min_free_bytes: free space below which there is a problem [bytes].
    """

    def __init__(self, writer: BagWriter, min_free_bytes: int) -> None:
        self.problem: BagError | None = None
        """Why nothing more can be written, or None; the thread has ended then."""
        self.at_risk_s = 0.0
        """The most recorded time that a power cut would have cost until now [s]."""
        self.safe_ns = 0
        """When the newest message was received that a power cut does not cost; 0 for none [ns]."""
        self._writer = writer
        self._min_free_bytes = min_free_bytes
        self._first_ns = self._newest_ns = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name='disk', daemon=True)
        self._thread.start()

    def told(self, received_ns: int) -> None:
        """
        Take note of a message that is to be written.

        :param received_ns: when it was received [ns].
        """
        self._newest_ns = received_ns
        self._first_ns = self._first_ns or received_ns

    def end(self) -> None:
        """
        Ask no more.
        """
        self._ended.set()

    def join(self) -> None:
        """
        Wait until the thread has ended.
        """
        self._thread.join()

    def _run(self) -> None:
        self._sync_names()
        pause_s = room_due_s = 0.0
        while not self._ended.wait(pause_s):
            began_s = time.monotonic()
            try:
                self._sync()
                if began_s >= room_due_s:
                    room_due_s = began_s + ROOM_S
                    check_free_space(self._writer.path, self._min_free_bytes)
            except BagError as error:
                self.problem = error
                return
            pause_s = max(PAUSE_S, time.monotonic() - began_s)

    def _sync_names(self) -> None:
        """Bring the names of the file, its folder and the one of all episodes to the disk."""
        for folder in (self._writer.path, *self._writer.path.parents[:2]):
            with contextlib.suppress(OSError):  # not every file system can, nor may every user
                sync_dir(folder)

    def _sync(self) -> None:
        flushed_ns = self._writer.flushed_ns
        if flushed_ns == self.safe_ns:
            return
        self._writer.sync()
        lost_ns = self._newest_ns - (self.safe_ns or self._first_ns)
        self.at_risk_s = max(self.at_risk_s, lost_ns / NANOSECONDS)
        self.safe_ns = flushed_ns
