# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Setpoints between those of the policy: smooth, in time, and never beyond what was wanted.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.interpolation import SetpointInterpolator
from vaa_ros.core.interpolation import smooth
from vaa_ros.core.types import ActionChunk

MS = 1_000_000
PERIOD_S, PERIOD_NS = 0.03, 30 * MS
START_NS = 5_000 * MS
STAMPED_NS = 1_700_000_000_000_000_000

Actions = list[float]


def chunk(actions: object, stamp_ns: int = STAMPED_NS) -> ActionChunk:
    array = np.asarray(actions, np.float64)
    return ActionChunk(stamp_ns, array[:, None] if array.ndim == 1 else array, PERIOD_S)


def follow(chunks: list[ActionChunk], step_ns: int, start: float = 0.0, ensemble: str = 'temporal',
           ) -> np.ndarray:
    """
    Take in one chunk each period; gives positions (k,).
    """
    player = ChunkPlayer(PERIOD_S, ensemble)
    made = SetpointInterpolator(PERIOD_S, step_ns / 1e9)
    made.start(np.array([start]))
    found = []
    for index, each in enumerate(chunks):
        player.add(each)
        found += [made.at(player, START_NS + late_ns, STAMPED_NS + late_ns)[0]
                  for late_ns in range(index * PERIOD_NS, (index + 1) * PERIOD_NS, step_ns)]
    return np.array(found)


plans = st.lists(st.lists(st.floats(-1, 1), min_size=4, max_size=8), min_size=2, max_size=6)


@settings(max_examples=20, deadline=None)
@given(plans, st.sampled_from(['temporal', 'none']))
def test_velocity_never_jumps_whatever_is_planned(wanted: list[Actions], ensemble: str) -> None:
    step_ns = 300_000
    track = follow([chunk(actions, STAMPED_NS + index * PERIOD_NS)
                    for index, actions in enumerate(wanted)], step_ns, ensemble=ensemble)
    velocity = np.diff(track) / (step_ns / 1e9)
    # What cubics may accelerate whose ways and speeds are of this size; a corner would be a leap.
    speed = 3 * 2 / PERIOD_S
    most = 4 * (6 * 2 / PERIOD_S**2 + 6 * 2 * speed / PERIOD_S)
    assert np.abs(np.diff(velocity)).max() <= most * step_ns / 1e9
    assert most * step_ns / 1e9 < speed, 'this would find a corner'


@settings(max_examples=50, deadline=None)
@given(plans, st.floats(-1, 1))
def test_it_stays_between_where_it_was_and_what_is_wanted_when_one_decides(
    wanted: list[Actions], start: float,
) -> None:
    goals = [np.full(8, actions[0]) for actions in wanted]
    track = follow([chunk(goal, STAMPED_NS + index * PERIOD_NS)
                    for index, goal in enumerate(goals)], 10 * MS, start, 'none')
    ends = [start, *(actions[0] for actions in wanted)]
    assert min(ends) - 1e-6 <= track.min() and track.max() <= max(ends) + 1e-6


def test_a_straight_line_is_followed_exactly_when_the_arm_would_be_there() -> None:
    def line(index: int) -> np.ndarray:
        return 0.03 * (index + np.arange(24))
    track = follow([chunk(line(index), STAMPED_NS + index * PERIOD_NS) for index in range(20)],
                   10 * MS)
    # A command is where the arm is one step later, and an action is for one period later.
    np.testing.assert_allclose(track[3:], 0.01 * np.arange(3, len(track)) - 0.02, atol=1e-7)


def test_standing_still_stays_where_it_is_to_the_bit() -> None:
    track = follow([chunk(np.full(8, 0.1), STAMPED_NS + index * PERIOD_NS)
                    for index in range(5)], 10 * MS, start=float(np.float32(0.1)))
    assert (track == np.float32(0.1)).all()


def test_a_new_goal_is_reached_within_a_period_and_not_overshot() -> None:
    track = follow([chunk(np.full(8, 1.0))], 10 * MS)
    assert 0 < track[0] < track[1] < 1
    assert track[2] == pytest.approx(1.0)


def test_without_a_chunk_there_is_nothing_to_say() -> None:
    made, player = SetpointInterpolator(PERIOD_S, 0.01), ChunkPlayer(PERIOD_S)
    made.start(np.array([0.0]))
    assert made.at(player, START_NS, STAMPED_NS) is None
    player.add(chunk([1.0, 1.0]))
    assert made.at(player, START_NS, STAMPED_NS) is not None
    assert made.at(player, START_NS + 60 * MS, STAMPED_NS + 60 * MS) is None


@given(st.lists(st.floats(-1, 1), min_size=4, max_size=4).filter(
    lambda values: np.linalg.norm(values) > 0.1))
def test_a_rotation_stays_one_and_takes_the_short_way(values: list[float]) -> None:
    goal = np.array(values) / np.linalg.norm(values)
    player = ChunkPlayer(PERIOD_S, quaternion=0)
    made = SetpointInterpolator(PERIOD_S, 0.01, slice(0, 4))
    made.start(np.array([0.0, 0.0, 0.0, 1.0]))
    before = 2.0
    for turn in range(6):
        if turn % 3 == 0:
            player.add(chunk(np.tile((-1.0) ** turn * goal, (8, 1)), STAMPED_NS + turn * 10 * MS))
        wanted = made.at(player, START_NS + turn * 10 * MS, STAMPED_NS + turn * 10 * MS)
        assert np.linalg.norm(wanted) == pytest.approx(1.0)
        left = 1 - abs(float(wanted @ goal))
        assert left <= before + 1e-9
        before = left
    assert before == pytest.approx(0.0, abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=8), st.floats(-0.5, 9.5))
def test_a_path_goes_through_its_actions_and_never_leaves_the_space_between(
    actions: Actions, place: float,
) -> None:
    plan = chunk(actions)
    for index, action in enumerate(actions):
        assert smooth([plan], STAMPED_NS + index * PERIOD_NS)[0][0, 0] == pytest.approx(action)
    position, velocity = (float(each[0, 0]) for each in smooth(
        [plan], STAMPED_NS + round(place * PERIOD_NS)))
    if place >= len(actions) - 1:
        assert (position, velocity) == (pytest.approx(actions[-1]), pytest.approx(0.0))
    elif place >= 0:
        ends = actions[int(place)], actions[int(place) + 1]
        assert min(ends) - 1e-6 <= position <= max(ends) + 1e-6
    else:
        assert position - actions[0] == pytest.approx(place * PERIOD_S * velocity, abs=1e-6)


@pytest.mark.parametrize('step_s', [0.0, PERIOD_S, 1.0])
def test_a_step_that_does_not_fit_the_period_is_refused(step_s: float) -> None:
    with pytest.raises(ValueError, match='less than the period'):
        SetpointInterpolator(PERIOD_S, step_s)
