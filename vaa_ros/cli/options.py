# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Argument types and options that several verbs share, so that they read the same everywhere."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path

EVALUATION_SEED = 100_000
"""First seed that is never used for demonstrations: evaluation starts here."""

TASK_HELP = ('task of the simulated arm: reach, push, pick_place, sort, pick_place_narrow, '
             'pick_place_moved or insert')


@dataclass(frozen=True)
class Seeds:
    """
    A run of consecutive seeds.

    :param first: the first seed.
    :param count: how many, or None when another option says.
    """

    first: int
    count: int | None = None

    def numbers(self, count: int | None = None) -> list[int]:
        """Return the seeds; ``count`` is used when the option did not give one."""
        wanted = self.count if self.count is not None else count
        return list(range(self.first, self.first + (wanted or 0)))


def seeds(text: str) -> Seeds:
    """Read ``FIRST`` or ``FIRST:COUNT``."""
    parts = text.split(':')
    try:
        values = [int(part) for part in parts]
    except ValueError:
        values = []
    if len(values) not in (1, 2) or values[0] < 0 or (len(values) == 2 and values[1] < 1):
        raise argparse.ArgumentTypeError(
            f'{text!r} is not FIRST or FIRST:COUNT, such as {EVALUATION_SEED}:200 '
            '(FIRST >= 0, COUNT >= 1)')
    return Seeds(*values)


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    try:
        value = int(text)
    except ValueError:
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least 1')
    return value


def positive_float(text: str) -> float:
    """Read a finite number above 0."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float('inf'):
        raise argparse.ArgumentTypeError(f'{text!r} is not a number above 0')
    return value


def time_limit(text: str) -> float:
    """Read a finite number above 0, or ``none``, which is infinity."""
    return float('inf') if text == 'none' else positive_float(text)


def natural(text: str) -> int:
    """Read a whole number of at least 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f'{text!r} is not a whole number of at least 0')
    return int(text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json FILE``."""
    parser.add_argument('--json', type=Path, metavar='FILE',
                        help='also write the figures to FILE as JSON, for machines')


def rate(text: str) -> float:
    """Read a finite number that is not negative."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0.0 <= value < float('inf'):
        raise argparse.ArgumentTypeError(f'{text!r} is not a number of at least 0')
    return value


def add_pushes(parser: argparse._ActionsContainer, default: float = 0.0) -> None:
    """Add ``--pushes RATE``."""
    parser.add_argument('--pushes', type=rate, default=default, metavar='RATE',
                        help='push the arm aside at random, so many times a second: the expert '
                             f'shows how to come back (default: {default:g})')


def add_environment(parser: argparse.ArgumentParser) -> None:
    """Add ``--environment NAME`` and ``--allow-module MODULE``."""
    parser.add_argument('--environment', metavar='NAME',
                        help='a Gymnasium environment in place of the simulated arm: a name in '
                             'config/environments, or a .yaml file')
    parser.add_argument('--allow-module', default='', metavar='MODULE',
                        help='let that file import this Python module, which is code that runs '
                             'with all your rights')


def add_task(parser: argparse.ArgumentParser, default: str | None = 'pick_place') -> None:
    """Add ``--task NAME``; the name is checked against the simulator's tasks when it runs."""
    parser.add_argument('--task', default=default, required=default is None, metavar='NAME',
                        help=f'{TASK_HELP} (default: {default})' if default else TASK_HELP)
