# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What both kinds of launch test share: the files, and how one is loaded.
"""

from __future__ import annotations

from collections.abc import Iterable
import importlib.util
from pathlib import Path
import sys
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted(path.name for path in (ROOT / 'launch').glob('*.launch.py'))
# Asked of launch_ros: a folder that is called launch is not the library.
GENUINE = importlib.util.find_spec('launch_ros') is not None

SHARED = ('vaa_ros.ros.launching', 'vaa_ros.ros.launch_topics')
SWITCHES = ('simulation', 'teleop', 'joy', 'guard', 'record')
"""Launch arguments that start a node or leave it out."""

OTHER_PARAMETERS = """
/**:
  ros__parameters: {use_sim_time: false}
/left/policy:
  ros__parameters: {speed: 0.9, replan: chunks, model_path: pick_place}
/left/teleop_recorder:
  ros__parameters: {operator: nobody, autostart: false}
/left/sim_arm:
  ros__parameters: {task: push}
"""
"""A parameter file that contradicts :func:`other_values`, by names that ROS reads last."""


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


LEADER = {'joints': {name: {'name': name} for name in (f'joint_{n}' for n in range(1, 7))},
          'gripper': {'name': 'trigger', 'closed': 0.0, 'open': 1.0}}


def other_values(names: Iterable[str], folder: Path) -> dict[str, str]:
    """
    Give each launch argument but the switches a value that is not its default.

    :param names: the arguments.
    :param folder: where files of one's own may be.
    """
    params_file = folder / 'params.yaml'
    params_file.write_text(OTHER_PARAMETERS, encoding='utf-8')
    leader = folder / 'leader.yaml'
    leader.write_text(yaml.safe_dump(LEADER), encoding='utf-8')
    values = {
        'namespace': 'left', 'params_file': str(params_file), 'use_sim_time': 'true',
        'log_level': 'warn', 'fastdds_profile': 'false', 'model_path': 'hold',
        'robot': str(ROOT / 'config' / 'robots' / 'vaa_arm.yaml'), 'command_type': 'commands',
        'command_topic': 'arm/commands', 'joint_states_topic': '/left/arm/joint_states',
        'front_image_topic': 'cam/front', 'wrist_image_topic': 'cam/wrist', 'compressed': 'true',
        'control_rate_hz': '50', 'speed': '0.5', 'autostart': 'false', 'dry_run': 'true',
        'deadman': 'True', 'require_signature': 'true', 'flights': str(folder / "pilot's"),
        'task': 'reach', 'seed': '7', 'mode': 'leader', 'device': 'auto', 'leader': str(leader),
        'output_dir': str(folder / 'takes'), 'instruction': 'put it: there', 'operator': '007',
        'episodes': '3', 'countdown_s': '1.5', 'reset_s': '2', 'cues': 'print',
        'pedal': '/dev/input/event99', 'min_free_gb': '0.5',
        'thresholds': str(ROOT / 'config' / 'verdict.yaml'), 'compression': 'none',
        'image_compression': 'png', 'jpeg_quality': '80'}
    return {name: values[name] for name in names if name not in SWITCHES}
