# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Ticks over budget: counted, and named by what took longest.
"""
from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
import pytest

from vaa_ros.core.tick_budget import STAGES
from vaa_ros.core.tick_budget import TickBudget

PERIOD_NS = 10_000_000


def tick(budget: TickBudget, due_ns: int, stages_ns: list[int], scheduled: bool = True) -> str:
    now_ns = due_ns + stages_ns[0]
    budget.begin(due_ns, now_ns, scheduled)
    for took_ns in stages_ns[1:-1]:
        now_ns += took_ns
        budget.mark(now_ns)
    return budget.end(now_ns + stages_ns[-1])


@pytest.mark.parametrize('slow', range(5))
def test_the_stage_that_took_longest_is_named(slow: int) -> None:
    budget, stages_ns = TickBudget(PERIOD_NS), [1_000_000] * 5
    assert tick(budget, 0, stages_ns) == ''
    stages_ns[slow] = 9_000_000
    assert tick(budget, 50_000_000, stages_ns) == STAGES[slow]
    values = budget.values()
    assert values['over_budget_ticks'] == 1
    assert values['over_budget_stages'] == f'{STAGES[slow]} 1'
    assert values['over_budget_worst'] == f'13.0 ms, {STAGES[slow]} 9.0 ms'


def test_what_the_tick_before_took_is_not_blamed_on_the_next() -> None:
    budget = TickBudget(PERIOD_NS)
    assert tick(budget, 0, [0, 0, 25_000_000, 0, 0]) == 'decide'
    budget.begin(10_000_000, 25_000_000)
    for _ in range(3):
        budget.mark(25_000_000)
    assert budget.end(25_500_000) == ''


def test_only_regular_ticks_can_be_late() -> None:
    budget = TickBudget(PERIOD_NS)
    tick(budget, 0, [0] * 5, scheduled=False)
    assert math.isnan(budget.values()['tick_late_ms_p99'])
    tick(budget, 10_000_000, [2_000_000, 0, 0, 0, 0])
    assert budget.values()['tick_late_ms_max'] == pytest.approx(2.0)


@given(st.lists(st.lists(st.integers(0, 8_000_000), min_size=5, max_size=5), max_size=20))
def test_every_tick_over_budget_is_counted_once(ticks: list[list[int]]) -> None:
    budget = TickBudget(PERIOD_NS)
    due_ns, over = 0, 0
    for stages_ns in ticks:
        over += tick(budget, due_ns, stages_ns) != ''
        due_ns += 100_000_000
    assert budget.over == over == sum(sum(stages_ns) > PERIOD_NS for stages_ns in ticks)
    assert sum(budget.stages.values()) == over
