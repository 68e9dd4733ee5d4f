# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Set-up says clearly what is missing, and ``make`` hands arguments on.
"""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

from contract_tree import ROOT
import pytest

CREATE = str(ROOT / 'scripts' / 'create_venv.sh')
NEED = str(ROOT / 'scripts' / 'need_packages.sh')


@pytest.fixture
def stand_ins(tmp_path: Path) -> Path:
    """
    A folder of programs that come first on PATH; here the user is not root.
    """
    folder = tmp_path / 'bin'
    folder.mkdir()
    program(folder / 'id', 'echo 1000')
    program(folder / 'apt-get', 'echo apt-get was run; exit 9')
    return folder


def program(path: Path, body: str) -> str:
    path.write_text(f'#!/bin/sh\n{body}\n', encoding='utf-8')
    path.chmod(0o755)
    return str(path)


def call(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(folder), os.environ['PATH']])
    return subprocess.run(command, env={**os.environ, 'PATH': path}, capture_output=True,
                          text=True, check=False, cwd=ROOT)


def make(*words: str) -> subprocess.CompletedProcess[str]:
    # This may itself run below `make test`, whose flags and variables would come along.
    environment = {key: value for key, value in os.environ.items()
                   if key not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'ARGS', 'EPISODES')}
    return subprocess.run(['make', *words], cwd=ROOT, env=environment, capture_output=True,
                          text=True, check=False)


def test_missing_packages_are_one_command_for_a_user(stand_ins: Path) -> None:
    done = call(stand_ins, NEED, 'The cameras need OpenGL.', 'libegl1', 'libgl1')
    assert done.returncode == 1
    assert 'apt-get was run' not in done.stdout + done.stderr
    why, command = done.stderr.splitlines()
    assert why.startswith('The cameras need OpenGL.')
    assert command.strip().startswith('sudo apt-get update && sudo apt-get install')
    assert command.endswith('libegl1 libgl1')


def test_an_old_python_is_refused_with_what_to_do(stand_ins: Path) -> None:
    old = program(stand_ins / 'python3.9', 'case "$1" in -c) exit 1;; *) echo Python 3.9.2;; esac')
    done = call(stand_ins, CREATE, str(stand_ins / 'venv'), old)
    assert done.returncode == 1
    assert '3.10 to 3.13' in done.stderr and 'Python 3.9.2' in done.stderr
    assert 'PYTHON=' in done.stderr
    assert not (stand_ins / 'venv').exists()


def test_a_python_that_is_not_there_is_refused(stand_ins: Path) -> None:
    done = call(stand_ins, CREATE, str(stand_ins / 'venv'), 'python3.99')
    assert done.returncode == 1
    assert 'python3.99 is: ' in done.stderr


def test_missing_venv_module_names_the_package(stand_ins: Path) -> None:
    bare = program(stand_ins / 'python3',
                   f'case "$2" in *ensurepip*) exit 1;; *) exec {sys.executable} "$@";; esac')
    done = call(stand_ins, CREATE, str(stand_ins / 'venv'), bare)
    assert done.returncode == 1
    version = f'{sys.version_info.major}.{sys.version_info.minor}'
    assert done.stderr.rstrip().endswith(f'python{version}-venv')


def test_an_environment_that_works_is_kept(stand_ins: Path, tmp_path: Path) -> None:
    working = tmp_path / 'venv' / 'bin' / 'python'
    working.parent.mkdir(parents=True)
    working.symlink_to(sys.executable)
    done = call(stand_ins, CREATE, str(tmp_path / 'venv'))
    assert (done.returncode, done.stdout, done.stderr) == (0, '', '')
    assert working.is_symlink()


def test_rendering_that_fails_says_why() -> None:
    pytest.importorskip('mujoco')
    done = subprocess.run([sys.executable, str(ROOT / 'scripts' / 'check_rendering.py')],
                          env={**os.environ, 'MUJOCO_GL': 'nonsense'}, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith('MUJOCO_GL=nonsense does not render: ')


@pytest.mark.parametrize(('words', 'command'), [
    (['demo'], 'vaa demo'),
    (['demo', 'EPISODES=3', 'ARGS=--json out.json'], 'vaa demo --episodes 3 --json out.json'),
    (['from-scratch', 'ARGS=--task reach'], 'vaa demo --from-scratch --task reach'),
    (['test', 'ARGS=test/unit'], 'python -m pytest test/unit'),
])
def test_make_hands_arguments_on(words: list[str], command: str) -> None:
    done = make('--dry-run', 'VENV=nowhere', *words)
    assert done.returncode == 0, done.stderr
    last = done.stdout.strip().splitlines()[-1]
    assert last.split() == f'nowhere/bin/{command}'.split()


def test_make_help_lists_every_target() -> None:
    done = make('help')
    makefile = (ROOT / 'Makefile').read_text(encoding='utf-8')
    phony = makefile.split('.PHONY:')[1].splitlines()[0].split()
    assert [target for target in phony if f'make {target} ' not in done.stdout] == []
