# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When ticks are due, and which of them are missed.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import pytest

from vaa_ros.core.tick_schedule import SteadySchedule
from vaa_ros.core.tick_schedule import TickSchedule


def test_ticks_with_a_new_observation_but_not_too_soon() -> None:
    schedule = TickSchedule(100)
    assert schedule.due_ns(False) == 0
    schedule.ticked(1000, True)
    assert schedule.due_ns(True) == 1075
    assert schedule.due_ns(False) == 1125


@pytest.mark.parametrize(
    ('interval', 'missed'),
    [(100, 0), (125, 0), (200, 0), (201, 1), (299, 1), (300, 2), (1000, 9)])
def test_missed_ticks_are_counted_between_commands(interval: int, missed: int) -> None:
    schedule = TickSchedule(100)
    assert schedule.ticked(0, True) == 0
    assert schedule.ticked(interval, True) == missed


def test_ticks_that_did_not_move_are_not_missed() -> None:
    schedule = TickSchedule(100)
    schedule.ticked(0, True)
    assert schedule.ticked(500, False) == 0
    assert schedule.ticked(1500, True) == 0


def test_steady_ticks_keep_their_times_whatever_the_policy_does() -> None:
    schedule = SteadySchedule(100)
    assert schedule.due_ns(False) == 0
    schedule.ticked(1000, True)
    for expected, ticked in ((1100, 1130), (1200, 1201), (1300, 1399)):
        assert schedule.due_ns(False) == schedule.due_ns(True) == expected
        assert schedule.ticked(ticked, True) == 0


def test_a_tick_between_does_not_move_the_others() -> None:
    schedule = SteadySchedule(100)
    schedule.ticked(1000, True)
    assert schedule.ticked(1050, True) == 0
    assert schedule.due_ns(False) == 1100


@given(st.lists(st.integers(0, 450), min_size=1, max_size=50))
def test_every_steady_tick_is_made_or_missed(late: list[int]) -> None:
    schedule, missed = SteadySchedule(100), 0
    schedule.ticked(0, True)
    for late_ns in late:
        due_ns = schedule.due_ns(False)
        missed += schedule.ticked(due_ns + late_ns, True)
    assert schedule.due_ns(False) == 100 * (len(late) + missed + 1)


def test_steady_ticks_that_did_not_move_are_not_missed() -> None:
    schedule = SteadySchedule(100)
    schedule.ticked(0, False)
    assert schedule.ticked(500, True) == 0
    assert schedule.ticked(1000, True) == 4
