# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The bookkeeping behind a camera's diagnostics.
"""
from __future__ import annotations

import pytest

from vaa_ros.ros.stream_health import Limits
from vaa_ros.ros.stream_health import StreamHealth

PERIOD_NS = 33_333_333


def feed(health: StreamHealth, frames: int, hz: float = 30.0, frozen: bool = False) -> float:
    """Feed frames, and give the time of the last one [s]."""
    for index in range(frames):
        health.frame(index / hz, index * PERIOD_NS, 0.004, 0 if frozen else index)
    return (frames - 1) / hz


def test_a_good_stream() -> None:
    health = StreamHealth(Limits(expected_rate_hz=30.0))
    now_s = feed(health, 90)
    assert health.problem(now_s) == ''
    assert health.rate_hz(now_s) == pytest.approx(30.0)
    values = health.values(now_s)
    assert (values['frames'], values['missed'], values['repeated'], values['bad']) == (90, 0, 0, 0)
    assert values['age_s'] == 0.004


def test_nothing_yet() -> None:
    health = StreamHealth(Limits())
    assert health.problem(5.0) == 'no frame yet'
    assert health.silent_s(5.0) is None
    assert health.values(5.0)['silent_s'] == -1.0


def test_silence() -> None:
    health = StreamHealth(Limits(stale_after_s=0.5))
    now_s = feed(health, 30)
    assert health.problem(now_s + 0.4) == ''
    assert health.problem(now_s + 0.6) == 'no frame for 0.6 s'
    assert health.rate_hz(now_s + 10.0) == 0.0


def test_a_frozen_picture() -> None:
    health = StreamHealth(Limits(frozen_after_s=2.0))
    assert 'has not changed' in health.problem(feed(health, 90, frozen=True))
    health.frame(3.0, 90 * PERIOD_NS, 0.0, 1)
    assert health.problem(3.0) == ''


def test_a_slow_camera() -> None:
    health = StreamHealth(Limits(expected_rate_hz=30.0))
    assert health.problem(feed(health, 30, hz=15.0)) == '15.0 Hz, expected 30 Hz'


@pytest.mark.parametrize('expected_rate_hz', [0.0, 30.0])
def test_gaps_are_counted(expected_rate_hz: float) -> None:
    health = StreamHealth(Limits(expected_rate_hz=expected_rate_hz))
    stamps = [*range(10), 12, 13, 17, 17, 18]
    for index in stamps:
        health.frame(index / 30, index * PERIOD_NS, 0.0, index)
    assert (health.missed, health.repeated) == (2 + 3, 1)


def test_a_clock_that_jumps_back_is_no_gap() -> None:
    health = StreamHealth(Limits())
    for index in [*range(100, 110), *range(5)]:
        health.frame(index / 30, index * PERIOD_NS, 0.0, index)
    assert health.missed == 0


def test_bad_images_by_field() -> None:
    health = StreamHealth(Limits())
    for reason in ('step 3, expected 9', 'step 4, expected 9', 'encoding x is unknown', ''):
        health.reject(reason)
    values = health.values(0.0)
    assert (values['bad'], values['bad_step'], values['bad_encoding']) == (4, 2, 1)
