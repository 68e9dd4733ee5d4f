# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a stream of a bag is made of: values with their times.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Timed:
    """
    A value with its times.

    :param stamp_ns: stamp of the message [ns], 0 where it has none.
    :param log_ns: when the recorder received it [ns].
    :param value: a picture, a joint state or a command vector.
    :param foreseen: whether it was not sent then, but is due by what was sent before.
    """

    stamp_ns: int
    log_ns: int
    value: Any
    foreseen: bool = False


def vector(values: Sequence[float], size: int) -> np.ndarray:
    """
    Check a vector of numbers.

    :raises ValueError: if it has the wrong size or a value that is not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.shape != (size,) or not np.isfinite(array).all():
        raise ValueError(f'command of shape {array.shape}, expected {size} finite numbers')
    return array
