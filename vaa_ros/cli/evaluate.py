# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure a policy: how often it does the task, how fast, how smoothly, how well it is aligned.

In process by default, which is fast; with --ros through the simulated arm, camera_subscriber and
policy nodes. With --data it is also asked about demonstrations that it has not seen. --knn runs a
baseline on the same seeds: do what was done in the nearest demonstrations. --report draws it all.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_environment
from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import EVALUATION_SEED
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.options import Seeds
from vaa_ros.cli.options import seeds
from vaa_ros.cli.options import TASK_HELP
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import write_json
from vaa_ros.core.spec import SOURCE_KINDS

if TYPE_CHECKING:
    from vaa_ros.cli.results import EpisodeResult
    from vaa_ros.sim.environment import EnvironmentSpec
    from vaa_ros.sim.world import World

DEFAULT_COUNT = 50
NEIGHBOURS = 32

EPILOG = f"""\
examples:
  vaa evaluate --model pick_place --task pick_place --seeds {EVALUATION_SEED}:200
  vaa evaluate --model out/policy.onnx --task reach --ros --json figures.json
  vaa evaluate --model pick_place --task pick_place --ros --command-type velocity_commands
  vaa evaluate --model out/policy.onnx --task reach --data out/dataset
  vaa evaluate --model out/policy.onnx --task reach --data out/unseen --report out/report
  vaa evaluate --model out/policy.onnx --task reach --knn out/dataset --neighbours 32
  vaa evaluate --model hold --task reach               what doing nothing achieves
  vaa evaluate --model out/aloha.onnx --environment aloha_transfer --seeds 0:200
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--model', required=True, metavar='MODEL',
                        help='an .onnx file, the name of a shipped model, or hold')
    parser.add_argument('--task', metavar='NAME', help=TASK_HELP)
    add_environment(parser)
    parser.add_argument('--seeds', type=seeds, default=Seeds(EVALUATION_SEED, DEFAULT_COUNT),
                        metavar='FIRST:COUNT',
                        help=f'episodes to run (default: {EVALUATION_SEED}:{DEFAULT_COUNT}; '
                             'demonstrations start at 0)')
    parser.add_argument('--ros', action='store_true',
                        help='through the nodes, in lockstep, instead of in process')
    parser.add_argument('--real-time', action='store_true',
                        help='with --ros: in real time, which also measures latencies')
    parser.add_argument('--command-type', choices=tuple(SOURCE_KINDS), metavar='TYPE',
                        help='with --ros: how the arm is told, one of '
                             f'{", ".join(SOURCE_KINDS)} (default: the first that carries what '
                             'the policy answers)')
    parser.add_argument('--data', type=Path, metavar='DIR',
                        help='dataset for action error and retrieval on held-out episodes')
    parser.add_argument('--knn', type=Path, metavar='DIR',
                        help='dataset of demonstrations: also run the mean of the chunks of the '
                             'nearest ones as a baseline, in process')
    parser.add_argument('--neighbours', type=positive_int, metavar='K',
                        help=f'with --knn: how many nearest (default: {NEIGHBOURS})')
    parser.add_argument('--train-data', type=Path, metavar='DIR',
                        help='with --report: dataset to look up what a scene finds (default: that '
                             'of --knn, else the other episodes of --data)')
    parser.add_argument('--report', type=Path, metavar='DIR',
                        help='write an HTML page with all figures, pictures and failures here')
    parser.add_argument('--logs', type=Path, default=Path('out/evaluate/logs'), metavar='DIR',
                        help='with --ros: folder for the logs of the nodes')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print one table."""
    from tqdm import tqdm

    from vaa_ros.cli.policy_run import find_model
    from vaa_ros.cli.results import Summary
    prepare_json(args.json)
    args.loaded = _stage(args)
    _check_options(args)
    if args.report is not None:
        prepare_json(args.report / 'report.html', '--report')
    model = find_model(args.model)
    numbers = args.seeds.numbers(DEFAULT_COUNT)
    findings = None
    if args.report is not None or args.knn is not None:
        from vaa_ros.cli.evaluation_run import look_into
        findings = look_into(model, args)
        extra = findings.study.figures if findings.study is not None else {}
    else:
        extra = _held_out(args, model)
    runs = 1 if args.knn is None else 2
    with tqdm(total=runs * len(numbers), desc='evaluate', unit='episode', disable=None) as bar:
        results = _episodes(args, model, numbers, bar)
        base = [] if findings is None or findings.baseline is None else \
            _in_process(findings.baseline, args, numbers, bar)
    summary = Summary(tuple(results), extra)
    baseline = Summary(tuple(base)) if base else None
    how = ('in process' if not args.ros else 'through ROS, in real time' if args.real_time
           else 'through ROS, in lockstep')
    print(summary.table(f'{args.task}, {Path(model).name}, {how}'))
    seen = demonstrated(model, args.task, numbers)
    if seen:
        print(f'\n{len(seen)} of these episodes begin as demonstrations of this policy did, which '
              'flatters it: choose other --seeds')
    if baseline is not None:
        print('\n' + baseline.table(f'{args.task}, the nearest demonstrations alone, in process'))
    shown: dict[str, object] = {}
    if args.report is not None:
        from vaa_ros.cli.evaluation_run import write_report
        shown = write_report(args, model, findings, summary, baseline)
        print(f'\nreport   {shown["report"]}')
    write_json(args.json, {
        'task': args.task, 'model': model, 'seeds': numbers, 'demonstrated_seeds': seen,
        'how': how, **summary.figures(),
        **({'knn': baseline.figures()} if baseline is not None else {}),
        **({'study': findings.study.to_dict()} if findings and findings.study else {}), **shown})
    return 0


def demonstrated(model: str, task: str, numbers: list[int]) -> list[int]:
    """Return the seeds whose episodes are among the demonstrations that a policy comes from."""
    from vaa_ros.cli.policy_run import policy_spec
    spec = policy_spec(model)
    if spec is None or spec.task != task:
        return []
    shown = set(spec.provenance.get('seeds') or ())
    return [number for number in numbers if number in shown]


def _stage(args: argparse.Namespace) -> EnvironmentSpec | None:
    """Check the task or load the environment, which then is the task's name."""
    from vaa_ros.cli.stage import check_task
    from vaa_ros.core.errors import ConfigError
    if bool(args.task) == bool(args.environment):
        raise ConfigError('say what to do: --task NAME, or --environment NAME')
    if args.task:
        check_task(args.task)
        return None
    from vaa_ros.sim.environment import load_environment
    environment = load_environment(args.environment)
    args.task = environment.name
    return environment


def _check_options(args: argparse.Namespace) -> None:
    from vaa_ros.cli.policy_run import HOLD
    from vaa_ros.core.errors import ConfigError
    if args.real_time and not args.ros:
        raise ConfigError('--real-time goes with --ros')
    if args.command_type and not args.ros:
        raise ConfigError('--command-type goes with --ros')
    if args.ros and (args.report is not None or args.knn is not None):
        raise ConfigError('--report and --knn are in process; leave out --ros. `vaa demo` reports '
                          'episodes through ROS')
    if args.neighbours is not None and args.knn is None:
        raise ConfigError('--neighbours goes with --knn')
    if args.train_data is not None and (args.report is None or args.data is None):
        raise ConfigError('--train-data goes with --report and --data')
    for name in ('data', 'knn'):
        if args.model == HOLD and getattr(args, name) is not None:
            raise ConfigError(f'--{name} goes with a learned policy: hold has nothing to compare')


def _episodes(args: argparse.Namespace, model: str, numbers: list[int],
              bar: Any) -> list[EpisodeResult]:
    def shown(success: bool) -> None:
        bar.update()
        done.append(success)
        bar.set_postfix_str(f'{sum(done)}/{len(done)} successes')

    done: list[bool] = []
    if args.ros:
        from vaa_ros.cli.policy_run import PolicyRun
        traces = PolicyRun(args.task, model, numbers, not args.real_time, args.logs,
                           pictures=False, robot=args.loaded.robot if args.loaded else 'vaa_arm',
                           environment=args.environment or '',
                           allowed=args.allow_module,
                           command_type=args.command_type or '').run(
                               lambda trace: shown(trace.result is not None
                                                   and trace.result.success))
        return [trace.result for trace in traces if trace.result is not None]
    return _in_process(policy_of(model, args), args, numbers, bar, shown)


def _in_process(policy: Any, args: argparse.Namespace, numbers: list[int], bar: Any,
                shown: Callable[[bool], None] | None = None) -> list[EpisodeResult]:
    from vaa_ros.cli.results import EpisodeResult
    from vaa_ros.learning.evaluate import evaluate
    from vaa_ros.learning.evaluate import Rollout

    def result(rollout: Rollout) -> EpisodeResult:
        return EpisodeResult(rollout.seed, rollout.success, rollout.time_s,
                             control_ticks=rollout.control_ticks, rms_jerk=rollout.rms_jerk,
                             instruction=rollout.instruction, refused=rollout.refused)

    def step(rollout: Rollout) -> None:
        if shown is None:
            bar.update()
        else:
            shown(rollout.success)

    return [result(rollout) for rollout in
            evaluate(policy, args.task, numbers, on_rollout=step,
                     make_simulation=world_maker(args)).rollouts]


def world_maker(args: argparse.Namespace) -> Callable[[str], World]:
    """Return what makes the simulated world of the options."""
    from vaa_ros.sim.gym_simulation import GymSimulation
    from vaa_ros.sim.simulation import Simulation
    if args.loaded is None:
        return Simulation
    return lambda task: GymSimulation(args.loaded, args.allow_module)


def policy_of(model: str, args: argparse.Namespace) -> Any:
    """Return a policy, or the path of its file."""
    from vaa_ros.cli.policy_run import HOLD
    if model != HOLD:
        return model
    from vaa_ros.cli.policy_run import hold_spec
    from vaa_ros.policies.hold_policy import HoldPolicy
    return HoldPolicy(hold_spec(args.task, environment=args.loaded))


def _held_out(args: argparse.Namespace, model: str) -> dict[str, float]:
    if args.data is None:
        return {}
    from vaa_ros.learning.held_out import evaluate_held_out
    return evaluate_held_out(model, args.data)
