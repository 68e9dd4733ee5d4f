# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The disk that an episode is begun on, which may hang.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import wait
import contextlib
from dataclasses import dataclass
from pathlib import Path
import shutil
import time
from typing import TypeVar

from vaa_ros.core.errors import BagError
from vaa_ros.core.image_encoding import AS_THEY_COME
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.recording.background import in_background
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


class DiskStart:
    """
    The steps of a start that need the disk: one that takes too long is given up.

    All methods are called from one thread.
    """

    def __init__(self) -> None:
        self._left: Future[None] | None = None
        self._folder = Path()
        self._since_s = self._until_s = 0.0

    def require_answer(self) -> None:
        """
        Make sure that no start before still waits for the disk.

        :raises BagError: if one does.
        """
        if self._left is not None and not self._left.done():
            raise BagError(
                f'the disk of {self._folder} has not answered for '
                f'{time.monotonic() - self._since_s:.0f} s, since a start that was given up; '
                'the next one waits until it does. Look after the disk or its network, or end '
                'this process to use another one')

    def begin(self, disk: Disk) -> None:
        """
        Begin a start, whose steps together may take the time that the disk is given.

        :param disk: where the episode goes.
        """
        self._left, self._folder, self._since_s = None, disk.output_dir, time.monotonic()
        self._until_s = float('inf') if disk.wait_s is None else self._since_s + disk.wait_s

    def do(self, work: Callable[[], Result],
           undo: Callable[[Result], None] = lambda result: None) -> Result:
        """
        Do one step, unless it takes too long.

        :param work: does it, in a thread of its own.
        :param undo: called in the background with what comes of it too late.
        :return: what comes of it in time.
        :raises BagError: if it takes too long.
        """
        step = in_background(work, 'start of episode')
        left_s = self._until_s - time.monotonic()
        wait([step], None if left_s == float('inf') else max(left_s, 0.0))
        if step.done():
            return step.result()
        self._left = in_background(lambda: undo(step.result()), 'start given up')
        raise BagError(
            f'the disk of {self._folder} has not answered for '
            f'{time.monotonic() - self._since_s:.1f} s: it is slow or hangs. This start is given '
            'up and nothing is recorded; the next one waits until the disk answers')

    def over(self, wait_s: float = 0.0) -> str:
        """
        Say once that a start which was given up is over, so that the next one may come.

        :param wait_s: longest time to wait for that [s].
        :return: a line; empty while there is nothing to say.
        """
        if self._left is None:
            return ''
        wait([self._left], wait_s)
        if not self._left.done():
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
