# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One table of parameters per node: declaration, validation, YAML and README all come from it.

Validation has no side effects: a callback only says yes, or names the first bad parameter with
what is allowed. Nodes read values with ``node.get_parameter(name).value``.
"""
from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import dataclass
import math
from typing import Any

from rcl_interfaces.msg import FloatingPointRange
from rcl_interfaces.msg import IntegerRange
from rcl_interfaces.msg import ParameterDescriptor
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter
import yaml

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name

_TYPE_NAMES = {bool: 'bool', int: 'integer', float: 'double', str: 'string'}
_FREE_PREFIXES = ('qos_overrides.',)


@dataclass(frozen=True)
class Parameter:
    """
    One row of a node's parameter table.

    :param name: the parameter's name.
    :param default: its default; a bool, int, float, str, or a tuple of one of these.
    :param description: one sentence for a person.
    :param unit: unit of the value, if any.
    :param minimum: least value allowed (each element's, for a list).
    :param maximum: greatest value allowed.
    :param choices: the only values allowed.
    :param read_only: true if it can only be set at start.
    :param element: type of the elements of a list whose default is empty.
    """

    name: str
    default: Any
    description: str
    unit: str = ''
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Any, ...] = ()
    read_only: bool = False
    element: type = str

    @property
    def is_list(self) -> bool:
        """Tell whether the value is a list."""
        return isinstance(self.default, (list, tuple))

    @property
    def item_type(self) -> type:
        """Give the type of the value, or of a list's elements."""
        if not self.is_list:
            return type(self.default)
        return type(self.default[0]) if self.default else self.element

    @property
    def type_name(self) -> str:
        """Give the ROS name of the type."""
        return _TYPE_NAMES[self.item_type] + ('[]' if self.is_list else '')

    @property
    def allowed(self) -> str:
        """Say in words which values are allowed, or nothing where all are."""
        unit = f' [{self.unit}]' if self.unit else ''
        if self.choices:
            return 'one of ' + ', '.join(str(choice) for choice in self.choices)
        if self.minimum is not None and self.maximum is not None:
            return f'{_number(self.minimum)} to {_number(self.maximum)}{unit}'
        if self.minimum is not None:
            return f'at least {_number(self.minimum)}{unit}'
        if self.maximum is not None:
            return f'at most {_number(self.maximum)}{unit}'
        return ''

    def problem(self, value: Any) -> str:
        """
        Say what is wrong with a value.

        :param value: the value asked for.
        :return: one line, or an empty string for a good value.
        """
        items = list(value) if self.is_list and _is_sequence(value) else [value]
        good = _is_sequence(value) == self.is_list
        if not good or not all(_fits(item, self.item_type) for item in items):
            return f'{self.name}: found {value!r}, expected {self._expected()}'
        for item in items:
            if isinstance(item, float) and not math.isfinite(item):
                return f'{self.name}: found {item}, expected a finite number'
            if not self._within(item):
                return f'{self.name}: found {item!r}, expected {self._expected()}'
        return ''

    def coerce(self, value: Any) -> Any:
        """
        Give whole numbers as floats for a double, and an empty list where rcl found no type.

        :param value: the value asked for.
        :return: the same value in the type of the parameter, where that is safe.
        """
        if self.is_list and value is None:
            return []
        if self.item_type is not float:
            return value
        if self.is_list and _is_sequence(value):
            return [_widen(item) for item in value]
        return _widen(value)

    def _expected(self) -> str:
        return ', '.join(part for part in (self.type_name, self.allowed) if part)

    def _within(self, item: Any) -> bool:
        if self.choices:
            return item in self.choices
        if self.minimum is not None and item < self.minimum:
            return False
        return self.maximum is None or item <= self.maximum


def declare(node: Node, table: Sequence[Parameter]) -> None:
    """
    Declare a node's parameters and refuse bad values, now and later.

    :param node: the node; call this once, early in its constructor.
    :param table: its whole parameter table.
    :raises ConfigError: if a parameter file or the command line names a parameter that does not
        exist, or gives a value that is not allowed.
    """
    rows = {row.name: row for row in table}
    overrides = node._parameter_overrides
    for name, given in list(overrides.items()):
        if name in rows:
            value = rows[name].coerce(given.value)
            _refuse(node, rows[name].problem(value))
            overrides[name] = RosParameter(name, value=value)
        elif not node.has_parameter(name) and not name.startswith(_FREE_PREFIXES):
            raise ConfigError(f'{node.get_name()}: {unknown_name("parameter", name, rows)}')

    def validate(changes: list[RosParameter]) -> SetParametersResult:
        for change in changes:
            row = rows.get(change.name)
            problem = row.problem(change.value) if row is not None else ''
            if problem:
                return SetParametersResult(successful=False, reason=problem)
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(validate)
    for row in table:
        default = list(row.default) if row.is_list else row.default
        node.declare_parameter(row.name, default, _descriptor(row))


def markdown_table(table: Iterable[Parameter]) -> str:
    """
    Write a parameter table for the README.

    :param table: a node's parameter table.
    :return: Markdown, without a trailing newline.
    """
    lines = ['| parameter | type | default | allowed | set | description |',
             '|---|---|---|---|---|---|']
    for row in table:
        unit = f' [{row.unit}]' if row.unit else ''
        allowed = row.allowed.replace(unit, '')
        when = 'at start' if row.read_only else 'any time'
        lines.append(f'| `{row.name}`{unit} | {row.type_name} | `{_yaml(row.default)}` | '
                     f'{allowed} | {when} | {row.description} |')
    return '\n'.join(lines)


def _number(value: float) -> str:
    """Write a number as a person would type it."""
    return str(int(value)) if float(value).is_integer() else f'{value:g}'


def yaml_text(node_name: str, table: Iterable[Parameter]) -> str:
    """
    Write the parameter file of a node, with every default and its meaning.

    :param node_name: name of the node.
    :param table: its parameter table.
    :return: the text of ``config/nodes/<node>.yaml``.
    """
    lines = [f'# Parameters of {node_name} with their defaults. Generated from the table in',
             f'# vaa_ros/nodes/{node_name}.py; a contract test holds both together.',
             f'/**/{node_name}:', '  ros__parameters:']
    for row in table:
        notes = [row.description]
        if row.allowed:
            notes.append(f'{row.allowed[0].upper()}{row.allowed[1:]}.')
        elif row.unit:
            notes.append(f'[{row.unit}]')
        lines += _comment(' '.join(notes))
        lines.append(f'    {row.name}: {_yaml(row.default)}')
    return '\n'.join(lines) + '\n'


def _comment(text: str, width: int = 99) -> list[str]:
    lines, line = [], '    #'
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = '    #'
        line += f' {word}'
    return [*lines, line]


def _refuse(node: Node, problem: str) -> None:
    if problem:
        raise ConfigError(f'{node.get_name()}: parameter {problem}')


def _descriptor(row: Parameter) -> ParameterDescriptor:
    unit = f' [{row.unit}]' if row.unit else ''
    descriptor = ParameterDescriptor(
        description=row.description + unit, additional_constraints=row.allowed,
        read_only=row.read_only,
        # An empty list has no type of its own in rclpy; ``validate`` checks lists instead.
        dynamic_typing=row.is_list)
    if row.minimum is None or row.maximum is None or row.is_list:
        return descriptor
    if row.item_type is int:
        descriptor.integer_range = [
            IntegerRange(from_value=int(row.minimum), to_value=int(row.maximum))]
    elif row.item_type is float:
        descriptor.floating_point_range = [
            FloatingPointRange(from_value=float(row.minimum), to_value=float(row.maximum))]
    return descriptor


def _is_sequence(value: Any) -> bool:
    return not isinstance(value, str) and hasattr(value, '__iter__')


def _fits(item: Any, kind: type) -> bool:
    return isinstance(item, kind) and (kind is bool or not isinstance(item, bool))


def _widen(item: Any) -> Any:
    return float(item) if _fits(item, int) else item


def _yaml(value: Any) -> str:
    plain = list(value) if isinstance(value, (list, tuple)) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.replace('\n...', '').strip()
