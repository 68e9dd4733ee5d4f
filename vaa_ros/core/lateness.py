# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How much later messages of one stream arrive, by their stamps, than those of another.

Where that is more than a driver needs, the stamps are of clocks that differ.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.types import NANOSECONDS

SUSPICIOUS_S = 0.15
"""Above what cameras and their drivers take; below it stamps are believed without a word [s]."""

OTHER_CLOCK_S = 10.0
"""Above it stamps are of another clock than arrivals: that of a simulation [s]."""


def later_s(logs_ns: np.ndarray, stamps_ns: np.ndarray, other_logs_ns: np.ndarray,
            other_stamps_ns: np.ndarray) -> float:
    """
    Tell how much later than those of another stream messages arrived, by their stamps.

    Messages that arrived together are compared, so that a simulation may run at any pace.

    :param logs_ns: when each message was received (n,) [ns].
    :param stamps_ns: the stamp of each (n,) [ns], 0 for none, which counts as received at once.
    :param other_logs_ns: the same of the other stream (m,), rising [ns].
    :param other_stamps_ns: the same of the other stream (m,) [ns].
    :return: the median difference [s]; 0 where one of them is empty.
    """
    if not len(logs_ns) or not len(other_logs_ns):
        return 0.0
    late = logs_ns - np.where(stamps_ns == 0, logs_ns, stamps_ns)
    others = other_logs_ns - np.where(other_stamps_ns == 0, other_logs_ns, other_stamps_ns)
    nearest = np.searchsorted(other_logs_ns, logs_ns).clip(0, len(other_logs_ns) - 1)
    return float(np.median(late - others[nearest])) / NANOSECONDS
