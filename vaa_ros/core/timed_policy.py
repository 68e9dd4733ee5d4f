# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy that tells when it is asked and when it has answered.
"""
from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from vaa_ros.core.inference import Answers
from vaa_ros.core.stage_times import StageTimes
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation


class TimedPolicy:
    """
    Asks another policy, and tells when.

    :param policy: the policy.
    :param times: told.
    :param clock_ns: gives the present on a clock that does not jump [ns].
    """

    def __init__(self, policy: Answers, times: StageTimes,
                 clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self.policy = policy
        self._times = times
        self._clock_ns = clock_ns

    def __getattr__(self, name: str) -> Any:
        # What a kind of policy has beside the protocol, such as the scenes that it knows.
        return getattr(self.policy, name)

    def reset(self) -> None:
        """
        Forget the past.
        """
        self.policy.reset()

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: what is seen now.
        :return: the answer of the policy.
        :raises VaaError: what the policy raises.
        """
        self._times.asked(observation, self._clock_ns())
        chunk = self.policy.infer(observation)
        self._times.answered(observation, self._clock_ns())
        return chunk


class Timing:
    """
    Gives the timed policy for each policy: the same one again for the same policy.

    :param times: told about all of them.
    """

    def __init__(self, times: StageTimes) -> None:
        self._times = times
        self._newest: TimedPolicy | None = None

    def __call__(self, policy: Answers) -> TimedPolicy:
        """
        Give the timed policy.

        :param policy: the policy at work.
        """
        if self._newest is None or self._newest.policy is not policy:
            self._newest = TimedPolicy(policy, self._times)
        return self._newest
