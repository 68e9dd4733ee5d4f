# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure what a control tick of the simulator costs: pictures, physics, expert, kinematics.

    python benchmarks/simulator_speed.py
"""
from __future__ import annotations

from collections.abc import Callable
import time

from bench import make_parser
from bench import show
import numpy as np

from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.simulation import Simulation


def measure(work: Callable[[], object], count: int) -> dict[str, float]:
    """
    Time something.

    :param work: what to time.
    :param count: how often.
    :return: shortest, median and 99th percentile [ms].
    """
    for _ in range(3):
        work()
    times = []
    for _ in range(count):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    p50, p99 = np.percentile(times, [50, 99])
    return {'shortest_ms': round(min(times), 2), 'p50_ms': round(p50, 2),
            'p99_ms': round(p99, 2)}


def main() -> None:
    """
    Print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--count', type=int, default=100, help='how often to time each')
    options = parser.parse_args()
    rows = {}
    for height, width in ((96, 128), (240, 320), (480, 640)):
        sim = Simulation('pick_place', (height, width))
        for camera in sim.cameras:
            rows[f'{camera} picture {width}x{height}'] = measure(
                lambda sim=sim, camera=camera: sim.render(camera), options.count)
        sim.close()
    sim, expert, arm = Simulation('pick_place'), make_expert('pick_place', 0), ArmKinematics()
    seen = ExpertInput(0.0, sim.joint_position, sim.objects())
    pose = arm.forward(sim.joint_position) + [0.01, 0.01, 0.01, 0, 0, 0, 0]
    rows['physics of a control tick (20 steps)'] = measure(sim.step, options.count)
    rows['expert'] = measure(lambda: expert.act(seen), options.count)
    rows['inverse kinematics, 17 mm away'] = measure(
        lambda: arm.inverse(seen.joint_position, pose), options.count)
    rows['forward kinematics'] = measure(
        lambda: arm.forward(seen.joint_position), options.count)
    show('what', rows, options.json)


if __name__ == '__main__':
    main()
