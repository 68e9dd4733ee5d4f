# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Discarded takes stay until newer ones need their room, and nothing else is ever deleted.
"""
from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import shutil

import pytest
from recording_bags import METADATA
from recording_bags import stream
from recording_bags import TOPICS
from recording_bags import write_bag
import yaml

from vaa_ros.recording import tally as tally_module
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.recover import recover
from vaa_ros.recording.tally import tally
from vaa_ros.recording.tally import tally_later
from vaa_ros.recording.trash import size_of
from vaa_ros.recording.trash import Trash
from vaa_ros.recording.trash import trim_discarded


@pytest.fixture
def discarded(tmp_path: Path) -> Path:
    folder = tmp_path / 'discarded'
    for number in range(4):
        bag = write_bag(folder / f'episode_00000{number}', 5, 'none')
        os.utime(bag / 'metadata.yaml', (1000 + number, 1000 + number))
    return folder


def test_the_oldest_go_by_number_and_by_size(discarded: Path) -> None:
    newest, size = discarded / 'episode_000003', size_of(discarded / 'episode_000001')
    assert trim_discarded(newest, 0, 0) == []
    assert trim_discarded(newest, 3, 0) == [discarded / 'episode_000000']
    assert trim_discarded(newest, 9, round(2.5 * size)) == [discarded / 'episode_000001']
    assert sorted(os.listdir(discarded)) == ['episode_000002', 'episode_000003']
    # A take that was discarded now stays, however old and large it is.
    assert trim_discarded(discarded / 'episode_000002', 1, 1) == [discarded / 'episode_000003']
    assert os.listdir(discarded) == ['episode_000002']


def test_nothing_else_is_deleted(discarded: Path, tmp_path: Path) -> None:
    (discarded / 'episode_000000').rename(tmp_path / 'elsewhere')
    (discarded / 'episode_000000').symlink_to(tmp_path / 'elsewhere')
    (discarded / 'episode_notes').mkdir()
    (discarded / 'mine.txt').touch()
    trim_discarded(discarded / 'episode_000003', 1, 1)
    assert sorted(os.listdir(discarded)) == ['episode_000000', 'episode_000003', 'episode_notes',
                                             'mine.txt']
    assert (tmp_path / 'elsewhere' / 'metadata.yaml').is_file()


def test_demonstrations_are_never_deleted(discarded: Path, tmp_path: Path) -> None:
    shutil.move(discarded, tmp_path / 'demonstrations')
    with pytest.raises(ValueError, match='is not in discarded/'):
        trim_discarded(tmp_path / 'demonstrations' / 'episode_000003', 1, 1)
    assert len(os.listdir(tmp_path / 'demonstrations')) == 4


def test_what_is_deleted_is_told_and_why_it_is_not(discarded: Path) -> None:
    told, warned = [], []
    trash = Trash(told.append, warned.append)
    trash.trim(discarded / 'episode_000003', 2, 0).result(10)
    assert sorted(os.listdir(discarded)) == ['episode_000002', 'episode_000003']
    assert [line.split(':')[0] for line in sorted(told)] == [
        f'deleted {discarded / name}' for name in ('episode_000000', 'episode_000001')]
    trash.trim(discarded.parent / 'episode_000003', 2, 0).result(10)
    assert len(warned) == 1 and 'cannot be deleted: ValueError' in warned[0]


def test_originals_that_recovery_keeps_count_too(tmp_path: Path) -> None:
    for number in range(3):
        cut_off = BagWriter(tmp_path / f'episode_00000{number}', TOPICS, METADATA)
        cut_off.write(*next(stream(1)))
        shutil.copytree(cut_off.path, tmp_path / 'copy.partial')
        cut_off.abort('done')
        shutil.rmtree(tmp_path / 'aborted')
        (tmp_path / 'copy.partial').rename(cut_off.path)
        os.utime(next(cut_off.path.glob('*.mcap')), (1000 + number, 1000 + number))
        recover(cut_off.path)
    newest = write_bag(tmp_path / 'discarded' / 'episode_000003', 5, 'none')
    assert trim_discarded(newest, 0, 1 << 40) == []
    assert trim_discarded(newest, 3, 0) == [tmp_path / 'discarded' / 'episode_000000']
    assert trim_discarded(newest, 0, size_of(newest) + 1) == [
        tmp_path / 'discarded' / 'episode_000002', tmp_path / 'discarded' / 'episode_000001']


def test_what_a_folder_holds_is_counted_by_task(tmp_path: Path) -> None:
    assert tally(tmp_path / 'none', ())[:2] == (0, 0)
    write_bag(tmp_path / 'episode_000000', 1)
    write_bag(tmp_path / 'episode_000001', 1, metadata=replace(METADATA, task='push'))
    (tmp_path / 'episode_000002').mkdir()
    (tmp_path / 'episode_000002' / 'metadata.yaml').write_text('{')
    strange = write_bag(tmp_path / 'episode_000004', 1) / 'metadata.yaml'
    known = yaml.safe_load(strange.read_text())
    known['rosbag2_bagfile_information']['custom_data'] = 'my task'
    strange.write_text(yaml.safe_dump(known))
    write_bag(tmp_path / 'discarded' / 'episode_000003', 1)
    assert tally(tmp_path, ())[:2] == (2, 0)
    found = tally_later(tmp_path, {'push'}).result(20)
    assert found[:2] == (1, 0) and list(found.paths) == [tmp_path / 'episode_000001']


def test_what_was_counted_is_not_read_again(tmp_path: Path,
                                            monkeypatch: pytest.MonkeyPatch) -> None:
    first = write_bag(tmp_path / 'episode_000000', 1)
    write_bag(tmp_path / 'episode_000001', 1)
    assert tally(tmp_path, ())[:2] == (2, 0)
    (first / 'metadata.yaml').write_text(
        (first / 'metadata.yaml').read_text().replace("success: 'true'", "success: 'false'"))
    read, real = [], tally_module.read_information
    monkeypatch.setattr(tally_module, 'read_information',
                        lambda folder: read.append(folder) or real(folder))
    assert tally(tmp_path, ())[:2] == (1, 1)
    assert read == [first]
