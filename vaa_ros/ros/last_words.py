# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the arm is told when nobody will command it any more.
"""
from __future__ import annotations

import time

from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.ros.control_wiring import Wiring

HOLD_TIMES, MOST_HOLDS = 3, 200
HOLD_GAP_S = 0.01


def publish_last_words(loop: ControlLoop, wiring: Wiring, stamp_ns: int, period_s: float) -> None:
    """
    Publish the hold a few times, or for as long as it takes until nothing moves on by itself.

    :param loop: knows what was commanded last; nothing else may use it meanwhile.
    :param wiring: publishes.
    :param stamp_ns: stamp of the observation behind the last command [ns].
    :param period_s: control period [s].
    """
    for turn in range(MOST_HOLDS):
        gap_s = period_s if loop.coasting else HOLD_GAP_S
        held = loop.hold(gap_s)
        if held is None or turn >= HOLD_TIMES and not loop.coasting:
            return
        wiring.publish(held, stamp_ns, False)
        time.sleep(gap_s)
