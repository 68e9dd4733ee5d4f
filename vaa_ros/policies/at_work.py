# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The policy at work as the control loop asks it: begins gently, is looked at, may be replaced.

All of a swap that happens beside or between answers is here, so that the control loop knows
nothing of it: it asks what is at work now, and finds another one there after the swap.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from vaa_ros.core.blending import blended
from vaa_ros.core.blending import quaternion
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy

REMEMBERED = 8


class PolicyAtWork:
    """
    Asks a policy, and lets others know what it was asked and answered.

    :param policy: the policy.
    :param before: what was at work before: the first answers go over from its last one.
    :param blend_s: how long that takes [s].
    """

    def __init__(
        self, policy: Policy, before: PolicyAtWork | None = None, blend_s: float = 0.0,
    ) -> None:
        self.policy = policy
        self.listener: Callable[[Observation, ActionChunk], None] | None = None
        """Told every answer, on the thread that asks; must not wait."""
        self.rescue: Callable[[Exception], Policy | None] | None = None
        """Told every failure; gives the policy that is to answer instead, or None."""
        self.by_itself = False
        """Whether it came back because another one failed: nobody asked for it."""
        self.newest: ActionChunk | None = None
        """The newest answer."""
        self._seen: deque[Observation] = deque(maxlen=REMEMBERED)
        self._before = None if before is None else before.newest
        self._blend_s = blend_s
        self._first_ns: int | None = None

    def __getattr__(self, name: str) -> Any:
        # What a kind of policy has beside the protocol, such as the scenes that it knows.
        return getattr(self.policy, name)

    @property
    def spec(self) -> PolicySpec:
        """
        Give what the policy sees and does.
        """
        return self.policy.spec

    @property
    def seen(self) -> list[Observation]:
        """
        Give the last observations that were answered.
        """
        return list(self._seen)

    def reset(self) -> None:
        """
        Forget the past.
        """
        self.policy.reset()

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: what is seen now.
        :return: the answer of the policy, while it begins mixed with what was planned before.
        :raises VaaError: what the policy raises, where nobody comes to its rescue.
        """
        try:
            chunk = self.policy.infer(observation)
        except Exception as problem:
            other = None if self.rescue is None else self.rescue(problem)
            if other is None:
                raise
            chunk = self._rescued(other, observation, problem)
        chunk = self._begin(chunk)
        self.newest = chunk
        self._seen.append(observation)
        listener = self.listener
        if listener is not None:
            listener(observation, chunk)
        return chunk

    @staticmethod
    def _rescued(other: Policy, observation: Observation, problem: Exception) -> ActionChunk:
        try:
            return other.infer(observation)
        except InstructionError:
            raise problem from None

    def _begin(self, chunk: ActionChunk) -> ActionChunk:
        if self._before is None:
            return chunk
        if self._first_ns is None:
            self._first_ns = chunk.stamp_ns
        mixed = blended(chunk, self._before, self._first_ns, self._blend_s, quaternion(self.spec))
        if mixed is None:
            self._before = None
            return chunk
        return mixed
