# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Action chunks against a clock: which action is due, ensembling, exhaustion, bad input.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.chunking import MAX_CHUNKS
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.types import ActionChunk

DT_S = 0.1
DT_NS = 100_000_000
T0_NS = 1_700_000_000_000_000_000


def chunk(values: object, stamp_ns: int = T0_NS, dt_s: float = DT_S) -> ActionChunk:
    array = np.asarray(values, dtype=np.float32)
    return ActionChunk(stamp_ns, array[:, None] if array.ndim == 1 else array, dt_s)


def at(player: ChunkPlayer, steps: float) -> float | None:
    setpoint = player.setpoint(T0_NS + round(steps * DT_NS))
    return None if setpoint is None else pytest.approx(float(setpoint[0]), abs=1e-6)


def test_nothing_before_the_first_chunk() -> None:
    player = ChunkPlayer(DT_S)
    assert player.setpoint(T0_NS) is None
    assert player.remaining_s(T0_NS) == 0.0
    assert len(player) == 0


@pytest.mark.parametrize('ensemble', ['temporal', 'none'])
@pytest.mark.parametrize(('steps', 'expected'), [
    (-0.01, None), (0, 10), (0.5, 15), (1, 20), (1.25, 25), (2, 40), (2.99, 40), (3, None),
    (50, None)])
def test_one_chunk_is_interpolated_held_and_exhausted(
    ensemble: str, steps: float, expected: float | None,
) -> None:
    player = ChunkPlayer(DT_S, ensemble)
    player.add(chunk([10, 20, 40]))
    assert at(player, steps) == expected


def test_the_setpoint_is_float64_and_does_not_alias_the_chunk() -> None:
    player = ChunkPlayer(DT_S)
    source = chunk([[1, 2], [3, 4]])
    player.add(source)
    setpoint = player.setpoint(T0_NS)
    assert setpoint.dtype == np.float64
    setpoint[:] = 99
    assert player.setpoint(T0_NS).tolist() == [1, 2]


def test_grid_points_give_the_action_itself_though_steps_are_not_whole_nanoseconds() -> None:
    random = np.random.default_rng(0)
    actions = random.normal(size=(24, 7)).astype(np.float32)
    player = ChunkPlayer(1 / 30)
    player.add(chunk(actions, dt_s=1 / 30))
    for step in range(24):
        for rounded in (int(step * 1e9 / 30), round(step * 1e9 / 30), step * 33_333_333):
            setpoint = player.setpoint(T0_NS + rounded)
            error = np.abs(setpoint - actions[step]).max()
            # 24 steps of 33 333 333 ns drift by 8 ns, which is interpolation as it should be.
            assert error == 0 or (rounded == step * 33_333_333 and error < 1e-6)


def test_a_late_chunk_loses_its_first_actions() -> None:
    player = ChunkPlayer(DT_S, 'none')
    player.add(chunk([0, 1, 2, 3]))
    assert at(player, 2) == 2


def test_remaining_counts_down_to_exhaustion() -> None:
    player = ChunkPlayer(DT_S)
    player.add(chunk([0, 1, 2, 3]))
    assert player.remaining_s(T0_NS) == pytest.approx(0.4)
    assert player.remaining_s(T0_NS + DT_NS) == pytest.approx(0.3)
    assert player.remaining_s(T0_NS + 4 * DT_NS) == 0.0
    player.add(chunk([0, 1, 2, 3], T0_NS + 2 * DT_NS))
    assert player.remaining_s(T0_NS + 2 * DT_NS) == pytest.approx(0.4)


def test_reset_forgets() -> None:
    player = ChunkPlayer(DT_S)
    player.add(chunk([1, 2]))
    player.reset()
    assert player.setpoint(T0_NS) is None


def test_without_ensembling_the_newest_chunk_decides_whatever_the_order_of_arrival() -> None:
    old, new = chunk([1] * 8), chunk([5] * 8, T0_NS + DT_NS)
    for order in ((old, new), (new, old)):
        player = ChunkPlayer(DT_S, 'none')
        for item in order:
            player.add(item)
        assert at(player, 0.5) == 1
        assert at(player, 2) == 5


@pytest.mark.parametrize('coefficient', [0.0, 0.01, 0.5, -0.5])
def test_temporal_ensembling_weighs_like_act(coefficient: float) -> None:
    player = ChunkPlayer(DT_S, 'temporal', coefficient)
    for index, value in enumerate((1.0, 2.0, 4.0)):
        player.add(chunk([value] * 8, T0_NS + index * DT_NS))
    weights = np.exp(-coefficient * np.arange(3))
    assert at(player, 2) == float(weights @ [1, 2, 4] / weights.sum())


def test_chunks_that_do_not_cover_now_have_no_vote() -> None:
    player = ChunkPlayer(DT_S, 'temporal', 0.0)
    player.add(chunk([1, 1]))
    player.add(chunk([3] * 8, T0_NS + DT_NS))
    assert at(player, 0) == 1
    assert at(player, 1) == 2
    assert at(player, 2) == 3


def test_a_unanimous_vote_is_exact() -> None:
    player = ChunkPlayer(DT_S, 'temporal', 0.01)
    value = np.float32(0.1)
    for index in range(7):
        player.add(chunk(np.full((8, 3), value), T0_NS + index * DT_NS))
    assert (player.setpoint(T0_NS + 6 * DT_NS) == np.float64(value)).all()


def test_the_newest_chunk_alone_decides_the_gripper() -> None:
    action = ActionSpec('joint_position', ('joint_1', 'gripper'))
    player = ChunkPlayer.for_action(action, DT_S, coefficient=0.0)
    player.add(chunk([[0.0, 0.08]] * 8))
    player.add(chunk([[1.0, 0.0]] * 8, T0_NS + DT_NS))
    assert player.setpoint(T0_NS + DT_NS).tolist() == [0.5, 0.0]


def test_an_action_without_gripper_is_averaged_whole() -> None:
    player = ChunkPlayer.for_action(ActionSpec('joint_position', ('a', 'b')), DT_S, coefficient=0)
    player.add(chunk([[0.0, 0.0]] * 8))
    player.add(chunk([[1.0, 3.0]] * 8, T0_NS + DT_NS))
    assert player.setpoint(T0_NS + DT_NS).tolist() == [0.5, 1.5]


def pose(quaternion: object, x: float = 0.0) -> list[float]:
    return [x, 0, 0, *quaternion, 0.05]


def pose_player() -> ChunkPlayer:
    names = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'gripper')
    return ChunkPlayer.for_action(ActionSpec('end_effector_pose', names), DT_S, coefficient=0.0)


def test_quaternions_of_opposite_sign_are_one_rotation() -> None:
    player = pose_player()
    half = np.sqrt(0.5)
    player.add(chunk([pose((0, 0, half, half), 0.0)] * 8))
    player.add(chunk([pose((0, 0, -half, -half), 1.0)] * 8, T0_NS + DT_NS))
    setpoint = player.setpoint(T0_NS + DT_NS)
    assert setpoint[0] == pytest.approx(0.5)
    assert np.abs(setpoint[3:7]) == pytest.approx([0, 0, half, half])
    assert setpoint[5] * setpoint[6] > 0


def test_averaged_and_interpolated_quaternions_have_unit_length() -> None:
    player = pose_player()
    turns = np.linspace(0, 2.5, 8)
    for shift in range(3):
        player.add(chunk([pose((0, 0, np.sin(turn + shift / 4), np.cos(turn + shift / 4)))
                          for turn in turns], T0_NS + shift * DT_NS))
    for steps in (0.3, 1.5, 2.0, 4.7):
        setpoint = player.setpoint(T0_NS + round(steps * DT_NS))
        assert np.linalg.norm(setpoint[3:7]) == pytest.approx(1.0, abs=1e-12)


def test_a_change_of_sign_within_a_chunk_is_no_turn() -> None:
    player = pose_player()
    half = np.sqrt(0.5)
    player.add(chunk([pose((0, 0, half, half)), pose((0, 0, -half, -half))]))
    setpoint = player.setpoint(T0_NS + DT_NS // 4)
    assert setpoint[3:7] == pytest.approx([0, 0, half, half])


def test_a_zero_quaternion_stays_finite_and_is_left_for_the_limiter() -> None:
    player = pose_player()
    player.add(chunk([pose((0, 0, 0, 0))] * 4))
    assert player.setpoint(T0_NS)[3:7].tolist() == [0, 0, 0, 0]


def test_the_same_stamp_replaces_the_earlier_answer() -> None:
    player = ChunkPlayer(DT_S)
    for value in (1, 2, 3):
        player.add(chunk([value] * 4))
    assert len(player) == 1
    assert at(player, 0) == 3


def test_chunks_are_dropped_when_they_are_over() -> None:
    player = ChunkPlayer(DT_S)
    for index in range(1000):
        player.add(chunk([1] * 24, T0_NS + index * DT_NS))
        assert len(player) <= 24
    player.setpoint(T0_NS + 1100 * DT_NS)
    assert len(player) == 0


def test_memory_is_bounded_even_when_observations_flood_in() -> None:
    player = ChunkPlayer(DT_S)
    for index in range(MAX_CHUNKS + 50):
        player.add(chunk([index] * 4, T0_NS + index))
    assert len(player) == MAX_CHUNKS


def test_a_chunk_from_before_a_clock_step_is_never_played() -> None:
    player = ChunkPlayer(DT_S)
    hour = 3_600_000_000_000
    player.add(chunk([7] * 4, T0_NS + hour))
    assert player.setpoint(T0_NS) is None
    assert player.setpoint(T0_NS + hour) is None


def test_a_stamp_slightly_ahead_of_the_clock_is_kept() -> None:
    player = ChunkPlayer(DT_S)
    player.add(chunk([7] * 4, T0_NS + DT_NS // 2))
    assert player.setpoint(T0_NS) is None
    assert at(player, 0.5) == 7


@pytest.mark.parametrize('bad', [np.nan, np.inf, -np.inf])
def test_chunks_that_are_not_finite_are_refused_and_nothing_changes(bad: float) -> None:
    player = ChunkPlayer(DT_S)
    player.add(chunk([1, 1, 1, 1]))
    with pytest.raises(ModelError, match=r'actions\[2, 0\]'):
        player.add(chunk([0, 0, bad, 0], T0_NS + DT_NS))
    assert at(player, 1) == 1


def test_another_step_or_width_is_refused() -> None:
    player = ChunkPlayer(DT_S)
    with pytest.raises(ModelError, match='0.05 s, expected 0.1 s'):
        player.add(chunk([1, 2], dt_s=0.05))
    player.add(chunk([[1, 2]] * 4))
    with pytest.raises(ModelError, match='3 elements an action, the one before had 2'):
        player.add(chunk([[1, 2, 3]] * 4))
    player.reset()
    player.add(chunk([[1, 2, 3]] * 4))


@pytest.mark.parametrize('options', [
    {'dt_s': 0.0}, {'dt_s': -1.0}, {'dt_s': float('nan')}, {'dt_s': float('inf')},
    {'dt_s': 0.1, 'ensemble': 'newest'}, {'dt_s': 0.1, 'coefficient': float('nan')},
    {'dt_s': 0.1, 'coefficient': 2.0}])
def test_options_out_of_range_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError):
        ChunkPlayer(**options)


def test_an_unknown_ensemble_lists_those_there_are() -> None:
    with pytest.raises(ConfigError, match='temporal, none'):
        ChunkPlayer(DT_S, 'average')


@settings(max_examples=80, deadline=None)
@given(
    events=st.lists(st.tuples(st.integers(0, 40), st.floats(-100, 100, width=32)), max_size=12),
    queries=st.lists(st.integers(0, 600), min_size=1, max_size=12),
    ensemble=st.sampled_from(['temporal', 'none']),
)
def test_setpoints_stay_between_the_actions_and_do_not_depend_on_anything_else(
    events: list, queries: list, ensemble: str,
) -> None:
    def play() -> list:
        player = ChunkPlayer(DT_S, ensemble)
        for step, value in events:
            player.add(chunk([value, -value, value / 2], T0_NS + step * DT_NS))
        return [player.setpoint(T0_NS + query * DT_NS // 10) for query in sorted(queries)]

    first, second = play(), play()
    bound = max((abs(value) for _, value in events), default=0.0)
    for left, right in zip(first, second, strict=True):
        assert (left is None) == (right is None)
        if left is not None:
            assert left.tobytes() == right.tobytes()
            assert np.abs(left).max() <= bound * (1 + 1e-6)


def test_a_followed_chunk_takes_over_across_a_seam_but_for_the_gripper() -> None:
    player = ChunkPlayer(DT_S, newest_only=(1,))
    player.follow(chunk(np.zeros((10, 2))), T0_NS, 0.2)
    player.follow(chunk(np.ones((10, 2))), T0_NS + DT_NS, 0.2)
    assert len(player) == 1
    found = np.array([player.setpoint(T0_NS + step * DT_NS) for step in range(5)])
    assert found[:, 0] == pytest.approx([0, 0, 0.5, 1, 1])
    assert found[:, 1] == pytest.approx(np.ones(5))


def test_a_chunk_that_cannot_be_followed_leaves_the_one_before() -> None:
    player = ChunkPlayer(DT_S)
    player.follow(chunk([1] * 4), T0_NS, 0.1)
    with pytest.raises(ModelError, match='not finite'):
        player.follow(chunk([float('nan')] * 4), T0_NS, 0.1)
    assert at(player, 1) == 1
