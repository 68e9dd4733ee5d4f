# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Takes that are thrown away say so themselves, and can be taken back.
"""
from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import shutil

from learning_bags import make_bag
from learning_bags import METADATA
import pytest
from recording_bags import stream
from recording_bags import TOPICS
import yaml

from vaa_ros.cli.main import main
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.discarded import discard
from vaa_ros.recording.discarded import restore
from vaa_ros.recording.disk import PatientDisk
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.recorder import EpisodeRecorder
from vaa_ros.recording.tally import tally


def told(bag: Path) -> dict:
    return yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']


def known(bag: Path) -> EpisodeMetadata:
    return EpisodeMetadata.from_custom_data(told(bag)['custom_data'])


def test_a_take_that_is_discarded_while_it_is_recorded_says_so(tmp_path: Path) -> None:
    for name, number in (('bag', 2), ('empty', 0)):
        recorder = EpisodeRecorder(tmp_path / name, TOPICS, METADATA)
        for item in stream(number):
            recorder.put(*item)
        path = recorder.discard().path
        assert path == tmp_path / 'discarded' / name
        assert known(path).discarded


def test_a_discarded_take_teaches_nothing_wherever_it_is_copied(tmp_path: Path) -> None:
    take = make_bag(tmp_path / 'one' / 'episode_000000', metadata=METADATA)
    recorded = RecordedEpisode(take, 1.0, {}, {})
    thrown = PatientDisk().discard(recorded, 10.0).path
    assert thrown == tmp_path / 'one' / 'discarded' / 'episode_000000' and not take.exists()
    copied = shutil.copytree(thrown, tmp_path / 'elsewhere' / 'take')
    with pytest.raises(DatasetError, match='it was thrown away'):
        build_dataset(copied, tmp_path / 'data')


@pytest.mark.parametrize('end', ['discard', 'abort'])
def test_a_file_without_its_folder_says_how_its_take_ended(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str) -> None:
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
    for item in stream(2):
        recorder.put(*item)
    path = (recorder.discard() if end == 'discard' else recorder.abort('the disk hung')).path
    alone = Path(shutil.copy(next(path.glob('*.mcap')), tmp_path))
    dataset, inspect = (('it was thrown away', 'discarded     true') if end == 'discard' else
                        ('it was broken off: the disk hung', 'aborted       the disk hung'))
    with pytest.raises(DatasetError, match=dataset):
        build_dataset(alone, tmp_path / 'data')
    assert main(['inspect', str(alone)]) == 0
    assert inspect in capsys.readouterr().out


def test_nothing_but_that_word_is_changed_and_taking_back_undoes_it(tmp_path: Path) -> None:
    take = make_bag(tmp_path / 'episode_000000', metadata=replace(METADATA, verdict={
        'judgement': 'look', 'reasons': ['ä: 1'], 'figures': {}}))
    before, data = told(take), next(take.glob('*.mcap')).read_bytes()
    thrown = discard(take)
    after = told(thrown)
    assert after['custom_data'].pop('discarded') == 'true'
    assert before['custom_data'].pop('discarded') == 'false'
    assert after == before
    assert next(thrown.glob('*.mcap')).read_bytes() == data
    assert sorted(os.listdir(thrown)) == ['episode_000000_0.mcap', 'metadata.yaml']
    assert main(['recover', '--restore', str(thrown)]) == 0
    assert not known(take).discarded and known(take).success is True
    assert build_dataset(take, tmp_path / 'data').episodes == 1


def test_what_cannot_be_moved_is_not_said_to_be_discarded(tmp_path: Path) -> None:
    take = make_bag(tmp_path / 'episode_000000')
    (tmp_path / 'discarded').write_text('no folder')
    with pytest.raises(BagError, match='cannot move'):
        discard(take)
    assert not known(take).discarded


def test_what_was_not_thrown_away_or_would_be_overwritten_is_not_taken_back(
        tmp_path: Path) -> None:
    take = make_bag(tmp_path / 'episode_000000')
    with pytest.raises(BagError, match='was not thrown away'):
        restore(take)
    thrown = discard(take)
    make_bag(take)
    with pytest.raises(BagError, match='exists, and is not overwritten'):
        restore(thrown)
    copied = shutil.copytree(thrown, tmp_path / 'copy')
    with BagReader(restore(copied)) as bag:
        assert not bag.metadata.discarded


def test_a_copy_of_a_discarded_take_is_no_success_of_its_folder(tmp_path: Path) -> None:
    thrown = discard(make_bag(tmp_path / 'episode_000000'))
    make_bag(tmp_path / 'other' / 'episode_000001')
    shutil.copytree(thrown, tmp_path / 'other' / 'episode_000000')
    assert tally(tmp_path / 'other', ())[:2] == (1, 0)
