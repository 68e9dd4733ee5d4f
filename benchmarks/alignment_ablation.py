# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Does alignment help? Success with the alignment loss and without, at few demonstrations.

    python benchmarks/alignment_ablation.py                          # the table as far as it is
    python benchmarks/alignment_ablation.py --cells 2                # run two more cells
    python benchmarks/alignment_ablation.py --demonstrations 25 --cells 6 --parallel 2

A cell is one training seed at one number of demonstrations, with the loss as it is (on) or with
cloning alone (off: no contrastive and no reconstruction term), all else equal. It is judged on
the same seeds as they are and under visual shift (lighting, colours, front camera moved by 2 cm,
two distractors). What is done is kept in the results file and not done again: a run that was
interrupted goes on, and the table grows over days.
"""
from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from dataclasses import replace
from multiprocessing import get_context
import os
from pathlib import Path
from typing import Any

from bench import keep
from bench import load
from bench import make_dataset
from bench import make_parser
from bench import rate
from bench import show
import numpy as np

RESULTS = Path(__file__).with_name('results') / 'alignment_ablation.json'
FIRST_SEED = 100_000
T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""97.5 % quantiles of Student's t from one degree of freedom on: those of up to ten pairs."""

FIGURES = ('recall_at_10', 'first_l1', 'chunk_l1')


@dataclass(frozen=True)
class Cell:
    """
    One policy to train and judge.

    :param task: name of the task.
    :param demonstrations: episodes of its dataset; 8 % of them, at least one, are held out.
    :param align: whether the alignment loss is on.
    :param seed: seed of the training.
    :param steps: batches to learn from.
    """

    task: str
    demonstrations: int
    align: bool
    seed: int
    steps: int

    @property
    def name(self) -> str:
        """
        Give a name for files and results.
        """
        return (f'{self.task}_{self.demonstrations}_{"on" if self.align else "off"}'
                f'_seed{self.seed}_{self.steps}')


def run_cell(cell: Cell, data: Path, out: Path, episodes: int) -> dict[str, Any]:
    """
    Train, export and judge one policy.

    :param cell: which one.
    :param data: its dataset.
    :param out: folder of everything.
    :param episodes: episodes of each judgement.
    :return: what to keep of it.
    """
    os.environ['OMP_NUM_THREADS'] = '1'
    from vaa_ros.learning.config import load_config
    from vaa_ros.learning.evaluate import evaluate
    from vaa_ros.learning.export import export
    from vaa_ros.learning.train import resume
    from vaa_ros.learning.train import train
    from vaa_ros.sim.simulation import Simulation
    from vaa_ros.sim.visual_shift import ShiftedSimulation
    run, model = out / cell.name, out / f'{cell.name}.onnx'
    config = load_config('small', steps=cell.steps, seed=cell.seed, threads=1, evaluations=4)
    config = replace(config, max_minutes=None)
    if not cell.align:
        config = replace(config, loss=replace(config.loss, align=0.0, reconstruct=0.0))
    result = resume(run, data, False) if (run / 'checkpoint.pt').is_file() else \
        train(config, data, run, False)
    export(run, model)
    seeds = range(FIRST_SEED, FIRST_SEED + episodes)
    found: dict[str, Any] = {name: result.metrics.get(name) for name in FIGURES}
    for name, simulation in (('clean', Simulation), ('shift', ShiftedSimulation)):
        evaluation = evaluate(model, cell.task, seeds, make_simulation=simulation)
        found[name] = sum(rollout.success for rollout in evaluation.rollouts)
    return {**found, 'episodes': episodes, 'steps': result.steps, 'minutes': result.minutes}


def rows(done: dict[str, dict[str, Any]], cells: list[Cell]) -> dict[str, dict[str, object]]:
    """
    Put the cells that are done together, one row for each number of demonstrations.

    :param done: what is done, by name of the cell.
    :param cells: the cells of the table.
    :return: the rows.
    """
    table: dict[str, dict[str, object]] = {}
    for demonstrations in sorted({cell.demonstrations for cell in cells}):
        for align in (True, False):
            found = [done[cell.name] for cell in cells if cell.demonstrations == demonstrations
                     and cell.align == align and cell.name in done]
            if not found:
                continue
            count = sum(each['episodes'] for each in found)
            table[f'{demonstrations} demonstrations, alignment {"on" if align else "off"}'] = {
                'training seeds': len(found), 'episodes': count,
                'by training seed': ', '.join(
                    f'{100 * each["clean"] / each["episodes"]:.1f}' for each in found),
                'success % clean': rate(sum(each['clean'] for each in found), count),
                'success % shift': rate(sum(each['shift'] for each in found), count),
                'held-out first L1': round(sum(each['first_l1'] for each in found)
                                           / len(found), 4)}
        table |= difference(done, cells, demonstrations)
    return table


def difference(done: dict[str, dict[str, Any]], cells: list[Cell], demonstrations: int,
               ) -> dict[str, dict[str, object]]:
    """
    Compare on with off over the training seeds that both have, as pairs (Student's t, 95 %).

    Intervals of episodes tell nothing about another training seed; this one does.

    :param done: what is done, by name of the cell.
    :param cells: the cells of the table.
    :param demonstrations: which of them.
    :return: a row, or none for fewer than two pairs.
    """
    mine = [cell for cell in cells if cell.demonstrations == demonstrations and cell.align]
    pairs = [(done[cell.name], done[other]) for cell in mine if cell.name in done
             and (other := replace(cell, align=False).name) in done]
    if len(pairs) < 2:
        return {}
    row: dict[str, object] = {'training seeds': len(pairs)}
    for name in ('clean', 'shift'):
        points = [100 * (on[name] / on['episodes'] - off[name] / off['episodes'])
                  for on, off in pairs]
        half = T_95[len(points) - 2] * np.std(points, ddof=1) / len(points) ** 0.5
        middle = np.mean(points)
        row[f'success % {name}'] = f'{middle:+.1f} ({middle - half:+.0f} to {middle + half:+.0f})'
    return {f'{demonstrations} demonstrations, on minus off': row}


def main() -> None:
    """
    Run the cells that are asked for and print the table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--task', default='pick_place', help='task (default: pick_place)')
    parser.add_argument('--demonstrations', type=int, nargs='+', default=[25, 10, 50],
                        help='numbers of demonstrations (default: 25 10 50)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2],
                        help='training seeds (default: 0 1 2)')
    parser.add_argument('--steps', type=int, default=1500, help='batches (default: 1500)')
    parser.add_argument('--episodes', type=int, default=200,
                        help='episodes of each judgement (default: 200)')
    parser.add_argument('--cells', type=int, default=0, help='how many more to run (default: 0)')
    parser.add_argument('--parallel', type=int, default=1, help='cells at a time (default: 1)')
    parser.add_argument('--out', type=Path, default=Path('out/alignment_ablation'),
                        help='folder of bags, datasets and runs')
    parser.add_argument('--results', type=Path, default=RESULTS,
                        help='what is done (default: benchmarks/results/)')
    args = parser.parse_args()
    cells = [Cell(args.task, demonstrations, align, seed, args.steps)
             for demonstrations in args.demonstrations for seed in args.seeds
             for align in (True, False)]
    missing = [cell for cell in cells if cell.name not in load(args.results)][:args.cells]
    data = {count: make_dataset(args.task, count, args.out)
            for count in sorted({cell.demonstrations for cell in missing})}
    with ProcessPoolExecutor(args.parallel, get_context('spawn')) as pool:
        jobs = {cell: pool.submit(run_cell, cell, data[cell.demonstrations], args.out,
                                  args.episodes) for cell in missing}
        for cell, job in jobs.items():
            keep(args.results, cell.name, job.result())
    show(args.task, rows(load(args.results), cells) or {'nothing run yet': {'': ''}}, args.json)


if __name__ == '__main__':
    main()
