# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Names, numbers and metadata of episodes.
"""
from __future__ import annotations

from dataclasses import fields
from pathlib import Path
import re

import pytest
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.recording.episode import ABORTED
from vaa_ros.recording.episode import check_output_dir
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import move_aside
from vaa_ros.recording.episode import next_episode_dir
from vaa_ros.recording.episode import recording_spec
from vaa_ros.recording.software import software_versions

FULL = EpisodeMetadata(
    task='reach', instruction='touch "it", gr\u00fcn', seed=0, success=False, operator='me',
    robot='vaa_arm', command_type='commands', policy='p', teacher=True,
    started_ns=2**62, stopped_ns=2**62 + 1, vaa_version='1.2.3', discarded=True, aborted='why',
    counts={'/a': 3}, dropped={'/b': 1},
    spec=recording_spec(load_robot('vaa_arm'), {'front': '/cam/image_raw'}, 'commands', 30),
    software=software_versions(), active_policy={'name': 'p', 'path': 'p.onnx', 'sha256': 'ab'},
    verdict={'judgement': 'look', 'reasons': ['why'], 'figures': {'length_s': {'episode': 1.5}}},
    image_compression={'format': 'jpeg', 'quality': 95, 'raw': {'/depth': 'why'}})


@pytest.mark.parametrize('metadata', [FULL, EpisodeMetadata()])
def test_metadata_survives_custom_data(metadata: EpisodeMetadata) -> None:
    data = metadata.to_custom_data()
    assert all(isinstance(value, str) for value in data.values())
    assert EpisodeMetadata.from_custom_data(data) == metadata
    assert EpisodeMetadata.from_custom_data({**data, 'of another': 'x'}) == metadata


def test_the_robot_can_be_read_back_from_the_metadata_alone() -> None:
    spec = EpisodeMetadata.from_custom_data(FULL.to_custom_data()).spec
    assert robot_from_mapping(spec['robot'], 'spec') == load_robot('vaa_arm')
    assert (spec['cameras'], spec['command_type'], spec['control_rate_hz']) == (
        {'front': '/cam/image_raw'}, 'commands', 30.0)


def test_bags_from_before_there_was_a_spec_are_read() -> None:
    data = FULL.to_custom_data()
    del data['spec']
    assert EpisodeMetadata.from_custom_data(data).spec == {}


def test_every_field_differs_in_the_full_example() -> None:
    same = [item.name for item in fields(FULL)
            if getattr(FULL, item.name) == getattr(EpisodeMetadata(), item.name)]
    assert same == []


@pytest.mark.parametrize(('key', 'value'), [
    ('spec', '[1]'), ('spec', '{'), ('image_compression', '3'),
    ('seed', 'seven'), ('success', 'maybe'), ('counts', '[1'), ('started_ns', '')])
def test_metadata_that_cannot_be_read_names_the_key(key: str, value: str) -> None:
    with pytest.raises(BagError, match=re.escape(f'{key} is {value!r}')):
        EpisodeMetadata.from_custom_data({key: value})


def test_metadata_that_yaml_took_for_other_values_is_read() -> None:
    # As rosbag2 writes them again, and people by hand: without quotes.
    told = yaml.safe_load("""{success: true, seed: 7, started_ns: 12, task: 3, operator: yes,
                               instruction: , counts: {/a: 3}, aborted: 2026-01-02}""")
    assert EpisodeMetadata.from_custom_data(told) == EpisodeMetadata(
        success=True, seed=7, started_ns=12, task='3', operator='true', counts={'/a': 3},
        aborted='2026-01-02')
    assert EpisodeMetadata.from_custom_data({'success': False}).success is False
    with pytest.raises(BagError, match="success is '1', which cannot be read; expected true, "
                                       'false or unknown'):
        EpisodeMetadata.from_custom_data({'success': 1})


def test_numbers_are_never_used_twice(tmp_path: Path) -> None:
    assert next_episode_dir(tmp_path / 'none').name == 'episode_000000'
    for name in ('episode_000001', f'{DISCARDED}/episode_000004', 'episode_000002.partial',
                 f'{ABORTED}/episode_000003', 'episode_what', 'other_000009'):
        (tmp_path / name).mkdir(parents=True)
    assert next_episode_dir(tmp_path) == tmp_path / 'episode_000005'


def test_output_dir_is_made_and_checked(tmp_path: Path) -> None:
    check_output_dir(tmp_path / 'a' / 'b')
    assert (tmp_path / 'a' / 'b').is_dir()
    assert list((tmp_path / 'a' / 'b').iterdir()) == []
    with pytest.raises(BagError, match='free on the disk, expected at least 1000000000.00 GB'):
        check_output_dir(tmp_path, 10**18)
    (tmp_path / 'file').write_text('')
    with pytest.raises(BagError, match='cannot write to'):
        check_output_dir(tmp_path / 'file' / 'b')


def test_moving_aside_overwrites_nothing(tmp_path: Path) -> None:
    bag = tmp_path / 'episode_000000.partial'
    bag.mkdir()
    target = move_aside(bag, ABORTED)
    assert target == tmp_path / ABORTED / 'episode_000000'
    assert target.is_dir() and not bag.exists()
    bag.mkdir()
    with pytest.raises(BagError, match='exists'):
        move_aside(bag, ABORTED)
    assert bag.is_dir()
