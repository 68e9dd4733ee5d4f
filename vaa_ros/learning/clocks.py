# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether the stamps of a bag are of one clock, and what is done where they are not.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.timed import Timed

ONE_CLOCK_S = 1.0
"""Difference of delay above which two streams do not have one clock; no driver is as late."""


def align_clocks(streams: BagStreams) -> str:
    """
    Take the times of arrival for all stamps where those of cameras and joints do not fit.

    A camera with a clock of its own, or joint states without stamps beside pictures with those of
    a simulation, would never meet otherwise.

    :param streams: the streams; changed where they do not fit.
    :return: which ones do not, '' where all are of one clock.
    """
    apart = [key for key, pictures in streams.pictures.items()
             if abs(delay_s(pictures, streams.joints)) > ONE_CLOCK_S]
    if not apart:
        return ''
    streams.by_arrival = True
    streams.pictures = {key: by_arrival(items) for key, items in streams.pictures.items()}
    streams.joints = [replace(item, value=replace(item.value, stamp_ns=item.log_ns))
                      for item in by_arrival(streams.joints)]
    streams.commands = [replace(item, stamp_ns=0) for item in streams.commands]
    streams.gripper = [replace(item, stamp_ns=0) for item in streams.gripper]
    return (f'the stamps of {", ".join(apart)} and of the joints are of different clocks: times '
            'of arrival stand for them')


def by_arrival(items: Sequence[Timed]) -> list[Timed]:
    """
    Stamp messages with the times at which they were received.
    """
    return [replace(item, stamp_ns=item.log_ns) for item in items]


def delay_s(items: Sequence[Timed], reference: Sequence[Timed]) -> float:
    """
    Tell how much later, by their stamps, messages arrived than those of another stream [s].

    Messages that arrived together are compared, so that a simulation may run at any pace.
    """
    if not items or not reference:
        return 0.0
    logs = np.array([item.log_ns for item in items], np.int64)
    there = np.array([item.log_ns for item in reference], np.int64)
    late, others = lateness(items), lateness(reference)
    nearest = np.searchsorted(there, logs).clip(0, len(there) - 1)
    return float(np.median(late - others[nearest])) / NANOSECONDS


def lateness(items: Sequence[Timed]) -> np.ndarray:
    """
    Give the time from the stamp of each message to its arrival (n,) [ns]; 0 without a stamp.
    """
    return np.array([item.log_ns - (item.stamp_ns or item.log_ns) for item in items], np.int64)
