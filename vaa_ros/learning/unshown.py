# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Steps of a chunk that no demonstration shows: a policy would make their actions up.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import NANOSECONDS

LEAST_SHOWN = 0.01
"""Part of the frames from which on a step of the chunk is shown; stamps that jitter show some."""


def unshown_steps(stamp: np.ndarray, episode: np.ndarray, mask: np.ndarray,
                  spec: PolicySpec) -> str:
    """
    Say which steps of a chunk hardly any frame knows an action for, and what to do.

    :param stamp: stamps of frames (n,), rising within an episode [ns].
    :param episode: episode of each (n,).
    :param mask: which steps of its chunk are real (n, T).
    :param spec: the rate of the steps.
    :return: a sentence; '' where all are shown.
    """
    if not len(mask):
        return ''
    missing = np.flatnonzero(mask.mean(0) < LEAST_SHOWN)
    if not len(missing):
        return ''
    gaps_ns = np.diff(stamp)[np.diff(episode) == 0]
    rate_hz = NANOSECONDS / np.median(gaps_ns) if len(gaps_ns) else spec.control_rate_hz
    told = (f'{len(missing)} of the {spec.chunk_length} steps of a chunk are shown by hardly any '
            'frame, and a policy would make their actions up')
    first = missing[0]
    if len(missing) == spec.chunk_length - first and rate_hz > 0.75 * spec.control_rate_hz:
        return (f'{told}: hardly an episode is longer than {first} steps of '
                f'{spec.control_rate_hz:g} Hz. Make the dataset with --chunk {first}, or less')
    return (f'{told}: frames come at {rate_hz:.3g} Hz, actions at {spec.control_rate_hz:g} Hz. '
            f'Make the dataset with --rate {rate_hz:.3g}')
