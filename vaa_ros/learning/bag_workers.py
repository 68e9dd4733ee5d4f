# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Several bags read at once, each in a process of its own; what comes of them, in their order.
"""
from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
import contextlib
import itertools
import multiprocessing
from pathlib import Path
import signal

import cv2

from vaa_ros.learning.pieces import prepare
from vaa_ros.learning.pieces import Prepared
from vaa_ros.learning.reading import Reading


def read_bags(paths: Sequence[Path], reading: Reading, store: Path,
              workers: int) -> Iterator[Prepared]:
    """
    Read bags.

    :param paths: the bags.
    :param reading: how to read them.
    :param store: folder of pieces.
    :param workers: processes; 1 reads in this one.
    :return: what came of each, in the order of the bags.
    """
    workers = min(workers, len(paths))
    if workers <= 1:
        yield from (prepare(path, reading, store) for path in paths)
        return
    pool = start(workers)
    try:
        futures = []
        with contextlib.suppress(BrokenProcessPool):
            for path in paths:
                futures.append(pool.submit(prepare, path, reading, store))
        for path, future in itertools.zip_longest(paths, futures):
            try:
                if future is not None:
                    yield future.result()
                    continue
            except BrokenProcessPool:
                # A damaged bag, or too little memory, ended a process. Each of those that were
                # under way may have done it: the rest is read one by one.
                pass
            yield alone(path, reading, store)
    finally:
        pool.shutdown(cancel_futures=True)


def alone(path: Path, reading: Reading, store: Path) -> Prepared:
    """
    Read a bag in a process that has nothing else to do, and say so if it ends.
    """
    with start(1) as pool:
        try:
            return pool.submit(prepare, path, reading, store).result()
        except BrokenProcessPool:
            return Prepared(path, reading, problem=(
                'the process that read it was killed: by too little memory, or by what a decoder '
                'made of damaged data. Leave it out, or record it again'))


def start(workers: int) -> ProcessPoolExecutor:
    """
    Start processes that know nothing of this one's threads.
    """
    return ProcessPoolExecutor(workers, multiprocessing.get_context('spawn'), set_up)


def set_up() -> None:
    """
    Prepare a process: Ctrl-C is for its parent, and its pictures need no more threads.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
