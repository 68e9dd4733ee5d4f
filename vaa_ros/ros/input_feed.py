# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where callbacks bring what comes in for the policy.
"""
from __future__ import annotations

from collections.abc import Callable
import threading
import time

import numpy as np

from vaa_ros.core.control_setup import DEADMAN_TOPIC
from vaa_ros.core.control_setup import JOINTS_TOPIC
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS

REAL_NS = 3600 * NANOSECONDS
"""Stamps so near the real time are those of a real arm; a simulation in lockstep begins at 1 s."""
NOT_SIMULATED = ('the stamps are of the real time, and lockstep is for a simulation; set lockstep '
                 'to false for a real arm')


class InputFeed:
    """
    Puts inputs into a buffer, from any thread, and wakes who waits for an observation.

    :param inputs: the buffer.
    :param ros_now_ns: gives the present on the clock of the stamps [ns].
    :param lockstep: whether a joint state, too, may complete an observation.
    """

    def __init__(self, inputs: InputBuffer, ros_now_ns: Callable[[], int], lockstep: bool) -> None:
        self._changed = threading.Condition()
        self._inputs = inputs
        self._ros_now_ns = ros_now_ns
        self._lockstep = lockstep
        # Something that cannot wait for the next tick.
        self._wake = False

    def push_image(self, key: str, stamp_ns: int, rgb: np.ndarray) -> None:
        """
        Take a picture.

        :param key: the camera's key.
        :param stamp_ns: its capture time [ns].
        :param rgb: the picture at policy size (H, W, 3) uint8.
        :raises ValueError: if the size is not the policy's.
        """
        with self._changed:
            self._inputs.push_image(
                key, stamp_ns, rgb, time.monotonic_ns(), self._ros_now_ns())
            if self._inputs.ready():
                self._changed.notify_all()

    def push_joints(self, state: JointState) -> None:
        """
        Take a joint state.

        :param state: the state, in any order.
        """
        with self._changed:
            if self._lockstep and abs(state.stamp_ns - time.time_ns()) < REAL_NS:
                # Nothing would judge its age, and no deadman switch and no guard hold it.
                self._inputs.problem(JOINTS_TOPIC, NOT_SIMULATED)
                return
            self._inputs.push_joints(state, time.monotonic_ns(), self._ros_now_ns())
            # In real time it is the pictures that complete an observation.
            if self._lockstep and self._inputs.ready():
                self._changed.notify_all()

    def problem(self, topic: str, reason: str) -> None:
        """
        Note that an input came which cannot be used.

        :param topic: the topic.
        :param reason: what is wrong with it.
        """
        with self._changed:
            self._inputs.problem(topic, reason)

    def set_instruction(self, text: str) -> None:
        """
        Ask for something, from the next observation on.

        :param text: what is asked for.
        """
        with self._changed:
            self._inputs.instruction = text

    def set_deadman(self, held: bool) -> None:
        """
        Take note of a deadman switch, and act at once when it is let go.

        :param held: whether somebody holds it.
        """
        with self._changed:
            was_held = self._inputs.switches.get(DEADMAN_TOPIC) is not None
            self._inputs.switches[DEADMAN_TOPIC] = time.monotonic_ns() if held else None
            self._wake |= was_held and not held
            self._changed.notify_all()

    def ages_s(self) -> dict[str, float | None]:
        """
        Give the age of every input by topic [s].
        """
        with self._changed:
            return self._inputs.ages_s(time.monotonic_ns(), self._ros_now_ns())

    def judged(self) -> tuple[Judgement, dict[str, int]]:
        """
        Give what is found about the inputs now, and what was counted.
        """
        with self._changed:
            judged = self._inputs.judge(time.monotonic_ns(), self._ros_now_ns())
            return judged, self._inputs.counts()
