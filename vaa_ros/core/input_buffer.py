# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What came in for the policy since it was last asked, how old it is, and what is wrong with it.
"""
from __future__ import annotations

from dataclasses import replace
import math

import numpy as np

from vaa_ros.core.control_setup import camera_topic
from vaa_ros.core.control_setup import JOINTS_TOPIC
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.input_findings import NOTHING_FOUND
from vaa_ros.core.input_judge import InputJudge
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation


class InputBuffer:
    """
    Puts inputs together and says when there is something to answer.

    In real time that is a newer observation. In lockstep it is an observation all of whose
    pictures came since the last answer, so that a tick that is said again is answered again.

    Not thread-safe: the caller holds a lock.

    :param sync: pairs the inputs by stamp.
    :param lockstep: whether the inputs come from a simulation in lockstep.
    :param judge: judges them; not used in lockstep, where time stands still.
    """

    def __init__(self, sync: ObservationSync, lockstep: bool = False,
                 judge: InputJudge | None = None) -> None:
        self._sync = sync
        self._lockstep = lockstep
        self._judge = None if lockstep else judge
        self._problems: dict[str, str] = {}
        self.instruction = ''
        """What is asked for; it outlives a reset."""
        self.switches: dict[str, int | None] = {}
        """When each switch was last held [ns], None once it is let go; they outlive a reset."""
        self.reset()

    def reset(self) -> None:
        """
        Forget everything.
        """
        self._sync.reset()
        self._received_ns: dict[str, int] = {}
        self._arrived: dict[str, int] = {}
        self._taken: Observation | None = None
        self._problems.clear()
        if self._judge is not None:
            self._judge.reset()

    def push_image(self, key: str, stamp_ns: int, rgb: np.ndarray, now_ns: int,
                   ros_ns: int = 0) -> None:
        """
        Take a picture.

        :param key: the camera's key.
        :param stamp_ns: its capture time [ns].
        :param rgb: the picture at policy size (H, W, 3) uint8.
        :param now_ns: when it came, on a clock that does not jump [ns].
        :param ros_ns: the same on the clock of the stamps, for the judge [ns].
        :raises ValueError: if the size is not the policy's.
        """
        if self._judge is not None:
            self._judge.picture(camera_topic(key), stamp_ns, rgb, now_ns, ros_ns)
        new = self._sync.push_image(key, stamp_ns, rgb)
        self._arrived[key] = stamp_ns
        if new or self._lockstep:
            # A camera that repeats one frame for ever is not alive.
            self._received_ns[camera_topic(key)] = now_ns
            self._problems.pop(camera_topic(key), None)

    def push_joints(self, state: JointState, now_ns: int, ros_ns: int = 0) -> None:
        """
        Take a joint state.

        :param state: the state, in any order.
        :param now_ns: when it came, on a clock that does not jump [ns].
        :param ros_ns: the same on the clock of the stamps, for the judge [ns].
        """
        if self._judge is not None:
            self._judge.joints(state.stamp_ns, *self._sync.in_order(state), now_ns, ros_ns)
        if self._sync.push_joints(state):
            self._received_ns[JOINTS_TOPIC] = now_ns
            self._problems.pop(JOINTS_TOPIC, None)

    def problem(self, topic: str, reason: str) -> None:
        """
        Note that an input came which cannot be used; the next good one clears it.

        :param topic: the topic.
        :param reason: what is wrong with it.
        """
        self._problems[topic] = f'{topic}: {reason}'

    def ready(self) -> bool:
        """
        Tell whether there is an observation to answer.
        """
        observation = self._newest()
        if observation is None:
            return False
        if not self._lockstep:
            return observation is not self._taken
        return all(self._arrived.get(key) == observation.stamp_ns for key in observation.images)

    def take(self) -> tuple[Observation | None, bool]:
        """
        Take the newest observation.

        :return: the observation, or None before the first; and whether it was never taken before.
        """
        newest = self._newest()
        fresh = newest is not self._taken
        self._taken = newest
        self._arrived.clear()
        return self.newest(), fresh

    def newest(self) -> Observation | None:
        """
        Look at the newest observation, without taking it; None before the first.
        """
        observation = self._newest()
        if observation is not None and self.instruction:
            observation = replace(observation, instruction=self.instruction)
        return observation

    def ages_s(self, now_ns: int, ros_ns: int) -> dict[str, float | None]:
        """
        Give the age of every input and switch by topic.

        :param now_ns: the present on the clock of the pushes [ns].
        :param ros_ns: the present on the clock of the stamps; not used in lockstep [ns].
        :return: the age by stamp or by arrival, whichever is more; negative for a stamp from the
            future; None where nothing came yet, infinite for a switch that was let go [s].
        """
        ages: dict[str, float | None] = {}
        for key, stamp_ns in self._sync.stamps().items():
            topic = key if key == JOINTS_TOPIC else camera_topic(key)
            received_ns = self._received_ns.get(topic)
            if stamp_ns is None or received_ns is None:
                ages[topic] = None
                continue
            age_ns = now_ns - received_ns
            if not self._lockstep:
                by_stamp_ns = ros_ns - stamp_ns
                age_ns = by_stamp_ns if by_stamp_ns < 0 else max(by_stamp_ns, age_ns)
            ages[topic] = age_ns / NANOSECONDS
        for topic, held_ns in self.switches.items():
            ages[topic] = math.inf if held_ns is None else (now_ns - held_ns) / NANOSECONDS
        return ages

    def judge(self, now_ns: int, ros_ns: int) -> Judgement:
        """
        Judge the inputs.

        :param now_ns: the present on the clock of the pushes [ns].
        :param ros_ns: the present on the clock of the stamps [ns].
        :return: what was found; nothing without a judge.
        """
        if self._judge is None:
            return NOTHING_FOUND
        return self._judge.judge(now_ns, ros_ns, self._sync.unpaired())

    def lasts_s(self, now_ns: int) -> float:
        """
        Tell when what is bad already, and lasts, will make the arm hold.

        :param now_ns: the present on the clock of the pushes [ns].
        :return: time until then; infinite where nothing is bad [s].
        """
        return math.inf if self._judge is None else self._judge.lasts_s(now_ns)

    def counts(self) -> dict[str, int]:
        """
        Give what the judge counted.
        """
        return {} if self._judge is None else self._judge.counts()

    def trouble(self) -> str:
        """
        Say what is wrong although every input came, or nothing.
        """
        if self._problems:
            return '; '.join(self._problems.values())
        if self._newest() is not None or None in self._sync.stamps().values():
            return ''
        return '; '.join(self._sync.missing())

    def waiting_for(self) -> str:
        """
        Say what keeps the first observation from being there.
        """
        return self.trouble() or '; '.join(self._sync.missing())

    def _newest(self) -> Observation | None:
        return self._sync.latest(exact_joints=self._lockstep)
