# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joint states, observations and action chunks: shapes, units of storage, read-only arrays.
"""
from __future__ import annotations

from dataclasses import FrozenInstanceError
import math

import numpy as np
import pytest

from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import frozen_array
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation


def test_joint_states_become_float64_and_read_only() -> None:
    state = JointState(5, ['a', 'b'], [1, 2], np.array([0.5, 1.5], np.float32))
    assert state.names == ('a', 'b')
    assert state.position.dtype == state.velocity.dtype == np.float64
    with pytest.raises(ValueError, match='read-only'):
        state.position[0] = 3
    with pytest.raises(FrozenInstanceError):
        state.stamp_ns = 6


def test_velocity_may_be_unknown() -> None:
    assert JointState(0, ('a',), [1.0]).velocity is None


def test_a_joint_state_may_be_empty() -> None:
    assert JointState(0, (), []).position.shape == (0,)


@pytest.mark.parametrize(('position', 'velocity', 'field'), [
    ([1.0], None, 'position'), ([1.0, 2.0, 3.0], None, 'position'), ([[1.0, 2.0]], None,
                                                                     'position'),
    ([], None, 'position'), ([1.0, 2.0], [1.0], 'velocity'), ([1.0, 2.0], [], 'velocity')])
def test_lengths_must_match_the_names(position: list, velocity: object, field: str) -> None:
    with pytest.raises(ValueError, match=rf'{field} has shape .*, expected \(2,\)'):
        JointState(0, ('a', 'b'), position, velocity)


def test_a_position_that_is_not_finite_is_kept_for_those_who_judge_it() -> None:
    assert math.isnan(JointState(0, ('a',), [math.nan]).position[0])


def test_observations_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Observation(0, {}, np.zeros(1, np.float32)).stamp_ns = 1


def test_chunks_become_float32_and_read_only() -> None:
    chunk = ActionChunk(0, [[1, 2], [3, 4]], 0.1)
    assert chunk.actions.dtype == np.float32
    with pytest.raises(ValueError, match='read-only'):
        chunk.actions[0, 0] = 9


@pytest.mark.parametrize('actions', [[], [[[1.0]]], [1.0, 2.0], np.zeros((0, 7)), 1.0])
def test_chunks_hold_at_least_one_action(actions: object) -> None:
    with pytest.raises(ValueError, match=r'expected \(T, D\)'):
        ActionChunk(0, actions, 0.1)


@pytest.mark.parametrize('dt_s', [0.0, -0.1, math.nan])
def test_the_step_is_a_positive_time(dt_s: float) -> None:
    with pytest.raises(ValueError, match='dt_s'):
        ActionChunk(0, [[1.0]], dt_s)


def test_alignment_is_the_cosine_of_the_embeddings() -> None:
    one, other = np.array([1.0, 0.0]), np.array([0.6, 0.8])
    assert ActionChunk(0, [[1.0]], 0.1, z_vision=one, z_action=other).alignment == (
        pytest.approx(0.6))


@pytest.mark.parametrize('missing', ['z_vision', 'z_action'])
def test_without_an_embedding_alignment_is_not_a_number(missing: str) -> None:
    both = {'z_vision': np.ones(1), 'z_action': np.ones(1), missing: None}
    assert math.isnan(ActionChunk(0, [[1.0]], 0.1, **both).alignment)


def test_frozen_arrays_leave_the_original_writable() -> None:
    original = np.zeros(2)
    frozen = frozen_array(original, np.float64)
    original[0] = 1
    assert frozen[0] == 1
    with pytest.raises(ValueError, match='read-only'):
        frozen[0] = 2
