# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recovering damaged files: whatever was damaged is left out and counted, the rest is right.
"""
from __future__ import annotations

import json
from pathlib import Path
import random
import struct

from cut_off_bags import cut_off_file
from cut_off_bags import FRAMES
from cut_off_bags import partial
from cut_off_bags import read
from cut_off_bags import SENT
from mcap.opcode import Opcode
from mcap.reader import make_reader
from mcap.records import Channel
from mcap.records import Header
from mcap.records import Message
from mcap.records import Schema
from mcap.writer import CompressionType
from mcap.writer import MCAP0_MAGIC
from mcap.writer import Writer
import pytest
from recording_bags import METADATA
from recording_bags import TOPICS
from recording_bags import write_bag
from rosbags.rosbag2 import Reader

from vaa_ros.cli.main import main
from vaa_ros.core.errors import BagError
from vaa_ros.recording import mcap_salvage
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.messages import schema
from vaa_ros.recording.recover import recover
from vaa_ros.recording.sure_file import mcap_records


@pytest.fixture(scope='module', params=['zstd', 'none'])
def cut_off(request: pytest.FixtureRequest,
            tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a recorder that flushed every two frames and never ended."""
    return cut_off_file(tmp_path_factory.mktemp('made'), request.param)


def whole_mcap(path: Path, messages: list[tuple[int, bytes]], msgtype: str = 'acme/msg/Thing',
               text: bytes = b'uint8 grip\n', chunk_bytes: int = 1 << 20) -> None:
    """A finished file as others write it: what describes the messages is in chunk and summary."""
    with path.open('wb') as out:
        writer = Writer(out, chunk_size=chunk_bytes, compression=CompressionType.NONE)
        writer.start(profile='ros2', library='test')
        channel = writer.register_channel('/thing', 'cdr', writer.register_schema(
            msgtype, 'ros2msg', text), {'topic_type_hash': 'RIHS01_7'})
        for log_ns, data in messages:
            writer.add_message(channel, log_ns, data, log_ns, 0)
        writer.finish()


def chunks(data: bytes) -> list[tuple[int, int]]:
    """Begin and end of the chunks of a file."""
    found, place = [], 8
    while place + 9 <= len(data):
        opcode, length = struct.unpack_from('<BQ', data, place)
        if opcode == Opcode.CHUNK:
            found.append((place, place + 9 + length))
        place += 9 + length
    return found


def test_what_describes_the_messages_survives_its_chunk(cut_off: bytes, tmp_path: Path) -> None:
    data = bytearray(cut_off)
    begin, end = chunks(data)[0]
    data[(begin + end) // 2] ^= 1
    result = recover(partial(tmp_path, bytes(data)))
    got = read(result.path)
    assert 0 < len(got) < len(SENT) and got == SENT[-len(got):]
    assert {topic: FRAMES - count for topic, count in result.counts.items()} == {
        topic: result.missing.get(topic, 0) for topic in TOPICS}
    assert result.bytes_lost == end - begin


def test_the_summary_describes_what_a_damaged_chunk_did(tmp_path: Path) -> None:
    file = tmp_path / 'other.mcap'
    sent = [(number, bytes([0, 1, 0, 0, number]) * 40) for number in range(20)]
    whole_mcap(file, sent, chunk_bytes=1000)
    data = bytearray(file.read_bytes())
    data[chunks(data)[0][0] + 100] ^= 1
    file.write_bytes(data)
    result = recover(file)
    got = [(log_ns, payload) for _, log_ns, payload in read(result.path)]
    assert 10 < len(got) < 20 and got == sent[-len(got):]


def test_a_length_that_is_too_long_to_read_costs_no_memory(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / 'other.mcap'
    whole_mcap(file, [(number, bytes([0, 1, 0, 0, number]) * 40) for number in range(20)],
               chunk_bytes=1000)
    longest = max(end - begin for begin, end in chunks(file.read_bytes()))
    for most, whole in ((longest, True), (longest - 20, False)):
        monkeypatch.setattr(mcap_salvage, '_MOST', most)
        salvage = mcap_salvage.SalvagedFile(file)
        assert (len(list(salvage.messages())) == 20) == whole
        assert (salvage.bytes_lost == 0) == whole


def test_a_damaged_length_costs_one_chunk_where_there_is_an_index(tmp_path: Path) -> None:
    file = tmp_path / 'other.mcap'
    sent = [(number, bytes([0, 1, 0, 0, number]) * 40) for number in range(20)]
    whole_mcap(file, sent, chunk_bytes=1000)
    data = bytearray(file.read_bytes())
    begin, _ = chunks(data)[2]
    following, _ = chunks(data)[3]
    data[begin + 3] ^= 0xFF
    file.write_bytes(data)
    result = recover(file)
    got = [(log_ns, payload) for _, log_ns, payload in read(result.path)]
    assert len(got) > 10 and set(got) < set(sent)
    assert result.bytes_lost == following - begin


def test_a_damaged_head_in_a_cut_off_file_costs_that_record_alone(cut_off: bytes,
                                                                  tmp_path: Path) -> None:
    places = chunks(cut_off)
    metadata, index = cut_off.index(b'vaa_episode') - 13, places[1][1]
    for number, (place, lost) in enumerate([
            (metadata + 2, 0), (metadata, 0), (index, 0), (index + 3, 0), (places[1][0], 1),
            (places[1][0] + 1, 1), (places[1][0] + 6, 1), (places[1][0] + 45, 1)]):
        data = bytearray(cut_off)
        data[place] ^= 0xFF
        got = read(recover(partial(tmp_path / str(number), bytes(data))).path)
        assert len(SENT) - len(got) <= 8 * lost, place
        assert got == [item for item in SENT if item in got]


def test_a_definition_that_is_no_text_any_more_is_known_by_its_hash(tmp_path: Path) -> None:
    file = tmp_path / 'other.mcap'
    data = bytearray(plain_mcap(1, 3))
    definition, digest = schema(TOPICS['/joint_states'])
    data += mcap_records([
        Schema(3, b'\xff' + definition.encode()[1:], 'ros2msg', TOPICS['/joint_states']),
        Channel(3, '/joint_states', 'cdr', {'topic_type_hash': digest}, 3),
        Schema(4, b'\xff', 'ros2msg', 'acme/msg/Other'), Channel(4, '/strange', 'cdr', {}, 4),
        Message(4, 10, b'', 10, 0)])
    file.write_bytes(data)
    result = recover(file)
    assert (result.counts, result.missing) == ({'/thing': 1, '/joint_states': 1}, {'/strange': 1})
    with Reader(result.path) as reader:
        assert {item.msgdef.data for item in reader.connections if item.topic != '/thing'} == {
            definition}


def test_a_damaged_channel_makes_a_bag_that_all_can_read(cut_off: bytes, tmp_path: Path) -> None:
    begin, end = chunks(cut_off)[0]
    for number, (word, other) in enumerate(((b'cdr', b'cdR'), (b'lifespan', b'lifespaN'),
                                            (b'depth: 10', b'depth: no'))):
        data = bytearray(cut_off)
        data[(begin + end) // 2] ^= 1
        place = data.index(word)
        data[place:place + len(word)] = other
        assert place < begin
        got = read(recover(partial(tmp_path / str(number), bytes(data))).path)
        assert got and got == SENT[-len(got):]


@pytest.mark.parametrize('where', ['apart', 'index'])
def test_what_has_a_check_sum_is_believed(tmp_path: Path, where: str) -> None:
    bag = write_bag(tmp_path / 'episode_000000', FRAMES, 'none')
    file = bag / 'episode_000000_0.mcap'
    data = bytearray(file.read_bytes())
    begin, _ = chunks(data)[0]
    place = (data.index if where == 'apart' else data.rindex)(b'/joint_states')
    assert (place < begin) is (where == 'apart')
    data[place + 4] ^= 1
    file.write_bytes(data)
    result = recover(bag)
    assert result.missing == {} and set(result.counts) == set(TOPICS)
    assert read(result.path) == SENT


@pytest.mark.parametrize('text', [b'uint8 grip\n', b'no definition at all'])
def test_messages_of_a_strange_type_are_kept_with_the_file_s_definition(
        tmp_path: Path, text: bytes) -> None:
    file = tmp_path / 'other.mcap'
    sent = [(number, bytes([0, 1, 0, 0, number])) for number in range(5)]
    whole_mcap(file, sent, text=text)
    data = file.read_bytes()
    file.write_bytes(data[:chunks(data)[-1][1]])
    result = recover(file)
    assert result.counts == {'/thing': 5}
    with (result.path / 'other_0.mcap').open('rb') as stream_:
        got = list(make_reader(stream_).iter_messages())
    assert [(message.log_time, message.data) for _, _, message in got] == sent
    assert {(found.name, found.encoding, found.data) for found, _, _ in got} == {
        ('acme/msg/Thing', 'ros2msg', text)}
    assert {channel.metadata['topic_type_hash'] for _, channel, _ in got} == {'RIHS01_7'}
    with BagReader(result.path) as bag:
        assert bag.topics == {'/thing': 'acme/msg/Thing'}
        assert len(list(bag.raw_messages())) == 5


def plain_mcap(*numbers: int) -> bytes:
    """A file without chunks that describes channel 1 and has a message of each number."""
    return MCAP0_MAGIC + mcap_records([
        Header('ros2', 'test'), Schema(1, b'uint8 grip\n', 'ros2msg', 'acme/msg/Thing'),
        Channel(1, '/thing', 'cdr', {}, 1), Channel(2, '/other', 'cdr', {}, 5),
        *(Message(number, 10, b'\0\1\0\0\7', 10, 0) for number in numbers)])


def test_what_nothing_describes_is_counted_and_said(tmp_path: Path,
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / 'other.mcap'
    file.write_bytes(plain_mcap(1, 2, 7, 7))
    assert main(['recover', str(file), '--json', str(tmp_path / 'told.json')]) == 0
    out = capsys.readouterr().out
    assert '1 messages; 3 messages known to be missing' in out
    words = '3 messages are left out, since nothing says of what type they are: /other, channel 7'
    assert words in out
    told, = json.loads((tmp_path / 'told.json').read_text())['recovered']
    assert told['missing'] == {'/other': 1, 'channel 7': 2}
    assert told['remarks'] == [words, 'nothing says how many messages there were']
    with BagReader(tmp_path / 'aborted' / 'other') as bag:
        assert bag.counts == {'/thing': 1}


@pytest.mark.parametrize(('data', 'words'), [
    (plain_mcap(7, 7, 2), 'nothing says what its 3 messages are'),
    (plain_mcap() + bytes(50), 'not one message of it can be read; 50 bytes are no whole record'),
    (plain_mcap(), 'not one message of it reached the disk; it can be removed'),
])
def test_a_bag_without_messages_is_not_made(tmp_path: Path, data: bytes, words: str) -> None:
    bag = partial(tmp_path, data)
    with pytest.raises(BagError, match=words):
        recover(bag)
    assert list(tmp_path.iterdir()) == [bag]


def worse(data: bytearray, chance: random.Random) -> bytearray:
    """What a disk, a power cut or a copy that went wrong makes of a file."""
    start, size = chance.randrange(len(data)), chance.choice((1, 8, 100, 5000))
    part = data[start:start + size]
    match chance.choice(('flip', 'zeros', 'ones', 'cut', 'cut out', 'more', 'twice')):
        case 'flip':
            data[start] ^= 1 << chance.randrange(8)
        case 'zeros':
            data[start:start + size] = bytes(len(part))
        case 'ones':
            data[start:start + size] = b'\xff' * len(part)
        case 'cut':
            del data[start:]
        case 'cut out':
            del data[start:start + size]
        case 'more':
            data += chance.choice((bytes(size), chance.randbytes(size)))
        case 'twice':
            data[start:start] = part
    return data


@pytest.mark.parametrize('finished', [False, True])
def test_whatever_happened_to_a_file_what_is_recovered_is_right(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, finished: bool) -> None:
    monkeypatch.setenv('ROS_DISTRO', 'kilted')  # it stands in the file: the same bytes everywhere
    writer = BagWriter(tmp_path / 'bag', TOPICS, METADATA, 'none')
    for index, item in enumerate(SENT):
        writer.write(*item)
        if index % 6 == 5:
            writer.flush()
    file = (writer.close() if finished else writer.path) / 'bag_0.mcap'
    sound, contents, recovered = file.read_bytes(), {data for _, _, data in SENT}, 0
    if not finished:
        writer.abort('done')
    for seed in range(60):
        chance = random.Random(seed)
        data = bytearray(sound)
        for _ in range(chance.choice((1, 1, 2, 4))):
            data = worse(data, chance) if data else data
        try:
            result = recover(partial(tmp_path / str(seed), bytes(data)))
        except BagError as error:
            assert 'message' in str(error) or 'is no MCAP file' in str(error), seed
            continue
        recovered += 1
        assert {payload for _, _, payload in read(result.path)} <= contents, seed
        with BagReader(result.path) as bag:
            assert len(list(bag.messages())) == sum(result.counts.values()) > 0, seed
    assert recovered > 45
