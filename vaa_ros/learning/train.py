# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Training: align vision with action and clone the expert, in one loss, with one optimiser.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from dataclasses import replace
import hashlib
import math
from pathlib import Path
import threading
import time
from typing import Any

import torch
from torch import nn

import vaa_ros
from vaa_ros.alignment.action_space import relative_elements
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ModelError
from vaa_ros.learning import checkpoint
from vaa_ros.learning.batches import BatchStream
from vaa_ros.learning.batches import to_batch
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.learning.config import TrainConfig
from vaa_ros.learning.config import with_history
from vaa_ros.learning.engine import Engine
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.optimiser import average
from vaa_ros.learning.optimiser import learning_rate
from vaa_ros.learning.optimiser import parameter_groups
from vaa_ros.learning.pretrained import put_pretrained
from vaa_ros.learning.pretrained import with_pretrained_size
from vaa_ros.learning.progress import Bar
from vaa_ros.learning.progress import interruptible
from vaa_ros.learning.validate import answer
from vaa_ros.learning.validate import calibrate
from vaa_ros.learning.validate import judge
from vaa_ros.learning.validate import spread

QUICK_LOOK = 512
"""Held-out frames that are looked at during training; at its end it is four times as many."""
LOOKING = 0.05
"""Largest part of the training time that goes into held-out looks."""


@dataclass(frozen=True)
class TrainResult:
    """
    What a training run came to.

    :param folder: the run folder.
    :param steps: batches learned from.
    :param minutes: training time [min].
    :param finished: False when it was interrupted and can be resumed.
    :param out_of_time: whether the time limit ended it before its last step.
    :param samples_per_second: speed, held-out looks left out.
    :param waited: part of the time spent waiting for data.
    :param metrics: figures on held-out episodes at the end; empty when interrupted.
    :param main: whether this is the process that writes and talks, the first of those that share
        the batches.
    """

    folder: Path
    steps: int
    minutes: float
    finished: bool
    out_of_time: bool
    samples_per_second: float
    waited: float
    metrics: dict[str, float]
    main: bool


def train(config: TrainConfig, dataset: str | Path, output: str | Path,
          progress: bool = True, stop: threading.Event | None = None) -> TrainResult:
    """
    Train a policy from a dataset folder.

    Ctrl-C, or ``stop``, ends it after the present step with a checkpoint to resume from. Started
    by ``torchrun``, each process takes its share of every batch, and the first one writes.

    :param config: the configuration.
    :param dataset: the dataset folder.
    :param output: the run folder to write; it must not hold a run already.
    :param progress: show a progress bar.
    :param stop: ends training early when set.
    :return: what came of it.
    :raises DatasetError: if the dataset is missing, malformed or too small.
    :raises ModelError: if the folder already holds a run.
    """
    folder = Path(output)
    if (folder / checkpoint.CHECKPOINT).exists():
        raise ModelError(f'{folder} already holds a run; resume it, or choose another folder')
    run = Run(config, Frames(dataset), folder, fresh=True)
    run.engine.wait()
    if run.engine.main:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / checkpoint.CONFIG).write_text(config_to_yaml(run.config), encoding='utf-8')
    return run.go(progress, stop)


def resume(folder: str | Path, dataset: str | Path | None = None, progress: bool = True,
           stop: threading.Event | None = None) -> TrainResult:
    """
    Go on with an interrupted run, as it would have gone on; with a time limit, by the clock.

    :param folder: the run folder.
    :param dataset: the dataset folder, or None for where it was.
    :param progress: show a progress bar.
    :param stop: ends training early when set.
    :return: what came of it.
    :raises ModelError: if there is nothing to resume.
    :raises DatasetError: if the dataset is not the one that the run began with.
    """
    config, _, state = checkpoint.load(folder)
    frames = Frames(dataset or state['dataset'])
    if dataset_hash(frames) != state['dataset_hash']:
        raise DatasetError(f'{frames.folder} is not the dataset that the run {folder} began '
                           'with; give the original one, or train anew')
    run = Run(config, frames, Path(folder))
    run.restore(state)
    return run.go(progress, stop)


def dataset_hash(frames: Frames) -> str:
    """
    Give the hash of a dataset's description, which holds those of its bags.
    """
    return hashlib.sha256((frames.folder / DESCRIPTION).read_bytes()).hexdigest()


class Run:
    """
    One training run: everything that changes while it goes.

    :param config: the configuration.
    :param frames: the dataset.
    :param folder: the run folder.
    :param fresh: whether it begins now, and pretrained weights are to be loaded.
    :raises DatasetError: if the dataset has too few frames to learn from.
    :raises ModelError: if pretrained weights are wanted and not to be had.
    :raises ConfigError: if the processes of the run cannot share a batch evenly.
    """

    def __init__(self, config: TrainConfig, frames: Frames, folder: Path,
                 fresh: bool = False) -> None:
        self.frames, self.folder = frames, folder
        self.chosen, self.held_out = frames.split(TRAIN), frames.split(HELD_OUT)
        if len(self.chosen) < config.batch_size:
            raise DatasetError(f'{frames.folder} has {len(self.chosen)} training frames, fewer '
                               f'than one batch of {config.batch_size}; record more episodes')
        if fresh:
            frames.to_train_with()
            config = replace(config, model=with_pretrained_size(config.model))
        self.config = config
        self.engine = Engine(config)
        torch.manual_seed(config.seed)
        spec = with_history(frames.spec, config)
        self.policy = AlignedPolicy(spec, config.model, config.loss)
        if fresh:
            put_pretrained(self.policy.eyes, config.model)
        found = frames.statistics(self.chosen, self.policy.space.select.numpy())
        statistics = {name: getattr(found, name) for name in (
            'state_mean', 'state_scale', 'action_mean', 'action_scale')}
        self.policy.space.set_statistics(
            **{name: torch.as_tensor(value) for name, value in statistics.items()})
        self.spec = replace(
            spec, name=config.name, embedding_size=config.model.embedding_size,
            normalisation={
                'relative': relative_elements(spec, config.model.relative),
                **{name: value.tolist() for name, value in statistics.items()}})
        self.policy = self.policy.to(self.engine.device, memory_format=torch.channels_last)
        self.averaged = copy.deepcopy(self.policy).requires_grad_(False)
        self.optimiser = torch.optim.AdamW(
            parameter_groups(self.policy, config), lr=1e-3, fused=True)
        self.model = self.engine.wrap(self.policy)
        self.generator = torch.Generator().manual_seed(config.seed)
        self.step, self.elapsed_s, self.waited_s, self.done = 0, 0.0, 0.0, 0.0
        self._started: float | None = None

    def restore(self, state: dict[str, Any]) -> None:
        """
        Take over the state of a checkpoint.
        """
        try:
            self.policy.load_state_dict(state['model'])
            self.averaged.load_state_dict(state['averaged'])
            self.optimiser.load_state_dict(state['optimiser'])
            self.engine.set_chance(state)
            self.generator.set_state(state['generator'])
            self.step, self.elapsed_s = state['step'], state['elapsed_s']
            self.waited_s = state['waited_s']
        except (KeyError, RuntimeError, ValueError) as problem:
            raise ModelError(f'{self.folder}: cannot go on from this checkpoint, which may be of '
                             f'another vaa_ros: {problem}') from problem

    def save(self, metrics: dict[str, float], calibration: dict[str, float]) -> None:
        """
        Write the checkpoint, from the first process.
        """
        if not self.engine.main:
            return
        checkpoint.save(self.folder, self.config, self.spec, {
            'model': self.policy.state_dict(), 'averaged': self.averaged.state_dict(),
            'optimiser': self.optimiser.state_dict(), **self.engine.chance(),
            'generator': self.generator.get_state(), 'step': self.step,
            'elapsed_s': self.seconds(), 'waited_s': self.waited_s,
            'dataset': str(self.frames.folder.resolve()),
            'dataset_hash': dataset_hash(self.frames), 'metrics': metrics,
            'calibration': calibration, 'vaa_version': vaa_ros.__version__})

    def seconds(self) -> float:
        """
        Give the training time so far [s].
        """
        now = 0.0 if self._started is None else time.perf_counter() - self._started
        return self.elapsed_s + now

    def part(self) -> float:
        """
        Give the part of the training that is done, 0 to 1, by steps or by time.
        """
        part = self.step / self.config.steps
        if self.config.max_minutes is not None:
            part = max(part, self.seconds() / (60 * self.config.max_minutes))
        return min(part, 1.0)

    def learn(self, raw: Any) -> dict[str, torch.Tensor]:
        """
        Learn from one batch.

        :param raw: a :class:`~vaa_ros.learning.batches.RawBatch`.
        :return: the terms of the loss.
        """
        for group in self.optimiser.param_groups:
            group['lr'] = learning_rate(self.done, self.config) * group.get('scale', 1.0)
        self.policy.train()
        batch = to_batch(raw, self.config.augment, self.generator, self.engine.device)
        self.optimiser.zero_grad(set_to_none=True)
        loss, terms = self.model(batch)
        loss.backward()
        norm = nn.utils.clip_grad_norm_(
            self.policy.parameters(), self.config.optimiser.clip_norm, foreach=True)
        if not torch.isfinite(norm):
            raise ModelError(f'the gradient is not finite at step {self.step}; lower '
                             'optimiser.learning_rate')
        self.optimiser.step()
        self.policy.contrast.bound_temperature()
        self.step += 1
        average(self.averaged, self.policy, self.step, self.config.optimiser.ema)
        return {**terms, 'gradient': norm}

    def look(self) -> dict[str, float]:
        """
        Judge the averaged weights on held-out frames; empty where none are held out.
        """
        if len(self.held_out) < 2 or not self.engine.main:
            return {}
        chosen = spread(self.held_out, QUICK_LOOK)
        return judge(answer(self.averaged, self.frames, chosen), self.spec)

    def go(self, progress: bool, stop: threading.Event | None) -> TrainResult:
        """
        Train until the end, or until interrupted.
        """
        log = checkpoint.MetricLog(self.folder, self.step) if self.engine.main else None
        stop = stop or threading.Event()
        stream = BatchStream(self.frames, self.chosen, self.config.model.crop,
                             self.config.batch_size, self.config.frames_per_episode,
                             self.config.seed, self.frames.history(self.spec),
                             self.engine.share(self.config.batch_size), self.step)
        try:
            with interruptible(stop), stream, Bar(progress and self.engine.main) as bar:
                self._started = time.perf_counter()
                looking = self._loop(stream, stop, bar, log)
                self.elapsed_s, self._started = self.seconds(), None
                result = self._finish(log, looking)
                self.engine.end()
                return result
        finally:
            if log is not None:
                log.close()

    def _loop(self, stream: BatchStream, stop: threading.Event, bar: Bar,
              log: checkpoint.MetricLog | None) -> float:
        """
        Learn batch by batch; give the time that went into held-out looks [s].
        """
        looking = 0.0
        looks = math.floor(self.part() * self.config.evaluations)
        sums: dict[str, torch.Tensor] = {}
        count, before = 0, self.waited_s
        for raw in stream:
            self.done, stopped = self.engine.agree(self.part(), stop.is_set())
            if stopped or self.done >= 1:
                break
            for name, value in self.learn(raw).items():
                sums[name] = sums.get(name, 0.0) + value
            count += 1
            self.waited_s = before + stream.waited_s
            if self.step % 50 == 0:
                self._tell(self.engine.means(sums, count), bar, log)
                sums, count = {}, 0
            due = math.floor(self.part() * self.config.evaluations) > looks
            # A look must not eat the time that it is to watch over, on a slow machine or a
            # large held-out set.
            if (due and log is not None and looking <= LOOKING * self.seconds()
                    and self.part() < 1):
                looks = math.floor(self.part() * self.config.evaluations)
                start = time.perf_counter()
                metrics = self.look()
                log.write('held_out', self.step, self.seconds(), metrics)
                bar.metrics(metrics)
                self.save(metrics, {})
                looking += time.perf_counter() - start
            bar.advance(self.part())
        return looking

    def _tell(self, means: dict[str, float], bar: Bar, log: checkpoint.MetricLog | None) -> None:
        if log is None:
            return
        means.update(learning_rate=self.optimiser.param_groups[-1]['lr'],
                     temperature=self.policy.contrast.temperature,
                     data_wait=self.waited_s / max(self.seconds(), 1e-9))
        log.write('train', self.step, self.seconds(), means)
        bar.losses(means, self.step * self.config.batch_size / max(self.seconds(), 1e-9))

    def _finish(self, log: checkpoint.MetricLog | None, looking: float) -> TrainResult:
        finished = self.done >= 1
        metrics, calibration = {}, {}
        if finished and len(self.held_out) >= 2 and log is not None:
            found = answer(self.averaged, self.frames, spread(self.held_out, 4 * QUICK_LOOK))
            metrics, calibration = judge(found, self.spec), calibrate(found)
            log.write('held_out', self.step, self.seconds(), metrics)
        self.save(metrics, calibration)
        seconds = max(self.elapsed_s - looking, 1e-9)
        return TrainResult(self.folder, self.step, self.elapsed_s / 60, finished,
                           finished and self.step < self.config.steps,
                           self.step * self.config.batch_size / seconds,
                           self.waited_s / max(self.elapsed_s, 1e-9), metrics, self.engine.main)
