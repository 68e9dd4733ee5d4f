# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What wins where a launch argument, the file of ``params_file`` and a default differ.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import launch_double
from launch_files import FILES
from launch_files import load
import pytest

from vaa_ros.core.errors import ConfigError

pytest.importorskip('rclpy')


def params_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / 'mine.yaml'
    path.write_text(text, encoding='utf-8')
    return str(path)


@pytest.mark.parametrize('name', FILES)
def test_an_argument_wins_over_the_parameter_file_and_that_over_the_default(
    launch: Any, name: str, tmp_path: Path,
) -> None:
    path = params_file(tmp_path, """
/**:
  ros__parameters: {use_sim_time: true}
/**/policy:
  ros__parameters: {robot: ur5e}
/**/teleop_recorder:
  ros__parameters: {robot: ur5e}
""")
    nodes = launch(name, params_file=path, use_sim_time='false').nodes
    for started in nodes.values():
        assert started.parameter_files[-1] == Path(path)
        assert started.parameters['use_sim_time'] is False
        assert started.parameters.get('robot', 'ur5e') == 'ur5e'
    assert {n.parameters['robot'] for n in launch(name).nodes.values()
            if 'robot' in n.parameters} == {'vaa_arm'}


def test_what_a_parameter_file_says_to_one_node_holds_for_all_that_must_agree(
    launch: Any, tmp_path: Path,
) -> None:
    path = params_file(tmp_path, """
left:
  policy:
    ros__parameters: {robot: fr3, model_path: mine.onnx, speed: 0.2, dry_run: true}
""")
    nodes = launch('policy.launch.py', params_file=path, namespace='left').nodes
    assert nodes['policy'].parameters['speed'] == 0.2
    assert nodes['policy'].parameters['dry_run'] is True
    assert nodes['guard'].parameters['robot'] == 'fr3'
    assert nodes['camera_subscriber'].parameters['model_path'] == 'mine.onnx'
    for node in ('policy', 'guard'):
        assert nodes[node].remappings['joint_states'] == 'franka/joint_states'


def test_a_parameter_file_whose_nodes_disagree_on_an_argument_is_refused(
    launch: Any, tmp_path: Path,
) -> None:
    path = params_file(tmp_path, """
policy:
  ros__parameters: {robot: fr3}
guard:
  ros__parameters: {robot: ur5e}
""")
    with pytest.raises(ConfigError, match=r'ur5e for /guard, fr3 for /policy'):
        launch('policy.launch.py', params_file=path)
    given = launch('policy.launch.py', params_file=path, robot='vx300s').nodes
    assert {given[node].parameters['robot'] for node in ('policy', 'guard')} == {'vx300s'}


def test_a_parameter_file_for_no_node_here_is_refused(launch: Any, tmp_path: Path) -> None:
    path = params_file(tmp_path, 'policy:\n  ros__parameters: {speed: 0.2}\n')
    with pytest.raises(ConfigError, match=r'no node launched here is called /policy; they are '
                                          r'/left/camera_subscriber, .*/left/policy'):
        launch('policy.launch.py', params_file=path, namespace='left')
    with pytest.raises(ConfigError, match='no.yaml cannot be read'):
        launch('policy.launch.py', params_file=str(tmp_path / 'no.yaml'))


def test_a_parameter_file_partly_for_no_node_here_is_warned_of(
    launch: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture,
) -> None:
    path = params_file(tmp_path, """
/**/policy:
  ros__parameters: {speed: 0.2}
/polcy:
  ros__parameters: {replan: chunks}
""")
    launch('policy.launch.py', params_file=path)
    assert 'no node launched here is called /polcy' in caplog.text


def test_an_argument_of_another_type_is_named(launch: Any) -> None:
    with pytest.raises(ConfigError, match='episodes:=many is no int'):
        launch('record.launch.py', episodes='many')


def test_what_looks_like_an_argument_and_is_none_is_named(
    launch: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    launch_double.execute(load('policy.launch.py', monkeypatch), {'speed': '0.5'}, None,
                          ['modelpath:=mine', 'robot_ip:=192.168.56.101', '--debug'])
    warnings = [record.getMessage() for record in caplog.records]
    assert warnings == [
        'modelpath is no launch argument of vaa_ros; did you mean model_path?']
