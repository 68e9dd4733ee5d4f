# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Control ticks kept and missed over a long run in real time, through the nodes.

    python benchmarks/control_ticks.py                   # 10 minutes of the shipped policy
    python benchmarks/control_ticks.py --minutes 60 --json out/ticks.json

The simulated arm, ``camera_subscriber`` and ``policy`` run as processes, episode after episode,
until the policy has ticked for this long. A missed tick is a control period in which no command
left. The baseline is what a run without a miss would show.
"""
from __future__ import annotations

from pathlib import Path

from bench import make_parser
from bench import show

FIRST_SEED = 400_000


class Enough(Exception):
    """
    Ends the run once it was long enough.
    """


def main() -> None:
    """
    Run and print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--model', default='pick_place', help='model name or ONNX file')
    parser.add_argument('--task', default='pick_place', help='task of the simulated arm')
    parser.add_argument('--minutes', type=float, default=10.0, help='ticking time [min]')
    args = parser.parse_args()
    from vaa_ros.cli.policy_run import CONTROL_RATE_HZ
    from vaa_ros.cli.policy_run import find_model
    from vaa_ros.cli.policy_run import PolicyRun
    from vaa_ros.cli.trace import EpisodeTrace
    wanted = round(args.minutes * 60 * CONTROL_RATE_HZ)
    log_dir = Path('out/control_ticks/logs')
    log_dir.mkdir(parents=True, exist_ok=True)
    results = []

    def count(trace: EpisodeTrace) -> None:
        results.append(trace.result)
        if sum(result.control_ticks for result in results) >= wanted:
            raise Enough

    seeds = range(FIRST_SEED, FIRST_SEED + wanted)
    try:
        PolicyRun(args.task, find_model(args.model), seeds, lockstep=False, log_dir=log_dir,
                  pictures=False).run(count)
    except Enough:
        pass
    figures = {
        'episodes': len(results), 'successes': sum(result.success for result in results),
        'control_ticks': sum(result.control_ticks for result in results),
        'missed_ticks': sum(result.missed_ticks for result in results)}
    show('run', {f'{args.minutes:g} minutes at {CONTROL_RATE_HZ:g} Hz': figures,
                 'baseline: no miss': {'control_ticks': wanted, 'missed_ticks': 0}}, args.json)


if __name__ == '__main__':
    main()
