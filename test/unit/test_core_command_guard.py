# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
When a stream of commands has broken off.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies
import pytest

from vaa_ros.core.command_guard import CommandGuard
from vaa_ros.core.command_guard import IDLE
from vaa_ros.core.command_guard import STOPPED
from vaa_ros.core.command_guard import WATCHING

MS = 1_000_000


def watching(timeout_s: float = 0.1) -> CommandGuard:
    guard = CommandGuard(timeout_s)
    guard.commanding(True)
    guard.command(0)
    return guard


def test_a_silence_stops_the_arm_once() -> None:
    guard = watching()
    assert guard.state == WATCHING
    assert not guard.check(100 * MS)
    assert guard.check(101 * MS)
    assert guard.state == STOPPED and '0.10 s' in guard.reason
    assert not guard.check(300 * MS)
    assert guard.stops == 1


def test_commands_put_it_off() -> None:
    guard = watching()
    for now in range(0, 1000, 90):
        assert not guard.check((now + 89) * MS)
        guard.command((now + 90) * MS)
    assert guard.longest_s == pytest.approx(0.09)


def test_whoever_lets_go_may_be_silent() -> None:
    guard = watching()
    guard.commanding(False)
    assert guard.state == IDLE
    assert not guard.check(10_000 * MS)
    guard.commanding(True)
    assert guard.state == IDLE, 'it has not commanded yet'
    assert not guard.check(20_000 * MS)
    guard.command(20_000 * MS)
    assert guard.check(20_101 * MS)


def test_commands_of_somebody_who_did_not_say_so_are_not_watched() -> None:
    guard = CommandGuard(0.1)
    guard.command(0)
    assert guard.state == IDLE and not guard.check(1000 * MS)


def test_after_a_reset_it_waits_until_somebody_says_that_it_commands() -> None:
    guard = watching()
    guard.check(200 * MS)
    guard.reset()
    guard.command(210 * MS)
    assert guard.state == IDLE and not guard.check(1000 * MS)
    guard.commanding(True)
    guard.command(1000 * MS)
    assert guard.check(1200 * MS) and guard.stops == 2


@pytest.mark.parametrize('timeout_s', [0.0, -1.0, float('nan'), float('inf')])
def test_a_timeout_is_a_positive_time(timeout_s: float) -> None:
    with pytest.raises(ValueError, match='timeout_s'):
        CommandGuard(timeout_s)


@given(strategies.lists(strategies.integers(1, 300), min_size=1, max_size=40))
def test_it_stops_exactly_at_the_first_gap_that_is_too_long(gaps_ms: list[int]) -> None:
    guard, now, stopped = watching(), 0, []
    for index, gap in enumerate(gaps_ms):
        now += gap * MS
        if guard.check(now):
            stopped.append(index)
        guard.command(now)
    expected = [index for index, gap in enumerate(gaps_ms) if gap > 100][:1]
    assert stopped == expected
