# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the control thread is connected to.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from vaa_ros.core.inference import Answers
from vaa_ros.core.tick import Tick
from vaa_ros.core.types import Observation


@dataclass(frozen=True)
class Wiring:
    """
    What the thread is connected to.

    :param policy: gives the policy at work, to the thread that asks it.
    :param publish: publishes a command, with the stamp of the observation behind it and whether it
        moves the arm or holds it.
    :param again: publishes the last command once more.
    :param after: told about every tick, after its command has left.
    :param ros_now_ns: the clock of the stamps [ns].
    :param measured: gives what is measured for an observation, as the command's kind has it.
    """

    policy: Callable[[], Answers]
    publish: Callable[[np.ndarray, int, bool], None]
    again: Callable[[], None]
    after: Callable[[Tick], None]
    ros_now_ns: Callable[[], int]
    measured: Callable[[Observation], np.ndarray | None]
