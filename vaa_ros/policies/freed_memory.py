# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Memory that a model left behind goes back to the system, so that swaps can go on for ever.
"""
from __future__ import annotations

import ctypes


def give_back() -> bool:
    """
    Give the system what the C library keeps of freed memory: glibc's ``malloc_trim(3)``.

    Sessions are made and freed on different threads, and glibc keeps an arena for each of those:
    without this a process that swaps models grows by half, and stays there.

    :return: whether the C library can do that and had something to give.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError, TypeError):
        return False
    return bool(trim(0))
