# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What ``vaa dataset`` does with datasets of LeRobot: write one, read one."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vaa_ros.cli.dataset import report
from vaa_ros.cli.output import table

if TYPE_CHECKING:
    from vaa_ros.learning.plain_bags import PlainOptions


def export(source: Path, target: Path) -> dict[str, object]:
    """Write a dataset of ours as LeRobot's; print and return what came of it."""
    from vaa_ros.learning.lerobot_export import export_dataset
    result = export_dataset(source, target)
    print(table([('episodes', result.episodes), ('frames', result.frames),
                 ('repeated', result.repeated), ('left out', result.left_out)],
                title=str(result.folder)))
    return {'folder': result.folder, 'episodes': result.episodes, 'frames': result.frames,
            'repeated': result.repeated, 'left_out': result.left_out}


def read(args: argparse.Namespace, plain: PlainOptions) -> dict[str, object]:
    """Make a dataset of ours from LeRobot's; print and return what came of it."""
    from tqdm import tqdm

    from vaa_ros.learning.dataset import DatasetOptions
    from vaa_ros.learning.lerobot_import import import_dataset
    given = {'robot': plain.mapping.robot, 'task': args.task, 'held_out': args.held_out,
             'chunk_length': args.chunk}
    options = DatasetOptions(**{name: value for name, value in given.items()
                                if value not in (None, '')})
    with tqdm(desc='dataset', unit='episode', disable=None) as bar:
        def on_episode(number: int, count: int, path: Path) -> None:
            bar.total = count
            bar.update(number - bar.n)

        result = import_dataset(args.from_lerobot, args.out, options, args.degrees,
                                args.overwrite, on_episode)
        bar.update((bar.total or 0) - bar.n)
    return report(result)
