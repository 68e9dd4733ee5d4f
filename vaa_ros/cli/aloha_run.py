# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What ``vaa dataset --from-aloha`` does."""

from __future__ import annotations

import argparse
from pathlib import Path

from vaa_ros.cli.dataset import report


def read(args: argparse.Namespace) -> dict[str, object]:
    """Make a dataset of ours from ALOHA's HDF5 files; print and return what came of it."""
    from tqdm import tqdm

    from vaa_ros.learning.aloha_import import import_aloha
    from vaa_ros.learning.dataset import DatasetOptions
    from vaa_ros.sim.environment import load_environment
    given = {'task': args.task, 'held_out': args.held_out, 'chunk_length': args.chunk}
    options = DatasetOptions(**{name: value for name, value in given.items()
                                if value is not None})
    environment = load_environment(args.environment)
    with tqdm(desc='dataset', unit='episode', disable=None) as bar:
        def on_episode(number: int, count: int, path: Path) -> None:
            bar.total = count
            bar.update(number - bar.n)

        result = import_aloha(args.from_aloha, args.out, environment, options, args.overwrite,
                              on_episode)
        bar.update((bar.total or 0) - bar.n)
    return report(result)
