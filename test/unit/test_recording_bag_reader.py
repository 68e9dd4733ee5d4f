# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
BagReader reads every rosbag2, and names what is wrong with the rest.
"""
from __future__ import annotations

from pathlib import Path
import random
import shutil
import struct

from mcap.writer import Writer as McapWriter
import numpy as np
import pytest
from recording_bags import METADATA
from recording_bags import picture
from recording_bags import stream
from recording_bags import TOPICS
from recording_bags import write_bag
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_reader import list_episodes
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.messages import typestore


@pytest.fixture
def bag(tmp_path: Path) -> Path:
    return write_bag(tmp_path / 'episode_000000')


@pytest.mark.parametrize('plugin', [StoragePlugin.SQLITE3, StoragePlugin.MCAP])
def test_recordings_of_others_are_read(tmp_path: Path, plugin: StoragePlugin) -> None:
    with Writer(tmp_path / 'bag', version=9, storage_plugin=plugin) as writer:
        channels = {topic: writer.add_connection(topic, msgtype, typestore=typestore())
                    for topic, msgtype in TOPICS.items()}
        for topic, log_ns, data in stream(5):
            writer.write(channels[topic], log_ns, data)
    with BagReader(tmp_path / 'bag') as reader:
        assert reader.metadata is None
        assert reader.topics == TOPICS
        assert reader.counts == dict.fromkeys(TOPICS, 5)
        images = [message for _, _, message in reader.messages(['/front/image_raw'])]
    for index, message in enumerate(images):
        np.testing.assert_array_equal(message.data.reshape(24, 32, 3), picture(index))


def test_own_recordings_have_metadata(bag: Path) -> None:
    with BagReader(bag) as reader:
        assert (reader.metadata.task, reader.metadata.seed) == ('reach', 3)
        assert reader.seconds == pytest.approx(19 / 30, abs=1e-3)
    with BagReader(bag / 'episode_000000_0.mcap') as reader:
        assert reader.metadata.success is True
        assert len(list(reader.raw_messages())) == 60


def test_missing_topics_are_named_with_those_that_exist(bag: Path) -> None:
    with BagReader(bag) as reader:
        with pytest.raises(BagError, match=r'no message on /wrist/image_raw. It has: .*'
                                           r'/joint_states \(20\)'):
            list(reader.messages(['/joint_states', '/wrist/image_raw']))
    with pytest.raises(BagError, match='is not open'):
        list(reader.messages())


def damage_nothing(bag: Path) -> None:
    shutil.rmtree(bag)


def damage_cut(bag: Path) -> None:
    file = bag / 'episode_000000_0.mcap'
    file.write_bytes(file.read_bytes()[:-5000])


def damage_garbage(bag: Path) -> None:
    (bag / 'episode_000000_0.mcap').write_bytes(random.Random(0).randbytes(5000))


def damage_empty(bag: Path) -> None:
    (bag / 'episode_000000_0.mcap').write_bytes(b'')


def damage_missing_file(bag: Path) -> None:
    (bag / 'episode_000000_0.mcap').unlink()


def damage_all_files(bag: Path) -> None:
    for file in bag.iterdir():
        file.unlink()


def damage_count(bag: Path) -> None:
    file = bag / 'metadata.yaml'
    file.write_text(file.read_text().replace('message_count: 20', 'message_count: 21'))


def damage_index(bag: Path) -> None:
    file = bag / 'episode_000000_0.mcap'
    data = bytearray(file.read_bytes())
    data[-60] ^= 1
    file.write_bytes(data)


def damage_metadata(bag: Path) -> None:
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: [1, 2')


def damage_other_metadata(bag: Path) -> None:
    (bag / 'metadata.yaml').write_text('something: else\n')


def damage_custom_data(bag: Path) -> None:
    file = bag / 'metadata.yaml'
    file.write_text(file.read_text().replace("seed: '3'", 'seed: three'))


DAMAGES = [(damage_nothing, 'no such bag'), (damage_cut, 'cannot be read'),
           (damage_garbage, 'cannot be read'), (damage_empty, 'cannot be read'),
           (damage_missing_file, 'missing'), (damage_all_files, 'no storage file'),
           (damage_metadata, 'YAML'), (damage_other_metadata, 'cannot be read'),
           (damage_custom_data, "seed is 'three'"), (damage_index, 'check sum'),
           (damage_count, '21 messages on /front/image_raw, the files hold 20')]


@pytest.mark.parametrize(('damage', 'words'), DAMAGES)
def test_damaged_bags_are_named(bag: Path, damage, words: str) -> None:
    damage(bag)
    with pytest.raises(BagError, match=words) as caught:
        with BagReader(bag):
            pass
    assert str(caught.value).startswith(str(bag))


def test_damage_inside_is_found_while_reading(bag: Path) -> None:
    file = bag / 'episode_000000_0.mcap'
    data = bytearray(file.read_bytes())
    for at in range(5000, 6000):
        data[at] ^= 0xFF
    file.write_bytes(data)
    with pytest.raises(BagError, match='is damaged or cut off|holds a damaged'):
        with BagReader(bag) as reader:
            list(reader.messages())


@pytest.mark.parametrize('seed', range(40))
def test_flipped_bytes_give_messages_or_a_bag_error(bag: Path, seed: int) -> None:
    file = bag / 'episode_000000_0.mcap'
    data = bytearray(file.read_bytes())
    chance = random.Random(seed)
    for _ in range(8):
        data[chance.randrange(len(data))] = chance.randrange(256)
    file.write_bytes(data[:chance.choice([len(data), chance.randrange(len(data))])])
    try:
        with BagReader(bag) as reader:
            for _, _, message in reader.messages():
                assert message is not None
    except BagError as error:
        assert str(bag) in str(error)


def test_a_bag_without_messages_is_refused(tmp_path: Path) -> None:
    BagWriter(tmp_path / 'bag', TOPICS, METADATA).close()
    with pytest.raises(BagError, match='holds no message'):
        with BagReader(tmp_path / 'bag'):
            pass


def test_a_file_that_is_no_bag_is_refused(tmp_path: Path) -> None:
    (tmp_path / 'x.txt').write_text('')
    with pytest.raises(BagError, match='ends in .mcap or .db3'):
        with BagReader(tmp_path / 'x.txt'):
            pass


def test_good_episodes_are_listed_and_bad_ones_skipped_with_reason(tmp_path: Path) -> None:
    for index in (0, 1, 2):
        write_bag(tmp_path / f'episode_00000{index}', 2)
    damage_cut_file = tmp_path / 'episode_000001' / 'episode_000001_0.mcap'
    damage_cut_file.write_bytes(damage_cut_file.read_bytes()[:2000])
    (tmp_path / 'episode_000003.partial').mkdir()
    write_bag(tmp_path / 'discarded' / 'episode_000004', 1)
    BagWriter(tmp_path / 'episode_000005', TOPICS, METADATA).close()
    (tmp_path / 'notes').mkdir()
    paths, skipped = list_episodes(tmp_path)
    assert [path.name for path in paths] == ['episode_000000', 'episode_000002']
    reasons = {path.name: reason for path, reason in skipped}
    assert set(reasons) == {'episode_000001', 'episode_000003.partial', 'episode_000005'}
    assert 'was killed' in reasons['episode_000003.partial']
    assert 'no message' in reasons['episode_000005']
    assert list_episodes(tmp_path / 'episode_000000') == ([tmp_path / 'episode_000000'], [])


def test_folders_without_bags_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BagError, match='holds no bags'):
        list_episodes(tmp_path)
    with pytest.raises(BagError, match='no such folder'):
        list_episodes(tmp_path / 'none')


def test_each_bag_is_read_by_its_own_definitions(tmp_path: Path) -> None:
    """What was compiled for one bag is used again only where the definitions are the same."""
    for name, kind, data in (('a', 'float64', struct.pack('<d', 1.5)),
                             ('b', 'int64', struct.pack('<q', 7)),
                             ('c', 'float64', struct.pack('<d', 2.5))):
        with (tmp_path / f'{name}.mcap').open('wb') as file:
            writer = McapWriter(file)
            writer.start('ros2')
            schema = writer.register_schema('own_msgs/msg/Value', 'ros2msg', f'{kind} x'.encode())
            channel = writer.register_channel('/value', 'cdr', schema)
            writer.add_message(channel, 1, b'\0\1\0\0' + data, 1)
            writer.finish()
    got = []
    for name in 'abc':
        with BagReader(tmp_path / f'{name}.mcap') as bag:
            got += [message.x for _, _, message in bag.messages()]
    assert got == [1.5, 7, 2.5]
