# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Plain values into dataclasses: nothing unknown, nothing missing, nothing of another type.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from typing import Any

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.records import describe
from vaa_ros.core.records import fits
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain


@dataclass(frozen=True)
class Thing:
    name: str
    size: int = 1
    share: float = 0.5
    limit: float | None = None
    items: tuple[str, ...] = ()
    pair: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    more: Mapping[str, Any] = field(default_factory=dict)
    flag: bool = False
    anything: Any = None

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f'size {self.size}, expected at least 1')


def refused(values: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        from_mapping(Thing, values, 'file.yaml')


def test_builds_with_defaults() -> None:
    assert from_mapping(Thing, {'name': 'a'}, 'x') == Thing('a')


@pytest.mark.parametrize('values', [None, [], 'name: a', 5, [('name', 'a')]])
def test_what_is_no_mapping(values: object) -> None:
    refused(values, 'file.yaml: found .*, expected a mapping')


def test_unknown_keys_list_the_known_ones() -> None:
    refused({'name': 'a', 'colour': 1, 5: 2}, r'unknown key 5, colour. Known: name, size')


def test_missing_keys_list_those_found() -> None:
    refused({'size': 3}, 'missing key name. Found: size')
    refused({}, 'missing key name. Found: nothing')


def test_the_error_of_the_dataclass_names_the_file() -> None:
    refused({'name': 'a', 'size': 0}, 'file.yaml: size 0, expected at least 1')


def test_the_error_class_can_be_chosen() -> None:
    with pytest.raises(SpecError):
        from_mapping(Thing, {}, 'x', SpecError)


@pytest.mark.parametrize(('key', 'value', 'expected'), [
    ('name', None, 'text'), ('name', 5, 'text'), ('name', ['a'], 'text'),
    ('size', '3', 'a whole number'), ('size', 3.0, 'a whole number'),
    ('size', True, 'a whole number'), ('size', None, 'a whole number'),
    ('share', '1e-4', 'a number'), ('share', float('nan'), 'a number'),
    ('share', True, 'a number'), ('limit', 'x', 'a number or nothing'),
    ('items', 'abc', 'a list, each item text'), ('items', [1], 'a list, each item text'),
    ('items', {'a': 1}, 'a list'), ('pair', [[1, 2]], 'a list of 2'), ('pair', [1, 2], 'a list'),
    ('more', [], 'a mapping'), ('flag', 1, 'true or false'), ('flag', 'yes', 'true or false')])
def test_values_of_another_type(key: str, value: object, expected: str) -> None:
    refused({'name': 'a', key: value}, f'file.yaml: {key} is .*, expected {expected}')


@pytest.mark.parametrize(('key', 'value'), [
    ('share', 1), ('share', float('inf')), ('share', 10**400), ('limit', None), ('limit', 2),
    ('items', ['a']), ('items', ('a', 'b')), ('items', []), ('pair', [[1, 2], [3.0]]),
    ('more', {'a': [1]}), ('flag', True), ('size', np.int64(3)), ('anything', object())])
def test_values_that_may_stand_for_a_field(key: str, value: object) -> None:
    assert getattr(from_mapping(Thing, {'name': 'a', key: value}, 'x'), key) is value


def test_long_values_are_cut_in_errors() -> None:
    with pytest.raises(ConfigError) as caught:
        from_mapping(Thing, {'name': list(range(100_000))}, 'x')
    assert len(str(caught.value)) < 200


def test_an_overflow_is_an_error_of_the_file() -> None:
    @dataclass(frozen=True)
    class Scaled:
        value: float

        def __post_init__(self) -> None:
            float(self.value)

    with pytest.raises(ConfigError, match='file: '):
        from_mapping(Scaled, {'value': 10**400}, 'file')


def test_dataclass_fields_take_instances() -> None:
    assert fits(Thing('a'), Thing)
    assert not fits({'name': 'a'}, Thing)
    assert describe(Thing) == 'Thing'


def test_to_plain_leaves_only_plain_values() -> None:
    plain = to_plain({'thing': Thing('a', items=('b',)), 1: np.float32(0.5), 'n': np.arange(2)})
    assert plain['1'] == 0.5
    assert type(plain['1']) is float
    assert plain['n'] == [0, 1]
    assert plain['thing']['items'] == ['b']
    assert plain['thing']['pair'] is None
