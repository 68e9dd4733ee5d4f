# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Improve a policy on a real arm, episode by episode; what commands the arm is the policy node.

Here are only files: a policy for each episode goes out, its recording comes in. Who gives the
policies to the node and waits for recordings is :mod:`vaa_ros.cli.live_run`.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
import json
from pathlib import Path
import time
from typing import Any

import torch

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.learning import checkpoint
from vaa_ros.learning.calibrate import fit_dataset
from vaa_ros.learning.improve import LIVE
from vaa_ros.learning.improve import new_improvement
from vaa_ros.learning.improve import old_improvement
from vaa_ros.learning.improve import open_folder
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.improvement import Improvement
from vaa_ros.learning.improvement import ImproveResult
from vaa_ros.learning.improvement import is_greedy
from vaa_ros.learning.live_episodes import read_episode
from vaa_ros.learning.live_policy import LiveFiles
from vaa_ros.learning.live_policy import LivePolicy
from vaa_ros.learning.parameter_noise import perturbed
from vaa_ros.learning.rollouts import Episode
from vaa_ros.learning.rollouts import Job
from vaa_ros.policies.onnx_policy import OnnxPolicy

EPISODES = 40
"""Episodes of a run, unless told otherwise."""
CONFIRMED = 'confirmed.jsonl'
STATES = 256
"""States at which the noise of an episode is measured."""
FINAL = 'final'


class LiveRun:
    """
    A run with a real arm.

    :param run: the run, new or gone on with.
    :param new: whether it is new.
    """

    def __init__(self, run: Improvement, new: bool) -> None:
        self.run, self._new = run, new
        self._since_s = time.perf_counter()
        self.scenes = ''
        """Why its policies do not know which scenes are usual; '' if they do."""
        self._files: LiveFiles | None = None

    @classmethod
    def begin(cls, config: ImproveConfig, base: Path, output: Path, dataset: Path | None,
              episodes: int) -> LiveRun:
        """
        Begin a run; nothing is written yet.

        :param config: the configuration.
        :param base: run folder of the policy to begin with.
        :param output: the run folder.
        :param dataset: the demonstrations, or None for those that the policy learned from.
        :param episodes: how many to act.
        :raises VaaError: as :func:`~vaa_ros.learning.improve.new_improvement`.
        """
        return cls(new_improvement(config, base, output, dataset, None, None, episodes), True)

    @classmethod
    def resume(cls, folder: Path, episodes: int | None = None, dataset: Path | None = None,
               method: str | None = None) -> LiveRun:
        """
        Go on with a run.

        :param folder: its folder.
        :param episodes: how many it is to have in all; None for as many as it was to have.
        :param dataset: the demonstrations, or None for where they were.
        :param method: which method it has to be of, None for any.
        :raises ModelError: if there is none, or it is of the simulator or of another method.
        :raises DatasetError: if the demonstrations are not those that it began with.
        """
        run = old_improvement(folder, None, dataset, method)
        if not run.kept.get(LIVE):
            raise ModelError(f'{folder} is a run in the simulator; go on without --live')
        run.kept[LIVE] = episodes or run.kept[LIVE]
        return cls(run, False)

    @property
    def episodes(self) -> int:
        """
        Give how many episodes the run is to have.
        """
        return int(self.run.kept[LIVE])

    @property
    def lasts_s(self) -> float | None:
        """
        Give how long an episode is to be recorded, whatever comes of it [s]; None to its verdict.
        """
        ticks = self.run.payment.ticks
        return None if ticks is None else ticks * self.run.policy.spec.dt_s

    @property
    def done(self) -> bool:
        """
        Tell whether it has them, or as many steps as its configuration allows.
        """
        return self.run.episodes >= self.episodes or self.run.part() >= 1

    def result(self) -> ImproveResult:
        """
        Say what it came to.
        """
        return self.run.result(self.done)

    @property
    def folder(self) -> Path:
        """
        Give the folder of its policies.
        """
        return self.run.folder / LIVE

    def prepare(self, confirmed: Mapping[str, Any]) -> None:
        """
        Make the folder, and what policies are made of; only after a person confirmed.

        :param confirmed: what was confirmed, to be kept.
        :raises VaaError: if that cannot be written or exported.
        """
        run = self.run
        if self._new:
            open_folder(run)
        self.folder.mkdir(exist_ok=True)
        with (self.folder / CONFIRMED).open('a', encoding='utf-8') as file:
            file.write(json.dumps({'at': time.strftime('%Y-%m-%dT%H:%M:%S%z'), **confirmed})
                       + '\n')
        spec = replace(run.policy.spec, name=run.config.name, calibration=run.kept['calibration'])
        self._files = LiveFiles(run.policy, run.residual, spec, self.folder)
        try:
            self._files.know(fit_dataset(OnnxPolicy(self._files.template), run.kept['dataset']))
        except VaaError as problem:
            self.scenes = str(problem)
        if self._new:
            run.save()
        self._new = False

    def next(self) -> LivePolicy:
        """
        Write the policy of the next episode.

        The same again until there was such an episode: a function of the run's configuration and
        of what it has learned.

        :raises ExportError: if it cannot be written.
        """
        run, config = self.run, self.run.config
        index = run.episodes
        noise = 0.0 if is_greedy(index, config.greedy) else config.noise
        return self._write(f'{index:06d}', noise)

    def last(self) -> LivePolicy:
        """
        Write the policy as it has become, which does not explore.

        :raises ExportError: if it cannot be written.
        """
        return self._write(FINAL, 0.0)

    def _write(self, end: str, noise: float) -> LivePolicy:
        run, index = self.run, self.run.episodes
        if self._files is None:
            raise ConfigError('no policy without prepare()')
        generator = torch.Generator().manual_seed(run.config.seed * 1_000_003 + index)
        seen = [replay.draw(STATES, generator).seen for replay in (run.shown, run.own)
                if len(replay)]
        residual = perturbed(run.residual, torch.cat(seen), noise, generator)
        return self._files.write(end, index, noise, residual, {
            'run': run.folder.name, 'live_episode': index, 'noise': noise,
            'dataset_sha256': run.kept['dataset_hash']})

    def take(self, bag: Path, ran: LivePolicy, robot: RobotSpec,
             max_skew_s: float = 0.016) -> dict[str, float]:
        """
        Learn from a recorded episode.

        :param bag: the recording.
        :param ran: the policy that acted it.
        :param robot: the robot.
        :param max_skew_s: largest distance in time of two cameras' frames, as in the node [s].
        :return: figures.
        :raises VaaError: if it is not to be learned from; nothing was.
        """
        run, config = self.run, self.run.config
        job = Job(ran.index, -1, ran.noise, 0.0, config.hold, config.seed)
        return self.learn(read_episode(bag, ran, run.policy, robot, job, max_skew_s))

    def learn(self, episode: Episode) -> dict[str, float]:
        """
        Learn from an episode, and keep what was learned.

        :param episode: what was seen and done.
        :return: figures.
        """
        run = self.run
        figures = run.learn([episode])
        now_s = time.perf_counter()
        run.elapsed_s, self._since_s = run.elapsed_s + now_s - self._since_s, now_s
        # What the limits changed is in the node's own diagnostics, not in a recording.
        figures.pop('clamped')
        log = checkpoint.MetricLog(run.folder, run.steps)
        try:
            log.write('improve', run.steps, run.seconds(), figures)
        finally:
            log.close()
        run.save()
        return {**figures, 'ticks': len(episode.action), 'success': float(episode.success)}
