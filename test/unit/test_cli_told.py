# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is asked of a verb is done, or it says why not.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
import sys

from learning_bags import make_bag
from learning_bags import METADATA
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import load_robot
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.recording.episode import recording_spec

VERDICT = {'judgement': 'keep', 'reasons': [], 'figures': {
    'length_s': {'episode': 2.0}, 'jerk': {'joint_1': 5.0}, 'delay_ms': {'arm': 30.0}}}


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    spec = recording_spec(load_robot('vaa_arm'), {'front': '/front/image_raw'},
                          'joint_trajectory', 30)
    return make_bag(tmp_path / 'bags' / 'episode_000000',
                    metadata=replace(METADATA, spec=spec, verdict=VERDICT))


@pytest.fixture
def data(bag: Path, tmp_path: Path) -> Path:
    build_dataset(bag, tmp_path / 'data', DatasetOptions(size=(16, 12), chunk_length=4))
    return tmp_path / 'data'


def test_one_episode_has_a_contact_sheet_too(bag, tmp_path):
    sheet = tmp_path / 'one.png'
    assert main(['inspect', str(bag), '--contact-sheet', str(sheet)]) == 0
    assert sheet.stat().st_size > 1000


def test_an_episode_says_its_verdict_first_and_units_and_nothing_empty(bag, capsys):
    assert main(['inspect', str(bag)]) == 0
    told = capsys.readouterr().out
    assert told.index('verdict: keep') < told.index('joint_1')
    lines = [line.split() for line in told.splitlines()]
    units = {line[0]: line[3:] for line in lines if line[:1] and line[0] in VERDICT['figures']}
    assert units == {'length_s': ['s'], 'delay_ms': ['ms'],
                     'jerk': ['rad/s^3', 'or', 'm/s^3']}
    for name in ('aborted', 'image_compression', 'teacher', 'policy'):
        assert not [line for line in lines if line[:1] == [name]], name


def test_a_folder_says_what_lies_aside(bag, tmp_path, capsys):
    for folder in ('aborted', 'discarded'):
        make_bag(bag.parent / folder / 'episode_000007')
    assert main(['inspect', str(bag.parent)]) == 0
    told = capsys.readouterr().out
    for folder in ('aborted', 'discarded'):
        assert f'1 more in {bag.parent / folder}, which are not learned from' in told


def test_options_that_cannot_apply_are_refused(bag, data, tmp_path, capsys):
    limits = tmp_path / 'limits.yaml'
    limits.write_text('{}')
    for words, problem in (
            (['inspect', bag, '--thresholds', limits], '--thresholds goes with --judge'),
            (['inspect', data, '--judge'], 'is a dataset: --judge and --contact-sheet are for'),
            (['inspect', data, '--contact-sheet', tmp_path / 'x.png'], 'is a dataset'),
            (['view', bag, '--mp4', tmp_path / 'x.mp4', '--lossless'], '--lossless is for Rerun'),
            (['record', '--seeds', '0:2', '--episodes', '5', '--in-process', '--out',
              tmp_path / 'o'], 'are 2 episodes, --episodes says 5')):
        assert main([str(word) for word in words]) == 2, words
        assert problem in capsys.readouterr().err
    assert not (tmp_path / 'o').exists()


def test_follow_comes_before_the_path_too_and_several_times(bag, data, tmp_path):
    file = tmp_path / 'told.json'
    assert main(['inspect', '--follow', str(bag.parent), '--follow', str(data), str(bag),
                 '--json', str(file)]) == 0
    assert json.loads(file.read_text())['provenance']['datasets'] == [str(data)]


def test_a_filter_names_the_verdicts_and_what_there_is(data, tmp_path, capsys):
    out = ['--out', str(tmp_path / 'x')]
    assert main(['data', 'filter', str(data), '--verdict', 'keeep', *out]) == 2
    problem = capsys.readouterr().err
    assert 'keeep' in problem and all(name in problem for name in ('keep', 'look', 'discard'))
    assert main(['data', 'filter', str(data), '--verdict', 'look', *out]) == 2
    assert 'no episode has all of that. It has: verdict keep (1)' in capsys.readouterr().err


def test_a_pedal_without_evdev_is_not_told_of_a_topic(monkeypatch):
    pytest.importorskip('rclpy')
    from vaa_ros.ros.input_device import library
    monkeypatch.setitem(sys.modules, 'evdev', None)
    with pytest.raises(RosError) as told:
        library('foot pedal')
    assert 'topic' not in str(told.value)
    with pytest.raises(RosError, match='or use the topic'):
        library('gamepad')
