# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
``colcon build`` puts everything where ``ros2 run`` and ``ros2 launch`` look for it.
"""

from __future__ import annotations

import os
from pathlib import Path
import shutil
import subprocess
import sys

from contract_tree import console_scripts
from contract_tree import files
from contract_tree import ROOT
import pytest


@pytest.fixture(scope='module')
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """
    Build the committed files, and no others, into an empty workspace.
    """
    colcon = (shutil.which('colcon', path=str(Path(sys.executable).parent))
              or shutil.which('colcon'))
    assert colcon, 'colcon is not installed: pip install -c constraints.txt ' \
                   'colcon-common-extensions'
    workspace = tmp_path_factory.mktemp('workspace')
    source = workspace / 'src' / 'vaa_ros'
    for path in files():
        (source / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / path, source / path)
    built = subprocess.run(
        [colcon, '--log-base', 'log', 'build', '--event-handlers', 'console_direct+'],
        cwd=workspace, capture_output=True, text=True, check=False,
        # The Python that runs the tests builds, as `python3` would on a machine with a distro.
        env={**os.environ, 'PYTHONDONTWRITEBYTECODE': '1',
             'COLCON_HOME': str(workspace / 'colcon')})
    assert built.returncode == 0, built.stdout + built.stderr
    return workspace / 'install' / 'vaa_ros'


@pytest.mark.parametrize('top', ['launch', 'config', 'models'])
def test_data_files_are_in_share(prefix: Path, top: str) -> None:
    wanted = {path.relative_to(top) for path in files() if path.parts[0] == top}
    folder = prefix / 'share' / 'vaa_ros' / top
    found = {path.relative_to(folder) for path in folder.rglob('*') if path.is_file()}
    assert found == wanted
    assert wanted, f'{top}/ is empty'
    for path in wanted:
        assert (folder / path).read_bytes() == (ROOT / top / path).read_bytes()


def test_package_xml_and_the_marker_are_in_share(prefix: Path) -> None:
    share = prefix / 'share'
    installed = (share / 'vaa_ros' / 'package.xml').read_bytes()
    assert installed == (ROOT / 'package.xml').read_bytes()
    assert (share / 'ament_index/resource_index/packages/vaa_ros').is_file()


def test_every_executable_is_in_lib(prefix: Path) -> None:
    folder = prefix / 'lib' / 'vaa_ros'
    executables = {path.name for path in folder.iterdir() if os.access(path, os.X_OK)}
    assert executables == set(console_scripts())


def test_the_whole_package_is_installed(prefix: Path) -> None:
    installed = next((prefix / 'lib').glob('python3*/site-packages/vaa_ros'))
    wanted = {path.relative_to('vaa_ros') for path in files() if path.parts[0] == 'vaa_ros'}
    found = {path.relative_to(installed) for path in installed.rglob('*')
             if path.is_file() and path.suffix != '.pyc'}
    assert found == wanted


def test_the_installed_command_finds_its_data(prefix: Path) -> None:
    site = next((prefix / 'lib').glob('python3*/site-packages'))
    environment = {key: value for key, value in os.environ.items() if key != 'VAA_ROS_SHARE'}
    code = ('import vaa_ros.core.paths as p; print(p.__file__); '
            'print(p.config_file("fastdds.xml")); print(*p.config_names("robots"))')
    child = subprocess.run([sys.executable, '-c', code], cwd=prefix, capture_output=True,
                           text=True, check=False, env={**environment, 'PYTHONPATH': str(site)})
    assert child.returncode == 0, child.stderr
    module, profile, robots = child.stdout.splitlines()
    assert Path(module).is_relative_to(prefix)
    assert Path(profile) == prefix / 'share/vaa_ros/config/fastdds.xml'
    assert 'vaa_arm' in robots.split()
