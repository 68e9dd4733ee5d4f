# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recordings as others leave them: without metadata.yaml, packed, with types nobody knows, with
video and depth, with clocks of their own. Each gives the frames of the usual bag, or says why not.
"""
from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import cv2
from learning_bags import make_bag
from learning_bags import METADATA
import numpy as np
from plain_sessions import flags
from plain_sessions import IDLE_TICKS
from plain_sessions import IS_RECORDING
from plain_sessions import MOVING_TICKS
from plain_sessions import session
from plain_sessions import TOPICS
from plain_sessions import write_plain
from plain_sessions import write_split
import pytest
from rosbags.rosbag2 import CompressionFormat
from rosbags.rosbag2 import CompressionMode
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_types_from_msg
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.bag_topics import find_command_type
from vaa_ros.learning.cutting import Cutting
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.learning.topic_mapping import find_commands
from vaa_ros.learning.topic_mapping import TopicMapping
from vaa_ros.recording import messages
from vaa_ros.recording.bag_reader import BagReader

OPTIONS = DatasetOptions(size=(16, 12), chunk_length=4, control_rate_hz=20.0, task='reach')
STREAM = session(2) + flags(2)


def build(bag: Path, out: Path, **changes: object):
    return build_dataset(bag, out, replace(OPTIONS, **changes))


@pytest.fixture(scope='module')
def usual(tmp_path_factory) -> Frames:
    folder = tmp_path_factory.mktemp('usual')
    build(write_plain(folder / 'bag', STREAM), folder / 'data')
    return Frames(folder / 'data')


def assert_same(one: Frames, other: Frames) -> None:
    for name in ('state', 'action', 'stamp', 'episode'):
        assert np.array_equal(getattr(one, name), getattr(other, name)), name
    for key in one.images:
        assert np.array_equal(one.images[key], other.images[key]), key


@pytest.mark.parametrize(('storage', 'compression', 'split'), [
    ('mcap', 'none', True), ('mcap', 'storage', False), ('mcap', 'message', False),
    ('sqlite3', 'none', True), ('sqlite3', 'message', False), ('sqlite3', 'file', False)])
def test_metadata_is_not_needed(tmp_path, usual, storage, compression, split):
    folder = tmp_path / 'plain'
    bag = write_split(folder, STREAM, storage) if split else write_plain(
        folder, STREAM, storage, compression)
    (bag / 'metadata.yaml').unlink()
    # rosbag2 numbers its files; rosbags, which wrote these, does not.
    for number, file in enumerate(sorted(bag.iterdir(), reverse=True)):
        file.rename(bag / f'plain_{number}{"".join(file.suffixes)}')
    build(bag, tmp_path / 'data')
    assert_same(usual, Frames(tmp_path / 'data'))


def test_an_own_episode_says_what_it_was_also_without_its_metadata(tmp_path):
    bag = make_bag(tmp_path / 'bags' / 'episode_000000', metadata=replace(METADATA, policy='p'))
    (bag / 'metadata.yaml').unlink()
    with BagReader(bag) as reader:
        assert (reader.metadata.policy, reader.metadata.success) == ('p', True)
    with pytest.raises(DatasetError, match="driven by policy 'p'"):
        build(bag, tmp_path / 'data')


@pytest.mark.parametrize('storage', [StoragePlugin.MCAP, StoragePlugin.SQLITE3])
@pytest.mark.parametrize('damaged', [False, True], ids=['described', 'not described'])
def test_messages_of_other_types_are_left_out(tmp_path, usual, storage, damaged, monkeypatch):
    """A type of another package: described in the bag, or with a definition nobody can parse."""
    store = get_typestore(Stores.ROS2_KILTED)
    store.register(get_types_from_msg('uint8 level\n', 'my_msgs/msg/Battery'))
    if damaged:
        generate = type(store).generate_msgdef
        monkeypatch.setattr(type(store), 'generate_msgdef', lambda self, name, **options: (
            ('what] is this?', '') if name == 'my_msgs/msg/Battery'
            else generate(self, name, **options)))
    kinds = {**TOPICS, IS_RECORDING: messages.BOOL, '/battery': 'my_msgs/msg/Battery'}
    stream = sorted(STREAM + [('/battery', STREAM[0][1], b'\x00\x01\x00\x00\x07')],
                    key=lambda item: item[1])
    with Writer(tmp_path / 'bag', version=9, storage_plugin=storage) as writer:
        channels = {topic: writer.add_connection(topic, kind, typestore=store)
                    for topic, kind in kinds.items()}
        for topic, at, data in stream:
            writer.write(channels[topic], at, data)
    with BagReader(tmp_path / 'bag') as reader:
        assert list(reader.unknown) == (['/battery'] if damaged else [])
        found = [topic for topic, _, _ in reader.messages()]
        assert len(found) == len(stream) - damaged
    build(tmp_path / 'bag', tmp_path / 'data')
    assert_same(usual, Frames(tmp_path / 'data'))


def video_stream(form: str, damage: int = -1, lose: int = -1) -> list[tuple[str, int, bytes]]:
    """Smooth pictures as a video with a key frame every 10 frames, one of them damaged."""
    codec = av.CodecContext.create({'h264': 'libx264', 'h265': 'libx265'}[form], 'w')
    codec.width, codec.height, codec.pix_fmt = 64, 48, 'yuv420p'
    codec.framerate, codec.time_base = Fraction(20), Fraction(1, 20)
    codec.gop_size = 10
    codec.options = {'tune': 'zerolatency', 'crf': '10', 'x264-params': 'scenecut=0',
                     'x265-params': 'log-level=none'}
    result, number = [], 0
    for topic, at, data in session(1):
        if topic != '/front/image_raw':
            result.append((topic, at, data))
            continue
        frame = av.VideoFrame.from_ndarray(video_picture(number), format='rgb24')
        frame = frame.reformat(format='yuv420p')
        frame.pts = number
        for packet in codec.encode(frame):
            image = messages.deserialize(messages.IMAGE, data)
            content = np.frombuffer(bytes(packet), np.uint8).copy()
            if number == damage:
                content[len(content) // 2:] ^= 0xA5
            if number == lose:
                continue
            result.append(('/front/video', at, messages.serialize(messages.COMPRESSED_VIDEO, {
                'timestamp': messages.header(messages.header_stamp_ns(image))['stamp'],
                'data': content, 'format': form})))
        number += 1
    return result


def video_picture(number: int) -> np.ndarray:
    """A slope whose brightness tells the number of the frame."""
    base = np.linspace(0, 60, 64)[None, :, None] + 2.0 * (number % 90)
    return np.broadcast_to(base, (48, 64, 3)).astype(np.uint8)


def read_video(tmp_path: Path, stream, rule: str = 'whole') -> Frames:
    kinds = {**TOPICS, '/front/video': messages.COMPRESSED_VIDEO}
    bag = tmp_path / 'bag'
    store = messages.typestore()
    with Writer(bag, version=9, storage_plugin=StoragePlugin.MCAP) as writer:
        channels = {}
        for topic, at, data in sorted(stream, key=lambda item: item[1]):
            if topic not in channels:
                channels[topic] = writer.add_connection(topic, kinds[topic], typestore=store)
            writer.write(channels[topic], at, data)
    plain = PlainOptions(TopicMapping(cameras={'front': '/front/video'}),
                         Cutting(rule, length_s=1.0))
    build(bag, tmp_path / 'data', plain=plain)
    return Frames(tmp_path / 'data')


@pytest.mark.parametrize(('form', 'rule'), [('h264', 'whole'), ('h264', 'length'),
                                            ('h265', 'length')])
def test_video_is_decoded_also_where_an_episode_begins_between_key_frames(tmp_path, form, rule):
    frames = read_video(tmp_path, video_stream(form), rule)
    ticks = 2 * IDLE_TICKS + MOVING_TICKS
    count = ticks if rule == 'whole' else ticks - ticks % 20
    assert len(frames) == count
    brightness = frames.images['front'][:, 5, 0, 0].astype(float)
    wanted = [video_picture(number)[0, :4, 0].mean() for number in range(count)]
    assert np.abs(brightness - wanted).max() < 4


def test_no_picture_is_made_up_after_a_damaged_packet(tmp_path):
    frames = read_video(tmp_path, video_stream('h264', damage=23))
    found = sorted(np.round((frames.stamp - frames.stamp[0]) / 50e6).astype(int).tolist())
    assert set(range(2 * IDLE_TICKS + MOVING_TICKS)) - set(found) == set(range(23, 30))


@pytest.mark.parametrize('form', ['raw', 'float', 'png'])
def test_depth_is_grey_that_is_brighter_nearby(tmp_path, form):
    depth = np.tile(np.linspace(0, 2500, 32).astype(np.uint16), (24, 1))
    stream, kinds = [], {}
    for topic, at, data in STREAM:
        if topic == '/front/image_raw':
            head = messages.header(messages.header_stamp_ns(
                messages.deserialize(messages.IMAGE, data)))
            kind, fields = messages.IMAGE, {'height': 24, 'width': 32}
            if form == 'raw':
                fields |= {'encoding': '16UC1', 'step': 64, 'data': depth.view(np.uint8).ravel()}
            elif form == 'float':
                metres = (depth / 1000).astype(np.float32)
                metres[:, 0] = np.nan
                fields |= {'encoding': '32FC1', 'step': 128, 'data': metres.view(np.uint8).ravel()}
            else:
                kind, fields = messages.COMPRESSED_IMAGE, {
                    'format': '16UC1; compressedDepth png',
                    'data': np.append(np.zeros(12, np.uint8),
                                      cv2.imencode('.png', depth)[1].reshape(-1))}
            topic = '/front/depth'
            kinds[topic], data = kind, messages.serialize(kind, {'header': head, **fields})
        stream.append((topic, at, data))
    bag = write_plain(tmp_path / 'bag', stream, topics=kinds)
    mapping = TopicMapping(cameras={'front': '/front/depth', 'wrist': '/wrist/image_raw'})
    build(bag, tmp_path / 'data', plain=PlainOptions(mapping), size=(32, 24))
    row = Frames(tmp_path / 'data').images['front'][0, 3].astype(int)
    metres = np.linspace(0, 2500, 32).astype(int) / 1000
    wanted = np.where((metres > 0) & (metres < 2), 255 * (1 - metres / 2), 0)
    assert (row[:, 0] == row[:, 1]).all() and np.abs(row[:, 0] - wanted).max() <= 0.51


@pytest.mark.parametrize('foreign', ['/front/image_raw', '/joint_states'])
def test_streams_of_other_clocks_are_aligned_by_arrival(tmp_path, usual, foreign):
    """A camera that counts from its own start; joint states of another computer."""
    kinds = {'/front/image_raw': messages.IMAGE, '/joint_states': messages.JOINT_STATE}
    stream = []
    for topic, at, data in STREAM:
        if topic == foreign:
            message = messages.deserialize(kinds[topic], data)
            message.header.stamp.sec -= 1_600_000_000
            data = messages.serialize(kinds[topic], message)
        stream.append((topic, at, data))
    result = build(write_plain(tmp_path / 'bag', stream), tmp_path / 'data')
    assert any('are of different clocks: times of arrival stand for them' in note
               for note in result.notes)
    frames = Frames(tmp_path / 'data')
    assert {item['clock'] for item in frames.episodes} == {'arrival'}
    assert len(frames) == len(usual)
    assert np.array_equal(frames.images['front'], usual.images['front'])
    assert np.array_equal(frames.action, usual.action)


def test_a_packed_file_alone_is_a_bag(tmp_path, usual):
    bag = tmp_path / 'bag'
    writer = Writer(bag, version=9, storage_plugin=StoragePlugin.SQLITE3)
    writer.set_compression(CompressionMode.FILE, CompressionFormat.ZSTD)
    store = get_typestore(Stores.ROS2_KILTED)
    with writer:
        channels = {}
        for topic, at, data in sorted(STREAM, key=lambda item: item[1]):
            if topic not in channels:
                channels[topic] = writer.add_connection(
                    topic, TOPICS.get(topic, messages.BOOL), typestore=store)
            writer.write(channels[topic], at, data)
    file = next(bag.glob('*.zstd'))
    build(file, tmp_path / 'data')
    assert_same(usual, Frames(tmp_path / 'data'))


def test_velocities_are_no_positions_to_learn_from(tmp_path: Path) -> None:
    topic = '/velocity_commands'
    velocity = messages.serialize(messages.FLOAT64_ARRAY, {'data': np.zeros(7)})
    bag = make_bag(tmp_path / 'episode_000000', leave_out=['/joint_trajectory'], change=lambda
                   stream: [*stream, *((topic, item[1] + 5, velocity) for item in stream)],
                   more_topics={topic: messages.FLOAT64_ARRAY},
                   metadata=replace(METADATA, command_type='velocity_commands'))
    words = 'velocity_commands are not learned from; .* --actions measured'
    with BagReader(bag) as reader:
        with pytest.raises(BagError, match=words):
            find_command_type(reader)
        with pytest.raises(BagError, match=words):
            find_commands(reader, TopicMapping(), None)
    options = DatasetOptions(size=(32, 24), plain=PlainOptions(measured=True))
    assert build_dataset(bag, tmp_path / 'data', options).episodes == 1
