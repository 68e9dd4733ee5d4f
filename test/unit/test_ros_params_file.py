# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Parameter files, read before ROS reads them: names with wildcards, and what arguments get.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.ros.params_file import names_that_fit_no
from vaa_ros.ros.params_file import read_params_file
from vaa_ros.ros.params_file import values_of_arguments


def read(tmp_path: Path, text: str) -> dict[str, dict[str, object]]:
    path = tmp_path / 'mine.yaml'
    path.write_text(text, encoding='utf-8')
    return read_params_file(path)


@pytest.mark.parametrize('text', [
    '/left/policy:\n  ros__parameters: {speed: 0.5}\n',
    'left/policy:\n  ros__parameters: {speed: 0.5}\n',
    'left:\n  policy:\n    ros__parameters: {speed: 0.5}\n',
    '/left:\n  policy:\n    ros__parameters: {speed: 0.5}\n',
])
def test_a_name_may_be_written_in_several_ways(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text) == {'/left/policy': {'speed': 0.5}}


def test_an_argument_gets_what_the_file_says_of_its_nodes(tmp_path: Path) -> None:
    found = read(tmp_path, """
/**:
  ros__parameters: {use_sim_time: true, robot: ur5e, speed: 0.1}
/**/policy:
  ros__parameters: {speed: 0.5, replan: chunks}
/left/guard:
  ros__parameters: {robot: fr3}
""")
    assert values_of_arguments(found, {
        '/policy': ['use_sim_time', 'speed', 'robot'], '/guard': ['use_sim_time', 'robot']}) == {
        'use_sim_time': 'true', 'speed': '0.5', 'robot': 'ur5e'}


def test_two_nodes_that_are_told_different_things_of_one_argument(tmp_path: Path) -> None:
    found = read(tmp_path, """
policy:
  ros__parameters: {robot: ur5e}
guard:
  ros__parameters: {robot: fr3}
""")
    with pytest.raises(ConfigError, match=r'robot is fr3 for /guard, ur5e for /policy; .*robot:='):
        values_of_arguments(found, {'/policy': ['robot'], '/guard': ['robot']})
    # Whoever gives the argument has decided.
    assert values_of_arguments(found, {'/policy': [], '/guard': []}) == {}


def test_names_that_fit_no_node_are_named() -> None:
    names = ['/**', '/left/policy', '/polcy']
    assert names_that_fit_no(['/policy', '/guard'], names) == ['/left/policy', '/polcy']


@pytest.mark.parametrize(('text', 'problem'), [
    ('policy: {speed: 0.5}\n', '/policy/speed is no node with ros__parameters below it'),
    ('- 1\n', 'its content is no node'),
    ('', 'its content is no node'),
    ('policy:\n  ros__parameters: 3\n', 'ros__parameters of /policy has no parameters below it'),
    ('a: [\n', 'cannot be read'),
])
def test_what_is_no_parameter_file_is_named(text: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f'mine.yaml.*{problem}'):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match='no.yaml cannot be read'):
        read_params_file(tmp_path / 'no.yaml')
