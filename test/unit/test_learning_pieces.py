# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The same bags give the same bytes: with several processes, from the cache, after an interruption.
"""
from __future__ import annotations

from dataclasses import replace
import os
from pathlib import Path
import shutil
import signal
import subprocess
import sys

from learning_bags import make_bag
from learning_bags import METADATA
import numpy as np
from plain_sessions import session
from plain_sessions import write_plain
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import CameraSpec
from vaa_ros.learning import bag_workers
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.pieces import INDEX
from vaa_ros.learning.pieces import prepare
from vaa_ros.learning.pieces import prune
from vaa_ros.learning.reading import Reading
from vaa_ros.recording import messages

OPTIONS = DatasetOptions(size=(32, 24), chunk_length=4)
READING = Reading(load_robot('vaa_arm'), (CameraSpec('front', 32, 24),), 30.0, 0.016)


@pytest.fixture
def bags(tmp_path: Path) -> Path:
    for seed in range(4):
        make_bag(tmp_path / 'bags' / f'episode_00000{seed}', seed=seed, frames=10 + seed,
                 success=seed != 2)
    shutil.copytree(tmp_path / 'bags' / 'episode_000000', tmp_path / 'bags' / 'episode_000004')
    broken = make_bag(tmp_path / 'bags' / 'episode_000005')
    next(broken.glob('*.mcap')).write_bytes(b'nothing')
    return tmp_path / 'bags'


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_processes_and_cache_change_no_byte(bags, tmp_path):
    wanted = None
    for name, workers, cache in [('one', 1, None), ('two', 2, None), ('first', 2, 'cache'),
                                 ('again', 1, 'cache')]:
        result = build_dataset(bags, tmp_path / name, OPTIONS, workers=workers,
                               cache=tmp_path / cache if cache else None)
        assert (result.episodes, result.failed, len(result.skipped)) == (4, 1, 1)
        found = content(tmp_path / name)
        wanted = wanted or found
        assert found == wanted
    assert not any(path.is_dir() for path in (tmp_path / 'one').iterdir())


def test_what_was_broken_off_or_thrown_away_is_not_learned_from(bags, tmp_path):
    aborted = make_bag(tmp_path / 'aborted' / 'episode_000007', success=None,
                       metadata=replace(METADATA, aborted='the disk is full'))
    discarded = shutil.copytree(bags / 'episode_000000', tmp_path / 'discarded' / 'episode_000008')
    store = tmp_path / 'cache'
    store.mkdir()
    for path, words in ((aborted, 'broken off: the disk is full'), (discarded, 'thrown away'),
                        (next(discarded.glob('*.mcap')), 'thrown away')):
        assert words in prepare(path, READING, store).problem
        assert prepare(path, replace(READING, include_failed=True), store).pieces


def test_what_was_read_is_taken_from_the_cache_until_something_changes(bags, tmp_path):
    bag, cache = bags / 'episode_000000', tmp_path / 'cache'
    cache.mkdir()
    assert not prepare(bag, READING, cache).cached
    assert prepare(bag, READING, cache).cached
    moved = shutil.copytree(bag, tmp_path / 'elsewhere')
    assert prepare(moved, READING, cache).cached, 'the content counts, not the name'
    for change in ({'control_rate_hz': 20.0}, {'max_skew_s': 0.01},
                   {'cameras': (CameraSpec('front', 16, 12),)}, {'command_type': 'commands'}):
        assert not prepare(bag, replace(READING, **change), cache).cached
    with (moved / 'metadata.yaml').open('a') as file:
        file.write('# changed\n')
    assert not prepare(moved, READING, cache).cached


@pytest.mark.parametrize('file', [INDEX, '0.npz'])
def test_a_damaged_piece_is_made_anew(bags, tmp_path, file):
    bag, cache = bags / 'episode_000000', tmp_path / 'cache'
    cache.mkdir()
    before = prepare(bag, READING, cache)
    arrays = before.arrays(before.pieces[0])
    piece = before.folder / file
    data = bytearray(piece.read_bytes())
    data[len(data) // 2] ^= 0xFF
    piece.write_bytes(data[:-1] if file == INDEX else data)
    after = prepare(bag, READING, cache)
    assert not after.cached
    for name, array in after.arrays(after.pieces[0]).items():
        assert (array == arrays[name]).all()


def test_a_piece_of_an_unknown_compression_is_made_anew(bags, tmp_path):
    bag, cache = bags / 'episode_000000', tmp_path / 'cache'
    cache.mkdir()
    piece = prepare(bag, READING, cache).folder / '0.npz'
    data = bytearray(piece.read_bytes())
    data[data.index(b'PK\1\2') + 10] = 99  # the method in the index of the zip file
    piece.write_bytes(data)
    assert not prepare(bag, READING, cache).cached
    assert prepare(bag, READING, cache).cached


@pytest.mark.parametrize('workers', [1, 2])
def test_a_cache_that_is_full_is_named(bags, tmp_path, workers, monkeypatch):
    cache = tmp_path / 'cache'
    cache.mkdir()
    monkeypatch.setattr(bag_workers, 'prepare', no_room)
    with pytest.raises(DatasetError, match=f'cannot write {cache}, the folder of what was read: '
                                           'No space left on device. Free some space'):
        build_dataset(bags, tmp_path / 'data', OPTIONS, workers=workers, cache=cache)


def no_room(path: Path, reading: Reading, store: Path):
    """Read a bag as always, onto a disk that is full."""
    def savez(*_: object, **__: object) -> None:
        raise OSError(28, 'No space left on device')

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np, 'savez', savez)
        return prepare(path, reading, store)


def test_a_killed_build_leaves_nothing_and_goes_on_where_it_was(bags, tmp_path):
    code = f"""
import os, signal
from pathlib import Path
from vaa_ros.learning.dataset import build_dataset, DatasetOptions
def on_bag(number, count, path):
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
build_dataset({str(bags)!r}, {str(tmp_path / 'data')!r},
              DatasetOptions(size=(32, 24), chunk_length=4), on_bag=on_bag,
              cache=Path({str(tmp_path / 'cache')!r}))
"""
    done = subprocess.run([sys.executable, '-c', code], env={
        **os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}, check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    assert not (tmp_path / 'data').exists()
    assert len(list((tmp_path / 'cache').iterdir())) == 2
    build_dataset(bags, tmp_path / 'data', OPTIONS, cache=tmp_path / 'cache')
    build_dataset(bags, tmp_path / 'whole', OPTIONS)
    assert content(tmp_path / 'data') == content(tmp_path / 'whole')
    assert {path.name for path in tmp_path.iterdir()} == {'bags', 'cache', 'data', 'whole'}


def end_at_third(path: Path, reading: Reading, store: Path):
    """Read a bag as always, but die of the third one as a decoder would."""
    if path.name == 'episode_000003':
        os.kill(os.getpid(), signal.SIGSEGV)
    return prepare(path, reading, store)


def test_a_bag_that_kills_its_reader_is_named_and_left_out(bags, tmp_path, monkeypatch):
    monkeypatch.setattr(bag_workers, 'prepare', end_at_third)
    result = build_dataset(bags, tmp_path / 'data', OPTIONS, workers=2)
    reasons = {path.name: reason for path, reason in result.skipped}
    assert set(reasons) == {'episode_000003', 'episode_000005'}
    assert 'was killed' in reasons['episode_000003'] and result.episodes == 3


def test_the_pieces_used_longest_ago_go_first_and_nothing_else(tmp_path):
    old, used, new = (character * 64 for character in 'abc')
    # What is no piece is somebody's: the cache folder may be one that people chose.
    kept = {used, new, '.ssh', 'episode_000001', 'notes.txt'}
    for number, name in enumerate((old, used, new, '.ssh', 'episode_000001')):
        (tmp_path / name).mkdir()
        (tmp_path / name / '0.npz').write_bytes(bytes(100))
        os.utime(tmp_path / name, (number, number))
    (tmp_path / 'notes.txt').write_text('mine')
    given_up = tmp_path / f'.{old}.123'
    given_up.mkdir()
    os.utime(given_up, (0, 0))
    prune(tmp_path, 250)
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_the_first_episode_says_which_commands_are_learned_from(tmp_path):
    stream = session(1)
    numbers = [('/arm/commands', at + 1, messages.serialize(messages.FLOAT64_ARRAY, {
        'data': np.zeros(7)})) for topic, at, _ in stream if topic == '/joint_trajectory']
    kinds = {'/arm/commands': messages.FLOAT64_ARRAY}
    write_plain(tmp_path / 'bags' / 'a', stream)
    write_plain(tmp_path / 'bags' / 'b', stream + numbers, topics=kinds)
    options = DatasetOptions(size=(32, 24), chunk_length=4, control_rate_hz=20.0)
    assert build_dataset(tmp_path / 'bags', tmp_path / 'data', options, workers=2).episodes == 2
    with pytest.raises(ConfigError, match='/joint_trajectory, /arm/commands'):
        build_dataset(tmp_path / 'bags' / 'b', tmp_path / 'other', options)
