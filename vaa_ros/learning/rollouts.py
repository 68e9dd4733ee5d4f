# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Episodes of exploration, acted in several processes.

An episode is a function of its job alone: the weights that act, the seed of the scene and that of
the noise. So it does not matter which process acts it, in what order, or how often one dies on
the way: a job whose process died is acted again, and gives what it would have given.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
import functools
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import torch

from vaa_ros.alignment.residual import Residual
from vaa_ros.core.errors import SimulationError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.evaluate import Driver
from vaa_ros.learning.evaluate import Tick
from vaa_ros.learning.worker_life import end_with_parent
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.sim.world import World

MOST_DEATHS = 5
"""Deaths in a row without a finished episode, after which something is wrong for good."""
PATIENCE_S = 600.0
"""Time without an episode, after which those who act hang and are replaced [s]."""


@dataclass(frozen=True)
class Job:
    """
    An episode to act.

    :param index: its place in the run, which seeds its noise.
    :param scene: seed of the scene.
    :param noise: standard deviation of the exploration, as part of the bound.
    :param memory: part of it that stays from one decision to the next.
    :param hold: control ticks that a decision is held for.
    :param seed: seed of the run.
    :param ticks: how long it lasts, whatever comes of it; None to success or its time limit.
    """

    index: int
    scene: int
    noise: float
    memory: float
    hold: int
    seed: int
    ticks: int | None = None


@dataclass(frozen=True, eq=False)
class Episode:
    """
    What an episode came to.

    :param job: what was asked for.
    :param seen: what the residual saw at each tick (N, V), not standardised.
    :param action: what it did (N, D), -1 to 1 of its bound.
    :param command: what the arm was told (N, D), bounded, physical.
    :param state: the joints (N, S) [rad or m].
    :param stamp: when (N,) [ns].
    :param success: the task's own verdict.
    :param clamped: ticks at which the safety limits changed the command.
    """

    job: Job
    seen: np.ndarray
    action: np.ndarray
    command: np.ndarray
    state: np.ndarray
    stamp: np.ndarray
    success: bool
    clamped: int


class Explorer:
    """
    The policy that acts while learning: the frozen one, its residual, and noise.

    Its answers take the way of every other policy's: chunk player, safety limits, controller.

    :param frozen: gives what the residual sees as its ``z_vision``, see
        :class:`vaa_ros.alignment.graphs.SeenGraph`.
    :param residual: what is learned.
    """

    def __init__(self, frozen: OnnxPolicy, residual: Residual) -> None:
        self._frozen, self._residual = frozen, residual
        self._bound = residual.bound.numpy()
        self.begin(Job(0, 0, 0.0, 0.0, 1, 0))

    @property
    def spec(self) -> PolicySpec:
        """
        Give what the policy sees and does.
        """
        return self._frozen.spec

    def begin(self, job: Job) -> None:
        """
        Get ready for an episode.
        """
        self._job = job
        self._random = np.random.default_rng([job.seed, job.index])
        self._noise = np.zeros_like(self._bound)
        self.seen: list[np.ndarray] = []
        self.action: list[np.ndarray] = []
        self.command: list[np.ndarray] = []
        self.state: list[np.ndarray] = []
        self.stamp: list[int] = []

    def reset(self) -> None:
        """
        Do nothing: :meth:`begin` did it.
        """

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer an observation, and keep what was seen and done.
        """
        answer = self._frozen.infer(observation)
        with torch.no_grad():
            seen = self._residual.normal(torch.from_numpy(answer.z_vision))
        if len(self.seen) % self._job.hold == 0:
            self._decide(seen)
        action = self._action
        actions = (answer.actions + self._bound * action).astype(np.float32)
        self.seen.append(answer.z_vision)
        self.action.append(action)
        return ActionChunk(answer.stamp_ns, actions, answer.dt_s)

    def told(self, _: World, tick: Tick) -> None:
        """
        Keep what the arm was told in the end: what is judged is what was done, not what was meant.
        """
        self.command.append(tick.command)
        self.state.append(tick.observation.state)
        self.stamp.append(tick.observation.stamp_ns)

    @torch.no_grad()
    def _decide(self, seen: torch.Tensor) -> None:
        memory, fresh = self._job.memory, self._random.standard_normal(len(self._bound))
        self._noise = memory * self._noise + (1 - memory ** 2) ** 0.5 * fresh
        action = self._residual.act(seen).numpy() + self._job.noise * self._noise
        self._action = np.clip(action, -1, 1).astype(np.float32)


class Actor:
    """
    Acts jobs, one after the other.

    :param frozen: file of the frozen policy.
    :param residual: of the sizes of the run.
    :param world: makes the simulated world.
    """

    def __init__(self, frozen: Path, residual: Residual,
                 world: Callable[[], World]) -> None:
        self._residual = residual
        self._explorer = Explorer(OnnxPolicy(frozen), residual)
        self._driver = Driver(world(), self._explorer, on_tick=self._explorer.told)

    def act(self, weights: Mapping[str, np.ndarray], job: Job) -> Episode:
        """
        Act an episode.

        :param weights: of the residual.
        :param job: the episode.
        :return: what came of it.
        """
        self._residual.load_state_dict(
            {name: torch.from_numpy(np.array(value)) for name, value in weights.items()})
        explorer = self._explorer
        explorer.begin(job)
        rollout = self._driver.episode(job.scene, job.ticks)
        return Episode(job, np.array(explorer.seen), np.array(explorer.action),
                       np.array(explorer.command, np.float32),
                       np.array(explorer.state, np.float32), np.array(explorer.stamp),
                       rollout.success, rollout.clamped)


@dataclass(frozen=True)
class Stage:
    """
    What a process needs to act.

    :param frozen: file of the frozen policy, see :class:`vaa_ros.alignment.graphs.SeenGraph`.
    :param sizes: what :class:`~vaa_ros.alignment.residual.Residual` takes.
    :param world: makes the simulated world; it has to be picklable.
    """

    frozen: Path
    sizes: tuple[int, int, int, int]
    world: Callable[[], World]

    def actor(self) -> Actor:
        """
        Make an actor here.
        """
        torch.set_num_threads(1)
        return Actor(self.frozen, Residual(*self.sizes), self.world)


_stage: Stage | None = None


def _open_stage(stage: Stage) -> None:
    global _stage
    _stage = stage
    end_with_parent()


@functools.cache
def _make_actor() -> Actor:
    # Not at the opening of the stage, where an error would look like a death.
    return _stage.actor()


def _act(weights: Mapping[str, np.ndarray], job: Job) -> Episode:
    return _make_actor().act(weights, job)


class Troupe:
    """
    Processes that act jobs; a context manager, they end with it.

    :param stage: what each of them needs.
    :param workers: how many.
    """

    def __init__(self, stage: Stage, workers: int) -> None:
        self._stage, self._workers = stage, workers
        self._pool = self._hire()
        self.patience_s = PATIENCE_S
        self.deaths = 0
        """Times that processes had to be replaced."""

    def __enter__(self) -> Troupe:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.kill()
        self._pool.shutdown(cancel_futures=True)

    def start(self, weights: Mapping[str, torch.Tensor], jobs: Sequence[Job]) -> Round:
        """
        Have jobs acted, and do not wait.

        :param weights: of the residual that acts.
        :param jobs: the episodes.
        :return: what to wait for.
        """
        plain = {name: value.detach().numpy().copy() for name, value in weights.items()}
        return Round(self, plain, jobs)

    def submit(self, weights: Mapping[str, np.ndarray], job: Job) -> Future[Episode]:
        """
        Hand one job to whoever is free.
        """
        try:
            return self._pool.submit(_act, weights, job)
        except BrokenProcessPool:
            self.replace()
            return self._pool.submit(_act, weights, job)

    def replace(self) -> None:
        """
        Hire anew after a death.
        """
        self.deaths += 1
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._hire()

    def kill(self) -> None:
        """
        End those that act at once.
        """
        for process in list((self._pool._processes or {}).values()):
            process.kill()

    def _hire(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(self._workers, get_context('spawn'), _open_stage,
                                   (self._stage,))


class Round:
    """
    Jobs that are being acted.

    :param troupe: who acts.
    :param weights: of the residual that acts.
    :param jobs: the episodes.
    """

    def __init__(self, troupe: Troupe, weights: Mapping[str, np.ndarray],
                 jobs: Sequence[Job]) -> None:
        self._troupe, self._weights, self._jobs = troupe, weights, jobs
        self._waiting = {job.index: troupe.submit(weights, job) for job in jobs}

    def episodes(self) -> list[Episode]:
        """
        Wait for all of them.

        :return: the episodes, in the order of the jobs.
        :raises SimulationError: if processes die or hang again and again.
        """
        found: dict[int, Episode] = {}
        deaths = 0
        while len(found) < len(self._jobs):
            missing = [job for job in self._jobs if job.index not in found]
            try:
                for job in missing:
                    acted = self._waiting[job.index]
                    if not wait([acted], self._troupe.patience_s).done:
                        self._troupe.kill()
                    found[job.index] = acted.result()
                    deaths = 0
            except BrokenProcessPool as problem:
                deaths += 1
                if deaths > MOST_DEATHS:
                    raise SimulationError(
                        f'the processes that act died {deaths} times in a row, or were ended '
                        f'after {self._troupe.patience_s:.0f} s without an episode (out of '
                        'memory? no OpenGL?); go on with fewer: --resume --workers 1') from problem
                self._troupe.replace()
                self._waiting = {job.index: self._troupe.submit(self._weights, job)
                                 for job in self._jobs if job.index not in found}
        return [found[job.index] for job in self._jobs]
