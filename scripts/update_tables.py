# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Write what is generated from the parameter tables of the nodes.

That is ``config/nodes/<node>.yaml``, and in README.md whatever stands between
``<!-- parameters:<node> -->`` and ``<!-- /parameters -->``. ``make tables`` runs it.
"""

from __future__ import annotations

import importlib
from pathlib import Path
import re

from vaa_ros.ros.parameters import markdown_table
from vaa_ros.ros.parameters import yaml_text

ROOT = Path(__file__).resolve().parents[1]
NODES = ('camera_subscriber', 'command_mux', 'flight_recorder', 'guard', 'policy', 'sim_arm',
         'teleop', 'teleop_recorder')


def main() -> None:
    """
    Bring every generated text up to date.
    """
    readme = ROOT / 'README.md'
    text = readme.read_text(encoding='utf-8')
    folder = ROOT / 'config' / 'nodes'
    folder.mkdir(exist_ok=True)
    for node in NODES:
        table = importlib.import_module(f'vaa_ros.nodes.{node}').PARAMETERS
        (folder / f'{node}.yaml').write_text(yaml_text(node, table), encoding='utf-8')
        section = f'<!-- parameters:{node} -->\n{markdown_table(table)}\n<!-- /parameters -->'
        text = re.sub(f'<!-- parameters:{node} -->.*?<!-- /parameters -->', lambda _, new=section:
                      new, text, flags=re.DOTALL)
    readme.write_text(text, encoding='utf-8')


if __name__ == '__main__':
    main()
