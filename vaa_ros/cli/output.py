# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What the commands print and write: tables for people, JSON for machines."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import json
import math
import os
from pathlib import Path
import tempfile

from vaa_ros.core.errors import ConfigError


def table(rows: Sequence[Sequence[object]], header: Sequence[str] = (), title: str = '') -> str:
    """
    Lay out rows in columns; numbers are flush right, the first column flush left.

    :param rows: cells; a row may be shorter than the others.
    :param header: names of the columns, or nothing.
    :param title: a line above the table, or nothing.
    """
    cells = [[_cell(value) for value in row] for row in rows]
    lines = [list(header)] if header else []
    columns = max((len(row) for row in [*lines, *cells]), default=0)
    padded = [row + [''] * (columns - len(row)) for row in [*lines, *cells]]
    widths = [max(len(row[i]) for row in padded) for i in range(columns)]
    right = [i > 0 and all(_is_number(row[i]) for row in cells if i < len(row))
             for i in range(columns)]
    rule = '  '.join('-' * width for width in widths)
    text = []
    for number, row in enumerate(padded):
        parts = [value.rjust(width) if flush else value.ljust(width)
                 for value, width, flush in zip(row, widths, right, strict=True)]
        text.append('  '.join(parts).rstrip())
        if header and number == 0:
            text.append(rule)
    return '\n'.join(([title, rule] if title else []) + text)


def prepare_json(path: Path | None, option: str = '--json') -> None:
    """
    Make sure at the start that the figures can be written at the end.

    :param path: the file, or None.
    :param option: what asked for it.
    :raises ConfigError: when the folder of the file cannot be made or written.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(f'{path} is a folder')
        with tempfile.NamedTemporaryFile(dir=path.parent):
            pass
    except OSError as error:
        raise ConfigError(f'{option} {path}: cannot write there: {error}') from error


def write_json(path: Path | None, figures: Mapping[str, object]) -> None:
    """
    Write figures as JSON in one step; NaN and infinity become null, which JSON lacks.

    :raises ConfigError: when the file cannot be written.
    """
    if path is None:
        return
    text = json.dumps(_plain(figures), indent=2, ensure_ascii=False) + '\n'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f'.{path.name}.{os.getpid()}')
        partial.write_text(text, encoding='utf-8')
        os.replace(partial, path)
    except OSError as error:
        raise ConfigError(f'{path}: cannot write the figures: {error}') from error


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, (str, bool, int)) or value is None:
        return value
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, 'tolist'):
        return _plain(value.tolist())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    raise TypeError(f'no JSON for {type(value).__name__}: {value!r}')


def _cell(value: object) -> str:
    if value is None:
        return '-'
    if isinstance(value, float):
        return '-' if math.isnan(value) else f'{value:.4g}'
    return str(value)


def _is_number(text: str) -> bool:
    try:
        float(text.rstrip('%').strip() or 'x')
    except ValueError:
        return text == '-'
    return True
