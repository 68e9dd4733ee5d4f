# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What does reward add to cloning? Success of a cloned policy, and of what becomes of it.

    python benchmarks/reinforcement.py                                  # the table as far as it is
    python benchmarks/reinforcement.py --cells 3                        # run three more cells
    python benchmarks/reinforcement.py --task pick_place_narrow --cells 3      # or --task insert
    python benchmarks/reinforcement.py --task reach --demonstrations 8 --minutes 20 --cells 4
    python benchmarks/reinforcement.py --rewards 96                # do the rewards mean anything?

A cell is one method at one seed: ``clone`` (the start of all others of its seed), ``rl`` (the
task's own reward), or a learned reward without the task's: ``transport``, ``discriminator``,
``critic``; ``constant`` is their control, a reward that knows nothing. All are judged on the same
seeds. What is done is kept in the results file; a run that was interrupted goes on. With --rewards
the cloned policy acts so many episodes, all equally long, every learned reward ranks them, and
pictures are drawn along a demonstration, a success and a failure.
"""
from __future__ import annotations

import argparse
from dataclasses import dataclass
from dataclasses import replace
import os
from pathlib import Path
from typing import Any

from bench import keep
from bench import load
from bench import make_dataset
from bench import make_parser
from bench import rate
from bench import show

RESULTS = Path(__file__).with_name('results') / 'reinforcement.json'
FIRST_SEED = 100_000
METHODS = ('clone', 'rl', 'transport', 'discriminator', 'critic', 'constant')


@dataclass(frozen=True)
class Cell:
    """
    One policy to make and judge.

    :param task: name of the task.
    :param demonstrations: episodes that it begins with.
    :param method: one of :data:`METHODS`.
    :param seed: seed of everything.
    """

    task: str
    demonstrations: int
    method: str
    seed: int

    @property
    def name(self) -> str:
        """
        Give a name for files and results.
        """
        return f'{self.task}_{self.demonstrations}_{self.method}_seed{self.seed}'


def clone(cell: Cell, args: argparse.Namespace) -> Path:
    """
    Train the cloned policy of a cell's seed, unless that was done.

    :return: its run folder.
    """
    from vaa_ros.learning.config import load_config
    from vaa_ros.learning.train import resume
    from vaa_ros.learning.train import train
    if args.base is not None:
        return args.base
    run = args.out / replace(cell, method='clone').name
    data = make_dataset(cell.task, cell.demonstrations, args.out)
    config = replace(load_config(args.config, steps=args.steps, seed=cell.seed, evaluations=4,
                                 threads=args.threads), max_minutes=None)
    if (run / 'checkpoint.pt').is_file():
        resume(run, data, False)
    else:
        train(config, data, run, False)
    return run


def run_cell(cell: Cell, args: argparse.Namespace) -> dict[str, Any]:
    """
    Make, export and judge one policy.

    :param cell: which one.
    :param args: the command line.
    :return: what to keep of it.
    """
    from vaa_ros.learning.checkpoint import read_metrics
    from vaa_ros.learning.evaluate import evaluate
    from vaa_ros.learning.export import export
    from vaa_ros.learning.improve import improve
    from vaa_ros.learning.improve import resume_improvement
    from vaa_ros.learning.improve_config import load_improve_config
    run, found = clone(cell, args), {}
    if cell.method != 'clone':
        base, run = run, args.out / cell.name
        method = 'rl' if cell.method == 'rl' else 'irl'
        reward = 'success' if method == 'rl' else cell.method
        config = load_improve_config(method, reward=reward, seed=cell.seed,
                                     max_minutes=args.minutes, workers=args.workers,
                                     steps=args.ticks, bound=args.bound)
        result = resume_improvement(run, False) if (run / 'checkpoint.pt').is_file() else \
            improve(config, base, run, progress=False)
        found = {'ticks': result.steps, 'minutes': result.minutes, 'acted': result.episodes,
                 'ticks_per_second': result.steps_per_second, 'curve': result.curve,
                 'reward_auc': read_metrics(run)[-1].get('reward_auc')}
    model = export(run, args.out / f'{cell.name}.onnx').path
    seeds = range(FIRST_SEED, FIRST_SEED + args.episodes)
    evaluation = evaluate(model, cell.task, seeds)
    return {**found, 'episodes': args.episodes,
            'successes': sum(rollout.success for rollout in evaluation.rollouts)}


def rows(done: dict[str, dict[str, Any]], cells: list[Cell]) -> dict[str, dict[str, object]]:
    """
    Put the cells that are done together, one row for each method.

    :param done: what is done, by name of the cell.
    :param cells: the cells of the table.
    :return: the rows.
    """
    table: dict[str, dict[str, object]] = {}
    for method in METHODS:
        found = [done[cell.name] for cell in cells
                 if cell.method == method and cell.name in done]
        if not found:
            continue
        count = sum(each['episodes'] for each in found)
        learned = [each for each in found if 'ticks' in each]
        table[method] = {
            'seeds': len(found), 'episodes': count,
            'success %': rate(sum(each['successes'] for each in found), count),
            'control ticks': sum(each['ticks'] for each in learned) // max(len(learned), 1),
            'minutes': round(sum(each['minutes'] for each in learned) / max(len(learned), 1), 1),
            'ticks a second': round(sum(each['ticks_per_second'] for each in learned)
                                    / max(len(learned), 1), 1),
            'AUC of the reward': ', '.join(f'{each["reward_auc"]:.3f}' for each in found
                                           if each.get('reward_auc') is not None)}
    return table


def judge_rewards(args: argparse.Namespace) -> dict[str, dict[str, object]]:
    """
    Judge the learned rewards on the cloned policy of the first seed, and draw them.

    :return: a row for each.
    """
    from vaa_ros.cli.reward_plot import draw_costs
    from vaa_ros.learning.improve_config import load_improve_config
    from vaa_ros.learning.reward_study import study_rewards
    cell = Cell(args.task, args.demonstrations, 'clone', args.seeds[0])
    config = load_improve_config('irl', workers=args.workers)
    table = {}
    for name, study in study_rewards(config, clone(cell, args), args.out / 'rewards',
                                     args.rewards).items():
        draw_costs(study.costs, f'{args.task}: {name}', args.out / f'reward_{name}.png')
        table[name] = {'success above failure, AUC': round(study.success, 3),
                       'the sooner ended the better, AUC': round(study.length, 3),
                       'whole above cut, AUC': round(study.whole, 3),
                       'successes': f'{study.successes} of {study.episodes}'}
    return table


def main() -> None:
    """
    Run the cells that are asked for and print the table.
    """
    os.environ['OMP_NUM_THREADS'] = '1'
    parser = make_parser(__doc__)
    parser.add_argument('--task', default='pick_place', help='task (default: pick_place)')
    parser.add_argument('--demonstrations', type=int, default=20,
                        help='episodes to begin with (default: 20)')
    parser.add_argument('--base', type=Path, help='run folder of a cloned policy, for all seeds')
    parser.add_argument('--config', default='small', help='how to clone (default: small)')
    parser.add_argument('--steps', type=int, default=1500, help='its batches (default: 1500)')
    parser.add_argument('--threads', type=int, help='CPU threads of cloning (default: all)')
    parser.add_argument('--methods', nargs='+', choices=METHODS, default=list(METHODS),
                        help='methods (default: all)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2],
                        help='seeds (default: 0 1 2)')
    parser.add_argument('--minutes', type=float, default=60.0,
                        help='time limit of learning by reward (default: 60)')
    parser.add_argument('--ticks', type=int, help='control ticks to act (default: as configured)')
    parser.add_argument('--bound', type=float,
                        help='how far the residual may go (default: as configured)')
    parser.add_argument('--workers', type=int, default=2, help='processes that act (default: 2)')
    parser.add_argument('--episodes', type=int, default=200,
                        help='episodes of each judgement (default: 200)')
    parser.add_argument('--cells', type=int, default=0, help='how many more to run (default: 0)')
    parser.add_argument('--rewards', type=int, metavar='EPISODES',
                        help='judge the learned rewards on so many episodes instead')
    parser.add_argument('--out', type=Path, default=Path('out/reinforcement'),
                        help='folder of bags, datasets and runs')
    parser.add_argument('--results', type=Path, default=RESULTS,
                        help='what is done (default: benchmarks/results/)')
    args = parser.parse_args()
    if args.rewards:
        show('reward', judge_rewards(args), args.json)
        return
    cells = [Cell(args.task, args.demonstrations, method, seed)
             for seed in args.seeds for method in args.methods]
    for cell in [cell for cell in cells if cell.name not in load(args.results)][:args.cells]:
        keep(args.results, cell.name, run_cell(cell, args))
    show(args.task, rows(load(args.results), cells) or {'nothing run yet': {'': ''}}, args.json)


if __name__ == '__main__':
    main()
