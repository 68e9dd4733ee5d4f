# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An hour of one teleop_recorder: its memory, its threads, and the messages that are missing.

    python benchmarks/recording_soak.py                                # an hour, 60 episodes
    python benchmarks/recording_soak.py --minutes 3 --episode 20 --json out/soak.json

The load is that of recording.py: three raw 640x480 cameras, joint states at 200 Hz and commands
at 100 Hz from processes of their own. One recorder records episode after episode; each is counted
against the numbers that its messages carry, and then deleted. Memory and threads are those of the
recorder's process after an episode.
"""
from __future__ import annotations

import argparse
from pathlib import Path
import shutil
import time

from bench import make_parser
from bench import show
import numpy as np
from recording import kept
from recording import Operator
from recording import Process
from recording import under_load

ROWS = 6
"""Of the table: the run in so many parts."""


def main() -> None:
    """
    Record for so long, and print the table.
    """
    parser = make_parser(__doc__)
    parser.add_argument('--minutes', type=float, default=60.0, help='recording time [min]')
    parser.add_argument('--episode', type=float, default=60.0, help='length of an episode [s]')
    parser.add_argument('--dir', type=Path, help='where the bags go; an episode takes 83 MB/s')
    args = parser.parse_args()
    with (under_load(args.dir) as (operator, folder),
          operator.recorder(folder, 'none') as process):
        soak(args, operator, process)


def soak(args: argparse.Namespace, operator: Operator, process: Process) -> None:
    """
    Record episode after episode.

    :param args: the command line.
    :param operator: starts and stops them.
    :param process: the recorder.
    """
    episodes = []
    for index in range(max(1, round(60 * args.minutes / args.episode))):
        operator.start()
        cpu_s, began_s = process.cpu_s(), time.monotonic()
        time.sleep(args.episode)
        share = (process.cpu_s() - cpu_s) / (time.monotonic() - began_s)
        answer = operator.stop()
        count, sent = kept(next(Path(answer['path']).glob('*.mcap')))
        shutil.rmtree(answer['path'])
        episodes.append((count, sent, answer['dropped'], share, process.memory_mb(),
                         process.threads()))
        print(f'episode {index + 1}: {sent - count} of {sent} missing, '
              f'{episodes[-1][4]:.0f} MB, {episodes[-1][5]} threads', flush=True)
    rows: dict[str, dict[str, object]] = {}
    for part in np.array_split(np.array(episodes), min(ROWS, len(episodes))):
        done = sum(row['episodes'] for row in rows.values())
        rows[f'episodes {done + 1} to {done + len(part)}'] = {
            'episodes': len(part), 'messages': int(part[:, 0].sum()),
            'missing': int((part[:, 1] - part[:, 0]).sum()),
            'counted as lost': int(part[:, 2].sum()),
            'CPU [cores]': round(float(part[:, 3].mean()), 3),
            'memory [MB]': f'{part[:, 4].min():.0f} to {part[:, 4].max():.0f}',
            'threads': int(part[:, 5].max())}
    show(f'{args.minutes:g} minutes in episodes of {args.episode:g} s', rows, args.json)


if __name__ == '__main__':
    main()
