# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One policy follows another: in shadow first, on probation after; warm ones by name and instruction.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
import threading
from typing import Any

import numpy as np
from policy_models import model
from policy_models import observation
from policy_models import ROBOT
from policy_models import save
from policy_models import SPEC
from processes import wait_for
import pytest

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.loading import ModelLoader
from vaa_ros.policies.loading import Trust
from vaa_ros.policies.signature import make_keys
from vaa_ros.policies.signature import sign_model
from vaa_ros.policies.signature import TrustedKeys
from vaa_ros.policies.slot import Handover
from vaa_ros.policies.slot import PolicySlot
from vaa_ros.policies.swapping import make_swaps
from vaa_ros.policies.swapping import PolicySwaps

OPTIONS = {'control_rate_hz': 0.0, 'trusted_keys': [], 'require_signature': False,
           'trial_memory_mb': 2048.0, 'trial_timeout_s': 20.0, 'max_inference_s': 0.0,
           'shadow_s': 0.0, 'swap_blend_s': 0.0, 'probation_s': 10.0}


class Fake:
    """Answers one value; can be told to fail."""

    def __init__(self, value: float = 0.0, name: str = 'fake',
                 instructions: tuple[str, ...] = ()) -> None:
        self.spec = replace(SPEC, name=name, instructions=instructions)
        self.value = value
        self.problem: Exception | None = None

    def reset(self) -> None:
        pass

    def infer(self, seen: Observation) -> ActionChunk:
        if self.problem is not None:
            raise self.problem
        return ActionChunk(seen.stamp_ns, np.full((5, 2), self.value), self.spec.dt_s)


def slot_with(*policies: Fake, **handover: float) -> tuple[PolicySlot, list[float]]:
    """
    Put policies to work one after the other; the time is in the list.
    """
    now_s = [0.0]
    slot = PolicySlot(5.0, handover=Handover(**handover), clock=lambda: now_s[0])
    for policy in policies:
        slot.put(policy)
    return slot, now_s


@pytest.fixture
def asked() -> Iterator[Any]:
    """
    Give a function that keeps asking the policy at work, as a control thread does.
    """
    ended = threading.Event()
    threads = []

    def ask(slot: PolicySlot) -> None:
        def run() -> None:
            while not ended.wait(0.002):
                slot.at_work.infer(observation())
        threads.append(threading.Thread(target=run))
        threads[-1].start()
    yield ask
    ended.set()
    for thread in threads:
        thread.join()


def test_the_new_one_is_compared_before_it_commands(asked: Any) -> None:
    slot, _ = slot_with(Fake(0.0), shadow_s=0.2)
    asked(slot)
    new = Fake(0.5)
    slot.put(new)
    assert slot.current is new
    assert slot.shadow.answers > 0
    np.testing.assert_allclose(slot.shadow.mean, [0.5, 0.5])
    assert slot.at_work.listener is None


def test_one_that_fails_in_shadow_never_commands(asked: Any) -> None:
    old, new = Fake(0.0), Fake(0.5)
    slot, _ = slot_with(old, shadow_s=60.0)
    asked(slot)
    problems = []

    def put() -> None:
        try:
            slot.put(new)
        except ModelError as problem:
            problems.append(str(problem))
    thread = threading.Thread(target=put)
    thread.start()
    wait_for(lambda: slot.at_work.listener is not None)
    new.problem = ModelError('broken')
    thread.join(10.0)
    assert 'failed in shadow: broken' in problems[0]
    assert slot.current is old and slot.at_work.listener is None


def test_a_failure_on_probation_brings_the_old_one_back_within_the_answer() -> None:
    old, new = Fake(0.0), Fake(0.5)
    slot, _ = slot_with(old, new, probation_s=10.0)
    at_work = slot.at_work
    assert at_work.infer(observation()).actions[0, 0] == 0.5
    new.problem = ModelError('broken')
    assert at_work.infer(observation()).actions[0, 0] == 0.0
    assert slot.current is old
    assert 'broken' in slot.fault and slot.at_work.by_itself
    # The one that failed must not come to the old one's rescue.
    old.problem = ModelError('broken too')
    with pytest.raises(ModelError, match='broken too'):
        slot.at_work.infer(observation())
    assert slot.current is old


def test_a_failure_after_probation_is_one_of_the_policy() -> None:
    old, new = Fake(0.0), Fake(0.5)
    slot, now_s = slot_with(old, new, probation_s=10.0)
    now_s[0] = 10.1
    new.problem = ModelError('broken')
    with pytest.raises(ModelError, match='broken'):
        slot.at_work.infer(observation())
    assert slot.current is new
    assert not slot.failed('refused')


def test_a_refused_command_on_probation_brings_the_old_one_back() -> None:
    old, new = Fake(0.0), Fake(0.5)
    slot, _ = slot_with(old, new, probation_s=10.0, blend_s=1.0)
    slot.at_work.infer(observation())
    assert slot.failed('command refused: too far')
    assert slot.current is old
    # Whoever calls for the one before meanwhile does not mean the one that failed.
    with pytest.raises(ModelError, match='rolled back already: .*too far'):
        slot.rollback()
    assert slot.current is old
    # From the plan that was refused nothing goes over.
    assert slot.at_work.infer(observation()).actions[0, 0] == 0.0


def test_an_instruction_of_before_the_swap_is_no_failure() -> None:
    old, new = Fake(0.0), Fake(0.5)
    slot, _ = slot_with(old, new, probation_s=10.0)
    new.problem = InstructionError('known: another')
    assert slot.at_work.infer(observation()).actions[0, 0] == 0.0
    assert slot.current is new


@pytest.fixture
def swaps(tmp_path: Path) -> PolicySwaps:
    made = make_swaps(ROBOT, 'joint_position', OPTIONS.__getitem__)
    made.begin(str(save(model(offset=0.1), tmp_path, 'first.onnx')))
    return made


def test_a_warm_policy_is_put_to_work_without_another_trial(
    swaps: PolicySwaps, tmp_path: Path,
) -> None:
    path = save(model(replace(SPEC, name='second'), offset=0.2), tmp_path, 'second.onnx')
    assert swaps.keep_warm([str(path), str(tmp_path / 'none.onnx')])[0].count('none.onnx')
    warm = swaps.warm
    assert warm == ['second']
    # Any trial would fail now.
    swaps._loader.open = None
    assert 'held warm' in swaps.change(str(path))
    assert swaps.slot.current.spec.name == 'second'


def test_a_warm_policy_whose_file_changed_is_loaded_anew(
    swaps: PolicySwaps, tmp_path: Path,
) -> None:
    path = save(model(offset=0.2), tmp_path, 'second.onnx')
    assert swaps.keep_warm([str(path)]) == []
    save(model(offset=0.35), tmp_path, 'second.onnx')
    assert 'held warm' not in swaps.change(str(path))
    assert swaps.slot.current.infer(observation()).actions[0, 0] == pytest.approx(0.35)
    # From now on the new version is the one that is held.
    assert 'held warm' in swaps.change(str(path))
    assert swaps.slot.current.infer(observation()).actions[0, 0] == pytest.approx(0.35)


def test_an_instruction_finds_the_policy_that_knows_it() -> None:
    now, other = Fake(instructions=('Open.',)), Fake(name='other', instructions=('close',))
    swaps = PolicySwaps(ModelLoader(ROBOT, 'joint_position', Trust(budget_s=5.0)), Handover())
    swaps.slot.put(now)
    swaps._warm = {'a': (None, Fake()), 'b': (None, other)}
    for text in ('open', '', 'dance'):
        assert swaps.answer_to(text) == ''
        assert swaps.slot.current is now
    assert swaps.answer_to('Close!') == 'other'
    assert swaps.slot.current is other


def test_what_an_instruction_put_to_work_is_not_undone_by_a_reload(
    swaps: PolicySwaps, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = Fake(name='other', instructions=('close',))
    swaps._warm = {'a': (None, other)}
    path = str(save(model(offset=0.2), tmp_path, 'second.onnx'))
    genuine = swaps._loader.open

    def while_it_is_tried(*arguments: Any) -> Any:
        opened = genuine(*arguments)
        assert swaps.answer_to('close') == 'other'
        return opened
    monkeypatch.setattr(swaps._loader, 'open', while_it_is_tried)
    with pytest.raises(ModelError, match="'other' was put to work meanwhile"):
        swaps.change(path)
    assert swaps.slot.current is other
    monkeypatch.setattr(swaps._loader, 'open', genuine)
    assert 'is active' in swaps.change(path)


def test_only_signed_models_are_taken_where_that_is_asked_for(tmp_path: Path) -> None:
    secret, _, line = make_keys(tmp_path / 'arm.key')
    path = save(model(), tmp_path)
    loader = ModelLoader(ROBOT, 'joint_position', Trust(TrustedKeys([line], required=True)))
    with pytest.raises(ModelError, match='not signed'):
        loader.open(str(path))
    sign_model(path, secret, comment='reviewed')
    policy = loader.open(str(path))
    assert loader.signers[policy.sha256].endswith(': reviewed')
    save(model(offset=0.3), tmp_path)
    with pytest.raises(ModelError, match='is not what the key'):
        loader.open(str(path))
    assert loader.open('hold') is not None
