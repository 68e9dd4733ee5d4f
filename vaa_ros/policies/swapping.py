# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which policy is at work: loaded on request, held warm beside it, chosen by name or by instruction.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from pathlib import Path
import threading
from typing import Any

from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.paths import model_file
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.policies.base import Policy
from vaa_ros.policies.loading import ModelLoader
from vaa_ros.policies.loading import Trust
from vaa_ros.policies.model_folder import file_state
from vaa_ros.policies.model_folder import FileState
from vaa_ros.policies.opening import HOLD
from vaa_ros.policies.opening import policy_file
from vaa_ros.policies.probe import ProbeLimits
from vaa_ros.policies.signature import TrustedKeys
from vaa_ros.policies.slot import Handover
from vaa_ros.policies.slot import PolicySlot


class PolicySwaps:
    """
    Puts policies to work in a slot.

    :param loader: loads them.
    :param handover: how one follows another.
    """

    def __init__(self, loader: ModelLoader, handover: Handover) -> None:
        self.slot = PolicySlot(loader.budget_s or None, handover=handover)
        self._loader = loader
        self._warm: dict[str, tuple[FileState | None, Policy]] = {}
        self._one_at_a_time = threading.Lock()

    @property
    def warm(self) -> list[str]:
        """
        List the names of the policies that are held warm.
        """
        return [policy.spec.name for _, policy in list(self._warm.values())]

    def begin(self, name: str) -> PolicySpec:
        """
        Put the first policy to work.

        :param name: ``hold``, the name of a model, or the path of an ``.onnx`` file.
        :return: its spec.
        :raises VaaError: saying why it must not be used.
        """
        policy = self._loader.open(name)
        return self.slot.put(policy, self._loader.robot, self._loader.kind).spec

    def keep_warm(self, names: Sequence[str]) -> list[str]:
        """
        Load policies to be put to work later, at once.

        :param names: as for :meth:`begin`.
        :return: what could not be loaded, and why.
        """
        problems = []
        for name in names:
            try:
                with self._one_at_a_time:
                    state, policy = _state(name), self._open(name)
                    self.slot.prove(policy, self._loader.robot, self._loader.kind)
                    self._warm[_key(name)] = state, policy
            except VaaError as problem:
                problems.append(f'{name}: {problem}')
        return problems

    def change(self, name: str) -> str:
        """
        Put a policy to work.

        At once if it is held warm and its file is the same, else through trial, warm-up and
        shadow.

        :param name: as for :meth:`begin`.
        :return: what was done, for a person.
        :raises VaaError: saying why not; the policy before then stays at work.
        """
        with self._one_at_a_time:
            warm = self._warm_policy(name)
            if warm is not None:
                self.slot.put(warm, proven=True)
                return f'policy {warm.spec.name!r} is active, it was held warm'
            state, at_work = _state(name), self.slot.at_work
            # An instruction that comes meanwhile puts its own policy to work, which stays.
            policy = self.slot.put(self._open(name), self._loader.robot, self._loader.kind,
                                   instead_of=at_work)
            if _key(name) in self._warm:
                # An instruction shall not bring an old version of the file back.
                self._warm[_key(name)] = state, policy
        report = self.slot.shadow
        return f'policy {policy.spec.name!r} is active' + (f'; {report.text()}' if report else '')

    def rollback(self) -> str:
        """
        Bring back the policy before.

        :return: what was done, for a person.
        :raises ModelError: if there is none.
        """
        return f'policy {self.slot.rollback().spec.name!r} is active'

    def answer_to(self, instruction: str) -> str:
        """
        Put the one to work that knows an instruction, where the one at work does not.

        :param instruction: what is asked for.
        :return: name of the policy that was put to work, or nothing.
        """
        if self.slot.current is None or _knows(self.slot.current, instruction):
            return ''
        for _, policy in list(self._warm.values()):
            if _knows(policy, instruction):
                self.slot.put(policy, proven=True)
                return policy.spec.name
        return ''

    def facts(self) -> dict[str, object]:
        """
        Say where the policy at work came from, and how it compared with the one before.
        """
        policy = self.slot.current
        path, sha256 = policy_file(policy)
        known = getattr(policy, 'familiarity', None)
        report = self.slot.shadow
        return {'path': path, 'sha256': sha256, 'signed_by': self._loader.signers.get(sha256, ''),
                'calibrated_with': 'nothing' if known is None else known.source,
                'previous': '' if self.slot.previous is None else self.slot.previous.spec.name,
                'warm': ', '.join(self.warm), 'last_fault': self.slot.fault,
                **({} if report is None else report.values())}

    def _open(self, name: str) -> Policy:
        at_work = self.slot.at_work
        return self._loader.open(name, at_work.spec, at_work.seen)

    def _warm_policy(self, name: str) -> Policy | None:
        state, policy = self._warm.get(_key(name), (None, None))
        return policy if policy is not None and state == _state(name) else None


def _knows(policy: Policy, instruction: str) -> bool:
    try:
        instruction_index(instruction, policy.spec.instructions)
    except InstructionError:
        return False
    return True


def _key(name: str) -> str:
    return name if name == HOLD else str(model_file(name))


def _state(name: str) -> FileState | None:
    return None if name == HOLD else file_state(Path(_key(name)))


def make_swaps(robot: RobotSpec, kind: str, option: Callable[[str], Any]) -> PolicySwaps:
    """
    Put together what a person chose.

    :param robot: the robot.
    :param kind: the action kind of the commands.
    :param option: gives the value of an option: those of the node's parameters of the same names.
    :return: ready for its first policy.
    :raises ModelError: if a trusted key cannot be read, or none is given where one is needed.
    """
    trust = Trust(
        TrustedKeys(option('trusted_keys'), option('require_signature')),
        ProbeLimits(option('trial_memory_mb'), option('trial_timeout_s')),
        option('max_inference_s'))
    handover = Handover(option('shadow_s'), option('swap_blend_s'), option('probation_s'))
    return PolicySwaps(ModelLoader(robot, kind, trust), handover)
