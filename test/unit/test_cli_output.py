# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Tables line up, and JSON is valid, complete and written in one step."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from vaa_ros.cli.output import prepare_json
from vaa_ros.cli.output import table
from vaa_ros.cli.output import write_json
from vaa_ros.core.errors import ConfigError


def test_columns_line_up_and_numbers_are_flush_right() -> None:
    text = table([('a', 1.0, 'x'), ('longer', 22.5, 'y')], header=('name', 'value', 'note'))
    assert text.splitlines() == [
        'name    value  note',
        '------  -----  ----',
        'a           1  x',
        'longer   22.5  y',
    ]


def test_a_table_of_nothing_is_its_header() -> None:
    assert table([], header=('a', 'b')).splitlines()[0] == 'a  b'
    assert table([]) == ''


def test_missing_values_are_a_dash() -> None:
    assert table([('a', None, math.nan)]) == 'a  -  -'


def test_json_has_no_nan(tmp_path: Path) -> None:
    path = tmp_path / 'new' / 'figures.json'
    write_json(path, {'a': math.nan, 'b': [math.inf, 1], 'c': np.float32(2), 'd': np.arange(2),
                      'e': {'f': True, 'g': None, 'h': Path('x')}})
    strict = json.loads(path.read_text(), parse_constant=lambda name: pytest.fail(name))
    assert strict == {'a': None, 'b': [None, 1], 'c': 2.0, 'd': [0, 1],
                      'e': {'f': True, 'g': None, 'h': 'x'}}
    assert [entry.name for entry in path.parent.iterdir()] == ['figures.json']


def test_json_of_something_else_is_a_bug_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / 'figures.json'
    write_json(path, {'a': 1})
    with pytest.raises(TypeError, match='object'):
        write_json(path, {'a': object()})
    assert json.loads(path.read_text()) == {'a': 1}


def test_without_a_file_nothing_is_written() -> None:
    prepare_json(None)
    write_json(None, {'a': object()})


def test_an_impossible_file_is_named_before_the_run(tmp_path: Path) -> None:
    (tmp_path / 'file').write_text('')
    with pytest.raises(ConfigError, match='--json .*file'):
        prepare_json(tmp_path / 'file' / 'figures.json')
    with pytest.raises(ConfigError, match='is a folder'):
        prepare_json(tmp_path)
