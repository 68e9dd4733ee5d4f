# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One tick of the control loop: what goes in, and what comes out.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.inference import Answer
from vaa_ros.core.types import Observation


@dataclass(frozen=True, eq=False)
class TickInputs:
    """
    The facts of one tick.

    :param now_ns: a clock that does not jump, for the gate and for speed limits [ns].
    :param stamp_now_ns: the present on the clock of the observation stamps [ns].
    :param observation: the newest observation, or None before the first.
    :param measured: where the arm is, as the command's kind has it; None while unknown.
    :param gate: what the gate has to know; the loop adds its own faults.
    :param answer: what came of asking the policy since the tick before, or None for nothing.
    :param silent: publish nothing while the gate forbids to move, not even a hold; what moves on
        by itself is braked before.
    :param waited_for: whether time stands still until a command comes (lockstep).
    """

    now_ns: int
    stamp_now_ns: int
    observation: Observation | None
    measured: np.ndarray | None
    gate: GateInputs
    answer: Answer | None = None
    silent: bool = False
    waited_for: bool = False


@dataclass(frozen=True, eq=False)
class Tick:
    """
    What one tick decided.

    :param decision: the gate's answer.
    :param command: what to publish, or None for nothing.
    :param moving: whether the command is a new setpoint, not a hold.
    :param stamp_ns: stamp of the observation behind the command [ns], 0 without one.
    :param fresh: whether the policy's answer to a new observation was taken in.
    :param meant_wrong: why what the policy wants was refused, wherever the arm may be, or nothing.
    """

    decision: GateDecision
    command: np.ndarray | None
    moving: bool
    stamp_ns: int
    fresh: bool
    meant_wrong: str = ''
