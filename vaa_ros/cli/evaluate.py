# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure a policy: how often it does the task, how fast, how smoothly, how well it is aligned.

In process by default, which is fast; with --ros through the simulated arm, camera_subscriber and
policy nodes. With --data it is also asked about demonstrations that it has not seen.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

from vaa_ros.cli.options import add_environment
from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import EVALUATION_SEED
from vaa_ros.cli.options import Seeds
from vaa_ros.cli.options import seeds
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import write_json

if TYPE_CHECKING:
    from vaa_ros.cli.results import EpisodeResult
    from vaa_ros.sim.environment import EnvironmentSpec
    from vaa_ros.sim.world import World

DEFAULT_COUNT = 50

EPILOG = f"""\
examples:
  vaa evaluate --model pick_place --task pick_place --seeds {EVALUATION_SEED}:200
  vaa evaluate --model out/policy.onnx --task reach --ros --json figures.json
  vaa evaluate --model out/policy.onnx --task reach --data out/dataset
  vaa evaluate --model hold --task reach               what doing nothing achieves
  vaa evaluate --model out/aloha.onnx --environment aloha_transfer --seeds 0:200
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--model', required=True, metavar='MODEL',
                        help='an .onnx file, the name of a shipped model, or hold')
    parser.add_argument('--task', metavar='NAME',
                        help='task of the simulated arm: reach, push or pick_place')
    add_environment(parser)
    parser.add_argument('--seeds', type=seeds, default=Seeds(EVALUATION_SEED, DEFAULT_COUNT),
                        metavar='FIRST:COUNT',
                        help=f'episodes to run (default: {EVALUATION_SEED}:{DEFAULT_COUNT}; '
                             'demonstrations start at 0)')
    parser.add_argument('--ros', action='store_true',
                        help='through the nodes, in lockstep, instead of in process')
    parser.add_argument('--real-time', action='store_true',
                        help='with --ros: in real time, which also measures latencies')
    parser.add_argument('--data', type=Path, metavar='DIR',
                        help='dataset for action error and retrieval on held-out episodes')
    parser.add_argument('--logs', type=Path, default=Path('out/evaluate/logs'), metavar='DIR',
                        help='with --ros: folder for the logs of the nodes')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print one table."""
    from tqdm import tqdm

    from vaa_ros.cli.policy_run import find_model
    from vaa_ros.cli.results import Summary
    from vaa_ros.core.errors import ConfigError
    prepare_json(args.json)
    environment = _stage(args)
    if args.real_time and not args.ros:
        raise ConfigError('--real-time goes with --ros')
    model = find_model(args.model)
    numbers = args.seeds.numbers(DEFAULT_COUNT)
    extra = _held_out(args, model)
    with tqdm(total=len(numbers), desc='evaluate', unit='episode', disable=None) as bar:
        results = _episodes(args, model, numbers, bar, environment)
    summary = Summary(tuple(results), extra)
    how = ('in process' if not args.ros else 'through ROS, in real time' if args.real_time
           else 'through ROS, in lockstep')
    print(summary.table(f'{args.task}, {Path(model).name}, {how}'))
    write_json(args.json, {
        'task': args.task, 'model': model, 'seeds': numbers, 'how': how, **summary.figures()})
    return 0


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


def _episodes(args: argparse.Namespace, model: str, numbers: list[int], bar: Any,
              environment: EnvironmentSpec | None) -> list[EpisodeResult]:
    def shown(success: bool) -> None:
        bar.update()
        done.append(success)
        bar.set_postfix_str(f'{sum(done)}/{len(done)} successes')

    done: list[bool] = []
    if args.ros:
        from vaa_ros.cli.policy_run import PolicyRun
        traces = PolicyRun(args.task, model, numbers, not args.real_time, args.logs,
                           pictures=False, robot=environment.robot if environment else 'vaa_arm',
                           environment=args.environment or '',
                           allowed=args.allow_module).run(
                               lambda trace: shown(trace.result is not None
                                                   and trace.result.success))
        return [trace.result for trace in traces if trace.result is not None]
    from vaa_ros.cli.results import EpisodeResult
    from vaa_ros.learning.evaluate import evaluate
    from vaa_ros.learning.evaluate import Rollout

    def result(rollout: Rollout) -> EpisodeResult:
        return EpisodeResult(rollout.seed, rollout.success, rollout.time_s,
                             control_ticks=rollout.control_ticks, rms_jerk=rollout.rms_jerk,
                             instruction=rollout.instruction)

    def make(task: str) -> World:
        from vaa_ros.sim.gym_simulation import GymSimulation
        from vaa_ros.sim.simulation import Simulation
        return GymSimulation(environment, args.allow_module) if environment else Simulation(task)

    evaluation = evaluate(_policy(model, args.task, environment), args.task, numbers,
                          on_rollout=lambda rollout: shown(rollout.success), make_simulation=make)
    return [result(rollout) for rollout in evaluation.rollouts]


def _policy(model: str, task: str, environment: EnvironmentSpec | None) -> Any:
    from vaa_ros.cli.policy_run import HOLD
    if model != HOLD:
        return model
    from vaa_ros.cli.policy_run import hold_spec
    from vaa_ros.policies.hold_policy import HoldPolicy
    return HoldPolicy(hold_spec(task, environment=environment))


def _held_out(args: argparse.Namespace, model: str) -> dict[str, float]:
    from vaa_ros.cli.policy_run import HOLD
    from vaa_ros.core.errors import ConfigError
    if args.data is None:
        return {}
    if model == HOLD:
        raise ConfigError('--data goes with a learned policy: hold has nothing to compare')
    from vaa_ros.learning.held_out import evaluate_held_out
    return evaluate_held_out(model, args.data)
