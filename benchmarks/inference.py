# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
ONNX inference time of a policy on one CPU thread, next to the same file on two threads.

    python benchmarks/inference.py
    python benchmarks/inference.py --model out/run/policy.onnx --runs 5000
"""
from __future__ import annotations

from pathlib import Path
import time

from bench import make_parser
from bench import show
import numpy as np


def measure(path: Path, threads: int, runs: int) -> dict[str, float]:
    """
    Time single inferences of random observations.

    :param path: the ONNX file.
    :param threads: ONNX Runtime threads.
    :param runs: inferences to time.
    :return: percentiles [ms].
    """
    from vaa_ros.core.types import Observation
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    policy = OnnxPolicy(path, threads=threads)
    rng = np.random.default_rng(0)
    observations = [
        Observation(
            stamp_ns=index,
            images={camera.key: rng.integers(0, 255, (camera.height, camera.width, 3), np.uint8)
                    for camera in policy.spec.cameras},
            state=rng.normal(size=len(policy.spec.joints)).astype(np.float32),
            instruction=(*policy.spec.instructions, '')[0])
        for index in range(32)]
    times = []
    for index in range(runs + 50):
        begin = time.perf_counter()
        policy.infer(observations[index % len(observations)])
        times.append((time.perf_counter() - begin) * 1e3)
    p50, p99 = np.percentile(times[50:], [50, 99])
    return {'p50_ms': round(p50, 2), 'p99_ms': round(p99, 2), 'max_ms': round(max(times[50:]), 2)}


def main() -> None:
    """
    Print one table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--model', default='pick_place', help='model name or ONNX file')
    parser.add_argument('--runs', type=int, default=3000, help='inferences to time')
    args = parser.parse_args()
    from vaa_ros.core.paths import model_file
    path = model_file(args.model)
    rows = {f'{count} thread{"s" * (count > 1)}': measure(path, count, args.runs)
            for count in (1, 2)}
    show(f'{path.name}, {path.stat().st_size / 1e6:.1f} MB', rows, args.json)


if __name__ == '__main__':
    main()
