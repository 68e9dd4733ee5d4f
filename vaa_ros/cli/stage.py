# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What several verbs do at their start and end: check names, count time, say where things are."""

from __future__ import annotations

import os
from pathlib import Path
import platform
import sys

from vaa_ros.core.errors import unknown_name


def check_task(name: str) -> None:
    """
    Make sure that a task exists.

    :raises ConfigError: listing the tasks.
    """
    from vaa_ros.sim.registry import TASK_NAMES
    if name not in TASK_NAMES:
        raise unknown_name('task', name, TASK_NAMES)


def clock(seconds: float) -> str:
    """Return a duration as people say it, such as ``41.2 s`` or ``12 min 05 s``."""
    if seconds < 60:
        return f'{seconds:.1f} s'
    minutes, rest = divmod(round(seconds), 60)
    return f'{minutes} min {rest:02d} s'


def watched(run: Path) -> bool:
    """Return whether someone watches the progress bar; tell where the figures are if not."""
    if sys.stderr.isatty():
        return True
    if int(os.environ.get('RANK', 0)) > 0:
        # One of several processes of torchrun; the first one talks.
        return False
    print(f'training; figures as it goes in {run / "metrics.jsonl"}', flush=True)
    return False


def machine() -> str:
    """Return what the figures were measured on."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, 'sched_getaffinity') else os.cpu_count()
    model = platform.processor() or platform.machine()
    try:
        with open('/proc/cpuinfo', encoding='utf-8', errors='replace') as lines:
            names = [line.split(':', 1)[1].strip() for line in lines if 'model name' in line]
        model = names[0] if names else model
    except OSError:
        pass
    return f'{model}, {cores} cores, {platform.system()}, Python {platform.python_version()}'
