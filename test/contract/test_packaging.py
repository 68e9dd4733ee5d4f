# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What package.xml, setup.py and constraints.txt say agrees with each other and with the code.
"""

from __future__ import annotations

import ast
from pathlib import Path
import re

from contract_tree import console_scripts
from contract_tree import files
from contract_tree import imports_of
from contract_tree import is_standard
from contract_tree import NODES
from contract_tree import package_xml
from contract_tree import python_files
from contract_tree import requirement_name
from contract_tree import ROOT
from contract_tree import setup_py
from contract_tree import tree_of
import pytest

# import -> (rosdep key or None, pip requirement or None).
LIBRARIES = {
    'PIL': ('python3-pil', 'pillow'),
    'accelerate': (None, 'accelerate'),
    'av': (None, 'av'),
    'builtin_interfaces': ('builtin_interfaces', 'ros-builtin-interfaces'),
    'cv2': ('python3-opencv', 'opencv-python-headless'),
    'control_msgs': ('control_msgs', None),
    'cv_bridge': ('cv_bridge', None),
    'diagnostic_msgs': ('diagnostic_msgs', 'ros-diagnostic-msgs'),
    'evdev': ('python3-evdev', 'evdev'),
    'geometry_msgs': ('geometry_msgs', 'ros-geometry-msgs'),
    'gym_aloha': (None, 'gym-aloha'),
    'gymnasium': ('python3-gymnasium-pip', 'gymnasium'),
    'h5py': (None, 'h5py'),
    'launch': ('launch', None),
    'launch_ros': ('launch_ros', None),
    'lerobot': (None, None),  # In an environment of its own: it pins other versions.
    'lifecycle_msgs': ('lifecycle_msgs', 'ros-lifecycle-msgs'),
    'matplotlib': ('python3-matplotlib', 'matplotlib'),
    'mcap': ('mcap-ros2-support', 'mcap'),
    'minisign': (None, 'py-minisign'),
    'mujoco': ('python3-mujoco-pip', 'mujoco'),
    'numpy': ('python3-numpy', 'numpy'),
    'onnx': (None, 'onnx'),
    'onnxruntime': ('python3-onnxruntime-pip', 'onnxruntime'),
    'onnxscript': (None, 'onnxscript'),
    'pinocchio': ('pinocchio', 'pin'),
    'pyarrow': (None, 'pyarrow'),
    'rcl_interfaces': ('rcl_interfaces', 'ros-rcl-interfaces'),
    'rclpy': ('rclpy', 'ros-kilted-rclpy'),
    'rerun': (None, 'rerun-sdk'),
    'rosbags': ('python3-rosbags-pip', 'rosbags'),
    'rosgraph_msgs': ('rosgraph_msgs', 'ros-rosgraph-msgs'),
    'sensor_msgs': ('sensor_msgs', 'ros-sensor-msgs'),
    'setuptools': (None, 'setuptools'),
    'std_msgs': ('std_msgs', 'ros-std-msgs'),
    'std_srvs': ('std_srvs', 'ros-std-srvs'),
    'tf2_msgs': ('tf2_msgs', None),
    'torch': (None, 'torch'),
    'tqdm': ('python3-tqdm', 'tqdm'),
    'transformers': (None, 'transformers'),
    'trajectory_msgs': ('trajectory_msgs', 'ros-trajectory-msgs'),
    'yaml': ('python3-yaml', 'pyyaml'),
}
# Needed without an import of ours: torch's ONNX exporter, its SummaryWriter, rclpy.lifecycle.
LOADED_BY_OTHERS = {'joy', 'onnxscript', 'tensorboard', 'lifecycle_msgs', 'ros-lifecycle-msgs'}
TESTING = {
    'domain_coordinator': ('domain_coordinator', 'ros-domain-coordinator'),
    'hypothesis': ('python3-hypothesis', 'hypothesis'),
    'pytest': ('python3-pytest', 'pytest'),
    'scipy': ('python3-scipy', 'scipy'),
}


def imported_libraries() -> dict[str, str]:
    """
    Every library that the package imports, and where.
    """
    return {name.split('.')[0]: f'{path}:{line}'
            for path in python_files('vaa_ros', 'launch', 'benchmarks', 'scripts', 'setup.py')
            for line, name in imports_of(path)
            if not is_standard(name) and name.split('.')[0] != 'vaa_ros'
            and not (ROOT / path).with_name(f'{name.split(".")[0]}.py').is_file()}


def dependencies(kind: str) -> list[str]:
    return [element.text or '' for element in package_xml().findall(kind)]


def declared_requirements() -> set[str]:
    declared = setup_py()
    groups = [declared['install_requires'], *declared['extras'].values()]
    return {requirement_name(item) for group in groups for item in group}


def pinned_in_setup() -> set[str]:
    """
    Requirements that cannot live with the versions in constraints.txt, and say their own.
    """
    return {requirement_name(item) for group in setup_py()['extras'].values() for item in group
            if '==' in item}


def test_one_version_everywhere() -> None:
    version = package_xml().findtext('version')
    assert setup_py()['version'] == version
    init = (ROOT / 'vaa_ros/__init__.py').read_text(encoding='utf-8')
    assert re.search(r"^__version__ = '(.+)'$", init, re.MULTILINE).group(1) == version
    log = (ROOT / 'CHANGELOG.rst').read_text(encoding='utf-8')
    newest = re.search(r'^(\d+\.\d+\.\d+) \(\d{4}-\d{2}-\d{2}\)\n-+$', log, re.MULTILINE)
    assert newest, 'CHANGELOG.rst has no section like "0.1.0 (2026-11-23)" with a line below'
    assert newest.group(1) == version


def test_package_xml_has_what_rep_149_asks_for() -> None:
    root = package_xml()
    assert root.get('format') == '3'
    assert root.findtext('name') == 'vaa_ros'
    assert (root.findtext('description') or '').strip()
    assert all(element.get('email') for element in root.findall('maintainer'))
    licence = root.find('license')
    assert licence.text == setup_py()['license'] == 'Apache-2.0'
    assert (ROOT / licence.get('file')).read_text(encoding='utf-8').count('Apache License') > 1
    assert root.findtext('export/build_type') == 'ament_python'


def test_dependencies_are_sorted_and_named_once() -> None:
    listed = dependencies('exec_depend')
    assert len(listed) == len(set(listed))
    for extra in setup_py()['extras'].values():
        assert extra == sorted(set(extra))


@pytest.mark.parametrize(('library', 'where'), sorted(imported_libraries().items()))
def test_every_imported_library_is_declared(library: str, where: str) -> None:
    assert library in LIBRARIES, f'{where} imports {library}; declare it, and name it here'
    rosdep, pip = LIBRARIES[library]
    assert rosdep is None or rosdep in dependencies('exec_depend'), f'{where}: package.xml'
    assert pip is None or pip in declared_requirements(), f'{where}: setup.py'


def test_nothing_is_declared_that_nobody_imports() -> None:
    imported = imported_libraries()
    wanted = [LIBRARIES[name] for name in imported if name in LIBRARIES]
    unused = set(dependencies('exec_depend')) - {rosdep for rosdep, _ in wanted}
    assert sorted(unused - LOADED_BY_OTHERS) == []
    extras = setup_py()['extras']
    running = {requirement_name(item) for name in ('ros', 'sim', 'train') for item in extras[name]}
    assert sorted(running - {pip for _, pip in wanted} - LOADED_BY_OTHERS) == []


def test_tests_import_only_what_is_declared() -> None:
    local = {path.stem for path in python_files('test', 'benchmarks')} | {'vaa_ros'}
    for path in python_files('test'):
        # What a test skips without is an import too: undeclared, it would never run.
        text = (ROOT / path).read_text(encoding='utf-8')
        skips = [(0, name) for name in re.findall(r"importorskip\('([\w.]+)'", text)]
        for line, name in [*imports_of(path), *skips]:
            top = name.split('.')[0]
            assert is_standard(name) or top in local | set(LIBRARIES) | set(TESTING), (
                f'{path}:{line} imports {name}')
    extra = {requirement_name(item) for item in setup_py()['extras']['test']}
    for rosdep, pip in TESTING.values():
        assert rosdep in dependencies('test_depend')
        assert pip in extra


def test_every_requirement_is_pinned() -> None:
    text = (ROOT / 'constraints.txt').read_text(encoding='utf-8')
    pinned = {requirement_name(line) for line in text.splitlines() if '==' in line}
    assert sorted(declared_requirements() - pinned - pinned_in_setup()) == []
    for line in text.splitlines():
        assert line.startswith('#') or re.match(r'^[a-z0-9.-]+==[\w.]+( ;.+)?$', line), line


def test_every_executable_has_a_main() -> None:
    scripts = console_scripts()
    assert set(scripts) == {'vaa', *NODES}
    for name, (module, function) in scripts.items():
        path = Path(module.replace('.', '/')).with_suffix('.py')
        assert (ROOT / path).is_file(), f'{name}: {path} does not exist'
        defined = {node.name for node in tree_of(path).body if isinstance(node, ast.FunctionDef)}
        assert function in defined, f'{name}: {path} has no {function}()'


def test_marker_and_scripts_are_where_ros_looks() -> None:
    assert (ROOT / 'resource/vaa_ros').read_bytes() == b''
    setup_cfg = (ROOT / 'setup.cfg').read_text(encoding='utf-8')
    assert 'script_dir = $base/lib/vaa_ros' in setup_cfg
    assert 'install_scripts = $base/lib/vaa_ros' in setup_cfg


def test_every_shipped_model_has_a_card() -> None:
    for path in files():
        if path.parts[0] == 'models' and path.suffix == '.onnx':
            cards = [other for other in files() if other.parent == path.parent
                     and other.suffix == '.md']
            assert cards, f'{path} has no model card beside it'
