# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What models and episodes leave behind goes back to the system: both can follow for ever.
"""
from __future__ import annotations

import ctypes


def give_back() -> bool:
    """
    Give the system what the C library keeps of freed memory: glibc's ``malloc_trim(3)``.

    Memory is taken and freed on different threads, and glibc keeps an arena for each of those:
    without this a process that swaps models, or whose disk was slow for a while, stays larger by
    half and more.

    :return: whether the C library can do that and had something to give.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    return bool(trim(0))
