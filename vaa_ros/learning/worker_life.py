# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When a process that works for another one ends.
"""
from __future__ import annotations

from multiprocessing import parent_process
import os
import signal
import threading


def end_with_parent() -> None:
    """
    Leave Ctrl-C to the process that started this one, and end when that is gone.

    Killed, it tells nobody.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end, daemon=True).start()


def _end() -> None:
    parent_process().join()
    os._exit(1)
