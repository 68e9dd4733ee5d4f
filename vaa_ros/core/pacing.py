# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is chosen about time: how often the arm is commanded, and how long an answer may take.
"""
from __future__ import annotations

from dataclasses import dataclass

from vaa_ros.core.replanning import AUTO
from vaa_ros.core.replanning import ReplanRule
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.tick_schedule import Schedule
from vaa_ros.core.tick_schedule import SteadySchedule
from vaa_ros.core.tick_schedule import TickSchedule
from vaa_ros.core.types import NANOSECONDS

FASTER = 1.01
"""How much faster than the policy the arm is told where setpoints are interpolated."""


@dataclass(frozen=True)
class Pacing:
    """
    How time is kept.

    :param period_s: time between two commands [s].
    :param policy_period_s: time between two actions of the policy [s].
    :param lockstep: whether a simulation waits for each command.
    :param deadline_s: longest time that an answer may take [s].
    :param replan: when to ask the policy again, one of
        :data:`~vaa_ros.core.replanning.REPLAN_CHOICES`.
    :param realtime_priority: priority of the thread that commands the arm, 0 for none.
    :param cpu: the CPU on which it stays, below 0 for any.
    """

    period_s: float
    policy_period_s: float
    lockstep: bool
    deadline_s: float
    replan: str = AUTO
    realtime_priority: int = 0
    cpu: int = -1

    @classmethod
    def for_policy(cls, spec: PolicySpec, rate_hz: float = 0.0, lockstep: bool = False,
                   deadline_s: float = 0.0, replan: str = AUTO) -> Pacing:
        """
        Fill in what follows from the policy.

        :param spec: the policy's spec.
        :param rate_hz: rate of commands; 0 for the policy's own [Hz].
        :param lockstep: whether a simulation waits for each command.
        :param deadline_s: longest time that an answer may take; 0 for as long as a chunk lasts,
            after which it would be of no use [s].
        :param replan: when to ask the policy again.
        :return: the pacing.
        """
        return cls(1.0 / (rate_hz or spec.control_rate_hz), spec.dt_s, lockstep,
                   deadline_s or spec.chunk_length * spec.dt_s, replan)

    @property
    def steady(self) -> bool:
        """
        Tell whether the arm is commanded at its own rate, faster than the policy's.
        """
        return not self.lockstep and self.policy_period_s > FASTER * self.period_s

    def schedule(self) -> Schedule:
        """
        Make the schedule of the ticks.
        """
        period_ns = round(self.period_s * NANOSECONDS)
        return SteadySchedule(period_ns) if self.steady else TickSchedule(period_ns)

    def rule(self) -> ReplanRule:
        """
        Make the rule by which the policy is asked again.
        """
        return ReplanRule(self.policy_period_s, self.replan)
