# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What episodes earn: by a learned reward nothing that comes of the task's own verdict.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from improve_runs import small_config
from improve_runs import TurnWorld
from improve_runs import write_base
import numpy as np
import pytest
import torch

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.improve import new_improvement
from vaa_ros.learning.improve import open_folder
from vaa_ros.learning.improvement import Improvement
from vaa_ros.learning.payment import FEWEST_COSTS
from vaa_ros.learning.payment import paid
from vaa_ros.learning.replay import Trajectory
from vaa_ros.learning.rollouts import Job
from vaa_ros.learning.rollouts import Stage
from vaa_ros.learning.shown import Course
from vaa_ros.learning.shown import embed
from vaa_ros.learning.shown import look_at

IRL = small_config(method='irl', reward='transport')
TICK_NS = 50_000_000


@pytest.fixture(scope='module')
def base(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    return write_base(tmp_path_factory.mktemp('base'))


@pytest.fixture
def run(base: tuple[Path, str], tmp_path: Path) -> Improvement:
    return new_improvement(IRL, base[0], tmp_path / 'run', None, None, TurnWorld)


def course(ticks: int, tick_ns: int = TICK_NS) -> Course:
    rows = np.arange(ticks, dtype=np.float32)[:, None]
    return Course(rows, rows, rows, 7 + tick_ns * np.arange(ticks))


def decided(count: int) -> Trajectory:
    return Trajectory(np.zeros((count, 1)), np.zeros((count, 1)), np.zeros(count, np.float32),
                      True)


def rounds(base: Path, folder: Path, reward: str, count: int = 7) -> list[dict[str, float]]:
    """Act and learn here, with exploration that does the task now and then."""
    config = replace(IRL, reward=reward, noise_memory=0.97, hold=8)
    run = new_improvement(config, base, folder, None, None, TurnWorld)
    open_folder(run)
    actor = Stage(run.write_frozen(), run.sizes, run.world).actor()
    return [run.learn([actor.act(run.residual.state_dict(), job)
                       for job in run.jobs(run.episodes)]) | {'won': run.curve[-1][1]}
            for _ in range(count)]


def test_a_reward_that_knows_nothing_teaches_nothing(base, tmp_path):
    # Who is paid sooner for it where the task is done would learn the task.
    found = rounds(base[0], tmp_path / 'run', 'constant')
    assert [item['won'] for item in found] == [0] * 7
    assert found[-1]['reward'] == 0.5 == pytest.approx(found[-1]['value'], abs=0.01)
    assert found[-1]['residual'] < 0.3


def test_a_reward_from_demonstrations_teaches_the_task_without_its_verdict(base, tmp_path):
    found = rounds(base[0], tmp_path / 'run', 'transport')
    assert sum(item['won'] for item in found[:2]) == 0
    assert sum(item['won'] for item in found[-4:]) >= 8
    assert found[-1]['reward'] > found[1]['reward'] + 0.1
    assert found[-1]['reward_auc'] > 0.8


def test_an_episode_lasts_as_long_as_demonstrations_tell_whatever_comes_of_it(run, tmp_path):
    # The longest of the demonstrations has 30 ticks, and so has the time limit.
    assert run.payment.horizon == 38
    run.folder.mkdir()
    actor = Stage(run.write_frozen(), run.sizes, run.world).actor()
    job = replace(run.jobs(0)[0], noise=9.0, memory=0.0, hold=30)
    episodes = [actor.act(run.acting, replace(job, index=index)) for index in range(12)]
    assert {len(episode.action) for episode in episodes} == {30}
    assert {episode.success for episode in episodes} == {True, False}
    sooner = [actor.act(run.acting, replace(job, index=index, ticks=None)) for index in range(12)]
    assert min(len(episode.action) for episode in sooner) < 20
    assert {len(run.payment.embedded(run.payment.course(episode)))
            for episode in (*episodes, *sooner)} == {38}


def test_by_a_learned_reward_what_comes_sooner_is_worth_as_much(run, base, tmp_path):
    assert run.payment.discount == 1.0
    run.own.add(paid(decided(10), 0.5))
    batch = run.own.draw(100, torch.Generator())
    assert set(batch.reward.tolist()) == {0.0, 0.5} and set(batch.discount.tolist()) == {0.0, 1.0}
    task = new_improvement(small_config(), base[0], tmp_path / 'own', None, None, TurnWorld)
    assert (task.payment.discount, task.payment.ticks) == (small_config().discount, None)


def test_nothing_is_paid_before_it_is_known_what_is_usual(run):
    payment = run.payment
    costs = np.random.default_rng(0).uniform(0.02, 0.04, 20)
    for index, cost in enumerate(costs):
        payment.take(decided(10), float(cost), False)
        settled = payment.settle()
        assert len(settled) == (0 if index < 15 else 16 if index == 15 else 1)
        assert ('reward' in payment.figures(1)) == bool(settled)
    assert IRL.warmup_episodes == 16 > FEWEST_COSTS
    assert payment.scale.centre == pytest.approx(costs[:16].mean())
    worths = payment.worths(20)
    assert (np.argsort(worths) == np.argsort(-costs)).all() and min(worths) > 0.05


def test_what_is_judged_is_what_the_arm_was_told(run):
    run.folder.mkdir()
    actor = Stage(run.write_frozen(), run.sizes, run.world).actor()
    told = []
    actor._driver._command = told.append
    episode = actor.act(run.acting, Job(0, 0, 1.0, 0.0, 1, 0))
    np.testing.assert_allclose(episode.command, told, atol=1e-6)
    assert len(episode.stamp) == len(episode.state) == len(told)
    # In the first moment the ramp does not let the arm do yet what was meant.
    assert (np.abs(run.residual.bound.numpy() * episode.action)[0] > 0.01).any()
    np.testing.assert_allclose(episode.command[0], episode.state[0], atol=1e-3)


def test_own_episodes_are_embedded_as_demonstrations_are(base, run):
    frames = Frames(run.kept['dataset'])
    policy, shown = run.policy, look_at(run.policy, frames, TRAIN)[0]
    rows = frames.split(TRAIN)[:len(shown.course)]
    actions, mask = frames.chunks(rows)
    assert mask[0].all() and mask[-1].tolist() == [1] + [0] * (actions.shape[1] - 1)
    with torch.no_grad():
        wanted = policy.embed_chunk(policy.space.normal_chunk(
            torch.from_numpy(actions), torch.from_numpy(shown.course.state)),
            torch.from_numpy(mask)).numpy()
    found = embed(policy, shown.course)
    np.testing.assert_allclose(found[:, policy.config.embedding_size:], wanted, atol=1e-6)
    np.testing.assert_array_equal(found[:, :policy.config.embedding_size], shown.course.scene)


def test_a_course_is_cut_or_stays_as_it_ended():
    dt_s = TICK_NS / NANOSECONDS
    cut = course(10).lasting(4, dt_s)
    assert cut.command.ravel().tolist() == [0, 1, 2, 3]
    longer = course(3).lasting(6, dt_s)
    assert longer.command.ravel().tolist() == [0, 1, 2, 2, 2, 2]
    np.testing.assert_array_equal(longer.stamp, 7 + TICK_NS * np.arange(6))
    assert len(course(6).lasting(6, dt_s)) == 6
    # A camera at half the rate of control: half as many frames in the same time.
    slow = course(3, 2 * TICK_NS).lasting(10, dt_s)
    assert slow.scene.ravel().tolist() == [0, 1, 2, 2, 2]
