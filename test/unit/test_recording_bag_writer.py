# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What BagWriter writes is a rosbag2 recording, read back here with libraries other than the writer.
"""
from __future__ import annotations

import json
import os
from pathlib import Path
import shutil
import signal
import stat
import subprocess
import sys

from mcap.exceptions import McapError
from mcap.reader import make_reader
from mcap.stream_reader import StreamReader
import numpy as np
from processes import ROOT
import pytest
from recording_bags import METADATA
from recording_bags import picture
from recording_bags import START_NS
from recording_bags import stream
from recording_bags import TOPICS
from recording_bags import write_bag
from rosbags.rosbag2 import Reader
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_information import qos_profile
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.recorder import EpisodeRecorder

FRAMES = 20


@pytest.fixture(params=['zstd', 'none'])
def bag(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return write_bag(tmp_path / 'episode_000000', FRAMES, request.param)


def test_rosbags_reads_every_message_with_the_definitions_in_the_bag(bag: Path) -> None:
    typestore = get_typestore(Stores.EMPTY)
    wanted = list(stream(FRAMES))
    with Reader(bag) as reader:
        assert {item.topic: item.msgtype for item in reader.connections} == TOPICS
        for item in reader.connections:
            typestore.register(get_types_from_msg(item.msgdef.data, item.msgtype))
        got = [(item.topic, log_ns, bytes(data)) for item, log_ns, data in reader.messages()]
        assert got == wanted
        assert (reader.start_time, reader.message_count) == (START_NS, 3 * FRAMES)
    images = [typestore.deserialize_cdr(data, TOPICS[topic]) for topic, _, data in got
              if topic == '/front/image_raw']
    for index, message in enumerate(images):
        np.testing.assert_array_equal(message.data.reshape(24, 32, 3), picture(index))
        assert message.header.frame_id == 'front'


def test_mcap_reader_agrees_and_checks_the_sums(bag: Path) -> None:
    with open(bag / 'episode_000000_0.mcap', 'rb') as file:
        reader = make_reader(file, validate_crcs=True)
        assert reader.get_header().profile == 'ros2'
        got = [(channel.topic, message.log_time, message.data)
               for _, channel, message in reader.iter_messages()]
        assert got == list(stream(FRAMES))
        summary = reader.get_summary()
        assert {item.encoding for item in summary.schemas.values()} == {'ros2msg'}
        assert {item.message_encoding for item in summary.channels.values()} == {'cdr'}
        records = {item.name: item.metadata for item in reader.iter_metadata()}
    assert EpisodeMetadata.from_custom_data(records['vaa_episode']).success is True
    inside = yaml.safe_load(records['rosbag2']['serialized_metadata'])
    assert inside['message_count'] == 3 * FRAMES


def test_metadata_yaml_is_that_of_rosbag2_version_9(bag: Path) -> None:
    information = yaml.safe_load((bag / 'metadata.yaml').read_text())[
        'rosbag2_bagfile_information']
    assert (information['version'], information['storage_identifier']) == (9, 'mcap')
    assert information['relative_file_paths'] == ['episode_000000_0.mcap']
    assert information['starting_time']['nanoseconds_since_epoch'] == START_NS
    assert information['message_count'] == 3 * FRAMES
    topic = information['topics_with_message_count'][0]
    assert topic['message_count'] == FRAMES
    assert topic['topic_metadata']['offered_qos_profiles'][0]['reliability'] == 'reliable'
    assert topic['topic_metadata']['type_description_hash'].startswith('RIHS01_')
    custom = information['custom_data']
    assert custom['success'] == 'true'
    assert EpisodeMetadata.from_custom_data(custom).counts == dict.fromkeys(TOPICS, FRAMES)
    assert '&id' not in (bag / 'metadata.yaml').read_text()


def test_offered_qos_is_kept(tmp_path: Path) -> None:
    profile = qos_profile('best_effort', 'transient_local', 1)
    with BagWriter(tmp_path / 'bag', TOPICS, METADATA,
                   qos={'/front/image_raw': [profile]}) as writer:
        writer.write(*next(stream(1)))
        writer.close()
    with Reader(tmp_path / 'bag') as reader:
        offers = {item.topic: item.ext.offered_qos_profiles[0] for item in reader.connections}
    assert offers['/front/image_raw'].reliability.name == 'BEST_EFFORT'
    assert offers['/front/image_raw'].durability.name == 'TRANSIENT_LOCAL'
    assert offers['/joint_states'].reliability.name == 'RELIABLE'


def test_the_name_is_final_only_when_complete(tmp_path: Path) -> None:
    final = tmp_path / 'bag'
    writer = BagWriter(final, TOPICS, METADATA)
    writer.write(*next(stream(1)))
    assert not final.exists() and (tmp_path / 'bag.partial').is_dir()
    writer.close()
    assert sorted(path.name for path in tmp_path.rglob('*')) == [
        'bag', 'bag_0.mcap', 'metadata.yaml']


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    write_bag(tmp_path / 'bag', 1)
    before = (tmp_path / 'bag' / 'bag_0.mcap').read_bytes()
    with pytest.raises(BagError, match='exists'):
        BagWriter(tmp_path / 'bag', TOPICS, METADATA)
    writer = BagWriter(tmp_path / 'other', TOPICS, METADATA)
    with pytest.raises(BagError, match='File exists'):
        BagWriter(tmp_path / 'other', TOPICS, METADATA)
    (tmp_path / 'other').mkdir()
    with pytest.raises(BagError, match='not overwritten'):
        writer.close()
    assert (tmp_path / 'bag' / 'bag_0.mcap').read_bytes() == before


@pytest.mark.parametrize(('arguments', 'words'), [
    (({'/a': 'no_msgs/msg/No'}, METADATA), 'unknown message type'),
    ((TOPICS, METADATA, 'zip'), "unknown compression 'zip'.*Available: none, zstd"),
])
def test_wrong_arguments_leave_nothing(tmp_path: Path, arguments: tuple, words: str) -> None:
    with pytest.raises(BagError, match=words):
        BagWriter(tmp_path / 'bag', *arguments)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_topic_is_refused(tmp_path: Path) -> None:
    with BagWriter(tmp_path / 'bag', TOPICS, METADATA) as writer:
        with pytest.raises(BagError, match="unknown topic '/joint_state'. Did you mean"):
            writer.write('/joint_state', 1, b'')
        writer.close()


def test_an_exception_aborts_and_keeps_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        with BagWriter(tmp_path / 'bag', TOPICS, METADATA) as writer:
            for item in stream(3):
                writer.write(*item)
            raise RuntimeError('something else broke')
    assert [path.name for path in tmp_path.iterdir()] == ['aborted']
    with BagReader(tmp_path / 'aborted' / 'bag') as reader:
        assert len(list(reader.messages())) == 9
        assert reader.metadata.aborted == 'something else broke'
        assert reader.metadata.success is None


@pytest.mark.parametrize('compression', ['zstd', 'none'])
def test_a_full_disk_raises_and_keeps_whole_chunks(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compression: str) -> None:
    earlier = write_bag(tmp_path / 'episode_000000', 2)
    writer = BagWriter(tmp_path / 'episode_000001', TOPICS, METADATA, compression)
    room = 2_500_000
    real_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        nonlocal room
        if room <= 0 and len(data) > 10_000:
            raise OSError(28, 'No space left on device')
        # A nearly full disk takes a part first.
        part = data[:max(room, 10_000)]
        room -= len(part)
        return real_write(descriptor, part)

    monkeypatch.setattr(os, 'write', write)
    with pytest.raises(BagError, match='No space left on device. Earlier episodes are intact'):
        for item in stream(200, 96, 128):
            writer.write(*item)
    path = writer.abort('the disk is full')
    assert path == tmp_path / 'aborted' / 'episode_000001'
    alone = shutil.copy(next(path.glob('*.mcap')), tmp_path)  # without its metadata.yaml
    with BagReader(path) as reader, BagReader(alone) as file:
        got = list(reader.raw_messages())
        assert reader.metadata.aborted == 'the disk is full'
        assert reader.counts == reader.metadata.counts
        assert file.metadata == reader.metadata
        assert list(file.raw_messages()) == got
    assert 20 < len(got) < 600
    assert got == list(stream(200, 96, 128))[:len(got)]
    with BagReader(earlier) as reader:
        assert len(list(reader.messages())) == 6


@pytest.mark.parametrize('flushed', [True, False])
def test_a_disk_that_is_full_at_the_end_aborts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                               flushed: bool) -> None:
    writer = BagWriter(tmp_path / 'bag', TOPICS, METADATA)
    for item in stream(3):
        writer.write(*item)
    if flushed:
        writer.flush()

    def write(descriptor: int, data: bytes) -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'write', write)
    with pytest.raises(BagError, match='No space left'):
        writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ['aborted']


@pytest.mark.parametrize('end', ['close', 'abort'])
def test_what_was_flushed_is_kept_whole_where_the_end_does_not_fit(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    writer = BagWriter(tmp_path / 'bag', TOPICS, METADATA)
    sent = list(stream(4))
    for item in sent[:6]:
        writer.write(*item)
    writer.flush()
    writer.add_topic('/late', TOPICS['/joint_states'])
    for item in sent[6:]:
        writer.write(*item)
    real_write = os.write

    def write(descriptor: int, data: bytes) -> int:
        if len(data) > 100:
            raise OSError(28, 'No space left on device')
        return real_write(descriptor, data)

    monkeypatch.setattr(os, 'write', write)
    if end == 'abort':
        assert writer.abort('why') == tmp_path / 'aborted' / 'bag'
    else:
        with pytest.raises(BagError, match='No space left'):
            writer.close()
    with BagReader(tmp_path / 'aborted' / 'bag') as reader:
        got = list(reader.raw_messages())
        assert got == sent[:len(got)] and len(got) >= 6
        assert sum(reader.metadata.counts.values()) == len(got)
        assert reader.metadata.counts['/late'] == 0
        assert reader.metadata.aborted


def test_a_bag_that_cannot_be_begun_leaves_nothing(tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    def write(descriptor: int, data: bytes) -> int:
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(os, 'write', write)
    with pytest.raises(BagError, match='No space left'):
        BagWriter(tmp_path / 'bag', TOPICS, METADATA)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize('compression', ['zstd', 'none'])
def test_a_topic_may_come_late(tmp_path: Path, compression: str) -> None:
    sent = list(stream(20))
    with BagWriter(tmp_path / 'bag', {sent[0][0]: TOPICS[sent[0][0]]}, METADATA,
                   compression) as writer:
        writer.write(*sent[0])
        for topic, msgtype in TOPICS.items():
            writer.add_topic(topic, msgtype, [qos_profile('best_effort')])
        with pytest.raises(BagError, match='unknown message type'):
            writer.add_topic('/other', 'no_msgs/msg/No')
        for item in sent[1:]:
            writer.write(*item)
        path = writer.close()
    with Reader(path) as reader:
        assert {item.topic: item.msgtype for item in reader.connections} == TOPICS
        assert [(item.topic, log_ns, bytes(data))
                for item, log_ns, data in reader.messages()] == sent
    with open(path / 'bag_0.mcap', 'rb') as file:
        reader = make_reader(file, validate_crcs=True)
        assert [(channel.topic, message.log_time, message.data)
                for _, channel, message in reader.iter_messages()] == sent
    with BagReader(path) as bag:
        assert list(bag.raw_messages()) == sent
        assert bag.counts == dict.fromkeys(TOPICS, 20) == bag.metadata.counts


def test_a_take_whose_name_the_disk_does_not_confirm_is_kept(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_fsync, broken = os.fsync, False

    def fsync(descriptor: int) -> None:
        nonlocal broken
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            broken = True
            raise OSError(5, 'Input/output error')
        real_fsync(descriptor)

    monkeypatch.setattr(os, 'fsync', fsync)
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
    for item in stream(3):
        recorder.put(*item)
    recorded = recorder.stop(METADATA)
    assert broken and recorded.path == tmp_path / 'bag'
    assert 'the disk did not confirm its name' in recorded.warning
    assert 'Input/output error' in json.loads(recorded.to_json())['warning']
    assert [path.name for path in tmp_path.iterdir()] == ['bag']
    with BagReader(tmp_path / 'bag') as reader:
        assert list(reader.raw_messages()) == list(stream(3))


KILLED = """
import os, signal, sys
sys.path[:0] = [{unit!r}]
from recording_bags import *
writer = BagWriter(sys.argv[1], TOPICS, METADATA, 'none')
for item in stream(10):
    writer.write(*item)
writer.flush()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_was_flushed_survives_a_kill(tmp_path: Path) -> None:
    script = KILLED.format(unit=str(ROOT / 'test' / 'unit'))
    done = subprocess.run([sys.executable, '-c', script, str(tmp_path / 'bag')], check=False,
                          cwd=ROOT, env={**os.environ, 'PYTHONPATH': str(ROOT)})
    assert done.returncode == -signal.SIGKILL
    got = []
    with open(tmp_path / 'bag.partial' / 'bag_0.mcap', 'rb') as file:
        try:
            for record in StreamReader(file).records:
                if type(record).__name__ == 'Message':
                    got.append(record.data)
        except McapError:
            pass
    assert got == [data for _, _, data in stream(10)]
