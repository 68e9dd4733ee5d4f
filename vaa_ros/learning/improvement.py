# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A run that improves a policy by reward.

Round by round: processes act a few episodes while the residual learns from those before. The run
is a function of its configuration alone; a worker that dies, or a resume, does not change it
(a time limit does).
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
from pathlib import Path
import threading
import time
from typing import Any

import numpy as np
import torch
from tqdm import tqdm
import yaml

import vaa_ros
from vaa_ros.alignment.graphs import SeenGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.residual import Residual
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.records import to_plain
from vaa_ros.learning import checkpoint
from vaa_ros.learning.actor_critic import Learner
from vaa_ros.learning.config import TrainConfig
from vaa_ros.learning.export import policy_to_onnx
from vaa_ros.learning.export import told_of
from vaa_ros.learning.export import write
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.payment import paid
from vaa_ros.learning.payment import Payment
from vaa_ros.learning.progress import interruptible
from vaa_ros.learning.replay import decisions
from vaa_ros.learning.replay import draw_mixed
from vaa_ros.learning.replay import Replay
from vaa_ros.learning.replay import Trajectory
from vaa_ros.learning.rollouts import Episode
from vaa_ros.learning.rollouts import Job
from vaa_ros.learning.rollouts import Stage
from vaa_ros.learning.rollouts import Troupe
from vaa_ros.learning.shown import look_at
from vaa_ros.sim.world import World

FROZEN = 'frozen.onnx'
EPISODES = 'episodes'
MOST_TICKS = 1000
"""Room for the ticks of an episode that goes beyond the steps of a run."""


@dataclass(frozen=True)
class ImproveResult:
    """
    What a run came to.

    :param folder: the run folder.
    :param steps: control ticks acted.
    :param episodes: episodes acted.
    :param minutes: time [min].
    :param finished: False when it was interrupted and can be resumed.
    :param steps_per_second: control ticks acted a second, learning included.
    :param deaths: times that processes died and were replaced.
    :param curve: for each round the control ticks, and the successes and number of its episodes
        without noise.
    """

    folder: Path
    steps: int
    episodes: int
    minutes: float
    finished: bool
    steps_per_second: float
    deaths: int
    curve: tuple[tuple[int, int, int], ...]


class Improvement:
    """
    One run: everything that changes while it goes.

    :param config: the configuration.
    :param policy: the frozen policy.
    :param trained: how it was trained.
    :param kept: where it comes from: task, base, dataset, its figures.
    :param folder: the run folder.
    :param world: makes the simulated world, in each process that acts; None where a real arm
        acts, see :mod:`vaa_ros.learning.live`.
    """

    def __init__(self, config: ImproveConfig, policy: AlignedPolicy, trained: TrainConfig,
                 kept: Mapping[str, Any], folder: Path,
                 world: Callable[[], World] | None) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(config.seed)
        self.config, self.policy, self.trained = config, policy, trained
        self.kept, self.folder, self.world = dict(kept), folder, world
        policy.residual = None
        policy.requires_grad_(False)
        spec = policy.spec
        shown = look_at(policy, Frames(self.kept['dataset']), TRAIN)
        seen = torch.from_numpy(np.concatenate([item.seen for item in shown]))
        self.sizes = (seen.shape[1], spec.chunk_length, len(spec.action.names), config.width)
        residual = Residual(*self.sizes)
        residual.set_bounds(config.bound, policy.space.action_scale, spec.action)
        if not residual.bound.any():
            raise ConfigError('bound 0 leaves the residual nothing to do')
        residual.set_statistics(seen)
        self.learner = Learner(residual, config)
        self.payment = Payment(config, policy, [item.course for item in shown if item.exemplary])
        room = config.steps + config.episodes_per_round * MOST_TICKS
        self.own, self.shown = (
            Replay(size, self.sizes[0], self.sizes[2], config.n_step, self.payment.discount)
            for size in (room, len(seen)))
        for item in shown:
            action = item.missing / residual.bound.clamp(min=1e-9).numpy()
            kept = self.thinned(item.seen, np.clip(action, -1, 1))
            self.shown.add(replace(paid(kept, float(item.won)), ended=item.won))
        self.acting = {name: value.clone() for name, value in residual.state_dict().items()}
        self.steps, self.episodes, self.elapsed_s, self.deaths = 0, 0, 0.0, 0
        self.curve: list[tuple[int, int, int]] = []
        self._started = 0.0

    @property
    def residual(self) -> Residual:
        """
        Give the averaged residual, which acts and is exported.
        """
        return self.learner.residual

    def restore(self, state: dict[str, Any]) -> None:
        """
        Take over the state of a checkpoint, and the episodes that it had seen.
        """
        self.learner.restore(state['learner'])
        self.payment.restore(state)
        self.acting, self.episodes, self.steps = (
            state[name] for name in ('acting', 'episodes', 'step'))
        self.elapsed_s, self.deaths = state['elapsed_s'], state['deaths']
        self.curve = [tuple(item) for item in state['curve']]
        for index in range(self.episodes):
            with np.load(self._file(index), allow_pickle=False) as kept:
                self.payment.take(
                    Trajectory(kept['seen'], kept['action'], kept['reward'], True),
                    float(kept['cost']), bool(kept['success']))
        for settled in self.payment.settle():
            self.own.add(settled)

    def save(self) -> None:
        """
        Write the checkpoint.
        """
        spec = replace(self.policy.spec, name=self.config.name)
        checkpoint.save(self.folder, self.trained, spec, {
            'averaged': self.policy.state_dict(), 'residual': self.residual.state_dict(),
            'learner': self.learner.state(), 'acting': self.acting,
            **self.payment.state(),
            'episodes': self.episodes, 'curve': [list(item) for item in self.curve],
            'step': self.steps, 'elapsed_s': self.seconds(), 'deaths': self.deaths,
            'improve': yaml.safe_dump(to_plain(self.config)), 'kept': self.kept,
            'vaa_version': vaa_ros.__version__,
            **{name: self.kept[name] for name in ('dataset', 'dataset_hash', 'metrics',
                                                  'calibration')}})

    def seconds(self) -> float:
        """
        Give the time so far [s].
        """
        now = time.perf_counter() - self._started if self._started else 0.0
        return self.elapsed_s + now

    def part(self) -> float:
        """
        Give the part of the run that is done, 0 to 1, by steps or by time.
        """
        part = self.steps / self.config.steps
        if self.config.max_minutes is not None:
            part = max(part, self.seconds() / (60 * self.config.max_minutes))
        return min(part, 1.0)

    def go(self, progress: bool, stop: threading.Event | None) -> ImproveResult:
        """
        Act and learn until the end, or until interrupted.
        """
        if self.part() >= 1:
            return self.result(True)
        stop = stop or threading.Event()
        log = checkpoint.MetricLog(self.folder, self.steps)
        frozen = self.write_frozen()
        before = self.deaths
        try:
            with interruptible(stop), tqdm(total=self.config.steps, initial=self.steps,
                                           disable=not progress, unit='step') as bar, \
                    Troupe(Stage(frozen, self.sizes, self.world), self.config.workers) as troupe:
                self._started = time.perf_counter()
                acted = troupe.start(self.acting, self.jobs(self.episodes))
                while self.part() < 1 and not stop.is_set():
                    episodes = acted.episodes()
                    self.acting = {name: value.clone()
                                   for name, value in self.residual.state_dict().items()}
                    # They act the next round while we learn from this one.
                    acted = troupe.start(
                        self.acting, self.jobs(self.episodes + len(episodes)))
                    figures = self.learn(episodes)
                    self.deaths = before + troupe.deaths
                    log.write('improve', self.steps, self.seconds(), figures)
                    self.save()
                    bar.update(self.steps - bar.n)
                    bar.set_postfix(success=f'{self.recent():.0%}')
                self.elapsed_s, self._started = self.seconds(), 0.0
        finally:
            log.close()
        return self.result(self.part() >= 1)

    def result(self, finished: bool) -> ImproveResult:
        """
        Say what the run came to.
        """
        return ImproveResult(
            self.folder, self.steps, self.episodes, self.elapsed_s / 60, finished,
            self.steps / max(self.elapsed_s, 1e-9), self.deaths, tuple(self.curve))

    def jobs(self, first: int) -> list[Job]:
        """
        Give the episodes of a round.

        :param first: place of the first one in the run.
        :return: the jobs.
        """
        config = self.config
        return [Job(index, config.scene(index),
                    *((0.0, 0.0, 1) if is_greedy(index, config.greedy) else
                      (config.noise, config.noise_memory, config.hold)), config.seed,
                    self.payment.ticks)
                for index in range(first, first + config.episodes_per_round)]

    def learn(self, episodes: list[Episode]) -> dict[str, float]:
        """
        Take in the episodes of a round, and learn.

        :param episodes: the episodes.
        :return: figures of the round.
        """
        for episode, cost in zip(episodes, self.payment.costs(episodes), strict=True):
            kept = self.thinned(episode.seen[:self.payment.ticks],
                                episode.action[:self.payment.ticks])
            np.savez(self._file(self.episodes), seen=kept.seen.astype(np.float16),
                     action=kept.action, reward=kept.reward, cost=cost, success=episode.success)
            self.payment.take(kept, cost, episode.success)
            self.steps += len(episode.action)
            self.episodes += 1
        for settled in self.payment.settle():
            self.own.add(settled)
        greedy = [episode.success for episode in episodes if episode.job.noise == 0]
        self.curve.append((self.steps, sum(greedy), len(greedy)))
        figures = {'success': np.mean([episode.success for episode in episodes]),
                   'greedy_success': self.recent(),
                   'clamped': np.mean([episode.clamped for episode in episodes]),
                   'episodes': self.episodes, **self.payment.figures(len(episodes))}
        if self.episodes < self.config.warmup_episodes or not len(self.own):
            return figures
        due = round(self.config.updates_per_step * self.steps) - self.learner.updates
        # What the warm-up acted is not made up for: at most a round's worth.
        ticks = sum(len(episode.action) for episode in episodes)
        for _ in range(min(due, round(2 * self.config.updates_per_step * ticks))):
            figures |= self.learner.update(draw_mixed(
                self.own, self.shown, self.config.demonstrations, self.config.batch_size,
                self.learner.generator))
        return figures

    def thinned(self, seen: np.ndarray, action: np.ndarray) -> Trajectory:
        """
        Give an episode, of what was seen (N, V) and done (N, D), by decisions and not paid yet.
        """
        return decisions(Trajectory(
            self.residual.normal(torch.from_numpy(seen)).numpy(), action,
            np.zeros(len(action), np.float32), True), self.config.hold)

    def recent(self, episodes: int = 40) -> float:
        """
        Give the success rate of the last so many episodes without noise.
        """
        wins = count = 0
        for _, won, done in reversed(self.curve):
            wins, count = wins + won, count + done
            if count >= episodes:
                break
        return wins / count if count else float('nan')

    def _file(self, index: int) -> Path:
        return self.folder / EPISODES / f'{index:06d}.npz'

    def write_frozen(self) -> Path:
        """
        Write the frozen policy for those who act.
        """
        spec = told_of(self.policy, replace(self.policy.spec, embedding_size=self.sizes[0]))
        path = self.folder / FROZEN
        write(policy_to_onnx(SeenGraph(self.policy).eval(), spec, ('actions', 'z_vision')),
              None, spec, path)
        return path


def is_greedy(index: int, part: float) -> bool:
    """
    Say whether an episode is done without noise, spread evenly over the run.
    """
    return int((index + 1) * part) > int(index * part)
