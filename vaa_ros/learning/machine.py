# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Settings of the process that make training on a few CPU cores fast.
"""
from __future__ import annotations

import ctypes
import os

import torch

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGE = 1 << 30


def prepare(threads: int | None) -> int:
    """
    Set the number of threads and keep freed memory in the process.

    :param threads: CPU threads, or None for all this process may use.
    :return: the number set.
    """
    count = threads or len(os.sched_getaffinity(0))
    torch.set_num_threads(count)
    # glibc gives every large tensor back to the kernel and asks for it again, zeroed page by
    # page: measured at a third of the training time. Other C libraries do not have mallopt.
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, LARGE)
        mallopt(M_TRIM_THRESHOLD, LARGE)
    return count
