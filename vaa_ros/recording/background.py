# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Work with a disk that may be slow, beside the thread that must not wait for it.
"""
from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
import threading
from typing import TypeVar

Result = TypeVar('Result')


def in_thread(work: Callable[[], Result], name: str) -> Future[Result]:
    """
    Do something in a thread of its own.

    A thread of a pool would keep the process from ending while the disk hangs; this one does not.

    :param work: does it.
    :param name: what the thread is called.
    :return: what comes of it.
    """
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
