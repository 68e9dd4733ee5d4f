# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Files for recordings, where a full disk must be noticed at the write that did not fit.
"""
from __future__ import annotations

from collections.abc import Iterable
import contextlib
import fcntl
import os
from pathlib import Path

from mcap.data_stream import RecordBuilder
from mcap.records import DataEnd
from mcap.records import Footer
from mcap.records import McapRecord
from mcap.records import Metadata
from mcap.writer import MCAP0_MAGIC


class SureFile:
    """
    An unbuffered file that writes all or raises.

    A buffered one would try to write its rest again when it is closed on a full disk. It is locked
    until it is closed or its process is gone: see :func:`being_written`.

    :param path: the file, which must not exist.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        with contextlib.suppress(OSError):  # a file system that knows no locks
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._position = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Write all of the data."""
        view = memoryview(data)
        while view:
            written = os.write(self._descriptor, view)
            self._position += written
            view = view[written:]
        return len(data)

    def tell(self) -> int:
        """Give the number of bytes written."""
        return self._position

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def sync(self) -> None:
        """Wait until the data is on the disk."""
        os.fsync(self._descriptor)

    def truncate(self, size: int) -> None:
        """Cut the file off."""
        os.ftruncate(self._descriptor, size)
        os.lseek(self._descriptor, size, os.SEEK_SET)
        self._position = size

    def close(self) -> None:
        """Close the file, once."""
        if not self.closed:
            self.closed = True
            os.close(self._descriptor)


def being_written(path: Path) -> bool:
    """
    Tell whether a :class:`SureFile` is open at this moment, in whichever process of this computer.

    :param path: the file.
    :raises OSError: if it cannot be opened.
    """
    with path.open('rb') as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            pass  # a file system that knows no locks
    return False


def sync_dir(folder: Path) -> None:
    """
    Wait until the names in a folder are on the disk.

    :param folder: the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def mcap_records(records: Iterable[McapRecord]) -> bytes:
    """
    Give records as they stand in an MCAP file.

    :param records: the records.
    :return: the bytes.
    """
    builder = RecordBuilder()
    for record in records:
        record.write(builder)
    return builder.end()


_MCAP_TAIL = mcap_records([DataEnd(0), Footer(summary_start=0, summary_offset_start=0,
                                              summary_crc=0)]) + MCAP0_MAGIC
"""The end of an MCAP file without a summary, which is valid and tiny."""


def end_early(file: SureFile, position: int, last: Metadata) -> None:
    """
    End an MCAP file where it is whole, with a last word if there is room for it.

    :param file: the file.
    :param position: up to where it is whole.
    :param last: says what became of it, so that the file alone says it.
    :raises OSError: if not even the end fits.
    """
    file.truncate(position)
    try:
        file.write(mcap_records([last]) + _MCAP_TAIL)
    except OSError:
        file.truncate(position)
        file.write(_MCAP_TAIL)
