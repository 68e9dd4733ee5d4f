# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy's answer to one observation, whoever waited for it.

Lockstep and replays ask in the tick; in real time a thread of its own asks, and the tick takes
what is there.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import time
from typing import Protocol

from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation


class Answers(Protocol):
    """What the control loop needs of a policy; it may also have ``interrupt()``."""

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.
        """

    def reset(self) -> None:
        """
        Forget what came before.
        """


@dataclass(frozen=True, eq=False)
class Answer:
    """
    What came of asking a policy.

    :param policy: the policy that was asked.
    :param observation: what it was asked about.
    :param chunk: its answer, or None where it gave none.
    :param problem: why it gave none.
    :param took_s: how long it took [s].
    :param seam_s: how long to go over to the chunk from the one before, to follow it alone [s];
        None lets all chunks vote.
    """

    policy: Answers
    observation: Observation
    chunk: ActionChunk | None
    problem: Exception | None = None
    took_s: float = 0.0
    seam_s: float | None = None


def ask(policy: Answers, observation: Observation, anew: bool = False,
        stopwatch: Callable[[], float] = time.perf_counter) -> Answer:
    """
    Ask a policy; nothing it does wrong escapes.

    :param policy: the policy.
    :param observation: what to show it.
    :param anew: whether it shall forget what came before.
    :param stopwatch: gives seconds.
    :return: the answer, or what went wrong.
    """
    start_s = stopwatch()
    try:
        if anew:
            policy.reset()
        chunk = policy.infer(observation)
    except Exception as problem:
        return Answer(policy, observation, None, problem, stopwatch() - start_s)
    return Answer(policy, observation, chunk, None, stopwatch() - start_s)
