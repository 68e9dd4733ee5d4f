# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The README's commands, run as they stand there, in order, with options that make them short.
"""

from __future__ import annotations

import os
from pathlib import Path
import re
import shlex
import subprocess
import sys

import pytest

ROOT = Path(__file__).resolve().parents[2]

SHORTER = {
    'record': ['--episodes', '4'],
    'train': ['--config', 'tiny', '--steps', '40'],
    'evaluate': ['--seeds', '1000:1'],
    'replay': [],
    'dataset': [],
    'export': [],
}
"""What each verb gets besides what the README says; the last word of an option counts."""


def fenced(text: str) -> list[str]:
    """Give the lines of all code blocks."""
    blocks = re.findall(r'^```\w*\n(.*?)^```', text, re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def run(arguments: list[str], folder: Path) -> None:
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    environment.pop('ROS_DOMAIN_ID', None)
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env=environment,
                          capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f'{shlex.join(arguments)}\n{done.stdout}\n{done.stderr}'


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_commands_of_the_readme_work_in_order(tmp_path: Path) -> None:
    tried = []
    for line in fenced((ROOT / 'README.md').read_text(encoding='utf-8')):
        words = shlex.split(line, comments=True)
        if words[:1] != ['vaa'] or '&&' in words or words[1] not in SHORTER \
                or '--teleop' in words:
            continue
        run(['-m', 'vaa_ros.cli.main', *words[1:], *SHORTER[words[1]]], tmp_path)
        tried.append(words[1])
    assert tried[:5] == ['record', 'dataset', 'train', 'export', 'evaluate']


@pytest.mark.parametrize('path', sorted((ROOT / 'benchmarks').glob('*.py')), ids=lambda p: p.stem)
def test_benchmarks_say_how_to_use_them(path: Path, tmp_path: Path) -> None:
    if path.stem not in ('bench', 'lerobot_loop'):  # Shared, and for a Python with LeRobot.
        run([str(path), '--help'], tmp_path)


def test_latency_says_that_a_python_has_no_lerobot(tmp_path: Path) -> None:
    program = [sys.executable, ROOT / 'benchmarks' / 'latency.py', '--lerobot', sys.executable]
    done = subprocess.run(program, cwd=tmp_path, env={**os.environ, 'PYTHONPATH': str(ROOT)},
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert f'{sys.executable} has no LeRobot' in done.stderr
