# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
`vaa train` for several configurations under one torchrun: each start of it takes seconds.
"""
from __future__ import annotations

from pathlib import Path
import sys

from vaa_ros.cli.main import main
from vaa_ros.learning.engine import Engine

if __name__ == '__main__':
    data, folder, names = sys.argv[1], Path(sys.argv[2]), sys.argv[3:]
    end = Engine.end
    for name in names:
        # A process joins its group once; only the last run parts from it.
        Engine.end = end if name == names[-1] else Engine.wait
        code = main(['train', '--data', data, '--out', str(folder / name),
                     '--config', str(folder / f'{name}.yaml')])
        if code:
            sys.exit(code)
