# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Versions of ROS, from a distribution and from wheels that pip installed.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
import sys

import pytest

from vaa_ros.recording.software import ros_distro
from vaa_ros.recording.software import software_versions

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install packages by their names, beside no other ROS."""
    def add(version: str, *names: str) -> None:
        for name in names:
            folder = tmp_path / f'{name.replace("-", "_")}-{version}.dist-info'
            folder.mkdir()
            (folder / 'METADATA').write_text(f'Name: {name}\nVersion: {version}\n')

    add('1.0', 'mcap')
    monkeypatch.setattr(sys, 'path', [str(tmp_path)])
    for name in ('ROS_DISTRO', 'RMW_IMPLEMENTATION'):
        monkeypatch.delenv(name, raising=False)
    for cached in (software_versions, ros_distro):
        cached.cache_clear()
    yield add
    for cached in (software_versions, ros_distro):
        cached.cache_clear()


def ros() -> tuple[str, ...]:
    told = software_versions('rmw_fastrtps_cpp')
    return told['ros_distro'], told['rclpy'], told['rmw']


def test_wheels_say_what_they_are(install: Install) -> None:
    install('9.1.2', 'rclpy', 'ros-rclpy', 'ros-kilted-rclpy')
    install('9.3.3', 'ros-rmw-fastrtps-cpp')
    assert ros() == ('kilted', '9.1.2', 'rmw_fastrtps_cpp 9.3.3')


def test_a_distribution_says_it_by_the_environment(install: Install,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    install('7.1.4', 'rclpy')
    monkeypatch.setenv('ROS_DISTRO', 'jazzy')
    monkeypatch.setenv('RMW_IMPLEMENTATION', 'rmw_cyclonedds_cpp')
    assert ros() == ('jazzy', '7.1.4', 'rmw_fastrtps_cpp')
    assert software_versions()['rmw'] == 'rmw_cyclonedds_cpp'


def test_what_nothing_tells_is_unknown(install: Install) -> None:
    told = software_versions()
    assert [told[name] for name in ('ros_distro', 'rclpy', 'rmw')] == ['unknown'] * 3


def test_two_sets_of_wheels_say_nothing(install: Install) -> None:
    install('9.1.2', 'ros-rclpy', 'ros-kilted-rclpy')
    install('7.1.4', 'ros-jazzy-rclpy')
    assert software_versions()['ros_distro'] == 'unknown'
