# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Every run gets a ROS domain of its own, unless the user chose one."""

from __future__ import annotations

import os
from pathlib import Path
import socket

import pytest

from vaa_ros.cli import isolation
from vaa_ros.cli.isolation import chosen_domain
from vaa_ros.cli.isolation import DomainClaim
from vaa_ros.cli.isolation import ros_environment
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError


def test_two_claims_never_share_a_domain() -> None:
    candidates = [230, 231]
    first = DomainClaim(candidates)
    second = DomainClaim(candidates)
    try:
        assert {first.domain, second.domain} == {230, 231}
        with pytest.raises(RosError, match='no free ROS domain among 230..231'):
            DomainClaim(candidates)
        first.release()
        third = DomainClaim(candidates)
        assert third.domain == first.domain
        third.release()
    finally:
        first.release()
        second.release()


def test_a_domain_that_someone_listens_on_is_left_alone() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(('', 7410 + 250 * 230))
        claim = DomainClaim([230, 231])
    assert claim.domain == 231
    claim.release()


def test_a_domain_that_lost_the_race_is_free_again() -> None:
    DomainClaim([230]).release()
    DomainClaim([230]).release()


@pytest.mark.parametrize('text, domain', [('', None), (' ', None), ('0', 0), ('95', 95)])
def test_the_users_domain(text: str, domain: int | None) -> None:
    assert chosen_domain({'ROS_DOMAIN_ID': text}) == domain
    assert chosen_domain({}) is None


@pytest.mark.parametrize('text', ['-1', 'x', '233', '1.5'])
def test_a_wrong_domain_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match='ROS_DOMAIN_ID.*0 to 232'):
        chosen_domain({'ROS_DOMAIN_ID': text})


def test_the_users_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ('ROS_AUTOMATIC_DISCOVERY_RANGE', 'FASTDDS_DEFAULT_PROFILES_FILE'):
        monkeypatch.delenv(name, raising=False)
    added = ros_environment(33)
    assert added['ROS_DOMAIN_ID'] == '33'
    assert added['ROS_AUTOMATIC_DISCOVERY_RANGE'] == 'LOCALHOST'
    assert Path(added['FASTDDS_DEFAULT_PROFILES_FILE']).name == 'fastdds.xml'
    monkeypatch.setenv('FASTDDS_DEFAULT_PROFILES_FILE', '/mine.xml')
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'SUBNET')
    assert ros_environment(33) == {'ROS_DOMAIN_ID': '33'}


def test_a_small_shared_memory_goes_without_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv('FASTDDS_DEFAULT_PROFILES_FILE', raising=False)
    monkeypatch.setattr(isolation, 'shared_memory_bytes', lambda: 64_000_000)
    assert 'FASTDDS_DEFAULT_PROFILES_FILE' not in ros_environment(33)


def test_shared_memory_is_known_on_linux() -> None:
    if os.path.isdir('/dev/shm'):
        assert isolation.shared_memory_bytes() > 0
