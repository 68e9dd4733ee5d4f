# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Does it help to sample several chunks and let the shared space choose? The flow decoder's answer.

    python benchmarks/best_of_k.py                                   # the table as far as it is
    python benchmarks/best_of_k.py --cells 12                        # run twelve more cells
    python benchmarks/best_of_k.py --scene reach --cells 4

A cell is one training seed of a scene with 1, 8 or 16 samples. The policy of a training seed is
trained once and judged on the same episodes: alike in all but how many chunks there are to choose
from. Of 8 it is also judged with a blind choice, which only leaves out the samples that lie apart:
what is better than that is the critic's own.

`two_ways` are the demonstrations of test/unit/two_ways.py that pass an obstacle on either side; an
episode is one answer from noises of its own, and succeeds when it passes the obstacle by more than
half of what was demonstrated. The others are tasks of the simulator, where the noises are those
that the exported file would have. What is done is kept in the results file and not done again.
"""
from __future__ import annotations

import copy
from dataclasses import dataclass
from dataclasses import replace
import importlib
import os
from pathlib import Path
import sys
from typing import Any
from typing import TYPE_CHECKING

from bench import keep
from bench import load
from bench import make_dataset
from bench import make_parser
from bench import rate
from bench import show

if TYPE_CHECKING:
    from vaa_ros.alignment.model import AlignedPolicy

ROOT = Path(__file__).resolve().parents[1]
RESULTS = Path(__file__).with_name('results') / 'best_of_k.json'
TWO_WAYS = 'two_ways'
FIRST_SEED = 100_000
CLEARANCE = 0.5
"""How far aside `two_ways` has to pass the obstacle; demonstrated is about 1 [rad]."""

CHOICES = {'1': (1, True), '8': (8, True), '16': (16, True), '8, blind': (8, False)}
"""Name of a column to how many samples there are, and whether the critic has a say."""


@dataclass(frozen=True)
class Cell:
    """
    One policy to judge.

    :param scene: ``two_ways``, or the name of a task.
    :param seed: seed of the training.
    :param steps: batches to learn from.
    :param demonstrations: episodes that it learns from, for a task.
    :param choice: one of ``CHOICES``.
    """

    scene: str
    seed: int
    steps: int
    demonstrations: int
    choice: str

    @property
    def policy(self) -> str:
        """
        Give a name for the trained policy.
        """
        shown = '' if self.scene == TWO_WAYS else f'_{self.demonstrations}'
        return f'{self.scene}{shown}_seed{self.seed}_{self.steps}'

    @property
    def name(self) -> str:
        """
        Give a name for files and results.
        """
        return f'{self.policy}_best_of_{self.choice.replace(", ", "_")}'

    def choose(self, policy: AlignedPolicy, seed: int = 0) -> None:
        """
        Let a policy sample as many, and choose as this cell says.

        :param policy: the policy.
        :param seed: seed of the noises.
        """
        count, critic = CHOICES[self.choice]
        policy.set_samples(count, seed)
        if not critic:  # all samples in company count the same
            policy.score = lambda z_vision, chunks: chunks.new_zeros(chunks.shape[:2])


def judge_two_ways(cell: Cell, episodes: int) -> int:
    """
    Train on the demonstrations with two ways and count answers that keep clear of the obstacle.

    :param cell: which policy.
    :param episodes: answers.
    :return: successes.
    """
    import torch
    sys.path.append(str(ROOT / 'test' / 'unit'))
    two_ways = importlib.import_module(TWO_WAYS)  # the scene of the tests, no part of the package
    policy = copy.deepcopy(two_ways.trained('flow', cell.seed, cell.steps))
    batch, clear = next(two_ways.demonstrations(FIRST_SEED + cell.seed)), 0
    with torch.no_grad():
        for episode in range(episodes):
            cell.choose(policy, FIRST_SEED + episode)
            row = episode % len(batch.state)
            features, z_vision = policy.see(
                {key: picture[row:row + 1] for key, picture in batch.pictures.items()})
            density = policy.decide(features, z_vision, batch.state[row:row + 1])
            chunk, _, _ = policy.answer(density, z_vision)
            clear += abs(float(two_ways.ways_of(policy, chunk))) > CLEARANCE
    return clear


def judge_task(cell: Cell, out: Path, episodes: int) -> int:
    """
    Train on demonstrations of a task, unless that was done, and count episodes that succeed.

    :param cell: which policy.
    :param out: folder of everything.
    :param episodes: episodes.
    :return: successes.
    """
    from vaa_ros.learning.checkpoint import load_policy
    from vaa_ros.learning.config import load_config
    from vaa_ros.learning.evaluate import evaluate
    from vaa_ros.learning.export import export_policy
    from vaa_ros.learning.train import resume
    from vaa_ros.learning.train import train
    data, run = make_dataset(cell.scene, cell.demonstrations, out), out / cell.policy
    config = load_config('tiny', steps=cell.steps, seed=cell.seed, threads=1)
    config = replace(config, max_minutes=None, model=replace(config.model, decoder='flow'))
    if not (run / 'checkpoint.pt').is_file():
        train(config, data, run, False)
    elif load_policy(run)[2]['step'] < cell.steps:
        resume(run, data, False)
    policy, _, _ = load_policy(run)
    cell.choose(policy)
    model = out / f'{cell.name}.onnx'
    export_policy(policy, policy.spec, model)
    seeds = range(FIRST_SEED, FIRST_SEED + episodes)
    return sum(rollout.success for rollout in evaluate(model, cell.scene, seeds).rollouts)


def rows(done: dict[str, dict[str, Any]], cells: list[Cell]) -> dict[str, dict[str, object]]:
    """
    Put the cells that are done together, one row for each training seed and one for all.

    :param done: what is done, by name of the cell.
    :param cells: the cells of the table.
    :return: the rows.
    """
    table: dict[str, dict[str, object]] = {}
    seeds = sorted({cell.seed for cell in cells})
    for name, wanted in {**{f'training seed {seed}': {seed} for seed in seeds},
                         'all': set(seeds)}.items():
        found = {choice: [done[cell.name] for cell in cells if cell.choice == choice
                          and cell.seed in wanted and cell.name in done] for choice in CHOICES}
        if any(found.values()):
            table[name] = {f'success % of {choice}': rate(
                sum(each['successes'] for each in several),
                sum(each['episodes'] for each in several)) if several else 'not run'
                for choice, several in found.items()}
    return table


def main() -> None:
    """
    Run the cells that are asked for and print the table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--scene', default=TWO_WAYS, help='two_ways or a task (default: two_ways)')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2],
                        help='training seeds (default: 0 1 2)')
    parser.add_argument('--steps', type=int,
                        help='batches (default: 400 for two_ways, 2000 for a task)')
    parser.add_argument('--demonstrations', type=int, default=40,
                        help='episodes to learn a task from (default: 40)')
    parser.add_argument('--episodes', type=int, default=200,
                        help='episodes of each judgement (default: 200)')
    parser.add_argument('--cells', type=int, default=0, help='how many more to run (default: 0)')
    parser.add_argument('--out', type=Path, default=Path('out/best_of_k'),
                        help='folder of bags, datasets and runs')
    parser.add_argument('--results', type=Path, default=RESULTS,
                        help='what is done (default: benchmarks/results/)')
    args = parser.parse_args()
    os.environ['OMP_NUM_THREADS'] = '1'
    steps = args.steps or (400 if args.scene == TWO_WAYS else 2000)
    cells = [Cell(args.scene, seed, steps, args.demonstrations, choice)
             for seed in args.seeds for choice in CHOICES]
    missing = [cell for cell in cells if cell.name not in load(args.results)][:args.cells]
    for cell in missing:
        found = judge_two_ways(cell, args.episodes) if cell.scene == TWO_WAYS else \
            judge_task(cell, args.out, args.episodes)
        keep(args.results, cell.name, {'episodes': args.episodes, 'successes': found})
    show(args.scene, rows(load(args.results), cells) or {'nothing run yet': {'': ''}}, args.json)


if __name__ == '__main__':
    main()
