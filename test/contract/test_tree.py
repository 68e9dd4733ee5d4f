# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The shape of the source: short functions and files, headers, honest exports, nothing stray.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
import re

from contract_tree import files
from contract_tree import python_files
from contract_tree import ROOT
from contract_tree import tree_of
import pytest

LONGEST_FUNCTION = 60
LONGEST_FILE = 350
LONGEST_TEST_FILE = 500  # a list of cases reads well at any length
LARGEST_FILE = 10_000_000
HEADER = ['# Copyright 2026 vaa_ros contributors', '# SPDX-License-Identifier: Apache-2.0']
# Spelled apart so that this file does not find itself.
MACHINE_PATH = re.compile('/(' + '|'.join(['tmp', 'work', 'root', 'home']) + ')/')
TEXT = {'.py', '.md', '.rst', '.yaml', '.xml', '.urdf', '.toml', '.cfg', '.sh', '.txt', '.json',
        ''}


@pytest.mark.parametrize('path', python_files(), ids=str)
def test_functions_and_files_are_short(path: Path) -> None:
    lines = (ROOT / path).read_text(encoding='utf-8').count('\n')
    longest = LONGEST_TEST_FILE if path.parts[0] == 'test' else LONGEST_FILE
    assert lines < longest, f'{path} has {lines} lines; split it'
    for node in ast.walk(tree_of(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            length = node.end_lineno - node.lineno + 1
            assert length < LONGEST_FUNCTION, (
                f'{path}:{node.lineno} {node.name} has {length} lines; split it')


@pytest.mark.parametrize('path', [p for p in files() if p.suffix in ('.py', '.sh')
                                  or p == Path('.ci/run')], ids=str)
def test_every_source_file_says_its_licence(path: Path) -> None:
    lines = (ROOT / path).read_text(encoding='utf-8').splitlines()
    if lines and lines[0].startswith('#!'):
        del lines[0]
    assert lines[:2] == HEADER, f'{path} does not begin with {HEADER}'


@pytest.mark.parametrize('path', python_files('vaa_ros'), ids=str)
def test_exported_names_exist(path: Path) -> None:
    body = tree_of(path).body
    exported = [ast.literal_eval(node.value) for node in body if isinstance(node, ast.Assign)
                and any(getattr(target, 'id', '') == '__all__' for target in node.targets)]
    if exported:
        missing = set(exported[0]) - set(top_level_names(body))
        assert not missing, f'{path}: __all__ names {sorted(missing)}, which do not exist'


def top_level_names(body: list[ast.stmt]) -> Iterator[str]:
    for node in body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            yield from (alias.asname or alias.name.split('.')[0] for alias in node.names)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from (target.id for target in targets if isinstance(target, ast.Name))


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {path.parent for path in python_files('vaa_ros')}
    assert sorted(str(f) for f in folders if not (ROOT / f / '__init__.py').is_file()) == []


def test_no_file_is_called_utils() -> None:
    names = {'utils.py', 'util.py', 'helpers.py', 'misc.py', 'common.py'}
    assert [str(path) for path in files() if path.name in names] == []


def test_no_path_of_one_machine_is_in_the_tree() -> None:
    found = []
    for path in files():
        if path.suffix not in TEXT or path.name == 'LICENSE':
            continue
        text = (ROOT / path).read_text(encoding='utf-8', errors='ignore')
        found += [f'{path}:{number}: {line.strip()[:80]}'
                  for number, line in enumerate(text.splitlines(), 1) if MACHINE_PATH.search(line)]
    assert found == []


def test_no_large_file_is_in_the_tree() -> None:
    large = {str(path): (ROOT / path).stat().st_size for path in files()}
    assert {name: size for name, size in large.items() if size > LARGEST_FILE} == {}


def test_test_files_have_names_of_their_own() -> None:
    # pytest imports them by their bare name.
    names = [path.name for path in python_files('test') if path.name != 'conftest.py']
    assert sorted({name for name in names if names.count(name) > 1}) == []
