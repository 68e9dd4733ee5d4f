# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether the stamps of a bag are of one clock, and what is done where they are not.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vaa_ros.core.lateness import later_s
from vaa_ros.core.lateness import SUSPICIOUS_S
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
    :return: which ones do not, or may not, '' where all are of one clock.
    """
    delays = {key: delay_s(pictures, streams.joints)
              for key, pictures in streams.pictures.items()}
    apart = [key for key, delay in delays.items() if abs(delay) > ONE_CLOCK_S]
    if not apart:
        return '; '.join(
            f'by their stamps, pictures of {key} arrive {1e3 * delay:.0f} ms later than joint '
            'states: unless that camera takes so long, its clock is wrong, and so is what is '
            'learned' for key, delay in delays.items() if abs(delay) > SUSPICIOUS_S)
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
    """
    return later_s(*times(items), *times(reference))


def times(items: Sequence[Timed]) -> tuple[np.ndarray, np.ndarray]:
    """
    Give when messages arrived, and their stamps, (n,) each [ns].
    """
    return (np.array([item.log_ns for item in items], np.int64),
            np.array([item.stamp_ns for item in items], np.int64))
