# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy in shadow answers beside the one at work, and its disagreement is told.
"""
from __future__ import annotations

from collections.abc import Callable
import threading

import numpy as np
from policy_models import observation
from policy_models import SPEC
from processes import wait_for
import pytest

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.shadow import Shadow

AT_WORK = ActionChunk(0, np.zeros((5, 2)), SPEC.dt_s)


class Answering:
    """Answers a fixed plan, and counts."""

    def __init__(self, actions: object = None, act: Callable[[], None] | None = None) -> None:
        self.spec = SPEC
        self.actions = np.full((5, 2), 0.25) if actions is None else np.asarray(actions)
        self.act = act
        self.count = 0

    def reset(self) -> None:
        pass

    def infer(self, seen: Observation) -> ActionChunk:
        self.count += 1
        if self.act is not None:
            self.act()
        return ActionChunk(seen.stamp_ns, self.actions, SPEC.dt_s)


def watch_beside(shadow: Shadow, seconds: float) -> tuple[threading.Thread, list[object]]:
    """
    Watch in another thread, and keep what comes of it.
    """
    results: list[object] = []

    def run() -> None:
        try:
            results.append(shadow.watch(seconds))
        except ModelError as problem:
            results.append(problem)
    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def test_it_says_how_the_answers_differ() -> None:
    plan = np.zeros((8, 2))
    plan[:, 0], plan[2, 1], plan[7, 1] = 0.25, -0.5, 9.0
    policy = Answering(plan)
    shadow = Shadow(policy)
    for round_ in range(3):
        shadow.offer(observation(), AT_WORK)
        wait_for(lambda wanted=round_ + 1: policy.count >= wanted)
    report = shadow.watch(0.1)
    # What lies beyond the shorter plan is not compared.
    assert report.answers == 3
    np.testing.assert_allclose(report.mean, [0.25, 0.1])
    np.testing.assert_allclose(report.largest, [0.25, 0.5])
    assert '3 answers' in report.text() and '(gripper)' in report.text()
    assert report.values()['shadow_largest_difference turn'] == 0.25


def test_without_observations_it_says_so() -> None:
    report = Shadow(Answering()).watch(0.01)
    assert report.answers == 0
    assert 'no observation came' in report.text()
    assert 'shadow_mean_difference' not in report.values()


@pytest.mark.parametrize('fault', ['raises', 'not finite'])
def test_a_failure_ends_it_at_once(fault: str) -> None:
    def fail() -> None:
        raise ModelError('broken')
    policy = Answering(act=fail) if fault == 'raises' else Answering(np.full((5, 2), np.nan))
    shadow = Shadow(policy)
    thread, results = watch_beside(shadow, 3600.0)
    shadow.offer(observation(), AT_WORK)
    thread.join(10.0)
    assert 'failed in shadow' in str(results[0])


def test_an_instruction_that_it_does_not_know_is_no_failure() -> None:
    def fail() -> None:
        raise InstructionError('known: others')
    policy = Answering(act=fail)
    shadow = Shadow(policy)
    shadow.offer(observation(), AT_WORK)
    wait_for(lambda: policy.count)
    assert shadow.watch(0.01).answers == 0


def test_a_slow_one_never_makes_the_other_wait() -> None:
    gate = threading.Event()
    policy = Answering(act=lambda: gate.wait(10.0))
    shadow = Shadow(policy)
    shadow.offer(observation(), AT_WORK)
    wait_for(lambda: policy.count)
    # The thread that offers goes on; of what came meanwhile only the newest is looked at.
    for _ in range(50):
        shadow.offer(observation(), AT_WORK)
    gate.set()
    wait_for(lambda: policy.count == 2)
    assert shadow.watch(0.05).answers == 2
