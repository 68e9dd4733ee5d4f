# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Style, as pyproject.toml sets it.
"""

from __future__ import annotations

from pathlib import Path
import shutil
import subprocess
import sys

from contract_tree import ROOT
import pytest


@pytest.mark.linter
def test_ruff_finds_nothing() -> None:
    ruff = shutil.which('ruff', path=str(Path(sys.executable).parent)) or shutil.which('ruff')
    assert ruff, 'ruff is not installed: pip install -c constraints.txt ruff'
    checked = subprocess.run([ruff, 'check', '--no-cache', '--output-format', 'concise', '.'],
                             cwd=ROOT, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, f'{checked.stdout}{checked.stderr}\nTry: ruff check --fix'
