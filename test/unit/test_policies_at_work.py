# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy at work: goes over from the plan before, tells its answers, is rescued.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies
import numpy as np
from policy_models import observation
from policy_models import POSE
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.at_work import blended
from vaa_ros.policies.at_work import PolicyAtWork
from vaa_ros.policies.at_work import quaternion

MS = 1_000_000


def chunk(value: float, stamp_ns: int = 0, length: int = 10, dt_s: float = 0.1) -> ActionChunk:
    return ActionChunk(stamp_ns, np.full((length, 2), value, np.float32), dt_s)


class Constant:
    """Answers one value, or fails."""

    def __init__(self, value: float, problem: Exception | None = None) -> None:
        self.spec = SPEC
        self.familiarity = f'knows {value}'
        self.value = value
        self.problem = problem

    def reset(self) -> None:
        pass

    def infer(self, seen: Observation) -> ActionChunk:
        if self.problem is not None:
            raise self.problem
        return chunk(self.value, seen.stamp_ns)


def test_it_begins_with_the_plan_before_and_ends_with_its_own() -> None:
    mixed = blended(chunk(1.0), chunk(0.0), 0, 0.5)
    np.testing.assert_allclose(mixed.actions[:, 0], [0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 1, 1],
                               atol=1e-6)
    later = blended(chunk(1.0, 200 * MS), chunk(0.0), 0, 0.5)
    np.testing.assert_allclose(later.actions[:4, 0], [0.4, 0.6, 0.8, 1.0], atol=1e-6)


def test_there_is_an_end_to_it() -> None:
    assert blended(chunk(1.0, 600 * MS), chunk(0.0), 0, 0.5) is None
    assert blended(chunk(1.0, 100 * MS), chunk(0.0), 0, 0.0) is None
    # The plan before does not reach that far.
    assert blended(chunk(1.0, 2000 * MS), chunk(0.0), 2000 * MS, 0.5) is None


def test_a_rotation_stays_one_and_takes_the_short_way() -> None:
    before = np.tile(np.float32([0, 0, 0, 0, 0, 0, 1, 0]), (10, 1))
    after = np.tile(np.float32([0, 0, 0, 0, 0, 0.6, -0.8, 0]), (10, 1))
    mixed = blended(ActionChunk(0, after, 0.1), ActionChunk(0, before, 0.1), 0, 0.5,
                    quaternion(POSE)).actions
    np.testing.assert_allclose(np.linalg.norm(mixed[:, 3:7], axis=1), 1.0, atol=1e-6)
    assert (mixed[:, 6] <= -0.8 + 1e-6).all()


@given(strategies.integers(0, 1500), strategies.floats(0.0, 2.0), strategies.integers(1, 12))
def test_it_never_leaves_the_space_between_the_plans(
    late_ms: int, blend_s: float, length: int,
) -> None:
    mixed = blended(chunk(1.0, late_ms * MS, length), chunk(-1.0), 100 * MS, blend_s)
    if mixed is not None:
        assert (np.abs(mixed.actions) <= 1.0 + 1e-6).all()
        assert (np.diff(mixed.actions, axis=0) >= -1e-6).all()


def test_a_policy_takes_over_where_the_one_before_was_going() -> None:
    before = PolicyAtWork(Constant(0.0))
    before.infer(observation())
    after = PolicyAtWork(Constant(1.0), before, blend_s=0.5)
    assert after.infer(observation()).actions[0, 0] == pytest.approx(0.0)
    assert after.newest.actions[5, 0] == pytest.approx(1.0)
    assert after.familiarity == 'knows 1.0'


def test_it_tells_its_answers_and_remembers_the_last_observations() -> None:
    told = []
    at_work = PolicyAtWork(Constant(0.5))
    at_work.infer(observation())
    at_work.listener = lambda seen, answer: told.append((seen, answer))
    seen = observation()
    answer = at_work.infer(seen)
    assert told == [(seen, answer)]
    for _ in range(20):
        at_work.infer(observation())
    assert len(at_work.seen) == 8


def test_a_failure_is_rescued_or_raised() -> None:
    failing = Constant(0.0, ModelError('broken'))
    at_work = PolicyAtWork(failing)
    with pytest.raises(ModelError, match='broken'):
        at_work.infer(observation())
    heard = []
    at_work.rescue = lambda problem: heard.append(problem) or Constant(0.25)
    assert at_work.infer(observation()).actions[0, 0] == 0.25
    assert heard == [failing.problem]
    at_work.rescue = lambda problem: Constant(0.0, InstructionError('knows nothing'))
    with pytest.raises(ModelError, match='broken'):
        at_work.infer(observation())
