# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Improve a cloned policy by reward: a small residual on its frozen, aligned features.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
import threading

import yaml

from vaa_ros.core.errors import ModelError
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain
from vaa_ros.learning import checkpoint
from vaa_ros.learning.improve_config import ImproveConfig
from vaa_ros.learning.improvement import EPISODES
from vaa_ros.learning.improvement import Improvement
from vaa_ros.learning.improvement import ImproveResult
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.world import World

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
    :raises DatasetError: if the demonstrations are missing or malformed.
    """
    run = new_improvement(config, base, output, dataset, task, make_world)
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
    :raises DatasetError: if the demonstrations are missing or malformed.
    """
    folder = Path(output)
    if (folder / checkpoint.CHECKPOINT).exists():
        raise ModelError(f'{folder} already holds a run; resume it, or choose another folder')
    policy, trained, state = checkpoint.load_policy(base)
    if policy.residual is not None:
        raise ModelError(f'{base} was improved already; go on with --resume, or begin with the '
                         'run that it came from')
    kept = {name: state[name] for name in ('dataset_hash', 'metrics', 'calibration')}
    kept |= {'task': task or policy.spec.task, 'base': str(Path(base).resolve()),
             'dataset': str(Path(dataset or state['dataset']).resolve()), LIVE: live}
    world = None if make_world is None else partial(make_world, kept['task'])
    return Improvement(config, policy, trained, kept, folder, world)


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
                       make_world: Callable[[str], World] = Simulation) -> ImproveResult:
    """
    Go on with an interrupted run: it comes to what it would have come to.

    :param folder: the run folder.
    :param progress: show a progress bar.
    :param stop: ends the run after the present round when set.
    :param make_world: makes the simulated world of a task, in each process that acts; it has to
        be picklable.
    :return: what came of it.
    :raises ModelError: if there is nothing to resume.
    """
    run = old_improvement(folder, make_world)
    if run.kept.get(LIVE):
        raise ModelError(f'{folder} is a run with a real arm; go on with --resume --live')
    return run.go(progress, stop)


def old_improvement(folder: str | Path,
                    make_world: Callable[[str], World] | None) -> Improvement:
    """
    Read an interrupted run, to go on with it.

    :param folder: the run folder.
    :param make_world: makes the simulated world of a task; None for a real arm.
    :return: the run.
    :raises ModelError: if there is nothing to resume.
    """
    policy, trained, state = checkpoint.load_policy(folder)
    try:
        config = from_mapping(ImproveConfig, yaml.safe_load(state['improve']), str(folder))
        world = None if make_world is None else partial(make_world, state['kept']['task'])
        run = Improvement(config, policy, trained, state['kept'], Path(folder), world)
        run.restore(state)
    except (KeyError, RuntimeError, ValueError) as problem:
        raise ModelError(f'{folder}: not a checkpoint of --method rl or irl that can be gone on '
                         f'with: {problem}') from problem
    return run
