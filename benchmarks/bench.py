# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every benchmark shares: its command line, its table, its JSON file.
"""
from __future__ import annotations

import argparse
from collections.abc import Mapping
import json
from pathlib import Path


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
