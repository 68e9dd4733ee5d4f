# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy at work: goes over from the plan before, tells its answers, is rescued.
"""
from __future__ import annotations

import numpy as np
from policy_models import observation
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.at_work import PolicyAtWork

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
