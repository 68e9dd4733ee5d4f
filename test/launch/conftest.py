# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What tests of launch files share: the recording double, put in the place of the library.
"""

from __future__ import annotations

from pathlib import Path
import tempfile
from typing import Any

import launch_double
from launch_double import Context
from launch_files import load
import pytest


@pytest.fixture
def launch(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """
    Give a function that walks a launch file with arguments and an environment.
    """
    launch_double.install(monkeypatch)
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))

    def walk(name: str, environment: dict[str, str] | None = None, **arguments: str) -> Context:
        return launch_double.execute(load(name, monkeypatch), arguments, environment)

    return walk
