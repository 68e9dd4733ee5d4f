# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What both kinds of launch test share: the files, and how one is loaded.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
import sys
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.name for path in (ROOT / 'launch').glob('*.launch.py'))
# Asked of launch_ros: a folder that is called launch is not the library.
GENUINE = importlib.util.find_spec('launch_ros') is not None

SHARED = ('vaa_ros.ros.launching', 'vaa_ros.ros.launch_topics')


def load(name: str, patch: pytest.MonkeyPatch) -> Any:
    """
    Run a launch file and give its description, by whichever library is installed now.
    """
    for module in SHARED:
        patch.delitem(sys.modules, module, raising=False)
    spec = importlib.util.spec_from_file_location(name.split('.')[0] + '_launch',
                                                  ROOT / 'launch' / name)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for shared in SHARED:
        sys.modules.pop(shared, None)
    return module.generate_launch_description()
