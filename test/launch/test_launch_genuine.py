# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The launch files under the genuine ``launch`` and ``launch_ros``, where these are installed.

Here nothing is started: what would be is compared with what the recording double says.
"""

from __future__ import annotations

from pathlib import Path
import tempfile
from typing import Any

import genuine
from genuine import make_prefix
from genuine import with_prefix
import launch_double
from launch_double import Started
from launch_files import FILES
from launch_files import GENUINE
from launch_files import load
from launch_files import other_values
from launch_files import ROOT
from launch_files import SWITCHES
import pytest

from vaa_ros.core.errors import VaaError

pytestmark = pytest.mark.skipif(not GENUINE, reason='launch_ros is not installed')
PROFILE = 'FASTDDS_DEFAULT_PROFILES_FILE'

PARAMETERS = """
/**:
  ros__parameters: {use_sim_time: true}
/*/teleop_recorder:
  ros__parameters: {robot: fr3}
left:
  policy:
    ros__parameters: {robot: fr3, speed: 0.2, replan: chunks}
"""


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """
    Give an install prefix that the genuine library finds.
    """
    made = make_prefix(tmp_path / 'prefix')
    monkeypatch.setenv('AMENT_PREFIX_PATH', with_prefix(made))
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
    return made


def both(name: str, **arguments: str) -> tuple[dict[str, Started], dict[str, Started]]:
    """
    Walk a launch file with the genuine library and with the double.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(PROFILE, raising=False)
        real = genuine.walk(load(name, patch), arguments, patch)
    with pytest.MonkeyPatch.context() as patch:
        launch_double.install(patch)
        doubled = launch_double.execute(load(name, patch), arguments).nodes
    return real, doubled


def same(real: dict[str, Started], doubled: dict[str, Started]) -> None:
    """
    Assert that both say the same, but for where the package is.
    """
    def plain(started: Started) -> dict[str, Any]:
        values = vars(started).copy()
        profile = values.pop('environment').get(PROFILE)
        return {**values, 'profile': profile and Path(profile).resolve()}

    assert [plain(node) for node in real.values()] == [plain(node) for node in doubled.values()]


@pytest.mark.parametrize('name', FILES)
def test_every_argument_is_described(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = load(name, monkeypatch).get_launch_arguments()
    assert {'namespace', 'params_file', 'log_level', 'fastdds_profile'} <= {
        argument.name for argument in arguments}
    for argument in arguments:
        assert argument.description and argument.default_value is not None, argument.name
    with pytest.MonkeyPatch.context() as patch:
        launch_double.install(patch)
        doubled = launch_double.execute(load(name, patch), {}).arguments
    assert list(doubled) == [argument.name for argument in arguments]
    for argument in arguments:
        assert argument.choices == doubled[argument.name].choices
        assert argument.description.startswith(doubled[argument.name].description)


@pytest.mark.parametrize('name', FILES)
@pytest.mark.parametrize('switched', [False, True])
def test_the_double_starts_what_launch_does(name: str, switched: bool, prefix: Path) -> None:
    same(*both(name))
    with pytest.MonkeyPatch.context() as patch:
        names = [argument.name for argument in load(name, patch).get_launch_arguments()]
    told = {switch: str(switched) for switch in SWITCHES if switch in names}
    real, doubled = both(name, **other_values(names, prefix), **told)
    same(real, doubled)
    assert {node.namespace for node in real.values()} == {'/left'}
    assert ('/left/joy_node' in real) == (switched and 'joy' in names)


@pytest.mark.parametrize('name', FILES)
def test_the_double_reads_a_parameter_file_as_launch_does(name: str, prefix: Path) -> None:
    path = prefix / 'mine.yaml'
    path.write_text(PARAMETERS, encoding='utf-8')
    real, doubled = both(name, namespace='left', params_file=str(path), robot='aloha')
    same(real, doubled)
    real, doubled = both(name, namespace='left', params_file=str(path))
    same(real, doubled)
    assert {node.parameters.get('robot', 'fr3') for node in real.values()} == {'fr3'}


@pytest.mark.parametrize(('arguments', 'problem'), [
    ({'params_file': 'no.yaml'}, 'no.yaml cannot be read'),
    ({'params_file': str(ROOT / 'config' / 'nodes' / 'teleop.yaml')}, 'they are /camera_subs'),
    ({'speed': 'fast'}, 'speed:=fast is no float'),
    ({'dry_run': '1'}, '"dry_run" provided value "1" is not valid'),
    ({'robot': 'nobody'}, 'nobody'),
])
def test_what_cannot_be_is_refused(arguments: dict[str, str], problem: str, prefix: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        description = load('policy.launch.py', patch)
        with pytest.raises((VaaError, RuntimeError), match=problem):
            genuine.walk(description, arguments, patch)


def test_two_arms_in_one_launch_have_defaults_of_their_own(
    prefix: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:
    from launch import LaunchDescription
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    source = str(ROOT / 'launch' / 'policy.launch.py')
    sides = [IncludeLaunchDescription(PythonLaunchDescriptionSource(source), launch_arguments=[
        ('namespace', side), ('robot', robot)]) for side, robot in (('left', 'ur5e'),
                                                                    ('right', 'fr3'))]
    found = genuine.walk(LaunchDescription(sides), {}, monkeypatch)
    assert found['/left/policy'].remappings['joint_trajectory'] == (
        'scaled_joint_trajectory_controller/joint_trajectory')
    assert found['/right/policy'].remappings['joint_states'] == 'franka/joint_states'
    assert found['/right/policy'].remappings['joint_trajectory'] != (
        'scaled_joint_trajectory_controller/joint_trajectory')
