# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What `vaa evaluate` does for --knn and --report, besides the episodes themselves."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
import sys
from typing import TYPE_CHECKING

from vaa_ros import __version__

if TYPE_CHECKING:
    from vaa_ros.cli.closeups import CloseUp
    from vaa_ros.cli.results import Summary
    from vaa_ros.learning.neighbours import Bank
    from vaa_ros.learning.neighbours import NeighbourPolicy
    from vaa_ros.learning.study import Study
    from vaa_ros.policies.onnx_policy import OnnxPolicy


@dataclass(frozen=True, eq=False)
class Findings:
    """
    What demonstrations tell about a policy.

    :param study: about unseen ones, or None.
    :param baseline: the policy that does what the nearest ones did, or None.
    """

    study: Study | None
    baseline: NeighbourPolicy | None


def look_into(model: str, args: argparse.Namespace) -> Findings:
    """
    Ask a policy about demonstrations.

    :param model: path of the ``.onnx`` file, or ``hold``.
    :param args: options of `vaa evaluate`.
    :raises VaaError: when the model or a dataset cannot be used.
    """
    if args.data is None and args.knn is None:
        return Findings(None, None)
    from vaa_ros.cli.evaluate import NEIGHBOURS
    from vaa_ros.learning.held_out import load_encoder
    from vaa_ros.learning.neighbours import NeighbourPolicy
    from vaa_ros.learning.study import study
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    policy, encoder = OnnxPolicy(model), load_encoder(Path(model))
    shown = args.train_data or args.knn
    folders = {folder for folder in (args.knn, shown if args.data else None) if folder}
    banks = {folder: _bank(policy, encoder, folder) for folder in folders}
    found = None if args.data is None else study(
        policy, encoder, args.data, banks.get(shown), _say)
    baseline = None if args.knn is None else NeighbourPolicy(
        policy, banks[args.knn], args.neighbours or NEIGHBOURS)
    return Findings(found, baseline)


def write_report(args: argparse.Namespace, model: str, findings: Findings, summary: Summary,
                 baseline: Summary | None) -> dict[str, object]:
    """
    Watch some episodes again and write the page, and the film of the failures beside it.

    :return: figures of these episodes, and where the page is.
    :raises ConfigError: when it cannot be written.
    """
    from vaa_ros.cli.closeups import watch
    from vaa_ros.cli.closeups import worth_a_look
    from vaa_ros.cli.evaluate import NEIGHBOURS
    from vaa_ros.cli.evaluate import policy_of
    from vaa_ros.cli.evaluate import world_maker
    from vaa_ros.cli.evaluation_report import EvaluationReport
    from vaa_ros.cli.stage import machine
    from vaa_ros.core.scene_watch import WatchOptions
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    policy = policy_of(model, args)
    policy = OnnxPolicy(policy) if isinstance(policy, str) else policy
    known = policy.familiarity if isinstance(policy, OnnxPolicy) else None
    _say('watching some episodes again')
    close_ups = watch(policy, known, args.task, worth_a_look(summary.results),
                      world_maker(args))
    seeds = [result.seed for result in summary.results]
    trained = policy.spec.provenance
    facts = [('command', 'vaa ' + ' '.join(sys.argv[1:])), ('model', model),
             ('seeds', f'{min(seeds)} to {max(seeds)}'),
             *([('trained', f'{trained["steps"]} steps, {trained.get("episodes", "?")} episodes')]
               if 'steps' in trained else []),
             *([('baseline', f'mean of the {args.neighbours or NEIGHBOURS} nearest chunks of '
                             f'{args.knn}')] if baseline is not None else []),
             ('vaa_ros', __version__), ('measured on', machine())]
    limit = None if known is None else known.threshold(WatchOptions().false_alarms_per_hour)
    page = EvaluationReport(
        f'Policy {policy.spec.name} on task {args.task}',
        f'{len(seeds)} episodes in the simulator, in process'
        + (f'; unseen demonstrations: {args.data}.' if args.data else '.'),
        summary, policy.spec, baseline, findings.study, close_ups, limit,
        _film(close_ups, args.report), facts).write(args.report / 'report.html')
    return {'report': page, 'watch_limit': limit,
            'watched': [each.figures() for each in close_ups]}


def _bank(policy: OnnxPolicy, encoder: object, folder: Path) -> Bank:
    from vaa_ros.learning.frames import Frames
    from vaa_ros.learning.frames import TRAIN
    from vaa_ros.learning.neighbours import make_bank
    frames = Frames(folder)
    _say(f'embedding the demonstrations of {folder}')
    return make_bank(policy, encoder, frames, frames.split(TRAIN))


def _film(close_ups: list[CloseUp], folder: Path) -> Path | None:
    from vaa_ros.cli.trace import film
    failed = [each.trace for each in close_ups if not each.result.success]
    if not failed:
        return None
    path = folder / 'failures.mp4'
    return path if film(failed, path, tuple(failed[0].pictures)) else None


def _say(what: str) -> None:
    print(f'{what} ...', file=sys.stderr, flush=True)
