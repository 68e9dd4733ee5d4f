# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is chosen about time, filled in from the policy.
"""
from __future__ import annotations

from policy_models import SPEC
import pytest

from vaa_ros.core.pacing import Pacing
from vaa_ros.core.tick_schedule import SteadySchedule
from vaa_ros.core.tick_schedule import TickSchedule


def test_the_policy_gives_what_nobody_chose() -> None:
    pacing = Pacing.for_policy(SPEC)
    assert pacing.period_s == pacing.policy_period_s == SPEC.dt_s
    assert pacing.deadline_s == pytest.approx(SPEC.chunk_length * SPEC.dt_s)
    assert Pacing.for_policy(SPEC, deadline_s=0.1).deadline_s == 0.1


@pytest.mark.parametrize(('rate_hz', 'lockstep', 'steady'), [
    (0.0, False, False), (30.0, False, False), (10.0, False, False), (100.0, False, True),
    (100.0, True, False)])
def test_only_a_faster_arm_in_real_time_is_commanded_steadily(
    rate_hz: float, lockstep: bool, steady: bool,
) -> None:
    pacing = Pacing.for_policy(SPEC, rate_hz, lockstep)
    assert pacing.steady is steady
    assert isinstance(pacing.schedule(), SteadySchedule if steady else TickSchedule)
