# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The figures of a run: intervals, percentiles, and what is left out when nothing was seen."""

from __future__ import annotations

import math

import pytest

from vaa_ros.cli.results import EpisodeResult
from vaa_ros.cli.results import Latency
from vaa_ros.cli.results import Summary


def test_latency_without_samples() -> None:
    assert math.isnan(Latency.of([]).p50)
    assert Latency.of([]).text() == 'not measured'
    assert Latency.of([3.0]) == Latency(3.0, 3.0, 3.0)


def test_figures_have_the_promised_keys() -> None:
    summary = Summary((EpisodeResult(7, True, 4.0, (5.0, 6.0, 7.0), 120, 1),
                       EpisodeResult(8, False, 12.0, (100.0,), 360, 2)), {'recall_at_1': 0.25})
    figures = summary.figures()
    assert figures['success_rate'] == 0.5
    assert figures['successes'] == 1
    assert figures['episodes'] == 2
    assert figures['latency_ms'] == pytest.approx({'p50': 6.5, 'p99': 97.21, 'max': 100.0})
    assert figures['control_ticks'] == 480
    assert figures['missed_ticks'] == 3
    assert figures['success_interval'] == pytest.approx([0.0945, 0.9055], abs=1e-4)
    assert figures['episode_time_s'] == 4.0
    assert figures['recall_at_1'] == 0.25
    assert [episode['seed'] for episode in figures['per_episode']] == [7, 8]


def test_figures_on_held_out_episodes_have_names_for_people() -> None:
    summary = Summary((EpisodeResult(1, True, 3.0),),
                      {'recall_at_10': 0.8662, 'first_l1': 0.0018, 'modality_gap': 0.2})
    assert summary.named_extra() == [('action error, first step', '0.0018'),
                                     ('recall@10', '86.6 %')]
    assert 'recall@10                 86.6 %' in summary.table('x')
    assert summary.figures()['modality_gap'] == 0.2


def test_no_episodes_and_no_success_are_not_a_number() -> None:
    assert math.isnan(Summary(()).success_rate)
    assert math.isnan(Summary((EpisodeResult(1, False, 3.0),)).episode_time_s)


def test_the_table_names_what_was_measured_only() -> None:
    text = Summary((EpisodeResult(1, True, 3.0),)).table('reach')
    assert '100.0 %  (1 of 1)' in text
    assert 'latency' not in text
    text = Summary((EpisodeResult(1, True, 3.0, (2.0,), 90, 0),)).table('reach')
    assert '2.0 / 2.0 / 2.0 ms' in text
    assert 'control ticks' in text
