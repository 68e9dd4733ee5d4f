# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every promise of doc/safety.md names a test that exists and a parameter with that name.
"""
from __future__ import annotations

import ast
import re

from contract_tree import ROOT
import pytest
import yaml

ROWS = [
    tuple(cell.strip() for cell in line.strip('|').split('|'))
    for line in (ROOT / 'doc' / 'safety.md').read_text(encoding='utf-8').splitlines()
    if line.startswith('| ') and line.count('|') == 5 and not line.startswith('| promise')
]


def test_there_are_promises() -> None:
    assert len(ROWS) > 20


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row[0][:50])
def test_a_promise_names_tests_that_exist(row: tuple[str, ...]) -> None:
    names = re.findall(r'`([^`]+)`', row[3])
    assert names, f'no test holds: {row[0]}'
    for name in names:
        path, _, function = name.partition('::')
        file = ROOT / 'test' / path
        assert file.is_file(), f'{path} does not exist: {row[0]}'
        tree = ast.parse(file.read_text(encoding='utf-8'))
        functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        assert function in functions, f'{path} has no {function}: {row[0]}'


@pytest.mark.parametrize('row', ROWS, ids=lambda row: row[0][:50])
def test_a_promise_names_a_parameter_that_exists(row: tuple[str, ...]) -> None:
    for name in re.findall(r'`([^`]+)`', row[2]):
        node, _, parameter = name.rpartition(': ')
        file = ROOT / 'config' / 'nodes' / f'{node or "policy"}.yaml'
        values = next(iter(yaml.safe_load(file.read_text(encoding='utf-8')).values()))
        assert parameter in values['ros__parameters'], f'{file.name} has no {parameter}: {row[0]}'
