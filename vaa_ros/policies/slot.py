# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The place of the working policy: load, check, warm up, swap, roll back.

All the slow and dangerous work happens on the new policy while the old one goes on answering; at
the end one reference is exchanged. Whatever fails before that leaves the old one at work.
"""
from __future__ import annotations

from collections.abc import Callable
import math
from pathlib import Path
import statistics
import threading
import time

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import RobotSpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.policies.base import synthetic_observations

WARM_UP_ROUNDS = 3


class PolicySlot:
    """
    Holds the policy at work and the one before it.

    Reading :attr:`current` is safe from any thread at any time; loading and rolling back exclude
    one another.

    :param max_latency_s: longest time that an answer may take [s], measured as the median of the
        warm-up; None takes the policy's own control period.
    :param threads: threads for inference; one is fastest where anything else runs.
    """

    def __init__(self, max_latency_s: float | None = None, threads: int = 1) -> None:
        self._max_latency_s = max_latency_s
        self._threads = threads
        self._lock = threading.Lock()
        self._pair: tuple[Policy | None, Policy | None] = (None, None)

    @property
    def current(self) -> Policy | None:
        """
        Give the policy at work, or None before the first was put in.
        """
        return self._pair[0]

    @property
    def previous(self) -> Policy | None:
        """
        Give the policy that :meth:`rollback` would bring back, or None.
        """
        return self._pair[1]

    def load(
        self, path: str | Path, robot: RobotSpec | None = None, kind: str | None = None,
    ) -> Policy:
        """
        Load a model file and put it to work.

        :param path: the ``.onnx`` file.
        :param robot: the robot that it has to fit, or None to skip that check.
        :param kind: the action kind that the commands carry, or None to skip that check.
        :return: the policy now at work.
        :raises VaaError: saying why not; the policy before then stays at work.
        """
        def make() -> Policy:
            from vaa_ros.policies.onnx_policy import OnnxPolicy
            return OnnxPolicy(path, threads=self._threads)

        return self._exchange(make, robot, kind)

    def put(
        self, policy: Policy, robot: RobotSpec | None = None, kind: str | None = None,
    ) -> Policy:
        """
        Put a policy that exists already to work, after the same checks.

        :param policy: the policy, for example a ``HoldPolicy``.
        :param robot: the robot that it has to fit, or None to skip that check.
        :param kind: the action kind that the commands carry, or None to skip that check.
        :return: the policy now at work.
        :raises VaaError: saying why not; the policy before then stays at work.
        """
        return self._exchange(lambda: policy, robot, kind)

    def rollback(self) -> Policy:
        """
        Bring back the policy before this one; twice is no change.

        :return: the policy now at work.
        :raises ModelError: if there is none.
        """
        with self._lock:
            current, previous = self._pair
            if previous is None:
                raise ModelError('no earlier policy to roll back to; load one first')
            previous.reset()
            self._pair = (previous, current)
            return previous

    def _exchange(
        self, make: Callable[[], Policy], robot: RobotSpec | None, kind: str | None,
    ) -> Policy:
        with self._lock:
            policy = make()
            if robot is not None:
                policy.spec.check_robot(robot)
            check_kind(policy, kind)
            self._warm_up(policy)
            policy.reset()
            if policy is not self._pair[0]:
                self._pair = (policy, self._pair[0])
            return policy

    def _warm_up(self, policy: Policy) -> None:
        limit_s = self._max_latency_s or policy.spec.dt_s
        times_s = []
        for _ in range(WARM_UP_ROUNDS):
            for observation in synthetic_observations(policy.spec):
                start_s = time.perf_counter()
                chunk = answer(policy, observation)
                times_s.append(time.perf_counter() - start_s)
                check_chunk(policy, chunk)
        # The first answers pay for memory and caches, and are not what the arm will wait for.
        latency_s = statistics.median(times_s[3:])
        if latency_s > limit_s:
            raise ModelError(f'policy {policy.spec.name!r} needs {latency_s * 1e3:.1f} ms for an '
                             f'answer, the limit is {limit_s * 1e3:.1f} ms; use a smaller model '
                             'or a lower control rate')


def check_kind(policy: Policy, kind: str | None) -> None:
    """
    Refuse a policy whose actions the command topic cannot carry.

    :param policy: the policy.
    :param kind: the action kind of the commands, or None for any.
    :raises SpecError: naming both.
    """
    own = policy.spec.action.kind
    if kind is not None and kind != own:
        fitting = [name for name, carried in COMMAND_KINDS.items() if carried == own]
        raise SpecError(f'policy {policy.spec.name!r} gives {own} actions, the commands carry '
                        f'{kind}; use command_type {" or ".join(fitting)}')


def answer(policy: Policy, observation: Observation) -> ActionChunk:
    """
    Ask a policy that is not trusted yet.

    :param policy: the policy.
    :param observation: what to show it.
    :return: its answer.
    :raises VaaError: whatever goes wrong.
    """
    try:
        return policy.infer(observation)
    except VaaError:
        raise
    except Exception as problem:
        raise ModelError(f'policy {policy.spec.name!r} failed on a trial observation: '
                         f'{problem}') from problem


def check_chunk(policy: Policy, chunk: ActionChunk) -> None:
    """
    Refuse an answer that is not what the spec promises.

    :param policy: the policy that gave it.
    :param chunk: its answer.
    :raises ModelError: if the shape, the step or a value is wrong.
    """
    spec = policy.spec
    wanted = (spec.chunk_length, len(spec.action.names))
    if chunk.actions.shape != wanted:
        raise ModelError(f'policy {spec.name!r} answers with actions {chunk.actions.shape}, '
                         f'expected {wanted}')
    if not math.isclose(chunk.dt_s, spec.dt_s, rel_tol=1e-6):
        raise ModelError(f'policy {spec.name!r} answers with a step of {chunk.dt_s} s, expected '
                         f'{spec.dt_s} s')
    if not np.isfinite(chunk.actions).all():
        raise ModelError(f'policy {spec.name!r} answers a trial observation with actions that '
                         'are not finite')
