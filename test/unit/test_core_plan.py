# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A plan: chunks alone at the policy's rate, setpoints between them at the arm's.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.interpolation import SetpointInterpolator
from vaa_ros.core.plan import Plan
from vaa_ros.core.types import ActionChunk

MS = 1_000_000
DT_S = 0.1


def ramp(stamp_ns: int = 0, offset: float = 0.0) -> ActionChunk:
    return ActionChunk(stamp_ns, offset + 0.1 * np.arange(10.0)[:, None], DT_S)


def smooth() -> Plan:
    return Plan(ChunkPlayer(DT_S), SetpointInterpolator(DT_S, 0.01))


def test_at_the_policy_s_rate_it_is_what_the_player_says() -> None:
    plan, player = Plan(ChunkPlayer(DT_S)), ChunkPlayer(DT_S)
    plan.add(ramp(), 0)
    player.add(ramp())
    plan.start(np.array([5.0]))
    for now_ns in range(0, 1200 * MS, 70 * MS):
        expected = player.setpoint(now_ns)
        assert np.array_equal(plan.wanted(0, now_ns), expected) or expected is None


def test_at_the_arm_s_rate_it_leads_from_where_the_arm_is() -> None:
    plan = smooth()
    plan.add(ramp(), 0)
    plan.start(np.array([-0.5]))
    track = []
    for turn in range(30):
        now_ns = turn * 10 * MS
        track.append(plan.wanted(7 + now_ns, now_ns)[0])
    assert track[0] == pytest.approx(-0.5, abs=0.05)
    # The chunk moves at 1 a second, and is followed a period less a step behind.
    assert track[-1] == pytest.approx(0.29 - 0.09, abs=1e-6)
    assert np.abs(np.diff(track, 2)).max() < 0.03, 'no corner'


def test_an_unknown_start_is_left_to_the_limits() -> None:
    plan = smooth()
    plan.add(ramp(), 0)
    plan.start(None)
    assert plan.wanted(0, 100 * MS) == pytest.approx([0.1])


def test_a_copy_foresees_and_changes_nothing() -> None:
    plan, twin = smooth(), smooth()
    for each in (plan, twin):
        each.add(ramp(), 0)
        each.start(np.array([0.0]))
    ahead = plan.copy()
    foreseen = []
    for turn in range(1, 8):
        foreseen.append(ahead.wanted(turn * 10 * MS, turn * 10 * MS))
    for turn, expected in enumerate(foreseen, 1):
        for each in (plan, twin):
            wanted = each.wanted(turn * 10 * MS, turn * 10 * MS)
            assert np.array_equal(wanted, expected)


def test_a_chunk_that_is_followed_takes_over_across_a_seam() -> None:
    plan = Plan(ChunkPlayer(DT_S))
    plan.add(ramp(), 0, seam_s=0.2)
    plan.add(ramp(100 * MS, offset=1.0), 200 * MS, seam_s=0.2)
    assert plan.wanted(0, 200 * MS) == pytest.approx([0.2])
    assert plan.wanted(0, 300 * MS) == pytest.approx([0.5 * 0.3 + 0.5 * 1.2])
    assert plan.wanted(0, 400 * MS) == pytest.approx([1.3])


def test_forgotten_chunks_end_the_motion_softly_and_the_next_ones_go_on() -> None:
    plan = smooth()
    plan.add(ramp(), 0)
    plan.start(np.array([0.0]))
    plan.reset()
    plan.add(ramp(offset=0.5), 0)
    wanted = plan.wanted(10 * MS, 10 * MS)
    assert wanted[0] < 0.1, 'no leap to the new plan'


def test_chunks_are_combined_as_fits_the_policy_that_takes_over() -> None:
    plan = Plan(ChunkPlayer(DT_S), combine=lambda policy: policy)

    def wanted() -> float:
        plan.add(ramp(), 0)
        plan.add(ramp(100 * MS, 1.0), 100 * MS)
        return float(plan.wanted(0, 100 * MS)[0])
    plan.take_over('none')
    assert wanted() == pytest.approx(1.0), 'the newest decides'
    plan.take_over('temporal')
    assert plan.wanted(0, 100 * MS) is None, 'nothing of the one before is left'
    assert 0.1 < wanted() < 1.0, 'all vote'
    plan.take_over('none')
    assert wanted() == pytest.approx(1.0)
