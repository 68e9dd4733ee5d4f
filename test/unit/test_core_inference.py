# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Asking a policy: its answer, or what went wrong, and how long it took.
"""
from __future__ import annotations

from policy_models import observation

from vaa_ros.core.inference import ask
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation


class Recorder:
    """Says what was done with it, and fails when told to."""

    def __init__(self, problem: Exception | None = None) -> None:
        self.calls: list[str] = []
        self.problem = problem

    def reset(self) -> None:
        self.calls.append('reset')

    def infer(self, seen: Observation) -> ActionChunk:
        self.calls.append('infer')
        if self.problem is not None:
            raise self.problem
        return ActionChunk(seen.stamp_ns, seen.state[None], 0.1)


def test_an_answer_knows_who_was_asked_what_and_how_long_it_took() -> None:
    policy, seen = Recorder(), observation()
    answer = ask(policy, seen, stopwatch=iter([1.0, 3.5]).__next__)
    assert answer.policy is policy and answer.observation is seen
    assert answer.chunk.stamp_ns == seen.stamp_ns and answer.problem is None
    assert answer.took_s == 2.5
    assert policy.calls == ['infer']


def test_what_goes_wrong_is_told_and_not_raised() -> None:
    problem = ValueError('no such luck')
    answer = ask(Recorder(problem), observation())
    assert answer.chunk is None and answer.problem is problem


def test_it_may_begin_anew() -> None:
    policy = Recorder()
    ask(policy, observation(), anew=True)
    assert policy.calls == ['reset', 'infer']
