# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of choosing the OpenGL backend.
"""
from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vaa_ros.sim import backend


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Start without a choice, and leave the real one alone.
    """
    monkeypatch.setenv('MUJOCO_GL', '')
    monkeypatch.setattr(sys, 'platform', 'linux')
    monkeypatch.delitem(sys.modules, 'mujoco', raising=False)


@pytest.mark.parametrize(('egl', 'osmesa', 'expected'), [
    (True, True, 'egl'), (False, True, 'osmesa'), (False, False, '')])
def test_first_that_works(monkeypatch: pytest.MonkeyPatch, egl: bool, osmesa: bool,
                          expected: str) -> None:
    monkeypatch.setattr(backend, '_egl_works', lambda: egl)
    monkeypatch.setattr(backend, '_loads', lambda *_: osmesa)
    assert backend.choose_backend() == expected
    assert os.environ['MUJOCO_GL'] == expected


def test_a_choice_made_by_the_user_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv('MUJOCO_GL', 'glfw')
    assert backend.choose_backend() == 'glfw'


def test_imported_mujoco_has_chosen_already(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, 'mujoco', sys)
    monkeypatch.setattr(backend, '_egl_works', lambda: True)
    assert backend.choose_backend() == ''
    assert 'import' in backend.no_backend_message('no display')


def test_missing_libraries_are_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(f'{name}: cannot open shared object file')
    monkeypatch.setattr(backend.ctypes, 'CDLL', missing)
    assert backend.choose_backend() == ''


def test_message_says_what_to_do() -> None:
    text = backend.no_backend_message('no display')
    assert 'no display' in text and 'apt-get install libegl1 libgl1 libosmesa6' in text


def test_package_imports_without_mujoco() -> None:
    code = ('import sys, vaa_ros.sim; assert "mujoco" not in sys.modules; '
            'import vaa_ros.sim.tasks; assert "mujoco" not in sys.modules')
    subprocess.run([sys.executable, '-c', code], check=True, timeout=60)
