# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Those who act while a policy is improved: what they do is what the exported policy will do.
"""
from __future__ import annotations

import contextlib
from dataclasses import replace
import os
import signal
import subprocess
import sys

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


STAGE = """
import os, time
from vaa_ros.learning.rollouts import Troupe
if __name__ == '__main__':
    pool = Troupe(None, 1)._pool
    worker = pool.submit(os.getpid).result()
    pool.submit(time.sleep, 600)
    print(worker, flush=True)
    time.sleep(600)
"""


def test_who_acts_does_not_outlive_the_trainer(tmp_path):
    script = tmp_path / 'trainer.py'
    script.write_text(STAGE)
    with subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True) as trainer:
        worker = int(trainer.stdout.readline())
        trainer.kill()
        try:
            # The pipe is at its end when all who held it are gone, the resource tracker, too.
            assert trainer.communicate(timeout=60)[0] == ''
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)


def test_each_seed_acts_other_scenes():
    scenes = [{small_config(seed=seed).scene(index) for index in range(5000)} for seed in range(3)]
    assert len(set.union(*scenes)) == 15_000
