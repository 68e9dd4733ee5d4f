# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a ROS parameter file says to which node: read where nodes are launched, before ROS reads it.

ROS drops without a word what fits no node, and a launch file needs some values itself, such as
the robot, whose topics it remaps to.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from pathlib import Path
import re
from typing import Any

import yaml

from vaa_ros.core.errors import ConfigError

PARAMETERS = 'ros__parameters'


def read_params_file(path: Path) -> dict[str, dict[str, Any]]:
    """
    Read a parameter file.

    :param path: the file.
    :return: parameters by the name of their node, absolute and with the wildcards it was written
        with, in the order of the file.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise ConfigError(f'params_file {path} cannot be read: {error}') from error
    found: dict[str, dict[str, Any]] = {}
    try:
        _collect('', content, found)
    except ConfigError as error:
        raise ConfigError(f'params_file {path}: {error}') from error
    return found


def _collect(name: str, content: Any, found: dict[str, dict[str, Any]]) -> None:
    if not isinstance(content, Mapping):
        raise ConfigError(f'{name or "its content"} is no node with {PARAMETERS} below it')
    for key, body in content.items():
        if key != PARAMETERS:
            _collect(f'{name}/{str(key).strip("/")}', body, found)
        elif isinstance(body, Mapping):
            found.setdefault(name, {}).update(body)
        else:
            raise ConfigError(f'{PARAMETERS} of {name} has no parameters below it')


def fits(name: str, node: str) -> bool:
    """
    Tell whether a name of a parameter file means a node.

    :param name: absolute name with wildcards: ``*`` is one part of a name, ``**`` any number.
    :param node: absolute name of the node.
    """
    parts = {'*': r'/\w+', '**': r'(/\w+)*'}
    pattern = ''.join(parts.get(part, '/' + re.escape(part)) for part in name.split('/')[1:])
    return re.fullmatch(pattern, node) is not None


def names_that_fit_no(nodes: Iterable[str], found: Iterable[str]) -> list[str]:
    """
    List the names of a parameter file that mean none of these nodes.
    """
    nodes = list(nodes)
    return [name for name in found if not any(fits(name, node) for node in nodes)]


def values_of_arguments(found: Mapping[str, Mapping[str, Any]],
                        arguments: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """
    Give what a parameter file says of launch arguments, of which each is one for all nodes.

    :param found: what :func:`read_params_file` gave.
    :param arguments: absolute name of each node -> its parameters that are launch arguments.
    :return: launch argument -> value as one types it.
    """
    said: dict[str, dict[str, str]] = {}
    for node, names in arguments.items():
        values: dict[str, Any] = {}
        for name, body in found.items():
            if fits(name, node):
                values.update(body)
        for name in set(names) & set(values):
            said.setdefault(name, {})[node] = _typed(values[name])
    for name, by_node in said.items():
        if len(set(by_node.values())) > 1:
            each = ', '.join(f'{value} for {node}' for node, value in sorted(by_node.items()))
            raise ConfigError(f'{name} is {each}; launch gives one value to all of them: '
                              f'say the same, or give {name}:=VALUE')
    return {name: next(iter(by_node.values())) for name, by_node in said.items()}


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
