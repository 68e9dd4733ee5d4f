# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The documentation says what the code does: parameters, nodes, verbs, commands.
"""

from __future__ import annotations

import importlib
from pathlib import Path
import re
import shlex

from contract_tree import files
from contract_tree import NODES
from contract_tree import ROOT
import pytest
import yaml

from vaa_ros.cli.main import make_parser
from vaa_ros.cli.main import VERBS


def readme() -> str:
    return (ROOT / 'README.md').read_text(encoding='utf-8')


def section(title: str) -> str:
    found = re.search(rf'^## {title}\n(.*?)(?=^## |\Z)', readme(), re.MULTILINE | re.DOTALL)
    assert found, f'README.md has no section "## {title}"'
    return found.group(1)


def first_cells(text: str) -> set[str]:
    """
    The code names that begin the rows of the tables in a text.
    """
    return set(re.findall(r'^\| `([^`]+)`', text, re.MULTILINE))


@pytest.mark.parametrize('node', NODES)
def test_parameter_files_are_the_parameter_tables(node: str) -> None:
    pytest.importorskip('rclpy')
    parameters = importlib.import_module('vaa_ros.ros.parameters')
    table = importlib.import_module(f'vaa_ros.nodes.{node}').PARAMETERS
    path = ROOT / 'config' / 'nodes' / f'{node}.yaml'
    text = path.read_text(encoding='utf-8')
    body = yaml.safe_load(text)[f'/**/{node}']['ros__parameters']
    assert list(body) == [row.name for row in table], 'run `make tables`'
    for row in table:
        assert body[row.name] == (list(row.default) if row.is_list else row.default)
        assert row.problem(body[row.name]) == ''
    assert text == parameters.yaml_text(node, table), 'run `make tables`'


def test_every_parameter_file_belongs_to_a_node() -> None:
    found = {path.stem for path in (ROOT / 'config' / 'nodes').iterdir()}
    assert found == set(NODES)


@pytest.mark.parametrize('node', NODES)
def test_the_readme_has_the_parameters_of_every_node(node: str) -> None:
    pytest.importorskip('rclpy')
    parameters = importlib.import_module('vaa_ros.ros.parameters')
    table = importlib.import_module(f'vaa_ros.nodes.{node}').PARAMETERS
    found = re.search(f'<!-- parameters:{node} -->\n(.*?)\n<!-- /parameters -->',
                      section('Parameters'), re.DOTALL)
    assert found, f'README.md, Parameters: no <!-- parameters:{node} -->'
    assert found.group(1) == parameters.markdown_table(table), 'run `make tables`'


def test_the_readme_has_every_node() -> None:
    assert set(NODES) <= first_cells(section('Nodes'))


def test_the_readme_has_every_verb() -> None:
    rows = {name.split()[1] for name in first_cells(readme()) if name.startswith('vaa ')}
    assert rows == set(VERBS)


def documents() -> list[Path]:
    return [path for path in files()
            if path.suffix == '.md' and path.parts[0] not in ('test', 'out')]


def test_documented_vaa_commands_parse() -> None:
    parser = make_parser()
    for path in documents():
        text = (ROOT / path).read_text(encoding='utf-8')
        for line in re.findall(r'^(?:\.venv/bin/)?(vaa [a-z].*)$', text, re.MULTILINE):
            words = shlex.split(re.split(r'\s+(?:#|&&|\|)\s*', line)[0])[1:]
            if '...' in words or words[0].isupper():
                continue
            try:
                parser.parse_args(words)
            except SystemExit as error:
                pytest.fail(f'{path}: `{line}` is refused (exit {error.code})')


def test_documented_make_targets_exist() -> None:
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    targets = set(re.findall(r'^([a-z-]+):', makefile, re.MULTILINE))
    for path in documents():
        text = (ROOT / path).read_text(encoding='utf-8')
        named = set(re.findall(r'(?:^|`)make ([a-z-]+)', text, re.MULTILINE))
        assert named <= targets, f'{path}: {sorted(named - targets)}'


def test_links_between_documents_lead_somewhere() -> None:
    for path in documents():
        text = (ROOT / path).read_text(encoding='utf-8')
        for target in re.findall(r'\]\(([^)#:\s]+)(?:#[^)]*)?\)', text):
            assert (ROOT / path.parent / target).exists(), f'{path} links to {target}'
