# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Improve a cloned policy by reward: a small residual on its frozen, aligned features.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
import threading

import yaml

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning import checkpoint
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.held_out import check_fits
from vaa_ros.learning.held_out import DATASET
from vaa_ros.learning.held_out import IMPROVED_ON
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.improvement import EPISODES
from vaa_ros.learning.improvement import Improvement
from vaa_ros.learning.improvement import ImproveResult
from vaa_ros.learning.train import dataset_hash
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.tasks import make_task
from vaa_ros.sim.world import World

SHOWN = 'shown_hash'
"""What a run keeps of its demonstrations: their hash."""
LIVE = 'live'
"""What a run keeps of the episodes to act with a real arm; 0 in the simulator."""


def improve(config: ImproveConfig, base: str | Path, output: str | Path,
            dataset: str | Path | None = None, task: str | None = None,
            progress: bool = True, stop: threading.Event | None = None,
            make_world: Callable[[str], World] = Simulation) -> ImproveResult:
    """
    Improve a trained policy.

    :param config: the configuration.
    :param base: run folder of the policy to begin with.
    :param output: the run folder to write; it must not hold a run already.
    :param dataset: the demonstrations, or None for those that the policy learned from.
    :param task: the task, or None for that of the policy.
    :param progress: show a progress bar.
    :param stop: ends the run after the present round when set.
    :param make_world: makes the simulated world of a task, in each process that acts; it has to
        be picklable.
    :return: what came of it.
    :raises ModelError: if the policy is not usable, or the folder already holds a run.
    :raises DatasetError: if the demonstrations are missing, malformed or of something else.
    :raises ConfigError: for an unknown task; lists those that exist.
    """
    run = new_improvement(config, base, output, dataset, task, make_world)
    if make_world is Simulation:
        make_task(run.policy.spec.task)
    open_folder(run)
    return run.go(progress, stop)


def new_improvement(config: ImproveConfig, base: str | Path, output: str | Path,
                    dataset: str | Path | None, task: str | None,
                    make_world: Callable[[str], World] | None, live: int = 0) -> Improvement:
    """
    Get ready to improve a trained policy; nothing is written yet.

    :param config: the configuration.
    :param base: run folder of the policy to begin with.
    :param output: the run folder to write later; it must not hold a run already.
    :param dataset: the demonstrations, or None for those that the policy learned from.
    :param task: the task, or None for that of the policy.
    :param make_world: makes the simulated world of a task; None for a real arm.
    :param live: episodes to act with a real arm; 0 for the simulator.
    :return: the run.
    :raises ModelError: if the policy is not usable, or the folder already holds a run.
    :raises DatasetError: if the demonstrations are missing, malformed or of something else.
    """
    folder = Path(output)
    if (folder / checkpoint.CHECKPOINT).exists():
        raise ModelError(f'{folder} already holds a run; resume it, or choose another folder')
    policy, trained, state = checkpoint.load_policy(base)
    if policy.residual is not None:
        raise ModelError(f'{base} was improved already; go on with --resume, or begin with the '
                         'run that it came from')
    frames = Frames(dataset or state['dataset'])
    task = task or policy.spec.task
    check_demonstrations(policy.spec, frames, task)
    # The figures on held-out demonstrations were those of the base.
    kept = {'dataset_hash': state['dataset_hash'], 'calibration': state['calibration'],
            'metrics': {}, 'base': str(Path(base).resolve()), LIVE: live,
            'dataset': str(frames.folder.resolve()), SHOWN: dataset_hash(frames)}
    told = {IMPROVED_ON: {**frames.spec.provenance, DATASET: kept[SHOWN]}} \
        if kept[SHOWN] != kept['dataset_hash'] else {}
    policy.spec = replace(policy.spec, task=task, provenance={**policy.spec.provenance, **told})
    world = None if make_world is None else partial(make_world, task)
    return Improvement(config, policy, trained, kept, folder, world)


def check_demonstrations(spec: PolicySpec, frames: Frames, task: str) -> None:
    """
    Refuse demonstrations that a policy cannot be improved with.

    :param spec: the policy.
    :param frames: the demonstrations.
    :param task: what is to be done.
    :raises DatasetError: if they are of another shape, of another task than the policy's and this
        one, or know other instructions.
    """
    check_fits(spec, frames)
    if frames.spec.task not in ('', spec.task, task):
        raise DatasetError(f'{frames.folder} demonstrates {frames.spec.task!r}; expected '
                           f'{" or ".join(map(repr, dict.fromkeys((spec.task, task))))}')
    if spec.conditioned and frames.spec.instructions != spec.instructions:
        raise DatasetError(f'{frames.folder} knows the instructions {frames.spec.instructions}, '
                           f'policy {spec.name!r} {spec.instructions}')


def open_folder(run: Improvement) -> None:
    """
    Make the folder of a new run, with its configuration.
    """
    run.folder.mkdir(parents=True, exist_ok=True)
    (run.folder / EPISODES).mkdir(exist_ok=True)
    (run.folder / checkpoint.CONFIG).write_text(
        yaml.safe_dump(to_plain(run.config), sort_keys=False), encoding='utf-8')


def is_improvement(folder: str | Path) -> bool:
    """
    Say whether a run folder is one of these.
    """
    return (Path(folder) / EPISODES).is_dir()


def resume_improvement(folder: str | Path, progress: bool = True,
                       stop: threading.Event | None = None,
                       make_world: Callable[[str], World] = Simulation,
                       dataset: str | Path | None = None, workers: int | None = None,
                       method: str | None = None) -> ImproveResult:
    """
    Go on with an interrupted run: it comes to what it would have come to.

    :param folder: the run folder.
    :param progress: show a progress bar.
    :param stop: ends the run after the present round when set.
    :param make_world: makes the simulated world of a task, in each process that acts; it has to
        be picklable.
    :param dataset: the demonstrations, or None for where they were.
    :param workers: processes that act, or None for as many as before.
    :param method: which method it has to be of, None for any.
    :return: what came of it.
    :raises ModelError: if there is nothing to resume, or it is of another method.
    :raises DatasetError: if the demonstrations are not those that the run began with.
    """
    run = old_improvement(folder, make_world, dataset, method)
    run.config = replace(run.config, workers=workers or run.config.workers)
    if run.kept.get(LIVE):
        raise ModelError(f'{folder} is a run with a real arm; go on with --resume --live')
    return run.go(progress, stop)


def old_improvement(folder: str | Path, make_world: Callable[[str], World] | None,
                    dataset: str | Path | None = None,
                    method: str | None = None) -> Improvement:
    """
    Read an interrupted run, to go on with it.

    :param folder: the run folder.
    :param make_world: makes the simulated world of a task; None for a real arm.
    :param dataset: the demonstrations, or None for where they were.
    :param method: which method it has to be of, None for any.
    :return: the run.
    :raises ModelError: if there is nothing to resume, or it is of another method.
    :raises DatasetError: if the demonstrations are not those that the run began with.
    """
    policy, trained, state = checkpoint.load_policy(folder)
    try:
        config = from_mapping(ImproveConfig, yaml.safe_load(state['improve']), str(folder))
        if method not in (None, config.method):
            raise ModelError(f'{folder} is a run of --method {config.method}, not of {method}')
        kept = state['kept']
        frames = Frames(dataset or kept['dataset'])
        if dataset_hash(frames) != kept[SHOWN]:
            raise DatasetError(f'{frames.folder} is not the dataset that the run {folder} began '
                               'with; give the original one with --data, or begin anew')
        kept = {**kept, 'dataset': str(frames.folder.resolve())}
        world = None if make_world is None else partial(make_world, policy.spec.task)
        run = Improvement(config, policy, trained, kept, Path(folder), world)
        run.restore(state)
    except (KeyError, RuntimeError, ValueError) as problem:
        raise ModelError(f'{folder}: not a checkpoint of --method rl or irl that can be gone on '
                         f'with: {problem}') from problem
    return run
