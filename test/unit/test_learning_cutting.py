# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where episodes begin and end: never two at a time, never outside the recording, and not moved by
silence at the end.
"""
from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.learning.cutting import covered
from vaa_ros.learning.cutting import cut_activity
from vaa_ros.learning.cutting import cut_at_releases
from vaa_ros.learning.cutting import cut_events
from vaa_ros.learning.cutting import cut_length
from vaa_ros.learning.cutting import Cutting
from vaa_ros.learning.cutting import filled
from vaa_ros.learning.cutting import releases
from vaa_ros.learning.cutting import Span

S = 1_000_000_000
TICK = S // 20
SPEEDS = (1.0, 0.1)
CUTTING = Cutting(idle_s=1.0, margin_s=0.25, shortest_s=0.5)
EVENTS = st.lists(st.tuples(st.integers(-10, 110), st.sampled_from(['start', 'stop', 'discard'])))
PHASES = st.lists(st.tuples(st.integers(1, 40), st.sampled_from([0.0, 0.0, 0.015, 0.5, -0.5]),
                            st.sampled_from([0.0, 0.05])), min_size=1, max_size=8)


def joints(phases: list[tuple[int, float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Joints that go through phases of (ticks, speed, speed), at 20 Hz."""
    speeds = np.concatenate([np.tile([a, b], (ticks, 1)) for ticks, a, b in phases])
    positions = np.cumsum(np.concatenate([np.zeros((1, 2)), speeds / 20]), axis=0)
    return np.arange(len(positions), dtype=np.int64) * TICK, positions


def recorded(times: np.ndarray) -> Span:
    return Span(int(times[0]), int(times[-1]) + 1)


def assert_sound(spans: list[Span], whole: Span) -> None:
    assert all(before.stop_ns <= after.start_ns for before, after in pairwise(spans))
    assert all(whole.start_ns <= span.start_ns < span.stop_ns <= whole.stop_ns for span in spans)


def silence(times: np.ndarray, positions: np.ndarray, ticks: int) -> tuple[np.ndarray, np.ndarray]:
    more = times[-1] + TICK * np.arange(1, ticks + 1)
    return np.append(times, more), np.append(positions, np.tile(positions[-1], (ticks, 1)), axis=0)


@given(EVENTS)
def test_events_give_sound_spans_that_silence_does_not_change(events):
    spans = cut_events(events, Span(0, 100))
    assert_sound(spans, Span(0, 100))
    inside = [event for event in events if 0 <= event[0] < 100]
    assert cut_events(inside, Span(0, 100)) == cut_events(inside, Span(0, 1000))


@given(st.integers(0, 10**10), st.integers(1, 10**10), st.floats(0.5, 20), st.integers(1, 10**10))
def test_pieces_of_one_length_cover_all_and_silence_only_adds(start, length, seconds, more):
    whole = Span(start, start + length)
    pieces = cut_length(whole, seconds)
    assert_sound(pieces, whole)
    assert sum(piece.stop_ns - piece.start_ns for piece in pieces) == length
    assert all(piece.stop_ns - piece.start_ns == round(seconds * S) for piece in pieces[:-1])
    longer = cut_length(Span(start, start + length + more), seconds)
    assert longer[:len(pieces) - 1] == pieces[:-1]


@settings(max_examples=60, deadline=None)
@given(PHASES, st.integers(1, 60))
def test_activity_gives_sound_spans_that_silence_does_not_change(phases, ticks):
    times, positions = joints(phases)
    whole = recorded(times)
    spans = cut_activity(times, positions, SPEEDS, whole, CUTTING)
    assert_sound(spans, whole)
    longer = silence(times, positions, ticks)
    later = cut_activity(*longer, SPEEDS, recorded(longer[0]), CUTTING)
    assert_sound(later, recorded(longer[0]))
    assert [span.start_ns for span in later] == [span.start_ns for span in spans]
    assert later[:-1] == spans[:-1]
    if spans:
        # Only a margin that the recording had cut off may still grow.
        grown = later[-1].stop_ns - spans[-1].stop_ns
        assert grown == 0 or (spans[-1].stop_ns == whole.stop_ns and 0 < grown <= S / 4)
    exact = replace(CUTTING, margin_s=0.0)
    assert cut_activity(*longer, SPEEDS, recorded(longer[0]), exact) == cut_activity(
        times, positions, SPEEDS, whole, exact)


@settings(max_examples=60, deadline=None)
@given(PHASES, st.lists(st.integers(-10, 400), max_size=6), st.integers(1, 60))
def test_releases_give_sound_spans(phases, opened, ticks):
    times, positions = joints(phases)
    opened = sorted(tick * TICK for tick in opened)
    spans = cut_activity(times, positions, SPEEDS, recorded(times), CUTTING)
    cuts = cut_at_releases(spans, opened, CUTTING)
    assert_sound(cuts, recorded(times))
    assert all(any(cut.start_ns <= at < cut.stop_ns for at in opened) for cut in cuts)


def test_motion_between_idle_times_is_an_episode():
    times, positions = joints([(40, 0, 0), (20, 0.5, 0), (40, 0, 0), (15, 0, 0.05), (10, 0, 0),
                               (10, -0.5, 0), (40, 0, 0)])
    spans = cut_activity(times, positions, SPEEDS, recorded(times), CUTTING)
    assert len(spans) == 2  # the pause of half a second is no end
    for span, (first, last) in zip(spans, [(40, 60), (100, 135)], strict=True):
        # A way is seen up to 0.2 s before it is long enough; the end is exact, and 0.25 s margin.
        assert first * TICK - S * 0.45 - TICK <= span.start_ns <= first * TICK - S * 0.25
        assert span.stop_ns == last * TICK + S // 4


def test_slow_drift_short_jerks_and_encoder_noise_are_no_episodes():
    times, positions = joints([(100, 0.015, 0)])
    assert cut_activity(times, positions, SPEEDS, recorded(times), CUTTING) == []
    times, positions = joints([(40, 0, 0), (2, 0.5, 0), (40, 0, 0)])
    assert cut_activity(times, positions, SPEEDS, recorded(times), CUTTING) == []
    noisy = positions[:1] + np.random.default_rng(0).normal(0, 5e-5, positions.shape)
    assert cut_activity(times, noisy, SPEEDS, recorded(times), CUTTING) == []


def test_a_gap_in_the_recording_ends_an_episode():
    times, positions = joints([(20, 0.5, 0), (20, 0.5, 0)])
    late = times + np.where(np.arange(len(times)) > 20, 5 * S, 0)
    spans = cut_activity(late, positions, SPEEDS, recorded(late), CUTTING)
    assert len(spans) == 2 and spans[0].stop_ns <= 20 * TICK + S // 4


def test_margins_of_neighbours_meet_but_do_not_overlap():
    times, positions = joints([(20, 0.5, 0), (25, 0, 0), (20, 0.5, 0)])
    spans = cut_activity(times, positions, SPEEDS, recorded(times),
                         Cutting(idle_s=1.0, margin_s=9.0))
    assert len(spans) == 2
    assert_sound(spans, recorded(times))


def test_the_way_covered_is_that_of_a_plain_loop():
    random = np.random.default_rng(1)
    positions = random.normal(size=(50, 3))
    before = np.maximum(np.arange(50) - random.integers(0, 9, 50), 0)
    expected = [np.ptp(positions[first:row + 1], axis=0) for row, first in enumerate(before)]
    assert covered(positions, before) == pytest.approx(np.array(expected))


def test_joints_that_are_told_apart_keep_their_last_position():
    nan = np.nan
    table = np.array([[nan, 1, nan], [2, nan, nan], [nan, 3, nan]])
    assert filled(table).tolist() == [[2, 1, 0], [2, 1, 0], [2, 3, 0]]


def test_the_gripper_opens_once_however_it_trembles():
    opening = np.array([8, 8, 1, 1, 4, 1, 7, 5, 7, 8, 1, 8]) / 100
    times = np.arange(12) * TICK
    assert releases(times, opening, 0.09) == [6 * TICK, 11 * TICK]
    assert releases(times, opening / 100, 0.09) == []
    assert releases(times[:0], opening[:0], 0.09) == []


def test_an_episode_ends_at_its_release_and_the_way_home_is_left_out():
    spans = [Span(0, 20 * S), Span(30 * S, 40 * S)]
    cuts = cut_at_releases(spans, [5 * S, 12 * S, 25 * S], CUTTING)
    assert cuts == [Span(0, 5 * S + S // 4), Span(5 * S + S // 4, 12 * S + S // 4)]


def test_what_was_discarded_or_never_stopped_is_left_out():
    events = [(5, 'stop'), (10, 'start'), (12, 'start'), (20, 'stop'), (30, 'start'),
              (40, 'discard'), (50, 'start')]
    assert cut_events(events, Span(0, 100)) == [Span(10, 20)]


def test_rules_and_times_are_checked():
    with pytest.raises(ConfigError, match="rule to cut by 'activty'. Did you mean 'activity'"):
        Cutting('activty')
    for wrong in ({'idle_s': 0.0}, {'idle_s': 0.1}, {'length_s': float('nan')},
                  {'margin_s': -1.0}, {'shortest_s': float('inf')}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Cutting(**wrong)
    with pytest.raises(ValueError, match='end after'):
        Span(5, 5)
