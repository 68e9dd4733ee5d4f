# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From a model file that nobody trusts yet to a policy that may run beside an arm.

The file is read once. Its checksum and signature are compared, a child process tries it out, and
only then are the same bytes loaded here.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
import hashlib
from pathlib import Path

from vaa_ros.core.errors import ModelError
from vaa_ros.core.paths import model_file
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.policies.onnx_file import read_model_bytes
from vaa_ros.policies.opening import check_takeover
from vaa_ros.policies.opening import HOLD
from vaa_ros.policies.opening import open_policy
from vaa_ros.policies.probe import probe
from vaa_ros.policies.probe import ProbeLimits
from vaa_ros.policies.signature import TrustedKeys

CHECKSUM_SUFFIX = '.sha256'


@dataclass(frozen=True)
class Trust:
    """
    What a model file has to stand before it is loaded.

    :param keys: whose signatures count.
    :param limits: what a trial may take.
    :param budget_s: longest answer [s]; 0 takes the policy's own control period.
    """

    keys: TrustedKeys = field(default_factory=TrustedKeys)
    limits: ProbeLimits = field(default_factory=ProbeLimits)
    budget_s: float = 0.0


class ModelLoader:
    """
    Loads policies for one robot and one kind of commands.

    :param robot: the robot.
    :param kind: the action kind of the commands.
    :param trust: what a file has to stand.
    """

    def __init__(self, robot: RobotSpec, kind: str, trust: Trust) -> None:
        self.robot = robot
        self.kind = kind
        self.signers: dict[str, str] = {}
        """Who signed each model that was loaded, by the model's SHA-256."""
        self._trust = trust

    @property
    def budget_s(self) -> float:
        """
        Give the longest that an answer may take [s]; 0 for the policy's own control period.
        """
        return self._trust.budget_s

    def open(
        self, name: str, running: PolicySpec | None = None, seen: Sequence[Observation] = (),
    ) -> Policy:
        """
        Load a policy.

        :param name: ``hold``, the name of a model, or the path of an ``.onnx`` file.
        :param running: spec of the policy that it shall take over from, or None.
        :param seen: observations of late, to try it out with.
        :return: the policy.
        :raises VaaError: saying why it must not be used.
        """
        if name == HOLD:
            policy = open_policy(name, self.robot, self.kind)
        else:
            from vaa_ros.policies.joint_space import for_commands
            from vaa_ros.policies.onnx_policy import OnnxPolicy
            path = model_file(name)
            data = read_model_bytes(path)
            check_checksum(path, data)
            signed = self._trust.keys.check(path, data)
            probe(path, data, self._trust.limits, self._trust.budget_s, self.robot, self.kind,
                  running, seen)
            policy = for_commands(OnnxPolicy(path, data=data), self.robot, self.kind)
            if signed is not None:
                self.signers[policy.sha256] = f'{signed.key_id}: {signed.comment}'
        if running is not None:
            check_takeover(running, policy.spec)
        return policy


def check_checksum(path: Path, data: bytes) -> None:
    """
    Compare a model with the checksum beside it, if there is one, as ``sha256sum`` writes it.

    :param path: the model file; the checksum is in ``<file>.sha256``.
    :param data: the contents of the model file.
    :raises ModelError: if they differ.
    """
    place = path.with_name(path.name + CHECKSUM_SUFFIX)
    if not place.is_file():
        return
    with place.open('rb') as stream:
        expected = stream.read(1024).decode('ascii', 'replace').split()[:1]
    found = hashlib.sha256(data).hexdigest()
    if expected != [found]:
        raise ModelError(f'model {path} has the SHA-256 {found}, {place.name} beside it says '
                         f'{" ".join(expected) or "nothing"}: it was damaged or changed, or the '
                         'checksum is that of another version')
