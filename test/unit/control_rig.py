# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A control loop around a policy that answers with one line, for tests.
"""
from __future__ import annotations

import math

import numpy as np

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.control_loop import ControlLoop
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.plan import Plan
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.scene_watch import SceneWatch
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.tick import Tick
from vaa_ros.core.tick import TickInputs
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation

PERIOD_NS = 33_333_333
PERIOD_S = PERIOD_NS / 1e9


class Line:
    """A policy whose every action is ``goal``."""

    def __init__(self, goal: float) -> None:
        self.goal = goal
        self.asked = 0
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def infer(self, observation: Observation) -> ActionChunk:
        self.asked += 1
        return ActionChunk(
            observation.stamp_ns, np.full((24, 7), self.goal, np.float32), PERIOD_S)


class Rig:
    """A loop of 7 joints that can go 3 rad/s between -1 and 1, and its clock."""

    def __init__(
        self, kind: str = 'joint_position', watch: WatchOptions | None = None,
        ramp_s: float = 0.0, acceleration: float = math.inf, jump: float = math.inf,
        rearm_s: float = 0.0,
    ) -> None:
        motion = LimitedMotion(CommandLimiter(SafetyLimits(
            names=tuple('abcdefg'), lower=np.full(7, -1.0), upper=np.full(7, 1.0),
            velocity=np.full(7, 3.0), jump=jump, gripper=6,
            linear_acceleration=acceleration), kind))
        self.loop = ControlLoop(
            Gate({'vision/front': 0.2}, resume_after_s=0.1, ramp_s=ramp_s, rearm_after_s=rearm_s),
            Plan(ChunkPlayer(PERIOD_S, newest_only=(6,))), motion, PERIOD_S,
            watch=watch and SceneWatch([0], watch))
        self.count = 0
        self.instruction = ''
        self.observation: Observation | None = None

    def tick(self, policy: Line, fresh: bool = True, age_s: float | None = 0.0,
             silent: bool = False, waited_for: bool = False, **gate: object) -> Tick:
        self.count += 1
        now_ns = 10**9 + self.count * PERIOD_NS
        if fresh:
            self.observation = Observation(
                now_ns, {'front': np.zeros((1, 1, 3), np.uint8)}, np.zeros(7, np.float32),
                instruction=self.instruction)
        facts = GateInputs(ages_s={'vision/front': age_s}, **gate)
        answer = self.loop.ask(facts, policy, self.observation) if fresh else None
        return self.loop.tick(TickInputs(
            now_ns, now_ns, self.observation, np.zeros(7), facts, answer, silent, waited_for))
