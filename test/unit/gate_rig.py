# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A gate and its clock, for tests.
"""
from __future__ import annotations

from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.gate import RUNNING

MS = 1_000_000
LIMITS = {'vision/front': 0.25, 'joint_states': 0.1}
FRESH = {'vision/front': 0.03, 'joint_states': 0.01}


class Clock:
    """A gate whose time goes on by 33 ms an update."""

    def __init__(self, **options: float) -> None:
        self.gate = Gate(LIMITS, **options)
        self.now_ns = 0

    def update(self, ages_s: dict | None = None, **facts: object) -> GateDecision:
        self.now_ns += 33 * MS
        return self.gate.update(
            self.now_ns, GateInputs(ages_s=FRESH if ages_s is None else ages_s, **facts))


def running(**options: float) -> Clock:
    clock = Clock(**options)
    assert clock.update().state == RUNNING
    return clock
