# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Does a learned reward mean anything? Judged on episodes that it has not learned from.

It should rank success above failure, which it is never told, and a whole held-out demonstration
above the same one that goes no further from somewhere on. All are equally long, so that no reward
can tell them apart by when they ended.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from vaa_ros.core.errors import DatasetError
from vaa_ros.learning import checkpoint
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.improve_config import CONTROL
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.improve_config import LEARNED_REWARDS
from vaa_ros.learning.improvement import Improvement
from vaa_ros.learning.rewards import area_under_curve
from vaa_ros.learning.rewards import LearnedReward
from vaa_ros.learning.rewards import make_reward
from vaa_ros.learning.rollouts import Job
from vaa_ros.learning.rollouts import Stage
from vaa_ros.learning.rollouts import Troupe
from vaa_ros.learning.shown import Course
from vaa_ros.learning.shown import look_at
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.world import World

CUTS = (0.5, 0.75)
"""Parts of a demonstration that it is cut to; it stays there."""
LESSONS = 3
"""Rounds of learning of a discriminator before it is judged."""


@dataclass(frozen=True, eq=False)
class RewardStudy:
    """
    What a learned reward is worth.

    :param success: how often a success earns more than a failure (AUC), NaN without both.
    :param length: the same if an episode earned the more the sooner it ended, for comparison: a
        half where all are equally long.
    :param whole: how often a whole held-out demonstration earns more than a cut one.
    :param successes: episodes that succeeded, among those judged.
    :param episodes: those judged.
    :param costs: cost at each tick of a held-out demonstration, a success and a failure.
    """

    success: float
    length: float
    whole: float
    successes: int
    episodes: int
    costs: Mapping[str, np.ndarray]


def study_rewards(config: ImproveConfig, base: str | Path, folder: str | Path, episodes: int,
                  make_world: Callable[[str], World] = Simulation) -> dict[str, RewardStudy]:
    """
    Let a policy act, and judge every learned reward on what came of it.

    :param config: how much noise, how many processes.
    :param base: run folder of the policy.
    :param folder: folder for the frozen policy's file.
    :param episodes: episodes to act; a discriminator learns from half of them, and all rewards
        are judged on the other half.
    :param make_world: makes the simulated world of a task.
    :return: the studies by name of the reward.
    :raises DatasetError: if no demonstrations are held out.
    """
    policy, trained, state = checkpoint.load_policy(base)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    kept = {'dataset': state['dataset'], 'task': policy.spec.task}
    run = Improvement(config, policy, trained, kept, folder,
                      partial(make_world, policy.spec.task))
    held_out = [item.course for item in look_at(policy, Frames(state['dataset']), HELD_OUT)
                if item.exemplary]
    if not held_out:
        raise DatasetError(f'{state["dataset"]} holds no demonstrations out to judge with')
    payment = run.payment
    whole, cut = ([payment.embedded(each) for shown in held_out for each in parts(shown)]
                  for parts in (lambda shown: [shown], shortened))
    jobs = [Job(index, config.scene(index), 0.0, 0.0, 1, config.seed, payment.horizon)
            for index in range(episodes)]
    with Troupe(Stage(run.write_frozen(), run.sizes, run.world), config.workers) as troupe:
        acted = troupe.start(run.acting, jobs).episodes()
    embedded = [payment.embedded(payment.course(episode)) for episode in acted]
    success = [episode.success for episode in acted]
    studies = {}
    for name in (*LEARNED_REWARDS, CONTROL):
        reward = make_reward(config, payment.demonstrations, name)
        for _ in range(LESSONS):
            reward.learn(embedded[::2])
        studies[name] = judge(reward, embedded[1::2], success[1::2], whole, cut)
    return studies


def shortened(shown: Course) -> list[Course]:
    """
    Give the beginnings of a demonstration.
    """
    rows = (slice(max(1, round(part * len(shown)))) for part in CUTS)
    return [Course(*(values[kept] for values in (
        shown.scene, shown.state, shown.command, shown.stamp))) for kept in rows]


def judge(reward: LearnedReward, episodes: Sequence[np.ndarray], success: Sequence[bool],
          held_out: Sequence[np.ndarray], cut: Sequence[np.ndarray]) -> RewardStudy:
    """
    Judge a reward.

    :param reward: the reward.
    :param episodes: embeddings of episodes (N_i, 2 * E) that it has not learned from.
    :param success: the task's verdict on each, for the judgement alone.
    :param held_out: embeddings of demonstrations that it has not learned from.
    :param cut: those of their beginnings.
    :return: what it is worth.
    """
    earned = np.array([-reward.costs(episode).mean() for episode in episodes])
    won = np.array(success, dtype=bool)
    length = np.array([-len(episode) for episode in episodes])
    whole, part = ([-reward.costs(shown).mean() for shown in each] for each in (held_out, cut))
    costs = {'held-out demonstration': reward.costs(held_out[0])}
    for label, verdict in (('success', True), ('failure', False)):
        if (won == verdict).any():
            costs[label] = reward.costs(episodes[int(np.argmax(won == verdict))])
    return RewardStudy(*(area_under_curve(score[won], score[~won]) for score in (earned, length)),
                       area_under_curve(whole, part), int(won.sum()), len(won), costs)
