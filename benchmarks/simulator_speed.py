# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Measure what a control tick of the simulator costs: pictures, physics, expert, kinematics.

    python benchmarks/simulator_speed.py
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
import json
from pathlib import Path
import time

import numpy as np

from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.simulation import Simulation


def measure(work: Callable[[], object], count: int) -> tuple[float, float, float]:
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
    return min(times), float(np.median(times)), float(np.percentile(times, 99))


def main() -> None:
    """
    Print one table.
    """
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0])
    parser.add_argument('--count', type=int, default=100)
    parser.add_argument('--json', type=Path, help='write the figures here too')
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
    print('| what | shortest ms | p50 ms | p99 ms |\n|---|---|---|---|')
    for name, values in rows.items():
        print(f'| {name} | ' + ' | '.join(f'{value:.2f}' for value in values) + ' |')
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + '\n', encoding='utf-8')


if __name__ == '__main__':
    main()
