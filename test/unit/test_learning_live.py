# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Learning from recorded episodes of an arm: what explored, what it did, and what came of it.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

from improve_runs import small_config
from improve_runs import TurnWorld
from improve_runs import write_base
from learning_bags import command
from learning_bags import LOG_NS
from live_bags import live_bag
from live_bags import TRACE
from live_bags import write_arm_base
import numpy as np
import pytest
import torch

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import EpisodeError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning import checkpoint
from vaa_ros.learning.bag_streams import read_streams
from vaa_ros.learning.episodes import observe
from vaa_ros.learning.evaluate import Driver
from vaa_ros.learning.export import export
from vaa_ros.learning.improve import resume_improvement
from vaa_ros.learning.improve_config import load_improve_config
from vaa_ros.learning.live import LiveRun
from vaa_ros.learning.live_episodes import look
from vaa_ros.learning.live_episodes import read_episode
from vaa_ros.learning.live_policy import LivePolicy
from vaa_ros.learning.payment import FEWEST_COSTS
from vaa_ros.learning.rollouts import Episode
from vaa_ros.learning.rollouts import Job
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.recording import messages

ROBOT = load_robot('vaa_arm')
CONFIG = replace(load_improve_config('live'), warmup_episodes=1, greedy=0.5, noise=0.5,
                 width=32, batch_size=16, updates_per_step=1.0, actor_after=0)


@pytest.fixture(scope='module')
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_arm_base(tmp_path_factory.mktemp('live'))


@pytest.fixture(scope='module')
def live(base: Path) -> LiveRun:
    run = LiveRun.begin(CONFIG, base, base.parent / 'run', None, 4)
    assert not (base.parent / 'run').exists()
    run.prepare({'robot': 'vaa_arm'})
    return run


@pytest.fixture(scope='module')
def first(live: LiveRun) -> LivePolicy:
    assert live.run.episodes == 0
    return live.next()


def observations(bag: Path, live: LiveRun) -> list:
    spec = live.run.policy.spec
    return observe(read_streams(bag, ROBOT, spec.cameras, spec.dt_s), spec)


def read(bag: Path, ran: LivePolicy, live: LiveRun):
    return read_episode(bag, ran, live.run.policy, ROBOT, Job(0, -1, ran.noise, 0.0, 4, 0))


def test_what_was_recorded_did_what_the_file_does(live, first, tmp_path):
    bag = live_bag(tmp_path / 'episode_000000', first, moved=range(3, 18))
    episode, deployed = read(bag, first, live), OnnxPolicy(first.path)
    assert episode.success and len(episode.action) == 15
    assert deployed.spec.name == first.name and deployed.sha256 == first.sha256
    assert deployed.spec.provenance['decoder'] == live.run.policy.config.decoder
    assert (np.abs(episode.action) > 0.01).any()
    bound = first.residual.bound.numpy()
    for row, seen in enumerate(observations(bag, live)[3:18]):
        meant = look(live.run.policy, [seen])[1][0] + episode.action[row] * bound
        np.testing.assert_allclose(meant, deployed.infer(seen).actions, atol=1e-4)
        np.testing.assert_array_equal(episode.state[row], seen.state)
        # What was sent to the arm, whatever the policy meant.
        np.testing.assert_allclose(episode.command[row], command(0, 3 + row), atol=1e-6)
        assert episode.stamp[row] == seen.stamp_ns


def test_it_explores_as_far_as_is_wanted_and_stays_within_its_bound(live, first, tmp_path):
    bag = live_bag(tmp_path / 'episode_000000', first)
    run, deployed = live.run, OnnxPolicy(first.path)
    still = OnnxPolicy(live.last().path)
    bound = run.residual.bound.numpy()
    for seen in observations(bag, live):
        moved = deployed.infer(seen).actions - still.infer(seen).actions
        assert (np.abs(moved) <= bound + 1e-5).all()
        np.testing.assert_allclose(moved, np.broadcast_to(moved[0], moved.shape), atol=1e-5)
    seen = run.shown.draw(2000, torch.Generator().manual_seed(7)).seen
    with torch.no_grad():
        change = first.residual.act(seen) - run.residual.act(seen)
    assert first.noise == 0.5
    assert float(change.square().mean().sqrt()) == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize('problem, told', [
    ('a person took over', {'change': [
        ('/command_source', LOG_NS, messages.serialize(messages.STRING, {'data': 'person'}))]}),
    ('the policy other moved the arm, too', {'other': [9]}),
    (f'the policy {CONFIG.name}_000000 was loaded, not', {'sha256': 'f' * 64}),
    ('it was broken off: the disk is full', {'aborted': 'the disk is full'}),
    ('nobody said whether it was a success', {'success': None}),
    ('7 observations moved the arm', {'moved': range(7)}),
])
def test_what_is_not_the_policys_own_is_left_out(live, first, tmp_path, problem, told):
    before = live.run.episodes
    with pytest.raises(EpisodeError, match=problem):
        live.take(live_bag(tmp_path / 'episode_000000', first, **told), first, ROBOT)
    assert live.run.episodes == before


def test_without_traces_nothing_is_guessed(live, first, tmp_path):
    bag = live_bag(tmp_path / 'episode_000000', first, leave_out=[TRACE])
    with pytest.raises(EpisodeError, match='no message on policy/trace'):
        read(bag, first, live)


def test_a_run_learns_from_its_episodes_and_goes_on(base, tmp_path):
    live = LiveRun.begin(CONFIG, base, tmp_path / 'run', None, 4)
    live.prepare({'robot': 'vaa_arm'})
    with pytest.raises(ModelError, match='go on with --resume --live'):
        resume_improvement(tmp_path / 'run', progress=False)
    noises = []
    for index, success in enumerate((False, True)):
        policy = live.next()
        noises.append(policy.noise)
        live.take(live_bag(tmp_path / f'episode_{index:06d}', policy, success), policy, ROBOT)
    assert noises == [0.5, 0.0] and live.run.learner.updates > 0
    assert live.run.curve == [(20, 0, 0), (40, 1, 1)]

    again = LiveRun.resume(tmp_path / 'run', None)
    assert (again.run.episodes, again.episodes, again.done) == (2, 4, False)
    again.prepare({'robot': 'vaa_arm'})
    ours, theirs = live.next(), again.next()
    assert ours.sha256 == theirs.sha256 and ours.noise == 0.5
    ends = []
    for run, policy in ((live, ours), (again, theirs)):
        run.take(live_bag(tmp_path / f'third_{len(ends)}', policy, False), policy, ROBOT)
        ends.append(run.run.residual.state_dict())
    assert all(torch.equal(value, ends[1][name]) for name, value in ends[0].items())
    assert again.run.curve[-1] == (60, 0, 0)

    confirmed = (tmp_path / 'run' / 'live' / 'confirmed.jsonl').read_text().splitlines()
    assert [json.loads(line)['robot'] for line in confirmed] == ['vaa_arm'] * 2
    rounds = checkpoint.read_metrics(tmp_path / 'run')
    assert [item['success'] for item in rounds] == [0.0, 1.0, 0.0, 0.0]
    exported, last = OnnxPolicy(export(tmp_path / 'run', tmp_path / 'policy.onnx').path), \
        OnnxPolicy(again.last().path)
    for seen in observations(tmp_path / 'episode_000000', live)[:3]:
        np.testing.assert_allclose(exported.infer(seen).actions, last.infer(seen).actions,
                                   atol=1e-5)
    assert LiveRun.resume(tmp_path / 'run', 3).done


def test_a_learned_reward_judges_in_place_of_the_person(base, tmp_path):
    config = replace(CONFIG, method='irl', reward='transport')
    live = LiveRun.begin(config, base, tmp_path / 'run', None, 40)
    live.prepare({})
    told = []
    for index in range(FEWEST_COSTS + 2):
        policy, name = live.next(), f'episode_{index:06d}'
        told.append(live.take(live_bag(tmp_path / name, policy, False, frames=12 + 2 * index),
                              policy, ROBOT))
    # What is usual is told by several; one alone would make every other one worth 0 or 1.
    assert ['reward' in figures for figures in told] == [False] * (FEWEST_COSTS - 1) + [True] * 3
    assert all(figures['success'] == 0.0 for figures in told)
    rewards = [figures['reward'] for figures in told[FEWEST_COSTS - 1:]]
    assert all(0.01 < reward < 0.99 for reward in rewards) and len(set(rewards)) == 3
    assert live.run.learner.updates > 0 and len(live.run.own) > 8 * 3
    # It is to be recorded as long whatever comes of it; what the task pays ends with the verdict.
    assert live.lasts_s == pytest.approx(live.run.payment.horizon / 30)
    assert LiveRun.begin(CONFIG, base, tmp_path / 'rl', None, 4).lasts_s is None
    again = LiveRun.resume(tmp_path / 'run', None)
    assert len(again.run.own) == len(live.run.own)
    np.testing.assert_array_equal(again.run.own._reward, live.run.own._reward)


def test_nothing_explores_without_what_was_confirmed(base, tmp_path):
    live = LiveRun.begin(CONFIG, base, tmp_path / 'run', None, 4)
    with pytest.raises(ConfigError, match='prepare'):
        live.next()
    with pytest.raises(VaaError, match='no checkpoint'):
        LiveRun.resume(tmp_path / 'run', None)
    assert not (tmp_path / 'run').exists()


class Watched:
    """A deployed policy that keeps what it was asked."""

    def __init__(self, path: Path) -> None:
        self._policy, self.asked = OnnxPolicy(path), []
        self.spec = self._policy.spec

    def reset(self) -> None:
        """Nothing of before is kept."""

    def infer(self, observation: Observation) -> ActionChunk:
        self.asked.append(observation)
        return self._policy.infer(observation)


def test_what_the_files_explore_teaches(tmp_path):
    base, task = write_base(tmp_path)
    config = small_config(noise=0.7, greedy=0.25, warmup_episodes=12, steps=100_000)
    live = LiveRun.begin(config, base, tmp_path / 'run', None, 100)
    live.prepare({})
    world, policy, scene = TurnWorld(task), live.run.policy, 0
    greedy = []
    while len(greedy) < 20:
        ran = live.next()
        acting = Watched(ran.path)
        rollout = Driver(world, acting).episode(scene)
        scene += 1
        seen, actions = look(policy, acting.asked)
        with torch.no_grad():
            normal = ran.residual.normal(torch.from_numpy(seen))
            action = ran.residual.act(normal).numpy()
        bound = ran.residual.bound.numpy()
        live.learn(Episode(Job(ran.index, scene, ran.noise, 0.0, config.hold, 0), seen, action,
                           actions[:, 0] + action * bound,
                           np.stack([item.state for item in acting.asked]),
                           np.array([item.stamp_ns for item in acting.asked]),
                           rollout.success, 0))
        greedy += [rollout.success] * (ran.noise == 0)
    assert sum(greedy[:3]) == 0 and sum(greedy[-6:]) >= 5, greedy
