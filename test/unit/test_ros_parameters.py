# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One table of parameters: what it accepts, what it says, what it writes.
"""
from __future__ import annotations

import pytest
import yaml

from vaa_ros.ros.parameters import markdown_table
from vaa_ros.ros.parameters import Parameter
from vaa_ros.ros.parameters import yaml_text

TABLE = (
    Parameter('cameras', ('front', 'wrist'), 'Cameras.', read_only=True),
    Parameter('crop', (), 'Part of the image.', minimum=0.0, maximum=1.0, element=float),
    Parameter('width', 128, 'Width.', 'px', 16, 4096),
    Parameter('rate', 30.0, 'Rate.', 'Hz', 1.0),
    Parameter('mode', 'a', 'Mode.', choices=('a', 'b')),
    Parameter('text', '', 'Any text.'),
    Parameter('active', True, 'A switch.'),
)
ROWS = {row.name: row for row in TABLE}


@pytest.mark.parametrize(('name', 'value'), [
    ('cameras', ['side']), ('cameras', []), ('crop', [0.0, 1.0]), ('crop', []), ('width', 16),
    ('width', 4096), ('rate', 1.0), ('rate', 1e9), ('mode', 'b'), ('text', 'x'),
    ('active', False)])
def test_good_values(name: str, value: object) -> None:
    assert ROWS[name].problem(value) == ''


@pytest.mark.parametrize(('name', 'value', 'words'), [
    ('cameras', 'front', "found 'front', expected string[]"),
    ('cameras', [1], 'expected string[]'),
    ('crop', [1.5], 'expected double[], 0 to 1'),
    ('crop', [float('nan')], 'expected a finite number'),
    ('width', 15, 'found 15, expected integer, 16 to 4096 [px]'),
    ('width', 128.0, 'expected integer'),
    ('width', True, 'expected integer'),
    ('width', [128], 'expected integer'),
    ('rate', 0.5, 'expected double, at least 1 [Hz]'),
    ('rate', float('inf'), 'expected a finite number'),
    ('rate', 30, 'expected double'),
    ('mode', 'c', 'expected string, one of a, b'),
    ('text', 3, 'expected string'),
    ('text', None, 'expected string'),
    ('active', 1, 'expected bool'),
])
def test_bad_values_say_what_is_expected(name: str, value: object, words: str) -> None:
    problem = ROWS[name].problem(value)
    assert problem.startswith(f'{name}: found ')
    assert words in problem


def test_whole_numbers_become_doubles() -> None:
    assert ROWS['rate'].coerce(30) == 30.0 and isinstance(ROWS['rate'].coerce(30), float)
    assert ROWS['crop'].coerce([0, 1]) == [0.0, 1.0]
    assert ROWS['crop'].coerce(None) == []
    assert ROWS['width'].coerce(30) == 30
    assert ROWS['rate'].problem(ROWS['rate'].coerce(True)) != ''


def test_every_default_of_the_table_is_good() -> None:
    for row in TABLE:
        value = list(row.default) if row.is_list else row.default
        assert row.problem(value) == ''


def test_yaml_holds_every_default() -> None:
    text = yaml_text('my_node', TABLE)
    values = yaml.safe_load(text)['/**/my_node']['ros__parameters']
    assert values == {'cameras': ['front', 'wrist'], 'crop': [], 'width': 128, 'rate': 30.0,
                      'mode': 'a', 'text': '', 'active': True}
    assert '# Width. 16 to 4096 [px].' in text
    assert all(len(line) <= 99 for line in text.splitlines())


def test_markdown_has_a_row_for_every_parameter() -> None:
    lines = markdown_table(TABLE).splitlines()
    assert len(lines) == 2 + len(TABLE)
    assert lines[2] == ('| `cameras` | string[] | `[front, wrist]` |  | at start | Cameras. |')
    assert lines[4] == '| `width` [px] | integer | `128` | 16 to 4096 | any time | Width. |'
    assert {line.count('|') for line in lines} == {7}
