# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Latency figures: percentiles near numpy's, exact maximum, odd values.
"""
from __future__ import annotations

import math

import numpy as np
import pytest

from vaa_ros.core.latency import LatencyStats


def test_percentiles_are_those_of_numpy_within_a_bin() -> None:
    samples = np.random.default_rng(3).lognormal(1.5, 0.7, 5000)
    stats = LatencyStats()
    for sample in samples:
        stats.add(float(sample))
    summary = stats.summary()
    assert summary.count == 5000
    assert summary.p50 == pytest.approx(np.percentile(samples, 50), rel=0.03)
    assert summary.p99 == pytest.approx(np.percentile(samples, 99), rel=0.04)
    assert summary.max == samples.max()


def test_nothing_measured_is_nan_not_zero() -> None:
    summary = LatencyStats().summary()
    assert summary.count == 0
    assert all(math.isnan(value) for value in (summary.p50, summary.p99, summary.max))


@pytest.mark.parametrize('value', [math.nan, math.inf, -math.inf])
def test_a_value_that_is_not_finite_is_left_out(value: float) -> None:
    stats = LatencyStats()
    stats.add(value)
    assert stats.summary().count == 0


def test_values_outside_the_bins_are_still_counted() -> None:
    stats = LatencyStats()
    for value in (-3.0, 0.0, 1e9):
        stats.add(value)
    summary = stats.summary()
    assert summary.count == 3
    assert summary.max == 1e9
    assert summary.p50 < 0.011


def test_counts_up_to_edges_grow_to_all() -> None:
    stats = LatencyStats()
    samples = [0.5, 1.9, 2.1, 30.0, 400.0, 1e9]
    for sample in samples:
        stats.add(sample)
    edges = (1, 2, 5, 100, 1000, math.inf)
    assert stats.cumulative(edges) == [1, 2, 3, 4, 5, 6]
    assert LatencyStats().cumulative(edges) == [0] * 6


def test_reset_forgets() -> None:
    stats = LatencyStats()
    stats.add(5.0)
    stats.reset()
    assert stats.summary().count == 0
    stats.add(2.0)
    assert stats.summary().max == 2.0


def test_one_sample_is_every_percentile() -> None:
    stats = LatencyStats()
    stats.add(4.0)
    assert stats.summary().p50 == stats.summary().p99 == 4.0
