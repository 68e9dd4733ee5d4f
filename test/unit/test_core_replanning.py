# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When the policy is asked again: the rule from measured latency.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.replanning import ReplanRule

PERIOD_S = 0.04
PERIOD_NS = 40_000_000
HORIZON_S = 0.8


def measured(took_s: float, mode: str = 'auto', count: int = 20) -> ReplanRule:
    rule = ReplanRule(PERIOD_S, mode)
    for _ in range(count):
        rule.answered(took_s, HORIZON_S)
    return rule


def test_short_answers_are_asked_for_with_every_observation_and_all_chunks_vote() -> None:
    rule = measured(0.01)
    assert (rule.chunked, rule.seam_s, rule.interval_s) == (False, None, PERIOD_S)


def test_a_long_answer_is_followed_for_twice_as_long_and_its_seam_blended() -> None:
    rule = measured(0.1)
    assert rule.chunked
    assert rule.interval_s == pytest.approx(0.2)
    assert rule.seam_s == pytest.approx(0.1)


def test_the_next_chunk_is_there_before_this_one_ends() -> None:
    rule = measured(0.35)
    assert rule.interval_s + rule.latency_s == pytest.approx(0.75 * HORIZON_S)


def test_the_mode_decides_where_it_is_chosen() -> None:
    assert not measured(0.3, 'always').chunked
    assert ReplanRule(PERIOD_S, 'chunks').chunked
    assert measured(0.001, 'chunks').interval_s == pytest.approx(PERIOD_S)


def test_one_slow_answer_changes_nothing_and_it_does_not_flutter() -> None:
    rule = measured(0.01)
    rule.answered(5.0, HORIZON_S)
    assert not rule.chunked
    for _ in range(20):
        rule.answered(0.7 * PERIOD_S, HORIZON_S)
    assert not rule.chunked, 'between the limits it stays what it was'
    slow = measured(0.1)
    for _ in range(20):
        slow.answered(0.7 * PERIOD_S, HORIZON_S)
    assert slow.chunked
    for _ in range(20):
        slow.answered(0.5 * PERIOD_S, HORIZON_S)
    assert not slow.chunked


def test_it_begins_anew_with_another_policy() -> None:
    rule = measured(0.1)
    rule.asked(0)
    rule.reset()
    assert not rule.chunked and rule.latency_s == 0.0 and rule.due(1)


@given(st.floats(1e-4, 1.0), st.sampled_from(['auto', 'always', 'chunks']),
       st.lists(st.integers(-10_000_000, 10_000_000), min_size=30, max_size=30))
def test_no_answer_is_asked_for_in_vain_and_none_is_forgotten(
    took_s: float, mode: str, jitter_ns: list[int],
) -> None:
    rule, asked = measured(took_s, mode), []
    for index, late_ns in enumerate(jitter_ns):
        now_ns = index * PERIOD_NS + late_ns
        if rule.due(now_ns):
            rule.asked(now_ns)
            asked.append(now_ns)
    gaps_s = [(after - before) / 1e9 for before, after in zip(asked, asked[1:], strict=False)]
    assert all(gap_s >= rule.interval_s - 0.5 * PERIOD_S for gap_s in gaps_s)
    assert all(gap_s <= rule.interval_s + 1.5 * PERIOD_S for gap_s in gaps_s)


def test_an_unknown_mode_is_refused_with_what_there_is() -> None:
    with pytest.raises(ConfigError, match='auto, always, chunks'):
        ReplanRule(PERIOD_S, 'often')
