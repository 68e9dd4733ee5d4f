# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the contract tests look at: the files of the tree, their imports, what setup.py declares.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
import functools
from pathlib import Path
import re
import subprocess
import sys
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = 'vaa_ros'
NODES = ('camera_subscriber', 'command_mux', 'flight_recorder', 'guard', 'policy', 'sim_arm',
         'teleop', 'teleop_recorder')
_GENERATED = {'.git', '.venv', 'build', 'install', 'log', 'dist', 'out', '__pycache__',
              '.pytest_cache', '.ruff_cache', '.hypothesis'}


@functools.cache
def files() -> list[Path]:
    """
    Every file that is or would be committed, relative to the root.
    """
    listed = subprocess.run(
        ['git', 'ls-files', '--cached', '--others', '--exclude-standard', '-z'],
        cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        found = {Path(name) for name in listed.stdout.split('\0') if name}
    else:  # a source archive
        found = {path.relative_to(ROOT) for path in ROOT.rglob('*')}
    return sorted(path for path in found
                  if (ROOT / path).is_file() and not _GENERATED.intersection(path.parts)
                  and not any(part.endswith('.egg-info') for part in path.parts))


def python_files(*tops: str) -> list[Path]:
    """
    The Python files below some folders, or all of them.
    """
    return [path for path in files()
            if path.suffix == '.py' and (not tops or path.parts[0] in tops)]


@functools.cache
def tree_of(path: Path) -> ast.Module:
    """
    Parse a file.
    """
    return ast.parse((ROOT / path).read_text(encoding='utf-8'), filename=str(path))


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """
    Every module that a file imports anywhere, functions included: line and absolute name.

    ``from package import name`` gives ``package.name``: the name may be a module.
    """
    package = path.parent.parts
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ''
            if node.level:
                kept = package[:len(package) - node.level + 1]
                base = '.'.join([*kept, *([base] if base else [])])
            for alias in node.names:
                yield node.lineno, f'{base}.{alias.name}'


def is_standard(name: str) -> bool:
    """
    Tell whether a module belongs to the standard library.
    """
    return name.split('.')[0] in sys.stdlib_module_names | {'__future__'}


def requirement_name(requirement: str) -> str:
    """
    Give the bare, normalised name of a pip requirement.
    """
    return re.sub(r'[-_.]+', '-', re.split(r'[\[<>=!~; ]', requirement)[0]).lower()


def setup_py() -> dict[str, object]:
    """
    What setup.py declares, read without running it: version, extras, entry points.
    """
    found: dict[str, object] = {}
    for node in ast.walk(tree_of(Path('setup.py'))):
        if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '') == 'EXTRAS':
            found['extras'] = ast.literal_eval(node.value)
        elif isinstance(node, ast.keyword) and node.arg in (
                'version', 'install_requires', 'entry_points', 'license'):
            found[node.arg] = ast.literal_eval(node.value)
    return found


def console_scripts() -> dict[str, tuple[str, str]]:
    """
    The executables of setup.py: name -> (module, function).
    """
    scripts = setup_py()['entry_points']['console_scripts']
    pairs = (line.split('=') for line in scripts)
    return {name.strip(): tuple(target.strip().split(':')) for name, target in pairs}


def package_xml() -> ElementTree.Element:
    """
    The root element of package.xml.
    """
    return ElementTree.parse(ROOT / 'package.xml').getroot()
