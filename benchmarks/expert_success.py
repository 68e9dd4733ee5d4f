# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure the scripted expert: success, episode length and cost of a control tick.

Its commands pass the limits of :mod:`vaa_ros.core.safety`, as everybody's do.

    python benchmarks/expert_success.py --seeds 0:200 --processes 2
"""
from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
import time

from bench import make_parser
from bench import show
import numpy as np

from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.sim import TASK_NAMES
from vaa_ros.sim.expert import CONTROL_DT_S
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.simulation import Simulation


def run(task: str, seeds: list[int], kicks: int) -> list[dict[str, float]]:
    """
    Run the expert on some seeds.

    :param task: name of the task.
    :param seeds: the episodes.
    :param kicks: disturbances in each episode.
    :return: one record an episode.
    """
    sim = Simulation(task)
    expert = make_expert(task, 0)
    motion = LimitedMotion(CommandLimiter(SafetyLimits.from_robot(sim.robot), 'joint_position'))
    records = []
    for seed in seeds:
        sim.reset(seed)
        expert.reset(seed)
        motion.release()
        rng = np.random.default_rng([seed, 5])
        when = set(rng.choice(np.arange(10, 150), kicks, replace=False).tolist())
        started, ticks = time.perf_counter(), 0
        while not sim.done():
            if ticks in when:
                sim.perturb(np.append(rng.uniform(-0.1, 0.1, 6), 0.0))
            seen = ExpertInput(sim.time_s, sim.joint_position, sim.objects(),
                               sim.instruction)
            limited = motion.move(expert.act(seen), seen.joint_position, CONTROL_DT_S)
            if limited.command is not None:  # Like the nodes: what is refused is not sent.
                sim.set_targets(limited.command)
            sim.step()
            ticks += 1
        cost = 1e3 * (time.perf_counter() - started) / ticks
        records.append({'seed': seed, 'success': sim.success(), 'time_s': sim.time_s,
                        'tick_ms': cost})
    return records


def main() -> None:
    """
    Print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--tasks', nargs='+', default=list(TASK_NAMES), choices=TASK_NAMES,
                        help='tasks to run (default: all)')
    parser.add_argument('--seeds', default='0:200', help='FIRST:COUNT (default: 0:200)')
    parser.add_argument('--processes', type=int, default=1, help='episodes at once')
    parser.add_argument('--kicks', type=int, default=0, help='disturbances in each episode')
    options = parser.parse_args()
    first, count = (int(part) for part in options.seeds.split(':'))
    seeds = list(range(first, first + count))
    figures = {}
    for task in options.tasks:
        parts = [seeds[index::options.processes] for index in range(options.processes)]
        with ProcessPoolExecutor(options.processes) as pool:
            jobs = [pool.submit(run, task, part, options.kicks) for part in parts]
            records = [record for job in jobs for record in job.result()]
        times = np.array([record['time_s'] for record in records if record['success']])
        failed = sorted(record['seed'] for record in records if not record['success'])
        tick = float(np.mean([record['tick_ms'] for record in records]))
        figures[task] = {
            'successes': count - len(failed), 'episodes': count,
            'mean_s': round(float(times.mean()), 2), 'shortest_s': round(float(times.min()), 2),
            'longest_s': round(float(times.max()), 2), 'tick_ms': round(tick, 2),
            'failed_seeds': failed or 'none'}
    show('task', figures, options.json)


if __name__ == '__main__':
    main()
