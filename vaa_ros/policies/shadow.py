# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy that looks on: it answers what the one at work is asked, and commands nothing.
"""
from __future__ import annotations

from dataclasses import dataclass
import os
import threading
import time

import numpy as np

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy

NICE = 10


@dataclass(frozen=True, eq=False)
class ShadowReport:
    """
    How the answers of a policy in shadow differ from those of the one at work.

    :param seconds: how long it looked on [s].
    :param answers: observations that both answered.
    :param names: elements of an action.
    :param mean: mean absolute difference of each element (D,) [its unit]; NaN without answers.
    :param largest: largest absolute difference of each element (D,) [its unit].
    :param mean_ms: time of an answer in the mean [ms].
    """

    seconds: float
    answers: int
    names: tuple[str, ...]
    mean: np.ndarray
    largest: np.ndarray
    mean_ms: float

    def text(self) -> str:
        """
        Say it in one line.
        """
        if not self.answers:
            return f'{self.seconds:.1f} s in shadow, no observation came to compare'
        worst = int(np.argmax(self.largest))
        return (f'{self.seconds:.1f} s in shadow, {self.answers} answers: mean difference '
                f'{self.mean.mean():.3g}, largest {self.largest[worst]:.3g} '
                f'({self.names[worst]})')

    def values(self) -> dict[str, object]:
        """
        Give the figures of a status.
        """
        found: dict[str, object] = {'shadow_s': self.seconds, 'shadow_answers': self.answers}
        if self.answers:
            found |= {'shadow_mean_difference': float(self.mean.mean()),
                      'shadow_mean_ms': self.mean_ms,
                      **{f'shadow_largest_difference {name}': float(value)
                         for name, value in zip(self.names, self.largest, strict=True)}}
        return found


class Shadow:
    """
    Runs a policy beside the one at work, on a thread of lower priority.

    :param policy: the policy that looks on; nobody else may ask it meanwhile.
    """

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._changed = threading.Condition()
        self._waiting: tuple[Observation, ActionChunk] | None = None
        self._ended = False
        self._problem: ModelError | None = None
        self._count = 0
        self._time_s = 0.0
        width = len(policy.spec.action.names)
        self._sum, self._steps = np.zeros(width), 0
        self._largest = np.zeros(width)
        self._start_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name='shadow', daemon=True)
        self._thread.start()

    def offer(self, observation: Observation, chunk: ActionChunk) -> None:
        """
        Show an observation and what the policy at work answered; never waits.

        :param observation: the observation; one that was not yet looked at is dropped.
        :param chunk: the answer.
        """
        with self._changed:
            self._waiting = observation, chunk
            self._changed.notify()

    def watch(self, seconds: float) -> ShadowReport:
        """
        Look on for a while, then end.

        :param seconds: how long [s].
        :return: how the answers differ.
        :raises ModelError: if the policy failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._ended, seconds)
            self._ended = True
            self._changed.notify()
        self._thread.join()
        if self._problem is not None:
            raise self._problem
        spec = self._policy.spec
        with np.errstate(invalid='ignore', divide='ignore'):
            return ShadowReport(
                time.monotonic() - self._start_s, self._count, spec.action.names,
                self._sum / self._steps if self._steps else np.full(len(self._sum), np.nan),
                self._largest, 1e3 * self._time_s / max(self._count, 1))

    def _run(self) -> None:
        # Linux gives every thread a priority of its own.
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._ended or self._waiting is not None)
                if self._ended:
                    return
                observation, chunk = self._waiting
                self._waiting = None
            try:
                self._compare(observation, chunk)
            except InstructionError:
                # It knows others, which is no fault.
                continue
            except Exception as problem:
                self._end(problem)

    def _compare(self, observation: Observation, chunk: ActionChunk) -> None:
        start_s = time.perf_counter()
        actions = self._policy.infer(observation).actions
        self._time_s += time.perf_counter() - start_s
        common = min(len(actions), len(chunk.actions))
        difference = np.abs(actions[:common] - chunk.actions[:common])
        if not np.isfinite(difference).all():
            raise ModelError('its actions are not finite')
        self._sum += difference.sum(axis=0)
        self._steps += common
        self._largest = np.maximum(self._largest, difference.max(axis=0))
        self._count += 1

    def _end(self, problem: Exception) -> None:
        with self._changed:
            self._problem = ModelError(
                f'policy {self._policy.spec.name!r} failed in shadow: {problem}')
            self._ended = True
            self._changed.notify()
