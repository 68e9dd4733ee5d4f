# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The place of the working policy: check, warm up, shadow, swap, roll back.

All the slow and dangerous work happens on the new policy while the old one goes on answering; at
the end one reference is exchanged. Whatever fails before that leaves the old one at work, and what
fails soon after brings it back.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
from pathlib import Path
import threading
import time

import numpy as np

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import RobotSpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.at_work import PolicyAtWork
from vaa_ros.policies.base import Policy
from vaa_ros.policies.base import synthetic_observations
from vaa_ros.policies.shadow import Shadow
from vaa_ros.policies.shadow import ShadowReport

WARM_UP_ROUNDS = 5


@dataclass(frozen=True)
class Handover:
    """
    How one policy follows another at work.

    :param shadow_s: how long the new one answers beside the old one before it may command [s].
    :param blend_s: how long its first answers go over from the old plan [s].
    :param probation_s: how long a failure of the new one brings the old one back [s].
    """

    shadow_s: float = 0.0
    blend_s: float = 0.0
    probation_s: float = 0.0


class PolicySlot:
    """
    Holds the policy at work and the one before it.

    Reading :attr:`current` and :attr:`at_work` is safe from any thread at any time; loading
    excludes loading, and a rollback waits for nothing.

    :param max_latency_s: longest time that an answer may take [s], each observation of the warm-up
        at its best; None takes the policy's own control period.
    :param threads: threads for inference; one is fastest where anything else runs.
    :param handover: how a policy follows another.
    :param clock: gives seconds, for the probation.
    """

    def __init__(
        self, max_latency_s: float | None = None, threads: int = 1,
        handover: Handover | None = None, clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.shadow: ShadowReport | None = None
        """How the answers of the policy at work differed from those of the one before."""
        self.fault = ''
        """Why the last automatic rollback was made, or nothing."""
        self._max_latency_s = max_latency_s
        self._threads = threads
        self._handover = handover or Handover()
        self._clock = clock
        self._loading = threading.Lock()
        self._exchanging = threading.RLock()
        self._pair: tuple[PolicyAtWork | None, Policy | None] = (None, None)
        self._probation_ends_s = -math.inf

    @property
    def current(self) -> Policy | None:
        """
        Give the policy at work, or None before the first was put in.
        """
        at_work = self._pair[0]
        return None if at_work is None else at_work.policy

    @property
    def at_work(self) -> PolicyAtWork | None:
        """
        Give the policy at work as the control loop has to ask it.
        """
        return self._pair[0]

    @property
    def previous(self) -> Policy | None:
        """
        Give the policy that :meth:`rollback` would bring back, or None.
        """
        return self._pair[1]

    @property
    def on_probation(self) -> bool:
        """
        Tell whether a failure of the policy at work would bring the one before back.
        """
        return self._pair[1] is not None and self._clock() < self._probation_ends_s

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
        proven: bool = False, instead_of: PolicyAtWork | None = None,
    ) -> Policy:
        """
        Put a policy that exists already to work, after the same checks.

        :param policy: the policy, for example a ``HoldPolicy``.
        :param robot: the robot that it has to fit, or None to skip that check.
        :param kind: the action kind that the commands carry, or None to skip that check.
        :param proven: whether it went through :meth:`prove` before; then it is put to work at
            once, without another look.
        :param instead_of: the one at work when this was asked for: where another one was put to
            work meanwhile, that one stays. None does not mind.
        :return: the policy now at work.
        :raises VaaError: saying why not; the policy before then stays at work.
        """
        if proven:
            self._flip(policy, None)
            return policy
        return self._exchange(lambda: policy, robot, kind, instead_of)

    def prove(self, policy: Policy, robot: RobotSpec | None, kind: str | None) -> None:
        """
        Check a policy and warm it up.

        :param policy: the policy; not one that is at work.
        :param robot: the robot that it has to fit, or None to skip that check.
        :param kind: the action kind that the commands carry, or None to skip that check.
        :raises VaaError: saying why it must not be put to work.
        """
        if robot is not None:
            policy.spec.check_robot(robot)
        check_kind(policy, kind)
        self._warm_up(policy)

    def rollback(self) -> Policy:
        """
        Bring back the policy before this one; twice is no change.

        :return: the policy now at work.
        :raises ModelError: if there is none.
        """
        with self._exchanging:
            current, previous = self._pair
            if previous is None:
                raise ModelError('no earlier policy to roll back to; load one first' + (
                    f' (rolled back already: {self.fault})' if self.fault else ''))
            self._flip(previous, None, on_probation=False)
            return previous

    def failed(self, reason: str) -> bool:
        """
        Take note that the policy at work failed: within its probation the one before comes back.

        :param reason: what happened.
        :return: whether it came back.
        """
        with self._exchanging:
            if not self.on_probation:
                return False
            self.fault = f'{self.current.spec.name!r} failed on probation: {reason}'
            # From the plan of a policy that failed nothing goes over.
            self._pair[0].newest = None
            self.rollback()
            # Who calls for the one before does not mean the one that failed.
            self._pair = (self._pair[0], None)
            self._pair[0].by_itself = True
            return True

    def _exchange(
        self, make: Callable[[], Policy], robot: RobotSpec | None, kind: str | None,
        instead_of: PolicyAtWork | None = None,
    ) -> Policy:
        with self._loading:
            policy = make()
            self.prove(policy, robot, kind)
            report = self._in_shadow(policy)
            with self._exchanging:
                if instead_of not in (None, self.at_work):
                    raise ModelError(f'policy {self.current.spec.name!r} was put to work meanwhile'
                                     ' and stays; ask again for another one')
                self._flip(policy, report)
            return policy

    def _in_shadow(self, policy: Policy) -> ShadowReport | None:
        at_work = self.at_work
        if at_work is None or policy is at_work.policy or not self._handover.shadow_s:
            return None
        shadow = Shadow(policy)
        at_work.listener = shadow.offer
        try:
            return shadow.watch(self._handover.shadow_s)
        finally:
            at_work.listener = None

    def _flip(self, policy: Policy, report: ShadowReport | None,
              on_probation: bool = True) -> None:
        with self._exchanging:
            before = self._pair[0]
            policy.reset()
            if before is not None and policy is before.policy:
                return
            self.shadow = report
            at_work = PolicyAtWork(policy, before, self._handover.blend_s)
            probation_s = self._handover.probation_s if on_probation else 0.0
            self._probation_ends_s = self._clock() + probation_s
            if probation_s and before is not None:
                at_work.rescue = self._rescue
            self._pair = (at_work, None if before is None else before.policy)

    def _rescue(self, problem: Exception) -> Policy | None:
        with self._exchanging:
            previous = self.previous if self.on_probation else None
            # What was asked before the swap may still be on its way, which is no fault.
            if previous is not None and not isinstance(problem, InstructionError):
                self.failed(str(problem))
            return previous

    def _warm_up(self, policy: Policy) -> None:
        limit_s = self._max_latency_s or policy.spec.dt_s
        rounds = []
        for _ in range(WARM_UP_ROUNDS):
            times_s = []
            for observation in synthetic_observations(policy.spec):
                start_s = time.perf_counter()
                chunk = answer(policy, observation)
                times_s.append(time.perf_counter() - start_s)
                check_chunk(policy, chunk)
            rounds.append(times_s)
        # The first answers pay for memory and caches, and are not what the arm will wait for;
        # what others on a busy computer take is not the policy's fault either.
        latency_s = max(min(times_s) for times_s in zip(*rounds[1:], strict=True))
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
