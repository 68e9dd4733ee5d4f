# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who may import whom. The rules are those of doc/architecture.md.
"""

from __future__ import annotations

import os
from pathlib import Path
import subprocess
import sys

from contract_tree import imports_of
from contract_tree import is_standard
from contract_tree import NODES
from contract_tree import python_files
from contract_tree import ROOT
import pytest

ALL = {'alignment', 'cli', 'core', 'learning', 'policies', 'recording', 'ros', 'sim'}
LAYERS = {
    'alignment': {'core'},
    'cli': ALL,
    'core': set(),
    'learning': {'alignment', 'core', 'policies', 'recording', 'sim'},
    'nodes': {'core', 'policies', 'recording', 'ros'},
    'policies': {'core'},
    'recording': {'core'},
    'ros': {'core'},
    'sim': {'core'},
}
WITHOUT_ROS = ('alignment', 'core', 'learning', 'policies', 'recording', 'sim')
ROS_LIBRARIES = ('rclpy', 'cv_bridge', 'launch', 'launch_ros', 'ament_index_python')
# Where one library lives; a folder or a file below vaa_ros/.
HOMES = {
    'cv2': ('core/images.py', 'cli', 'learning', 'ros', 'sim'),
    'gym_aloha': ('sim/aloha_env.py',),
    'h5py': ('learning/aloha_import.py',),
    'mcap': ('recording',),
    'minisign': ('policies/signature.py',),
    'mujoco': ('sim',),
    'onnx': ('learning/export.py',),
    'onnxruntime': ('policies/onnx_policy.py', 'learning/export.py'),
    'onnxscript': ('learning/export.py',),
    'pinocchio': ('policies/kinematics.py',),
    'pyarrow': ('learning/lerobot_layout.py',),
    'rerun': ('cli/view_rerun.py',),
    'rosbags': ('recording',),
    'tensorboard': ('learning',),
    'torch': ('alignment', 'learning'),
}
CORE_MAY = {'numpy', 'yaml', 'cv2'}
HEAVY = ('mujoco', 'onnx', 'onnxruntime', 'pinocchio', 'rerun', 'torch')

MODULES = [path for path in python_files('vaa_ros') if len(path.parts) > 2]


def layers_of(path: Path) -> set[str]:
    layer = path.parts[1]
    allowed = LAYERS[layer] | {layer}
    if layer == 'nodes':
        allowed -= {'nodes'}  # one node knows nothing of another
        if path.stem in ('sim_arm', 'teleop'):
            allowed |= {'sim'}
    return allowed


@pytest.mark.parametrize('path', MODULES, ids=str)
def test_a_module_imports_only_layers_below_it(path: Path) -> None:
    assert path.parts[1] in LAYERS, f'{path}: a folder that doc/architecture.md does not know'
    allowed = layers_of(path)
    for line, name in imports_of(path):
        parts = name.split('.')
        if parts[0] != 'vaa_ros' or len(parts) == 1 or parts[1] == '__version__':
            continue
        assert parts[1] in allowed, (
            f'{path}:{line} imports {name}; {path.parts[1]} may import {sorted(allowed)}')


@pytest.mark.parametrize('path', [p for p in MODULES if p.parts[1] in WITHOUT_ROS], ids=str)
def test_pure_folders_know_no_ros(path: Path) -> None:
    for line, name in imports_of(path):
        top = name.split('.')[0]
        assert top not in ROS_LIBRARIES and not top.endswith(('_msgs', '_srvs', '_interfaces')), (
            f'{path}:{line} imports {name}; {path.parts[1]} must work without ROS')


@pytest.mark.parametrize('path', python_files('vaa_ros'), ids=str)
def test_a_library_lives_in_one_place(path: Path) -> None:
    inside = path.relative_to('vaa_ros').as_posix()
    for line, name in imports_of(path):
        homes = HOMES.get(name.split('.')[0])
        assert homes is None or any(
            inside == home or inside.startswith(f'{home}/') for home in homes), (
            f'{path}:{line} imports {name}, which belongs to {homes}')


@pytest.mark.parametrize('path', [p for p in MODULES if p.parts[1] == 'core'], ids=str)
def test_core_needs_numpy_and_yaml_alone(path: Path) -> None:
    for line, name in imports_of(path):
        top = name.split('.')[0]
        assert is_standard(name) or top in CORE_MAY | {'vaa_ros'}, f'{path}:{line} imports {name}'


@pytest.mark.parametrize('code', [
    'import vaa_ros',
    'from vaa_ros.cli.main import make_parser; make_parser()',
])
def test_the_command_starts_without_heavy_libraries(code: str) -> None:
    assert loaded_by(code, HEAVY) == []


@pytest.mark.parametrize('node', NODES)
def test_no_node_needs_torch(node: str) -> None:
    pytest.importorskip('rclpy')
    unwanted = ('torch', 'onnx') if node in ('sim_arm', 'teleop') else ('torch', 'onnx', 'mujoco')
    assert loaded_by(f'import vaa_ros.nodes.{node}', unwanted) == []


def loaded_by(code: str, libraries: tuple[str, ...]) -> list[str]:
    """
    Run code in a fresh interpreter and give which of the libraries it loaded.
    """
    script = f'{code}\nimport sys\nprint(*[n for n in {libraries!r} if n in sys.modules])'
    path = os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')])
    child = subprocess.run([sys.executable, '-c', script], cwd=ROOT, capture_output=True,
                           text=True, check=False, env={**os.environ, 'PYTHONPATH': path})
    assert child.returncode == 0, child.stderr
    return child.stdout.split()
