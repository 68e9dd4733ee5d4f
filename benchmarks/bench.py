# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every benchmark shares: its command line, table and JSON file, demonstrations, what is done.
"""
from __future__ import annotations

import argparse
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from contextlib import contextmanager
from contextlib import suppress
import json
import os
from pathlib import Path
import shutil
import signal
import subprocess
import threading
from typing import Any

PUSHES = 0.3
"""Random pushes a second while demonstrations are recorded."""


def make_parser(doc: str) -> argparse.ArgumentParser:
    """
    Make the parser of a benchmark: its help is the text at the top of its file.

    :param doc: that text.
    :return: the parser, with ``--json``.
    """
    parser = argparse.ArgumentParser(description=doc,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--json', type=Path, help='write the figures to this file too')
    return parser


def show(title: str, rows: Mapping[str, Mapping[str, object]], path: Path | None) -> None:
    """
    Print a table in Markdown, and write its figures where that is wanted.

    :param title: heading of the first column.
    :param rows: name of a row to its figures by column; the first row names the columns.
    :param path: the JSON file, or None.
    """
    keys = list(next(iter(rows.values())))
    print(f'| {title} | ' + ' | '.join(keys) + ' |')
    print('|---' * (len(keys) + 1) + '|')
    for name, row in rows.items():
        print(f'| {name} | ' + ' | '.join(str(row.get(key, '')) for key in keys) + ' |')
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(rows, indent=2))


def not_installed(tools: Sequence[str]) -> str:
    """
    Say which programs are missing, nothing where all are there.
    """
    absent = [name for name in tools if shutil.which(name) is None]
    return f'not installed: {", ".join(absent)}' if absent else ''


@contextmanager
def running(commands: Sequence[Sequence[str]],
            env: Mapping[str, str] | None = None) -> Iterator[list[subprocess.Popen[bytes]]]:
    """
    Run processes, quietly, and end them.

    :param commands: the command line of each.
    :param env: their environment; None for that of this process.
    :return: the processes, in the same order; they end in the opposite one.
    """
    processes = [subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL) for command in commands]
    try:
        yield processes
    finally:
        for process in reversed(processes):
            process.send_signal(signal.SIGINT)
        for process in processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def make_dataset(task: str, demonstrations: int, out: Path) -> Path:
    """
    Record demonstrations and make them a dataset, unless that was done.

    :param task: name of the task.
    :param demonstrations: episodes.
    :param out: folder of everything.
    :return: the dataset.
    """
    from vaa_ros.cli.dataset import build
    from vaa_ros.learning.demonstrations import record_demonstrations
    bags, data = out / f'bags_{task}', out / f'data_{task}_{demonstrations}'
    if (data / 'dataset.json').is_file():
        return data
    there = len(list(bags.glob('episode_*')))
    record_demonstrations(task, range(there, demonstrations), bags, pushes_a_second=PUSHES)
    chosen = sorted(bags.glob('episode_*'))[:demonstrations]
    build(chosen, data, overwrite=True)
    return data


class Spinning:
    """
    A node of a benchmark that a thread spins, from :meth:`spin` to :meth:`close`.

    :param name: its name.
    """

    def __init__(self, name: str) -> None:
        import rclpy
        rclpy.init()
        self.node = rclpy.create_node(name)

    def spin(self) -> None:
        """
        Begin to spin, when everything is subscribed to.
        """
        from rclpy.executors import SingleThreadedExecutor
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """
        Stop to spin.
        """
        import rclpy
        self._executor.shutdown()
        self._thread.join()
        rclpy.try_shutdown()

    def _spin(self) -> None:
        from rclpy.executors import ExternalShutdownException
        from rclpy.executors import ShutdownException
        with suppress(ExternalShutdownException, ShutdownException):
            self._executor.spin()


def held_by(process: int) -> dict[str, float]:
    """
    Give memory and threads of a process.

    :param process: its id.
    :return: resident memory [MB] and number of threads.
    """
    rows = dict(line.split(':', 1) for line in Path(f'/proc/{process}/status').read_text(
        encoding='ascii', errors='replace').splitlines() if ':' in line)
    return {'memory_mb': int(rows['VmRSS'].split()[0]) / 1e3, 'threads': int(rows['Threads'])}


def load(path: Path) -> dict[str, dict[str, Any]]:
    """
    Read what is done.
    """
    return json.loads(path.read_text()) if path.is_file() else {}


def keep(path: Path, name: str, found: dict[str, Any]) -> None:
    """
    Add a cell to what is done, in one step.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix('.partial')
    partial.write_text(json.dumps({**load(path), name: found}, indent=1, sort_keys=True) + '\n')
    os.replace(partial, path)


def rate(wins: int, count: int) -> str:
    """
    Write a success rate with its 95 % Wilson interval [%].
    """
    from vaa_ros.learning.evaluate import wilson_interval
    low, high = wilson_interval(wins, count)
    return f'{100 * wins / count:.1f} ({100 * low:.0f} to {100 * high:.0f})'
