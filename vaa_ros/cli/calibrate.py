# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach an exported policy which scenes it knows, so that the arm holds in unknown ones.

The policy does episodes in the simulator, or looks at a dataset; statistics of what it saw go into
its file. The network in it stays as it is.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import Seeds
from vaa_ros.cli.options import seeds
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

CALIBRATION_SEED = 200_000
"""First seed of calibration episodes: neither demonstrations nor evaluation use them."""

DEFAULT_COUNT = 100

EPILOG = f"""\
examples:
  vaa calibrate --model out/policy.onnx --data out/data
  vaa calibrate --model out/policy.onnx --seeds {CALIBRATION_SEED}:{DEFAULT_COUNT}
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--model', required=True, metavar='MODEL',
                        help='an .onnx file, or the name of a shipped model')
    parser.add_argument('--data', type=Path, metavar='DIR',
                        help='dataset to look at, instead of episodes in the simulator')
    parser.add_argument('--task', metavar='NAME',
                        help='task of the simulated arm (default: that of the model)')
    parser.add_argument('--seeds', type=seeds, default=Seeds(CALIBRATION_SEED, DEFAULT_COUNT),
                        metavar='FIRST:COUNT', help='episodes to run (default: '
                        f'{CALIBRATION_SEED}:{DEFAULT_COUNT})')
    parser.add_argument('--out', type=Path, metavar='FILE.onnx',
                        help='file to write (default: the model itself)')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Calibrate, and say what came of it."""
    from tqdm import tqdm

    from vaa_ros.cli.stage import check_task
    from vaa_ros.core.familiarity import METADATA_KEY
    from vaa_ros.core.paths import model_file
    from vaa_ros.learning.calibrate import fit_dataset
    from vaa_ros.learning.calibrate import fit_rollouts
    from vaa_ros.learning.calibrate import store
    from vaa_ros.policies.onnx_file import read_model_bytes
    from vaa_ros.policies.onnx_file import with_metadata
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    prepare_json(args.json)
    model = model_file(args.model)
    # Without what it knew: that may be damaged, or of a version that is not read any more.
    policy = OnnxPolicy(model, data=with_metadata(read_model_bytes(model), METADATA_KEY, None))
    if args.data is not None:
        known = fit_dataset(policy, args.data)
    else:
        task = args.task or policy.spec.task
        check_task(task)
        numbers = args.seeds.numbers(DEFAULT_COUNT)
        with tqdm(total=len(numbers), desc='calibrate', unit='episode', disable=None) as bar:
            known = fit_rollouts(policy, task, numbers, lambda rollout: bar.update())
    output = args.out or model
    size = store(model, known, output)
    limit = known.threshold(1.0)
    print(table([
        ('calibrated with', known.source), ('frames', known.frames),
        ('usual score', float(known.quantiles[len(known.quantiles) // 2])),
        ('limit for one false alarm an hour', limit), ('size', f'{size / 1e6:.2f} MB')],
        title=str(output)))
    write_json(args.json, {'path': output, 'bytes': size, 'limit': limit, 'frames': known.frames,
                           'episodes': known.episodes, 'quantiles': known.quantiles,
                           'source': known.source})
    return 0
