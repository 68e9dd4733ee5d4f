# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The thread that asks the policy: answers come when they are there, late ones never.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import threading
import time

import numpy as np
from policy_models import ROBOT
from policy_models import SPEC
from processes import wait_for
import pytest

from vaa_ros.core.errors import LateError
from vaa_ros.core.inference import Answer
from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.pacing import Pacing
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation
from vaa_ros.ros.inference_thread import InferenceThread

S = 1_000_000_000


class Patient:
    """A policy that answers when it is let, or ends when it is interrupted."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self.resets = 0
        self.may = threading.Event()
        self.ended = threading.Event()

    def reset(self) -> None:
        self.resets += 1

    def interrupt(self) -> None:
        self.ended.set()
        self.may.set()

    def infer(self, seen: Observation) -> ActionChunk:
        self.asked.append(seen.stamp_ns)
        self.may.wait()
        if self.ended.is_set():
            raise RuntimeError('ended')
        return ActionChunk(seen.stamp_ns, np.zeros((5, 2)), 0.1)


class Rig:
    """The thread with real inputs."""

    def __init__(self, deadline_s: float = 60.0, replan: str = 'auto') -> None:
        self.changed = threading.Condition()
        self.inputs = InputBuffer(ObservationSync(SPEC))
        self.policy = Patient()
        self.thread = InferenceThread(
            self.changed, self.inputs, lambda: self.policy,
            Pacing(0.1, 1e-6, False, deadline_s, replan))
        self.thread.start()
        self.do(lambda: self.thread.allow(True))

    def do(self, what: Callable[[], object]) -> object:
        with self.changed:
            return what()

    def see(self, stamp_ns: int) -> None:
        with self.changed:
            self.inputs.push_joints(JointState(
                stamp_ns, ROBOT.joint_names, np.array([0.1, 0.05])), stamp_ns)
            for camera in SPEC.cameras:
                self.inputs.push_image(camera.key, stamp_ns, np.zeros(
                    (camera.height, camera.width, 3), np.uint8), stamp_ns)
            self.changed.notify_all()

    def wait_asked(self, stamp_ns: int) -> None:
        wait_for(lambda: stamp_ns in self.policy.asked)

    def answer(self) -> Answer:
        with self.changed:
            assert self.changed.wait_for(lambda: self.thread.answered, 20.0)
            return self.thread.take()


@pytest.fixture
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.thread.stop()


def test_nobody_waits_for_an_answer_and_the_newest_observation_is_asked_about_next(
    rig: Rig,
) -> None:
    rig.see(S)
    rig.wait_asked(S)
    rig.see(2 * S)
    rig.see(3 * S)
    assert rig.do(rig.thread.take) is None
    rig.policy.may.set()
    rig.wait_asked(3 * S)
    wait_for(lambda: rig.answer().chunk.stamp_ns == 3 * S)
    assert rig.policy.asked == [S, 3 * S]


def test_an_answer_past_its_deadline_is_ended_and_never_used() -> None:
    rig = Rig(deadline_s=0.5)
    rig.see(S)
    rig.wait_asked(S)
    rig.do(lambda: rig.thread.expire(time.monotonic_ns()))
    assert not rig.policy.ended.is_set() and not rig.thread.answered
    rig.do(lambda: rig.thread.expire(time.monotonic_ns() + S))
    assert rig.policy.ended.is_set()
    late = rig.answer()
    assert isinstance(late.problem, LateError) and '0.50 s' in str(late.problem)
    rig.policy.ended.clear()
    rig.see(2 * S)
    assert rig.answer().observation.stamp_ns == 2 * S, 'nothing of the one that was ended'
    rig.thread.stop()


def test_an_answer_to_what_was_asked_before_a_stop_is_dropped(rig: Rig) -> None:
    rig.see(S)
    rig.wait_asked(S)
    rig.do(lambda: rig.thread.allow(False))
    rig.do(lambda: rig.thread.allow(True))
    late, rig.policy.may = rig.policy.may, threading.Event()
    rig.see(2 * S)
    late.set()
    # One thread asks: once it asks again, the late answer has been there.
    rig.wait_asked(2 * S)
    assert not rig.do(lambda: rig.thread.answered)
    rig.policy.may.set()
    assert rig.answer().observation.stamp_ns == 2 * S


def test_nothing_is_asked_while_it_is_not_allowed(rig: Rig) -> None:
    rig.policy.may.set()
    rig.do(lambda: rig.thread.allow(False))
    rig.see(S)
    rig.do(lambda: rig.thread.allow(True))
    assert rig.answer().observation.stamp_ns == S
    rig.do(lambda: rig.thread.allow(False))
    rig.see(2 * S)
    rig.see(3 * S)
    rig.do(lambda: rig.thread.allow(True))
    assert rig.answer().observation.stamp_ns == 3 * S
    assert rig.policy.asked == [S, 3 * S]


def test_a_new_beginning_resets_the_policy_on_the_thread_that_asks_it(rig: Rig) -> None:
    rig.policy.may.set()
    rig.see(S)
    rig.answer()
    assert rig.policy.resets == 0
    rig.do(lambda: rig.thread.forget(anew=True))
    assert rig.policy.resets == 0
    rig.see(2 * S)
    rig.answer()
    assert rig.policy.resets == 1


@pytest.mark.parametrize(('replan', 'followed'), [('chunks', True), ('always', False)])
def test_an_answer_says_whether_it_is_followed_alone(replan: str, followed: bool) -> None:
    rig = Rig(replan=replan)
    rig.policy.may.set()
    rig.see(S)
    answer = rig.answer()
    assert (answer.seam_s is not None) is followed
    assert rig.thread.figures()['replan'] == replan
    rig.thread.stop()


def test_a_stop_does_not_wait_for_an_answer() -> None:
    rig = Rig()
    rig.see(S)
    rig.wait_asked(S)
    rig.thread.stop()
    assert rig.policy.ended.is_set()
    assert not any(each.name == 'inference' and each.is_alive()
                   for each in threading.enumerate())
