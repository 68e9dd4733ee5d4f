# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Strict reading of plain mappings (YAML, JSON) into frozen dataclasses.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
import dataclasses
from functools import lru_cache
import numbers
import reprlib
import types
import typing
from typing import Any
from typing import TypeVar

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import VaaError

T = TypeVar('T')

WORDS = {str: 'text', bool: 'true or false', int: 'a whole number', float: 'a number',
         type(None): 'nothing'}


def from_mapping(
    cls: type[T], values: object, where: str, error: type[VaaError] = ConfigError,
) -> T:
    """
    Build a flat dataclass from a mapping, refusing what does not belong.

    :param cls: the dataclass to build.
    :param values: the mapping read from a file.
    :param where: the file and section, named in every error.
    :param error: the error class to raise.
    :return: an instance of ``cls``.
    :raises VaaError: of type ``error`` on a non-mapping, an unknown key, a missing key, a value
        of another type than the field, or one that the dataclass itself refuses.
    """
    if not isinstance(values, Mapping):
        raise error(f'{where}: found {type(values).__name__}, expected a mapping of keys')
    fields = {field.name: field for field in dataclasses.fields(cls)}
    unknown = sorted(str(key) for key in values if key not in fields)
    if unknown:
        raise error(f'{where}: unknown key {", ".join(unknown)}. Known: {", ".join(fields)}')
    missing = [
        name for name, field in fields.items()
        if name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise error(f'{where}: missing key {", ".join(missing)}. Found: '
                    f'{", ".join(map(str, values)) or "nothing"}')
    for name, hint in field_types(cls).items():
        if name in values and not fits(values[name], hint):
            raise error(f'{where}: {name} is {reprlib.repr(values[name])}, expected '
                        f'{describe(hint)}')
    try:
        return cls(**values)
    except (TypeError, ValueError, OverflowError) as problem:
        raise error(f'{where}: {problem}') from problem


@lru_cache(maxsize=64)
def field_types(cls: type) -> dict[str, Any]:
    """
    Give the type of each field of a dataclass.

    :param cls: the dataclass.
    :return: types by field name.
    """
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def fits(value: Any, hint: Any) -> bool:
    """
    Tell whether a plain value may stand for a type.

    Lists may stand for tuples, and whole numbers for numbers, as YAML and JSON have it. Booleans
    are no numbers, and NaN is none either.

    :param value: the value read.
    :param hint: the type of the field.
    :return: whether it fits; kinds of types not used in this package always do.
    """
    if hint is Any:
        return True
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(fits(value, item) for item in arguments)
    if origin is tuple:
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            return False
        if arguments[1:] == (...,):
            return all(fits(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(fits, value, arguments))
    if isinstance(value, bool) and hint in (int, float):
        return False
    if hint is float:
        return isinstance(value, numbers.Real) and value == value
    if hint is int:
        return isinstance(value, numbers.Integral)
    kind = origin or hint
    return not isinstance(kind, type) or isinstance(value, kind)


def describe(hint: Any) -> str:
    """
    Name a type for a person.

    :param hint: the type of a field.
    :return: what to write there.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return ' or '.join(describe(item) for item in arguments)
    if origin is tuple and arguments[1:] == (...,):
        return f'a list, each item {describe(arguments[0])}'
    if origin is tuple:
        return f'a list of {len(arguments)}, each item {describe(arguments[0])}'
    if origin is not None and issubclass(origin, Mapping):
        return 'a mapping of keys'
    return WORDS.get(hint, getattr(hint, '__name__', str(hint)))


def to_plain(value: Any) -> Any:
    """
    Turn dataclasses, tuples and numpy values into what YAML and JSON can hold.

    :param value: anything made of dataclasses, mappings, sequences, numpy values and scalars.
    :return: dicts, lists and Python scalars.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name))
                for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if hasattr(value, 'tolist'):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    return value
