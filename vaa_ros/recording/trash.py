# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The discarded takes beside the demonstrations: kept for a while, and never deleted at once.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
import shutil
import threading

from vaa_ros.recording.background import in_thread
from vaa_ros.recording.episode import DISCARDED

METADATA = 'metadata.yaml'
FIRST_FILE = '{}_0.mcap'
"""What also a take has whose recorder was killed; ``vaa recover`` keeps such originals here."""


def trim_discarded(newest: Path, takes: int, size: int) -> list[Path]:
    """
    Delete the oldest discarded takes beyond a limit.

    Only folders that teleop_recorder names and writes are touched.

    :param newest: the take that was discarded now, which stays whatever its size.
    :param takes: how many to keep; 0 for all.
    :param size: how much to keep [bytes]; 0 for everything.
    :return: what was deleted.
    :raises ValueError: if that take is not among discarded ones.
    :raises OSError: if one cannot be deleted.
    """
    if newest.parent.name != DISCARDED:
        raise ValueError(f'{newest} is not in {DISCARDED}/, where alone takes are deleted')
    found = [(written_ns, path.name, path) for path in newest.parent.glob('episode_*')
             if path != newest and path.is_dir() and not path.is_symlink()
             and (written_ns := _written_ns(path))]
    deleted, used = [], size_of(newest)
    for number, (_, _, path) in enumerate(sorted(found, reverse=True), 1):
        used += size_of(path)
        if (takes and number >= takes) or (size and used > size):
            shutil.rmtree(path)
            deleted.append(path)
    return deleted


class Trash:
    """
    Does what :func:`trim_discarded` does, in the background: nobody waits for it.

    :param tell: takes a line for each take that was deleted.
    :param warn: takes why none can be.
    """

    def __init__(self, tell: Callable[[str], object], warn: Callable[[str], object]) -> None:
        self._tell, self._warn = tell, warn
        self._alone = threading.Lock()

    def trim(self, newest: Path, takes: int, size: int) -> Future[None]:
        """
        Delete the oldest discarded takes beyond a limit, after what is being deleted already.

        :return: what is done then.
        """
        return in_thread(lambda: self._trim(newest, takes, size), 'trash')

    def _trim(self, newest: Path, takes: int, size: int) -> None:
        with self._alone:
            try:
                for path in trim_discarded(newest, takes, size):
                    self._tell(f'deleted {path}: older than the newest discarded takes that '
                               'discarded_max and discarded_max_gb keep')
            except Exception as error:
                self._warn(f'discarded takes cannot be deleted: {error!r}')


def _written_ns(take: Path) -> int:
    """Tell when a take was written [ns]; 0 for what is no take."""
    for file in (take / METADATA, take / FIRST_FILE.format(take.name)):
        if file.is_file():
            return file.stat().st_mtime_ns
    return 0


def size_of(folder: Path) -> int:
    """
    Give the size of all files in a folder [bytes].
    """
    return sum(item.stat().st_size for item in folder.rglob('*') if item.is_file())
