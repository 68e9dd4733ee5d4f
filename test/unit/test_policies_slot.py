# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Swapping policies: the new one proves itself first, and a failure changes nothing.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import threading
import time

import numpy as np
from policy_models import model
from policy_models import observation
from policy_models import ROBOT
from policy_models import save
from policy_models import SPEC
from policy_models import TWIST
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import synthetic_observations
from vaa_ros.policies.hold_policy import HoldPolicy
from vaa_ros.policies.slot import PolicySlot


class Fake:
    """A policy that answers as it is told."""

    def __init__(self, answer: object = None, spec: PolicySpec = SPEC) -> None:
        self.spec = spec
        self.answer = answer
        self.resets = 0
        self.seen: list[Observation] = []

    def reset(self) -> None:
        self.resets += 1

    def infer(self, seen: Observation) -> ActionChunk:
        self.seen.append(seen)
        if callable(self.answer):
            self.answer()
        if isinstance(self.answer, ActionChunk):
            return self.answer
        return ActionChunk(seen.stamp_ns, np.zeros((5, 2)), self.spec.dt_s)


@pytest.fixture()
def slot() -> PolicySlot:
    slot = PolicySlot(max_latency_s=5.0)
    slot.put(HoldPolicy(SPEC), ROBOT, 'joint_position')
    return slot


def test_begins_empty() -> None:
    slot = PolicySlot()
    assert slot.current is None
    assert slot.previous is None
    with pytest.raises(ModelError, match='no earlier policy'):
        slot.rollback()


def test_loads_a_file(slot: PolicySlot, tmp_path: Path) -> None:
    before = slot.current
    policy = slot.load(save(model(offset=0.5), tmp_path), ROBOT, 'joint_position')
    assert slot.current is policy
    assert slot.previous is before
    assert (slot.current.infer(observation()).actions == 0.5).all()


def test_rolls_back_and_forth(slot: PolicySlot, tmp_path: Path) -> None:
    old = slot.current
    new = slot.load(save(model(), tmp_path))
    assert slot.rollback() is old
    assert (slot.current, slot.previous) == (old, new)
    assert slot.rollback() is new
    assert slot.current is new


def test_a_first_policy_cannot_be_rolled_back(slot: PolicySlot) -> None:
    current = slot.current
    with pytest.raises(ModelError, match='no earlier policy'):
        slot.rollback()
    assert slot.current is current


def test_the_warm_up_sees_black_white_and_noise_and_leaves_no_trace(slot: PolicySlot) -> None:
    policy = Fake()
    slot.put(policy)
    means = [float(seen.images['front'].mean()) for seen in policy.seen[:3]]
    assert means[:2] == [0.0, 255.0]
    assert 50 < means[2] < 200
    assert policy.resets == 1
    slot.put(Fake())
    slot.rollback()
    assert policy.resets == 2


def test_putting_the_same_policy_again_keeps_the_one_before_it(slot: PolicySlot) -> None:
    first, policy = slot.current, Fake()
    slot.put(policy)
    slot.put(policy)
    assert (slot.current, slot.previous) == (policy, first)


def unchanged(slot: PolicySlot, error: type[VaaError], match: str, **call: object) -> None:
    before = (slot.current, slot.previous)
    with pytest.raises(error, match=match):
        slot.load(**call) if 'path' in call else slot.put(**call)
    assert (slot.current, slot.previous) == before


BROKEN = {
    'nan': (model(offset=float('nan')), 'not finite'),
    'no spec': (model(None), 'no policy spec'),
    'wrong shape': (model(SPEC, replace(SPEC, chunk_length=9)), 'outputs do not fit'),
}


@pytest.mark.parametrize('name', list(BROKEN))
def test_broken_models_leave_the_old_policy(slot: PolicySlot, tmp_path: Path, name: str) -> None:
    made, match = BROKEN[name]
    unchanged(slot, ModelError, match, path=save(made, tmp_path))


def test_files_that_are_no_models_leave_the_old_policy(slot: PolicySlot, tmp_path: Path) -> None:
    unchanged(slot, ModelError, 'does not exist', path=tmp_path / 'none.onnx')
    garbage = tmp_path / 'garbage.onnx'
    garbage.write_bytes(b'garbage')
    unchanged(slot, ModelError, 'not an ONNX file', path=garbage)
    whole = save(model(), tmp_path).read_bytes()
    garbage.write_bytes(whole[:len(whole) // 3])
    unchanged(slot, ModelError, 'not an ONNX file', path=garbage)


def test_a_robot_with_other_joints_is_named(slot: PolicySlot, tmp_path: Path) -> None:
    path = save(model(), tmp_path)
    other = replace(ROBOT, joints=(replace(ROBOT.joints[0], name='twist'), ROBOT.joints[1]))
    unchanged(slot, SpecError, r"joints: policy \['turn', 'gripper'\], robot \['twist'",
              path=path, robot=other)
    metres = replace(ROBOT, joints=(replace(ROBOT.joints[0], unit='m'), ROBOT.joints[1]))
    unchanged(slot, SpecError, 'joint turn: policy uses rad, robot m', path=path, robot=metres)


def test_commands_of_another_kind_are_named(slot: PolicySlot) -> None:
    unchanged(slot, SpecError, 'gives end_effector_twist actions, the commands carry '
              'joint_position; use command_type delta_twist_cmds',
              policy=HoldPolicy(TWIST), kind='joint_position')


BAD_ANSWERS = {
    'shape': (ActionChunk(0, np.zeros((4, 2)), SPEC.dt_s), r'actions \(4, 2\), expected \(5, 2\)'),
    'step': (ActionChunk(0, np.zeros((5, 2)), 0.5), 'a step of 0.5 s'),
    'nan': (ActionChunk(0, np.full((5, 2), np.nan), SPEC.dt_s), 'not finite'),
    'raises': (lambda: 1 / 0, 'failed on a trial observation: division by zero'),
}


@pytest.mark.parametrize('name', list(BAD_ANSWERS))
def test_answers_that_break_the_promise(slot: PolicySlot, name: str) -> None:
    answer, match = BAD_ANSWERS[name]
    unchanged(slot, ModelError, match, policy=Fake(answer))


def test_a_policy_that_is_too_slow(slot: PolicySlot) -> None:
    quick = PolicySlot(max_latency_s=0.002)
    with pytest.raises(ModelError, match='ms for an answer, the limit is 2.0 ms'):
        quick.put(Fake(lambda: time.sleep(0.005)))
    assert quick.current is None


def test_the_limit_is_the_control_period_unless_given() -> None:
    with pytest.raises(ModelError, match='the limit is 1.0 ms'):
        PolicySlot().put(Fake(lambda: time.sleep(0.003), replace(SPEC, control_rate_hz=1000.0)))


def test_a_slow_first_answer_is_forgiven() -> None:
    calls = iter(range(1000))

    def slow_once() -> None:
        if next(calls) == 0:
            time.sleep(0.2)

    slot = PolicySlot(max_latency_s=0.1)
    assert slot.put(Fake(slow_once)) is slot.current


def test_the_old_policy_answers_while_the_new_one_is_tried(slot: PolicySlot) -> None:
    old, entered, release = slot.current, threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(10)

    new = Fake(wait)
    thread = threading.Thread(target=slot.put, args=(new,))
    thread.start()
    assert entered.wait(10)
    assert slot.current is old
    assert slot.current.infer(observation()).actions.shape == (5, 2)
    release.set()
    thread.join(10)
    assert slot.current is new
    assert slot.previous is old


def test_a_second_load_waits_for_the_first(slot: PolicySlot) -> None:
    entered, release = threading.Event(), threading.Event()

    def wait() -> None:
        entered.set()
        assert release.wait(10)

    first, second = Fake(wait), Fake()
    threads = [threading.Thread(target=slot.put, args=(first,))]
    threads[0].start()
    assert entered.wait(10)
    threads.append(threading.Thread(target=slot.put, args=(second,)))
    threads[1].start()
    # Nothing to wait for: the second one must not do anything at all.
    threads[1].join(0.1)
    assert second.seen == []
    release.set()
    for thread in threads:
        thread.join(10)
    assert (slot.current, slot.previous) == (second, first)


def test_swaps_from_many_threads_leave_a_whole_pair(slot: PolicySlot) -> None:
    policies = [Fake() for _ in range(8)]
    start = threading.Barrier(len(policies))

    def work(policy: Fake) -> None:
        start.wait(10)
        for _ in range(5):
            slot.put(policy)
            slot.rollback()

    threads = [threading.Thread(target=work, args=(policy,)) for policy in policies]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert slot.current is not None
    assert slot.current is not slot.previous


def test_synthetic_observations_fit_their_spec_and_repeat() -> None:
    first, second = synthetic_observations(SPEC), synthetic_observations(SPEC)
    for one, other in zip(first, second, strict=True):
        HoldPolicy(SPEC).infer(one)
        assert (one.images['wrist'] == other.images['wrist']).all()
    assert [seen.state.tolist() for seen in first] == [
        pytest.approx([0.0, 0.045]), pytest.approx([-1.0, 0.0]), pytest.approx([1.0, 0.09])]
