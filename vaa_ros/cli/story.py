# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The whole story: record, make a dataset, learn, export, run. What is done is not done again."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
from contextlib import contextmanager
from contextlib import suppress
from dataclasses import dataclass
from dataclasses import field
import json
import os
from pathlib import Path
import shlex
import sys
import time
from typing import Any

from vaa_ros.cli.stage import clock
from vaa_ros.cli.stage import watched
from vaa_ros.core.errors import ConfigError

SECONDS_AN_EPISODE = 9.0
"""What one episode of the final run may take in real time, film included [s]."""

SECONDS_TO_FINISH = 60.0
"""What export, start-up and report may take [s]."""

LEAST_TRAINING_MINUTES = 1.0


@dataclass
class Ledger:
    """
    What a story folder is about and how long its stages took; kept in ``story.json``.

    :param path: the file.
    :param about: what must not change between runs in the same folder.
    :param times: stage -> seconds, over all runs.
    """

    path: Path
    about: Mapping[str, object]
    times: dict[str, float] = field(default_factory=dict)

    @classmethod
    def open(cls, folder: Path, about: Mapping[str, object]) -> Ledger:
        """
        Read or begin the ledger of a folder.

        :raises ConfigError: when the folder is about something else.
        """
        path = folder / 'story.json'
        ledger = cls(path, dict(about))
        if path.is_file():
            try:
                known = json.loads(path.read_text(encoding='utf-8'))
                ledger.times = {str(k): float(v) for k, v in known['times'].items()}
                before = known['about']
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise ConfigError(f'{path}: cannot be read: {error!r}; remove the folder or '
                                  'choose another --out') from error
            changed = [f'{key} {before.get(key)!r}, now {value!r}'
                       for key, value in about.items() if before.get(key) != value]
            if changed:
                raise ConfigError(f'{folder} holds a story with {"; ".join(changed)}. Choose '
                                  'another --out, or remove the folder')
        return ledger

    def save(self) -> None:
        """Write the file in one step."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        partial = self.path.with_suffix('.partial')
        partial.write_text(json.dumps({'about': self.about, 'times': self.times}, indent=2))
        os.replace(partial, self.path)

    @property
    def seconds(self) -> float:
        """Time of all stages so far [s]."""
        return sum(self.times.values())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Announce a stage, and add its time to the ledger even when it is interrupted."""
        print(f'\n== {name}', flush=True)
        start = time.monotonic()
        before = self.times.get(name, 0.0)
        try:
            yield
        except BaseException:
            self.times[name] = before + time.monotonic() - start
            with suppress(OSError):  # what went wrong first is what to tell
                self.save()
            raise
        self.times[name] = before + time.monotonic() - start
        self.save()
        print(f'{name}: {clock(time.monotonic() - start)}', flush=True)


def tell(args: argparse.Namespace) -> int:
    """
    Do what is missing of the story, in order.

    :return: exit code of the command.
    :raises VaaError: naming what went wrong; what is done stays done.
    """
    out = args.out
    ledger = Ledger.open(out, {'task': args.task, 'demonstrations': args.demonstrations,
                               'config': args.config, 'pushes': args.pushes})
    print(f'from scratch: {args.demonstrations} demonstrations of {args.task}, at most '
          f'{args.minutes:g} minutes in all, in {out}')
    with ledger.stage('record'):
        _record(args, out / 'episodes')
    with ledger.stage('dataset'):
        _dataset(out / 'episodes', out / 'dataset')
    with ledger.stage('train'):
        finished = _train(args, ledger, out / 'dataset', out / 'run')
    if not finished:
        print('\nstopped; the same command goes on from here', file=sys.stderr)
        return 130
    model = out / 'policy.onnx'
    with ledger.stage('export'):
        _export(args.task, out / 'run', model)
    with ledger.stage('run'):
        _show(args, ledger, model)
    print('\n' + '   '.join(f'{name} {clock(seconds)}' for name, seconds in ledger.times.items())
          + f'   in all {clock(ledger.seconds)}')
    return 0


def _record(args: argparse.Namespace, episodes: Path) -> None:
    from tqdm import tqdm

    from vaa_ros.cli.record_run import recorded_seeds
    from vaa_ros.cli.record_run import RecordRun
    there = recorded_seeds(episodes, args.task)
    missing = [seed for seed in range(args.demonstrations) if seed not in there]
    if not missing:
        print(f'{len(there)} episodes are there already')
        return
    with tqdm(total=args.demonstrations, initial=len(there), desc='record', unit='episode',
              disable=None) as bar:
        recorded = RecordRun(
            args.task, missing, episodes, args.out / 'logs' / 'record',
            pushes_a_second=args.pushes).run(lambda episode: bar.update())
    print(f'{len(recorded)} episodes, {sum(e.success for e in recorded)} successes, '
          f'{sum(e.time_s for e in recorded):.0f} s of demonstrations')


def _dataset(episodes: Path, dataset: Path) -> None:
    from vaa_ros.cli.dataset import build
    newest = max(path.stat().st_mtime for path in episodes.glob('episode_*'))
    made = dataset / 'dataset.json'
    if made.is_file() and made.stat().st_mtime >= newest:
        print('the dataset is there already')
        return
    build([episodes], dataset, overwrite=True)


def _train(args: argparse.Namespace, ledger: Ledger, dataset: Path, run: Path) -> bool:
    """Train, or go on; whether it is finished."""
    done = run / 'finished.json'
    if done.is_file():
        print('the policy is trained already')
        return True
    from vaa_ros.learning.config import load_config
    from vaa_ros.learning.train import resume
    from vaa_ros.learning.train import train
    if (run / 'checkpoint.pt').is_file():
        print('going on from the checkpoint')
        result = resume(run, dataset, watched(run))
    else:
        minutes = training_minutes(args.minutes, ledger.seconds, args.episodes)
        print(f'{minutes:.1f} minutes for training')
        result = train(load_config(args.config, max_minutes=minutes), dataset, run,
                       watched(run))
    if result.finished:
        done.write_text(json.dumps({'steps': result.steps, 'minutes': result.minutes,
                                    'metrics': result.metrics}, indent=2))
        print(f'{result.steps} steps, {result.samples_per_second:.0f} samples a second, '
              f'{100 * result.waited:.1f} % of the time waiting for data')
    return bool(result.finished)


def training_minutes(budget: float, spent_s: float, episodes: int) -> float:
    """
    Return what is left of the time for training [min].

    :param budget: minutes for the whole story.
    :param spent_s: time of the stages before [s].
    :param episodes: episodes of the final run.
    """
    left_s = 60 * budget - spent_s - SECONDS_TO_FINISH - SECONDS_AN_EPISODE * episodes
    return max(left_s / 60, LEAST_TRAINING_MINUTES)


def _export(task: str, run: Path, model: Path) -> None:
    if model.is_file() and model.stat().st_mtime >= (run / 'checkpoint.pt').stat().st_mtime:
        print(f'{model} is there already')
        return
    from vaa_ros.learning.export import export
    result = export(run, model, f'{task}_from_scratch')
    print(f'{model}: {result.bytes / 1e6:.2f} MB, differs from torch by {result.parity:.1e}')


def _show(args: argparse.Namespace, ledger: Ledger, model: Path) -> None:
    from vaa_ros.cli.showcase import Showcase
    from vaa_ros.cli.training_log import read_metrics
    from vaa_ros.cli.training_log import training_curves
    trained = json.loads((args.out / 'run' / 'finished.json').read_text(encoding='utf-8'))
    held_out: dict[str, Any] = trained['metrics']
    times = [(f'time for {name}', clock(seconds)) for name, seconds in ledger.times.items()]
    Showcase(
        task=args.task, model=str(model), seeds=args.seeds.numbers(args.episodes), out=args.out,
        lockstep=args.lockstep, pictures=not args.no_video, json=args.json,
        command=shlex.join(['vaa', *sys.argv[1:]]),
        training=training_curves(read_metrics(args.out / 'run' / 'metrics.jsonl')),
        facts=[('demonstrations', str(args.demonstrations)), ('steps', str(trained['steps'])),
               *times],
        extra={name: float(value) for name, value in held_out.items()},
        stages_s=dict(ledger.times)).run()
