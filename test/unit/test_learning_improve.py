# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Improving a policy by reward: it gets better, whatever dies or stops on the way, and is exported.
"""
from __future__ import annotations

from functools import partial
from pathlib import Path
import threading

from improve_runs import commands
from improve_runs import DeadlyWorld
from improve_runs import HangingWorld
from improve_runs import small_config
from improve_runs import TurnWorld
from improve_runs import write_base
import numpy as np
import pytest
import torch

from vaa_ros.alignment.graphs import PolicyGraph
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.learning import checkpoint
from vaa_ros.learning.evaluate import evaluate
from vaa_ros.learning.export import ask
from vaa_ros.learning.export import export
from vaa_ros.learning.export import random_observations
from vaa_ros.learning.improve import improve
from vaa_ros.learning.improve import resume_improvement
from vaa_ros.learning.improve_config import load_improve_config
from vaa_ros.learning.improvement import FROZEN
from vaa_ros.learning.improvement import ImproveResult
from vaa_ros.learning.reward_study import study_rewards
from vaa_ros.learning.rollouts import Episode
from vaa_ros.learning.rollouts import Explorer
from vaa_ros.learning.rollouts import Job
from vaa_ros.learning.rollouts import Stage
from vaa_ros.learning.rollouts import Troupe
from vaa_ros.policies.onnx_policy import OnnxPolicy


class After(threading.Event):
    """Is set from the n-th time on that it is asked."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def is_set(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.fixture(scope='module')
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return write_base(tmp_path_factory.mktemp('base'))


@pytest.fixture(scope='module')
def improved(base: tuple[Path, str]) -> ImproveResult:
    return improve(small_config(), base[0], base[0].parent / 'improved', progress=False,
                   make_world=TurnWorld)


@pytest.fixture(scope='module')
def exported(improved: ImproveResult) -> Path:
    return export(improved.folder, improved.folder / 'policy.onnx').path


def test_reward_makes_the_exported_policy_better(base, improved, exported):
    assert improved.finished and improved.deaths == 0
    assert improved.curve[0][1:] == (0, 4)
    rollouts = evaluate(exported, base[1], range(1000, 1020), make_simulation=TurnWorld).rollouts
    assert sum(rollout.success for rollout in rollouts) >= 18


def test_neither_a_death_nor_a_resume_changes_a_run(base, improved, tmp_path):
    part = improve(small_config(workers=2), base[0], tmp_path / 'run', progress=False,
                   stop=After(3), make_world=DeadlyWorld)
    assert not part.finished and part.deaths == 1 and len(part.curve) == 3
    whole = resume_improvement(part.folder, progress=False, make_world=DeadlyWorld)
    assert whole.curve == improved.curve
    assert whole.deaths == 1
    states = [checkpoint.load(result.folder)[2]['residual'] for result in (whole, improved)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    with pytest.raises(ModelError, match='already holds a run'):
        improve(small_config(), base[0], part.folder, progress=False)


class Impatient(Troupe):
    """Waits for a moment alone, but as long as it takes for those who have to start first."""

    def replace(self) -> None:
        self.patience_s = 300.0
        super().replace()


def test_who_hangs_is_replaced_and_the_episode_acted_again(base, improved):
    residual = checkpoint.load_policy(improved.folder)[0].residual
    sizes = (len(residual.mean), *residual.step.shape, len(residual.body[0].bias))
    stage = Stage(improved.folder / FROZEN, sizes, partial(HangingWorld, base[1]))
    with Impatient(stage, 1) as troupe:
        def act(scene: int) -> Episode:
            job = Job(0, scene, 0.5, 0.0, 1, 0)
            return troupe.start(residual.state_dict(), [job]).episodes()[0]

        first = act(3)
        troupe.patience_s = 0.5
        assert len(act(11).action) > 1 and troupe.deaths == 1
        np.testing.assert_array_equal(act(3).state, first.state)


def test_a_finished_run_is_not_gone_on_with(improved):
    frozen = improved.folder / FROZEN
    before = frozen.stat().st_mtime_ns
    again = resume_improvement(improved.folder, progress=False, make_world=TurnWorld, workers=2)
    assert again.finished and again.curve == improved.curve
    assert frozen.stat().st_mtime_ns == before


def test_the_exported_policy_is_the_trained_one_within_its_bound(base, improved, exported):
    policy, _, _ = checkpoint.load_policy(improved.folder)
    still, _, _ = checkpoint.load_policy(base[0])
    deployed = OnnxPolicy(exported)
    graph, before = PolicyGraph(policy).eval(), PolicyGraph(still).eval()
    bound = policy.residual.bound.numpy()
    moved = 0.0
    for observation in random_observations(policy.spec, 0):
        chunk = deployed.infer(observation)
        for ours, wanted in zip((chunk.actions, chunk.scale, chunk.z_vision, chunk.z_action),
                                ask(graph, observation), strict=True):
            np.testing.assert_allclose(ours, wanted, atol=1e-5)
        gap = np.abs(chunk.actions - ask(before, observation)[0])
        assert (gap <= bound + 1e-5).all()
        moved = max(moved, float((gap / bound).max()))
    assert moved > 0.1
    assert deployed.spec.chunk_length == still.spec.chunk_length
    assert 'method: rl' in deployed.spec.provenance['improved_by']


def test_what_acted_commands_what_the_exported_policy_does(base, improved, exported):
    policy, _, _ = checkpoint.load_policy(improved.folder)
    explorer = Explorer(OnnxPolicy(improved.folder / FROZEN), policy.residual)
    explorer.begin(Job(0, 3, 0.0, 0.0, 1, 0))
    ours, theirs = commands(explorer, base[1]), commands(OnnxPolicy(exported), base[1])
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_an_improved_policy_is_not_improved_as_if_it_were_new(improved, tmp_path):
    with pytest.raises(ModelError, match='was improved already'):
        improve(small_config(), improved.folder, tmp_path / 'run')


def test_a_configuration_says_which_method_it_is_for():
    assert load_improve_config('rl', workers=3).workers == 3
    assert load_improve_config('irl').reward == 'transport'
    assert load_improve_config('live', method='irl', reward='transport').max_minutes is None
    with pytest.raises(ConfigError, match='no configuration for --method'):
        load_improve_config('small')
    with pytest.raises(ConfigError, match="reward 'critic', expected one of"):
        load_improve_config('rl', reward='critic')
    with pytest.raises(ConfigError, match='unknown key stepz'):
        load_improve_config('rl', stepz=1)


def test_the_learned_rewards_are_judged_on_what_a_policy_does(base, tmp_path):
    config = small_config(method='irl', reward='transport')
    studies = study_rewards(config, base[0], tmp_path / 'study', 4, make_world=TurnWorld)
    assert set(studies) == {'transport', 'discriminator', 'critic', 'constant'}
    for study in studies.values():
        assert study.episodes == 2 and np.isnan(study.success) == (study.successes in (0, 2))
        # None can be told apart by when it ended: demonstrations have 30 frames.
        assert {len(costs) for costs in study.costs.values()} == {38}
        assert all((costs >= 0).all() for costs in study.costs.values())
    # A demonstration that is cut lacks its end.
    assert studies['transport'].whole > 0.5
