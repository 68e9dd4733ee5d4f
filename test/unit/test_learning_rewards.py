# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Rewards learned from demonstrations: against a reference, and what they must not depend on.
"""
from __future__ import annotations

import copy

from improve_runs import small_config
import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.optimize import linprog
from scipy.sparse import csr_array
from scipy.sparse import vstack

from vaa_ros.cli.reward_plot import draw_costs
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.improve_config import LEARNED_REWARDS
from vaa_ros.learning.reward_study import judge
from vaa_ros.learning.rewards import area_under_curve
from vaa_ros.learning.rewards import cosine_costs
from vaa_ros.learning.rewards import Critic
from vaa_ros.learning.rewards import Discriminator
from vaa_ros.learning.rewards import LearnedReward
from vaa_ros.learning.rewards import make_reward
from vaa_ros.learning.rewards import Scale
from vaa_ros.learning.rewards import sinkhorn
from vaa_ros.learning.rewards import thinned
from vaa_ros.learning.rewards import TICKS
from vaa_ros.learning.rewards import Transport

SIZE = 4


def walk(seed: int, end: float = 1.0, ticks: int = 40, fit: float = 0.02) -> np.ndarray:
    """Give an episode that goes along an arc to a part of its end, actions fitting the scene."""
    random = np.random.default_rng(seed)
    angle = np.linspace(0, end * 2.5, ticks)
    arc = np.stack([np.cos(angle), np.sin(angle), 0 * angle, 0 * angle], axis=1)
    halves = [arc + noise * random.standard_normal((ticks, SIZE)) for noise in (0.02, fit)]
    return np.concatenate([half / np.linalg.norm(half, axis=1, keepdims=True)
                           for half in halves], axis=1)


DEMONSTRATIONS = [walk(seed) for seed in range(5)]


def cost(reward: LearnedReward, episode: np.ndarray) -> float:
    return float(reward.costs(episode).mean())


@pytest.mark.parametrize('seed', range(3))
def test_the_transport_plan_is_the_optimal_one(seed):
    cost = np.random.default_rng(seed).uniform(0, 2, (12, 12))
    plan = sinkhorn(cost, epsilon=0.005, iterations=2000)
    rows, columns = linear_sum_assignment(cost)
    assert (plan * cost).sum() == pytest.approx(cost[rows, columns].mean(), abs=0.01)
    np.testing.assert_allclose(plan.sum(1), 1 / 12, atol=1e-9)
    np.testing.assert_allclose(plan.sum(0), 1 / 12, atol=1e-3)


@pytest.mark.parametrize('ticks', [7, 45, 150])
def test_as_it_is_used_an_episode_costs_hardly_more_than_the_exact_transport(ticks):
    episode = walk(9, end=0.8, ticks=ticks)
    shown = thinned(DEMONSTRATIONS[0], TICKS)
    cost = cosine_costs(episode, shown)
    places = np.arange(cost.size)
    sums = [csr_array((np.ones(cost.size), (which, places)))
            for which in (places // TICKS, places % TICKS)]
    shares = [np.full(count, 1 / count) for count in cost.shape]
    exact = linprog(cost.ravel(), A_eq=vstack(sums), b_eq=np.concatenate(shares)).fun
    ours = Transport(DEMONSTRATIONS[:1]).costs(episode)
    assert ours.shape == (ticks,) and 0.01 < exact
    assert exact - 1e-3 < ours.mean() < exact + 0.03


def test_a_plan_between_sequences_of_different_length_shares_the_mass():
    plan = sinkhorn(np.random.default_rng(0).uniform(0, 2, (3, 7, 5)))
    np.testing.assert_allclose(plan.sum(-1), 1 / 7, atol=1e-6)
    np.testing.assert_allclose(plan.sum(-2), 1 / 5, atol=1e-2)


def test_an_episode_that_is_cut_or_waits_costs_more_than_a_whole_one():
    reward = Transport(DEMONSTRATIONS)
    whole = cost(reward, walk(9))
    assert cost(reward, walk(9, end=0.5)) > 2 * whole
    waiting = np.concatenate([walk(9), walk(9)[:1].repeat(120, 0)])
    assert cost(reward, waiting) > 2 * whole


def test_the_critic_tells_actions_that_fit_from_others():
    assert cost(Critic(), walk(9, fit=0.5)) > 10 * cost(Critic(), walk(9))


def test_what_an_episode_earns_depends_on_no_units():
    costs = [1.0, 2.0, 4.0]
    earned, scaled = ([Scale.of(values, [0.5 * values[0]]).worth(value) for value in values]
                      for values in (costs, [1000 * value for value in costs]))
    np.testing.assert_allclose(earned, scaled)
    assert 1 > earned[0] > earned[1] > earned[2] > 0
    # There is something to gain all the way to the demonstrations.
    alike = Scale.of([2.0, 2.01], [0.5])
    assert 0.9 < alike.worth(0.6) < alike.worth(0.5) - 0.005
    assert Scale(2.0, 1.0).worth(2.0) == 0.5 and Scale(0.0, 1e-6).worth(1e9) >= 0


@pytest.mark.parametrize('name', ['transport', 'critic'])
def test_a_reward_depends_neither_on_axes_nor_on_speed_nor_on_order(name):
    config = ImproveConfig(method='irl', reward=name)
    turn = np.linalg.qr(np.random.default_rng(0).standard_normal((SIZE, SIZE)))[0]
    turns = np.kron(np.eye(2), turn)
    episode = walk(9, end=0.7)
    usual = cost(make_reward(config, DEMONSTRATIONS), episode)
    turned = make_reward(config, [shown @ turns for shown in DEMONSTRATIONS])
    assert cost(turned, episode @ turns) == pytest.approx(usual, rel=1e-6)
    slower = episode.repeat(2, axis=0)
    assert cost(make_reward(config, DEMONSTRATIONS), slower) == pytest.approx(usual, rel=1e-3)
    shuffled = make_reward(config, DEMONSTRATIONS[::-1])
    assert cost(shuffled, episode) == pytest.approx(usual, rel=1e-9)


def test_the_discriminator_learns_what_demonstrations_look_like_and_goes_on_from_its_state():
    config = small_config(method='irl', reward='discriminator')
    own = [walk(20 + seed, end=0.5) for seed in range(5)]
    reward = Discriminator(DEMONSTRATIONS, config)
    reward.learn(own)
    better = [-cost(reward, walk(seed)) for seed in range(30, 35)]
    worse = [-cost(reward, walk(seed, end=0.5)) for seed in range(30, 35)]
    assert area_under_curve(better, worse) == 1.0
    again = Discriminator(DEMONSTRATIONS, config)
    again.restore(copy.deepcopy(reward.state()))
    for each in (reward, again):
        each.learn(own)
    np.testing.assert_array_equal(reward.costs(own[0]), again.costs(own[0]))


def test_cosine_costs_are_means_over_both_halves():
    one, other = walk(0)[:3], walk(1)[:2]
    wanted = [[1 - (a[:SIZE] @ b[:SIZE] + a[SIZE:] @ b[SIZE:]) / 2 for b in other] for a in one]
    np.testing.assert_allclose(cosine_costs(one, other), wanted, atol=1e-12)


@pytest.mark.parametrize('name', LEARNED_REWARDS)
def test_no_demonstrations_are_too_few(name):
    with pytest.raises(DatasetError, match='at least 1'):
        make_reward(small_config(method='irl', reward=name), [])


def test_a_judgement_ranks_success_above_failure_and_whole_above_cut(tmp_path):
    episodes = [walk(40 + index, end=1.0 if index % 2 else 0.6) for index in range(8)]
    study = judge(Transport(DEMONSTRATIONS), episodes, [bool(index % 2) for index in range(8)],
                  [walk(60), walk(61)], [walk(60, end=0.5)])
    assert (study.success, study.length, study.whole) == (1.0, 0.5, 1.0)
    assert (study.successes, study.episodes) == (4, 8)
    assert set(study.costs) == {'held-out demonstration', 'success', 'failure'}
    assert study.costs['failure'].mean() > study.costs['success'].mean()
    blind = judge(Transport(DEMONSTRATIONS), episodes[::2], [False] * 4, [walk(60)], [walk(61)])
    assert np.isnan(blind.success)
    picture = draw_costs(study.costs, 'transport', tmp_path / 'pictures' / 'reward.svg')
    text = picture.read_text()
    assert all(name in text for name in study.costs)


def test_the_area_under_the_curve_counts_ties_half():
    assert area_under_curve([2, 3], [1, 2]) == pytest.approx(3.5 / 4)
    assert np.isnan(area_under_curve([], [1]))
