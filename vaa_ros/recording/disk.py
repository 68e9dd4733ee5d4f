# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The disk that an episode is begun on, or moved on, which may hang.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait
import contextlib
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
import shutil
import time
from typing import TypeVar

from vaa_ros.core.errors import BagError
from vaa_ros.core.image_encoding import AS_THEY_COME
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.recording.background import in_thread
from vaa_ros.recording.discarded import discard
from vaa_ros.recording.discarded import restore
from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.recorder import EpisodeRecorder

Result = TypeVar('Result')


@dataclass(frozen=True)
class Disk:
    """
    Where episodes go.

    :param output_dir: folder of the episodes.
    :param compression: ``zstd`` or ``none``.
    :param min_free_bytes: free space below which no episode is started, and a running one is
        broken off [bytes].
    :param images: how raw pictures are stored.
    :param wait_s: longest time that a start waits for it; None for no limit [s].
    """

    output_dir: Path
    compression: str = 'zstd'
    min_free_bytes: int = 0
    images: ImageFormat = AS_THEY_COME
    wait_s: float | None = None


class PatientDisk:
    """
    Steps that need the disk and are waited for: one that takes too long is given up and undone.

    All methods are called from one thread.
    """

    def __init__(self) -> None:
        self._left: Future[object] | None = None
        self._folder, self._what = Path(), ''
        self._since_s = self._until_s = 0.0

    def require_answer(self) -> None:
        """
        Make sure that nothing that was given up still waits for the disk.

        :raises BagError: if one does.
        """
        if self._left is not None and not self._left.done():
            raise BagError(
                f'the disk of {self._folder} has not answered for '
                f'{time.monotonic() - self._since_s:.0f} s, since {self._what} that was given up; '
                'nothing is started before it does. Look after the disk or its network, or end '
                'this process to use another one')

    def begin(self, what: str, folder: Path, wait_s: float | None) -> None:
        """
        Begin something, whose steps together may take some time.

        :param what: names it.
        :param folder: where on the disk.
        :param wait_s: longest time to wait; None for no limit [s].
        """
        self._left, self._what, self._folder = None, what, folder
        self._since_s = time.monotonic()
        self._until_s = float('inf') if wait_s is None else self._since_s + wait_s

    def do(self, work: Callable[[], Result],
           undo: Callable[[Result], object] = lambda result: None) -> Result:
        """
        Do one step, unless it takes too long.

        :param work: does it, in a thread of its own.
        :param undo: called in the background with what comes of it too late.
        :return: what comes of it in time.
        :raises BagError: if it takes too long.
        """
        step = in_thread(work, self._what)
        left_s = self._until_s - time.monotonic()
        wait([step], None if left_s == float('inf') else max(left_s, 0.0))
        if step.done():
            return step.result()
        self._left = in_thread(lambda: undo(step.result()), 'undo')
        raise BagError(
            f'the disk of {self._folder} has not answered for '
            f'{time.monotonic() - self._since_s:.1f} s: it is slow or hangs. What was asked for, '
            f'{self._what}, is given up and undone; nothing is started before the disk answers')

    def discard(self, recorded: RecordedEpisode, wait_s: float) -> RecordedEpisode:
        """
        Throw an episode away that was kept.

        :param recorded: the episode.
        :param wait_s: longest time to wait for the disk [s].
        :return: the episode, in ``discarded/`` beside the others.
        :raises BagError: if it cannot be moved, or the disk takes longer: then it stays.
        """
        path = recorded.path
        self.require_answer()
        self.begin('a discard', path.parent, wait_s)
        moved = self.do(lambda: discard(path), restore)
        return replace(recorded, path=moved, verdict=None)

    def over(self) -> str:
        """
        Say once that what was given up is over, so that an episode can be started.

        :return: a line; empty while there is nothing to say.
        """
        if self._left is None or not self._left.done():
            return ''
        error, self._left = self._left.exception(), None
        return (f'the disk of {self._folder} answers again'
                + (f': {error}' if error is not None else '; an episode can be started'))


def give_up(recorder: EpisodeRecorder) -> None:
    """
    Put away an episode that nobody waited for: nothing was recorded in it.

    :param recorder: its recorder, which was handed no message.
    """
    recorded = recorder.abort('the disk took too long at the start, which was given up')
    if recorded is not None and not recorded.messages:
        shutil.rmtree(recorded.path)
        with contextlib.suppress(OSError):  # there are others
            recorded.path.parent.rmdir()
