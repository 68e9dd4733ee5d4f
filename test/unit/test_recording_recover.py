# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recovering: wherever a file was cut, its bag is a prefix of what was sent.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import shutil
import struct
import tempfile

from cut_off_bags import cut_off_file
from cut_off_bags import FRAMES
from cut_off_bags import partial
from cut_off_bags import read
from cut_off_bags import SENT
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.writer import MCAP0_MAGIC
import pytest
from recording_bags import METADATA
from recording_bags import TOPICS
from recording_bags import write_bag
import yaml

from vaa_ros.cli.main import main
from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.recover import cut_off_episodes
from vaa_ros.recording.recover import NothingToRecoverError
from vaa_ros.recording.recover import recover


@pytest.fixture(scope='module', params=['zstd', 'none'])
def cut_off(request: pytest.FixtureRequest,
            tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a recorder that flushed every two frames and never ended."""
    return cut_off_file(tmp_path_factory.mktemp('made'), request.param)


def test_a_whole_file_loses_nothing(cut_off: bytes, tmp_path: Path) -> None:
    result = recover(partial(tmp_path, cut_off))
    assert result.path == tmp_path / 'aborted' / 'episode_000003'
    assert result.source == tmp_path / 'discarded' / 'episode_000003'
    assert sorted(item.name for item in tmp_path.iterdir()) == ['aborted', 'discarded']
    assert read(result.path) == SENT
    assert (result.missing, result.bytes_lost, result.metadata) == ({}, 0, True)
    with BagReader(result.path) as bag:
        assert (bag.metadata.task, bag.metadata.seed) == (METADATA.task, METADATA.seed)
        assert bag.metadata.success is None
        assert 'was killed' in bag.metadata.aborted
    with (result.path / 'episode_000003_0.mcap').open('rb') as stream_:
        assert make_reader(stream_).get_summary().statistics.message_count == len(SENT)


@settings(max_examples=25, deadline=None)
@given(share=strategies.floats(0.05, 1.0))
def test_wherever_it_was_cut_the_bag_is_a_prefix(cut_off: bytes, share: float) -> None:
    size = round(len(cut_off) * share)
    with tempfile.TemporaryDirectory() as folder:
        bag = partial(Path(folder), cut_off[:size])
        try:
            result = recover(bag)
        except BagError as error:
            assert 'not one message' in str(error)
            assert list(Path(folder).iterdir()) == [bag]
            return
        got = read(result.path)
    assert got == SENT[:len(got)]
    assert len(got) % 6 in (0, 1, 2, 3)
    assert result.bytes_lost == 0 or size < len(cut_off)


@settings(max_examples=40, deadline=None)
@given(place=strategies.floats(0.0, 1.0, exclude_max=True), bit=strategies.integers(0, 7))
def test_a_flipped_bit_never_makes_a_wrong_message(cut_off: bytes, place: float,
                                                   bit: int) -> None:
    data = bytearray(cut_off)
    data[int(place * len(data))] ^= 1 << bit
    with tempfile.TemporaryDirectory() as folder:
        bag = partial(Path(folder), bytes(data))
        try:
            got = read(recover(bag).path)
        except BagError:
            return
    contents = {payload for _, _, payload in SENT}
    assert all(payload in contents for _, _, payload in got)


def test_an_index_that_looks_like_a_message_is_none(tmp_path: Path) -> None:
    data = cut_off_file(tmp_path, 'zstd')
    place, found = len(MCAP0_MAGIC), []
    while place < len(data):
        opcode, length = struct.unpack_from('<BQ', data, place)
        found += [place] if opcode == Opcode.MESSAGE_INDEX else []
        place += 9 + length
    contents = {payload for _, _, payload in SENT}
    for number, place in enumerate(found[::9]):
        damaged = bytearray(data)
        damaged[place] = Opcode.MESSAGE
        got = read(recover(partial(tmp_path / str(number), bytes(damaged))).path)
        assert len(got) == len(SENT) and all(payload in contents for _, _, payload in got)


def test_a_damaged_chunk_of_a_finished_bag_is_named(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'episode_000000', 400, 'none')
    file = bag / 'episode_000000_0.mcap'
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    result = recover(bag)
    assert bag.is_dir()
    assert sum(result.missing.values()) > 0
    with BagReader(result.path) as reader:
        assert {topic: 400 - count for topic, count in reader.counts.items()} == {
            topic: result.missing.get(topic, 0) for topic in TOPICS}
        assert reader.metadata.dropped == result.missing
        assert reader.metadata.success is None
    with pytest.raises(BagError, match='was recovered before'):
        recover(bag)


def test_what_is_being_recorded_is_left_alone(tmp_path: Path) -> None:
    writer = BagWriter(tmp_path / 'episode_000000', TOPICS, METADATA)
    writer.write(*SENT[0])
    with pytest.raises(BagError, match='is being recorded now; stop the recorder first'):
        recover(writer.path)
    writer.write(*SENT[1])
    assert read(writer.close()) == SENT[:2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['episode_000000']


def test_a_topic_that_came_late_is_recovered(tmp_path: Path) -> None:
    folder = tmp_path / 'made' / 'bag'
    writer = BagWriter(folder, {SENT[0][0]: TOPICS[SENT[0][0]]}, METADATA)
    writer.write(*SENT[0])
    for topic in TOPICS:
        writer.add_topic(topic, TOPICS[topic])
    for item in SENT[1:]:
        writer.write(*item)
    writer.flush()
    bag = partial(tmp_path, (writer.path / 'bag_0.mcap').read_bytes())
    writer.abort('done')
    result = recover(bag)
    assert read(result.path) == SENT
    assert (result.missing, result.bytes_lost) == ({}, 0)


def test_the_verb_recovers_a_folder_and_goes_on_after_a_hopeless_one(
        cut_off: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    good = partial(tmp_path, cut_off)
    empty = tmp_path / 'episode_000001.partial'
    empty.mkdir()
    (empty / 'episode_000001_0.mcap').write_bytes(cut_off[:100])
    assert main(['recover', str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert f'not recovered: {empty}: not one message' in out
    assert f'{len(SENT)} messages' in out
    assert '1 recovered, 1 not' in out
    assert not good.exists()


@pytest.mark.parametrize(('make', 'words'), [
    (lambda path: path.mkdir(), 'holds no episode that was cut off'),
    (lambda path: path.write_text('x'), 'is no episode folder'),
    (lambda path: shutil.copytree(write_bag(path.with_name('b')), path)
     and (path / 'more.mcap').write_bytes(b''), 'holds 2 .mcap files'),
])
def test_what_cannot_be_recovered_is_refused(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], make: Callable[[Path], object],
        words: str) -> None:
    make(tmp_path / 'given')
    assert main(['recover', str(tmp_path / 'given')]) == 2
    captured = capsys.readouterr()
    assert words in captured.out + captured.err


def test_zeros_of_a_power_cut_are_counted_and_said(cut_off: bytes, tmp_path: Path) -> None:
    zeros = 3_000_000 + len(cut_off) - len(cut_off.rstrip(b'\0'))
    result = recover(partial(tmp_path, cut_off + bytes(3_000_000)))
    assert read(result.path) == SENT
    assert result.bytes_lost == 3_000_000
    assert result.remarks == (f'its last {zeros} bytes are zeros, as a power cut leaves them',)


def test_bytes_after_the_end_are_counted_and_said(tmp_path: Path) -> None:
    bag = write_bag(tmp_path / 'episode_000000', FRAMES)
    file = bag / 'episode_000000_0.mcap'
    file.write_bytes(file.read_bytes() + b'more' * 10)
    result = recover(bag)
    assert read(result.path) == SENT
    assert (result.bytes_lost, result.remarks, result.missing) == (
        40, ('the operator had stopped it as a success', '40 bytes follow after its end'), {})


def test_a_whole_recording_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    bag = write_bag(tmp_path / 'episode_000000', FRAMES)
    for path in (bag, next(bag.glob('*.mcap'))):
        with pytest.raises(NothingToRecoverError, match='is whole, nothing to recover'):
            recover(path)
        assert main(['recover', str(path)]) == 0
        assert 'is whole, nothing to recover' in capsys.readouterr().out
    assert [item.name for item in tmp_path.iterdir()] == ['episode_000000']
    # Without its description it is no bag that others open.
    (bag / 'metadata.yaml').unlink()
    assert read(recover(bag).path) == SENT


def test_the_word_of_the_operator_outlives_a_recorder_killed_at_the_very_end(
        tmp_path: Path) -> None:
    whole = write_bag(tmp_path / 'episode_000000', FRAMES)
    cut_off = whole.rename(tmp_path / 'episode_000000.partial')
    (cut_off / 'metadata.yaml').unlink()
    result = recover(cut_off)
    assert 'the operator had stopped it as a success' in result.remarks
    with BagReader(result.path) as bag:
        assert bag.metadata.success is True and bag.metadata.aborted


@pytest.mark.parametrize('given_as', ['.', '../episode_000003.partial', 'episode_000003_0.mcap',
                                      '../episode_000003.partial/.'])
def test_any_name_of_an_episode_will_do(cut_off: bytes, tmp_path: Path, given_as: str,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    bag = partial(tmp_path, cut_off)
    monkeypatch.chdir(bag)
    path, = cut_off_episodes(Path(given_as))
    assert recover(path).path == tmp_path / 'aborted' / 'episode_000003'
    assert recover_again(tmp_path, cut_off, given_as, monkeypatch) == (
        tmp_path / 'again' / 'aborted' / 'episode_000003')
    assert not bag.exists()


def recover_again(folder: Path, data: bytes, given_as: str,
                  monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(partial(folder / 'again', data))
    return recover(Path(given_as)).path


@pytest.mark.parametrize('plain', [False, True])
@pytest.mark.parametrize('by_file', [False, True])
def test_what_a_cut_finished_bag_lost_is_told_by_its_metadata(
        tmp_path: Path, capsys: pytest.CaptureFixture[str], plain: bool, by_file: bool) -> None:
    bag = write_bag(tmp_path / 'episode_000000', 400, 'none',
                    EpisodeMetadata() if plain else METADATA)
    file, described = bag / 'episode_000000_0.mcap', bag / 'metadata.yaml'
    with file.open('r+b') as stream_:
        stream_.truncate(file.stat().st_size // 10)
    if plain:
        told = yaml.safe_load(described.read_text())
        told['rosbag2_bagfile_information']['custom_data'] = {}
        described.write_text(yaml.safe_dump(told))
    assert main(['recover', str(file if by_file else bag)]) == 0
    out = capsys.readouterr().out
    path, = (tmp_path.glob('episode_000000/aborted/*') if by_file
             else tmp_path.glob('aborted/*'))
    with BagReader(path) as reader:
        missing = {topic: 400 - reader.counts.get(topic, 0) for topic in TOPICS}
        assert sum(missing.values()) > 1000
        assert reader.metadata.dropped == missing
        assert reader.metadata.success is None and not reader.metadata.verdict
    assert f'{sum(missing.values())} messages known to be missing' in out
    assert all(f'{count}' in line for topic, count in missing.items()
               for line in out.splitlines() if line.strip().startswith(topic))
    assert plain or '(the operator had stopped it as a success)' in out


def test_a_cut_file_of_which_nothing_tells_is_said_to_be_one(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bag = write_bag(tmp_path / 'bag', 400, 'none', EpisodeMetadata())
    file = bag / 'bag_0.mcap'
    with file.open('r+b') as stream_:
        stream_.truncate(file.stat().st_size // 10)
    (bag / 'metadata.yaml').unlink()
    assert main(['recover', str(bag)]) == 0
    assert '(nothing says how many messages there were)' in capsys.readouterr().out
