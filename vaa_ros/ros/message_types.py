# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Message types by name: their classes and definitions, from the packages that are installed.
"""
from __future__ import annotations

import importlib

from vaa_ros.core.errors import RosError


def message_class(msgtype: str) -> type:
    """
    Import a message type.

    :param msgtype: its name, ``package/msg/Name``.
    :return: the class.
    :raises RosError: if its package is not installed.
    """
    package, _, name = msgtype.partition('/msg/')
    try:
        return getattr(importlib.import_module(f'{package}.msg'), name)
    except (ImportError, AttributeError) as error:
        raise RosError(f'the messages of type {msgtype} cannot be used: install or source the '
                       f'package {package} ({error})') from error


def definition_text(msgtype: str) -> str:
    """
    Write the definition of an installed message type, as far as serialisation needs it.

    :param msgtype: its name.
    :return: .msg text with its dependencies, without constants and comments.
    :raises RosError: if its package is not installed.
    """
    texts: dict[str, str] = {}
    waiting = [msgtype]
    while waiting:
        current = waiting.pop(0)
        if current in texts:
            continue
        lines = []
        for field, kind in message_class(current).get_fields_and_field_types().items():
            base, suffix = _array_suffix(kind)
            if '/' in base:
                package, _, name = base.rpartition('/')
                waiting.append(f'{package}/msg/{name}')
            lines.append(f'{base}{suffix} {field}')
        texts[current] = '\n'.join(lines) + '\n'
    body = texts.pop(msgtype)
    for name, text in texts.items():
        body += f'{"=" * 80}\nMSG: {name.replace("/msg/", "/")}\n{text}'
    return body


def _array_suffix(kind: str) -> tuple[str, str]:
    """
    Turn a rosidl Python type into .msg notation.

    :param kind: for example ``sequence<double, 3>``, ``float[9]`` or ``string<5>``.
    :return: base type and array suffix, for example ``('float64', '[<=3]')``.
    """
    suffix = ''
    if kind.startswith('sequence<'):
        inner, _, bound = kind[len('sequence<'):-1].partition(', ')
        kind, suffix = inner, f'[<={bound}]' if bound else '[]'
    elif kind.endswith(']'):
        kind, _, size = kind.partition('[')
        suffix = f'[{size}'
    names = {'double': 'float64', 'float': 'float32', 'boolean': 'bool', 'octet': 'byte'}
    kind = kind.replace('string<', 'string<=').rstrip('>') if 'string<' in kind else kind
    return names.get(kind, kind), suffix
