# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where a command came from, and where the time went.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.stage_times import REMEMBERED
from vaa_ros.core.stage_times import STAGES
from vaa_ros.core.stage_times import StageTimes
from vaa_ros.core.timed_policy import TimedPolicy
from vaa_ros.core.timed_policy import Timing
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation

MS = 1_000_000
STAMP = 10**18


def seen(stamp_ns: int = STAMP) -> Observation:
    return Observation(stamp_ns, {}, np.zeros(1), sources={
        'front': stamp_ns, 'wrist': stamp_ns + 3, 'joint_states': stamp_ns - 5})


class Policy:
    """A policy that lets time go by."""

    known = 'scenes'

    def __init__(self, fails: bool = False) -> None:
        self.now_ns, self.fails, self.resets = 104 * MS, fails, 0

    def infer(self, observation: Observation) -> ActionChunk:
        self.now_ns += 8 * MS
        if self.fails:
            raise ValueError('no')
        return ActionChunk(observation.stamp_ns, np.zeros((1, 1)), 0.1)

    def reset(self) -> None:
        self.resets += 1


def test_every_stage_of_the_first_command_of_an_answer() -> None:
    times, policy = StageTimes('front'), Policy()
    # Came 2 ms after its stamp, decoded in 1 ms, asked about after 3, sent 4 after the answer.
    times.frame('front', STAMP, STAMP + 2 * MS, 100 * MS, 101 * MS)
    times.frame('wrist', STAMP + 3, STAMP + 2 * MS, 100 * MS, 103 * MS)
    TimedPolicy(policy, times, lambda: policy.now_ns).infer(seen())
    trace = times.published(STAMP, True, 116 * MS, 116 * MS + MS // 2)
    assert trace.sources == {'front': STAMP, 'wrist': STAMP + 3, 'joint_states': STAMP - 5}
    assert trace.stages_ms == pytest.approx({
        'transport': 2.0, 'decode': 1.0, 'sync': 3.0, 'inference': 8.0, 'post': 4.0,
        'publish': 0.5})
    assert set(trace.stages_ms) == set(STAGES)
    again = times.published(STAMP, True, 150 * MS, 151 * MS)
    assert (again.number, again.sources, again.stages_ms) == (2, trace.sources, {})
    counts = {stage: stats.summary().count for stage, stats in times.stats.items()}
    assert counts == {**dict.fromkeys(STAGES, 1), 'decode': 2}


def test_a_hold_comes_from_no_frame() -> None:
    times, policy = StageTimes('front'), Policy()
    TimedPolicy(policy, times, lambda: policy.now_ns).infer(seen())
    assert times.published(STAMP, False, 0, 1).sources == {}
    assert times.published(STAMP + 1, True, 0, 1).sources == {}, 'never asked about'


def test_a_failed_answer_gives_no_times() -> None:
    times, policy = StageTimes('front'), Policy(fails=True)
    with pytest.raises(ValueError, match='no'):
        TimedPolicy(policy, times, lambda: policy.now_ns).infer(seen())
    assert times.published(STAMP, True, 0, 1).stages_ms == {}


def test_memory_is_bounded() -> None:
    times, policy = StageTimes('front'), Policy()
    timed = TimedPolicy(policy, times, lambda: policy.now_ns)
    for index in range(3 * REMEMBERED):
        times.frame('front', STAMP + index, STAMP, 0, 0)
        timed.infer(seen(STAMP + index))
    assert times.published(STAMP, True, 0, 1).sources == {}
    assert times.published(STAMP + 3 * REMEMBERED - 1, True, 0, 1).sources
    assert len(times._frames) == len(times._asked) == REMEMBERED


def test_the_same_policy_is_the_same_timed_one() -> None:
    timing, policy = Timing(StageTimes('front')), Policy()
    timed = timing(policy)
    assert timing(policy) is timed
    assert timing(Policy()) is not timed
    timed.reset()
    assert (timed.known, policy.resets) == ('scenes', 1)
    assert getattr(timed, 'familiarity', None) is None
