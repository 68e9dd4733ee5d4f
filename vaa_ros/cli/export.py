# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Export a trained policy to one ONNX file that the policy node runs.

Network, normalisation and policy spec are all in the file. It is compared with torch on random
input and only appears when the two agree.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from vaa_ros.cli.options import add_json
from vaa_ros.cli.options import positive_int
from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json

EPILOG = """\
examples:
  vaa export --run out/run --out out/policy.onnx
  vaa export --run out/run --out models/reach/reach.onnx --name reach
  vaa export --run out/run --out out/best_of_16.onnx --samples 16
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Describe the options."""
    parser.add_argument('--run', dest='run_folder', type=Path, required=True, metavar='RUN',
                        help='run folder of `vaa train`')
    parser.add_argument('--out', type=Path, required=True, metavar='FILE.onnx',
                        help='file to write')
    parser.add_argument('--name', metavar='NAME',
                        help='name of the policy (default: that of its configuration)')
    parser.add_argument('--samples', type=positive_int, metavar='K',
                        help='decoder flow: chunks to choose the best from (default: that of its '
                             'configuration)')
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Export, and say how well it agrees."""
    prepare_json(args.json)
    from vaa_ros.learning.export import export
    result = export(args.run_folder, args.out, args.name, args.samples)
    spec = result.spec
    print(table([
        ('policy', f'{spec.name}, task {spec.task}'), ('size', f'{result.bytes / 1e6:.2f} MB'),
        ('difference from torch', f'{result.parity:.1e} at most'),
        ('cameras', ', '.join(f'{c.key} {c.width}x{c.height}' for c in spec.cameras)),
        ('actions', f'{spec.action.kind}, {spec.chunk_length} steps at '
                    f'{spec.control_rate_hz:g} Hz')], title=str(result.path)))
    print(f'\nnext: vaa evaluate --model {args.out} --task {spec.task}')
    write_json(args.json, {'path': result.path, 'bytes': result.bytes, 'parity': result.parity,
                           'parity_each': result.parity_each})
    return 0
