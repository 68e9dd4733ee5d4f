# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Those who act while a policy is improved: what they do is what the exported policy will do.
"""
from __future__ import annotations

from dataclasses import replace

from improve_runs import commands
from improve_runs import small_config
from improve_runs import TurnWorld
from improve_runs import write_base
from learning_samples import TINY
import numpy as np
import pytest
import torch

from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.export import ask
from vaa_ros.learning.export import told_of
from vaa_ros.learning.improve import new_improvement
from vaa_ros.learning.improve import open_folder
from vaa_ros.learning.rollouts import Explorer
from vaa_ros.learning.rollouts import Job
from vaa_ros.policies.onnx_policy import OnnxPolicy


class Deployed:
    """What is exported, in torch: tracing takes longer than everything else here."""

    def __init__(self, policy: AlignedPolicy) -> None:
        self._graph = PolicyGraph(policy).eval()
        self.spec = told_of(policy, policy.spec)

    def reset(self) -> None:
        """Nothing of before is kept."""

    def infer(self, observation: Observation) -> ActionChunk:
        return ActionChunk(observation.stamp_ns, ask(self._graph, observation)[0], self.spec.dt_s)


@pytest.mark.parametrize('decoder', ['mixture', 'flow'])
def test_what_acts_commands_what_the_deployed_policy_will(decoder, tmp_path):
    base, task = write_base(tmp_path, replace(TINY, decoder=decoder))
    run = new_improvement(small_config(), base, tmp_path / 'run', None, None, TurnWorld)
    open_folder(run)
    torch.nn.init.normal_(run.residual.body[-1].weight, generator=torch.Generator().manual_seed(0))
    explorer = Explorer(OnnxPolicy(run.write_frozen()), run.residual)
    explorer.begin(Job(0, 3, 0.0, 0.0, 1, 0))
    run.policy.residual = run.residual
    ours, theirs = commands(explorer, task), commands(Deployed(run.policy), task)
    assert np.ptp(ours, axis=0).max() > 0.05
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
