# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies

from vaa_ros.recording.flight_plan import FlightPlan
from vaa_ros.recording.flight_plan import HoldWatch


def test_every_hold_and_every_new_reason_is_told_once() -> None:
    watch = HoldWatch()
    said = [watch.look(*status) for status in (
        ('running', ''), ('holding', 'a is stale: 0.31 s old'),
        ('holding', 'a is stale: 0.5 s old'),
        ('holding', 'a is stale: 0.6 s old; no c'), ('holding', 'no c'),
        ('holding', 'inputs are good again for 0.05 s'), ('running', ''),
        ('holding', 'no c'), ('stopped', 'emergency stop is pressed'))]
    assert said == ['', 'holding: a is stale: 0.31 s old', '',
                    'holding: a is stale: 0.6 s old; no c', '', '', '',
                    'holding: no c', 'stopped: emergency stop is pressed']


def test_a_hold_before_any_motion_and_a_stop_in_a_pause_count() -> None:
    watch = HoldWatch()
    watch.look('waiting', 'waiting for joint_states')
    assert watch.look('holding', 'inference failed') == 'holding: inference failed'
    watch.look('paused', '')
    assert watch.look('stopped', 'pressed') == 'stopped: pressed'


def test_what_comes_within_the_gap_is_told_by_the_next_flight() -> None:
    plan = FlightPlan(2.0, 10.0, 15.0)
    plan.happened('a', 0.0)
    plan.happened('b', 1.0)
    assert not plan.due(2.9) and plan.due(3.0)
    assert plan.take(3.0) == 'a; b'
    plan.happened('c', 4.0)
    plan.happened('d', 6.0)
    assert not plan.due(12.9) and plan.due(13.0)
    assert plan.take(13.0) == 'c; d' and not plan.due(100.0)


def test_what_is_urgent_does_not_wait() -> None:
    plan = FlightPlan(2.0, 10.0, 15.0)
    plan.happened('a', 0.0)
    plan.take(2.0)
    plan.happened('b', 3.0)
    plan.happened('stop', 4.0, urgent=True)
    assert not plan.due(5.9) and plan.due(6.0)
    assert plan.take(6.0) == 'stop; b'


@given(strategies.lists(strategies.tuples(strategies.floats(0, 20), strategies.booleans()),
                        min_size=1, max_size=30))
def test_nothing_is_left_out_and_all_is_written_while_it_is_still_kept(
    steps: list[tuple[float, bool]],
) -> None:
    plan, now, first, told, taken = FlightPlan(2.0, 3600.0, 15.0), 0.0, None, [], []
    for number, (step, urgent) in enumerate(steps):
        now += step
        if plan.due(now):
            # The timer would have come at once, not this late.
            taken += plan.take(now).split('; ')
            first = None
        plan.happened(str(number), now, urgent)
        told.append(str(number))
        first = now if first is None else first
        assert plan.due(first + 15.0)
    assert sorted(taken + plan.take(now).split('; ')) == sorted(told)
