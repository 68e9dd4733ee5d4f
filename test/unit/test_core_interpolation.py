# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Setpoints between those of the policy: continuous, in time, and bounded by the limits.
"""
from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.interpolation import Motion
from vaa_ros.core.interpolation import SetpointInterpolator

MS = 1_000_000
PERIOD_S = 0.03
START_NS = 5_000 * MS


def motion(position: float, velocity: float = 0.0) -> Motion:
    return np.array([position]), np.array([velocity])


def lead(made: SetpointInterpolator, plans: list[Callable[[int], Motion]], step_ns: int,
         start: float = 0.0) -> np.ndarray:
    """
    Follow one plan after the other, each for a period; gives positions (k,).
    """
    made.start(np.array([start]), START_NS)
    found, now_ns = [], START_NS
    for plan in plans:
        for turn in range(round(PERIOD_S * 1e9 / step_ns)):
            wanted = made.at(now_ns, turn == 0, lambda at=now_ns, of=plan: of(at))
            made.sent(wanted, now_ns)
            found.append(wanted[0])
            now_ns += step_ns
    return np.array(found)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-5, 5)), min_size=2, max_size=6))
def test_velocity_never_jumps_whatever_is_planned(goals: list[tuple[float, float]]) -> None:
    step_s = 0.0002
    made = SetpointInterpolator(PERIOD_S, step_s)
    track = lead(made, [lambda _, goal=goal: motion(*goal) for goal in goals],
                 round(step_s * 1e9))
    velocity = np.diff(track, prepend=0.0) / step_s
    # What cubics between these ends may accelerate; a corner would change the velocity at once.
    shortest_s, way = PERIOD_S - 2 * step_s, np.abs(track).max() + 1
    most = 6 * way / shortest_s**2 + 6 * max(np.abs(velocity).max(), 5) / shortest_s
    assert np.abs(np.diff(velocity)).max() <= 2 * most * step_s + 1e-6


def test_a_straight_line_is_followed_exactly_when_the_arm_would_be_there() -> None:
    made = SetpointInterpolator(PERIOD_S, 0.01)
    line = [lambda now_ns: motion((now_ns - START_NS) / 1e9, 1.0)] * 20
    track = lead(made, line, 10 * MS)
    # A command is where the arm is one step later, and the plan is for one period later.
    times_s = 0.01 * np.arange(len(track))
    np.testing.assert_allclose(track[10:], times_s[10:] - 0.02, atol=1e-9)


def test_standing_still_stays_where_it_is_to_the_bit() -> None:
    made = SetpointInterpolator(PERIOD_S, 0.01)
    track = lead(made, [lambda _: motion(0.1)] * 5, 10 * MS, start=0.1)
    assert (track == 0.1).all()


def test_it_arrives_one_period_after_the_answer() -> None:
    made = SetpointInterpolator(PERIOD_S, 0.01)
    track = lead(made, [lambda _: motion(1.0)] * 2, 10 * MS)
    assert 0 < track[0] < track[1] < 1
    assert track[2:] == pytest.approx(1.0)


def test_it_goes_on_from_what_the_limits_let_pass() -> None:
    made = SetpointInterpolator(PERIOD_S, 0.01)
    made.start(np.array([0.0]), START_NS)
    for turn in range(4):
        now_ns = START_NS + turn * 10 * MS
        made.at(now_ns, turn == 0, lambda: motion(1.0))
        made.sent(np.array([0.01 * (turn + 1)]), now_ns)
    # It was let go at 1 a second: with the next piece it leaves at that speed.
    now_ns = START_NS + 40 * MS
    wanted = made.at(now_ns, True, lambda: motion(0.04 + 0.03, 1.0))
    assert wanted[0] == pytest.approx(0.05, abs=1e-9)


def test_it_waits_a_little_at_the_end_for_a_plan_and_then_says_that_there_is_none() -> None:
    made = SetpointInterpolator(PERIOD_S, 0.01)
    made.start(np.array([0.0]), START_NS)
    assert made.at(START_NS, True, lambda: None) is None
    made.sent(made.at(START_NS, True, lambda: motion(1.0)), START_NS)
    for after_ms in (10, 20, 30, 40):
        now_ns = START_NS + after_ms * MS
        made.sent(made.at(now_ns, False, lambda: None), now_ns)
    assert made.at(START_NS + 50 * MS, False, lambda: None) is None


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(
    lambda values: np.linalg.norm(values) > 0.1))
def test_a_rotation_stays_one_and_takes_the_short_way(values: list[float]) -> None:
    goal = np.array(values) / np.linalg.norm(values)
    made = SetpointInterpolator(PERIOD_S, 0.01, slice(0, 4))
    start = np.array([0.0, 0.0, 0.0, 1.0])
    made.start(start, START_NS)
    before = np.inf
    for turn in range(4):
        now_ns = START_NS + turn * 10 * MS
        wanted = made.at(now_ns, turn == 0, lambda: (goal, np.zeros(4)))
        made.sent(wanted, now_ns)
        assert np.linalg.norm(wanted) == pytest.approx(1.0)
        left = 1 - abs(float(wanted @ goal))
        assert left <= before + 1e-9
        before = left
    assert before == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize('step_s', [0.0, PERIOD_S, 1.0])
def test_a_step_that_does_not_fit_the_period_is_refused(step_s: float) -> None:
    with pytest.raises(ValueError, match='less than the period'):
        SetpointInterpolator(PERIOD_S, step_s)
