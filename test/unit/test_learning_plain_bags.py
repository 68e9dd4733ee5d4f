# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bags of ``ros2 bag record`` give the frames that our own episodes of the same messages give.
"""
from __future__ import annotations

import contextlib
import json
from pathlib import Path
import sqlite3
import struct

import cv2
from mcap.writer import Writer as McapWriter
import numpy as np
from plain_builds import assert_same
from plain_builds import build
from plain_builds import OPTIONS
from plain_sessions import episode_ticks
from plain_sessions import flags
from plain_sessions import IDLE_TICKS
from plain_sessions import LOG_NS
from plain_sessions import log_ns
from plain_sessions import MOVING_TICKS
from plain_sessions import session
from plain_sessions import STAMP_OFFSET_NS
from plain_sessions import TICK_NS
from plain_sessions import TOPICS
from plain_sessions import write_ours
from plain_sessions import write_plain
from plain_sessions import write_split
import pytest
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores

from vaa_ros.cli.main import main
from vaa_ros.cli.view import one_bag
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.topic_mapping import TopicMapping
from vaa_ros.recording import messages
from vaa_ros.recording.bag_folders import find_bags


@pytest.mark.parametrize('stamped', [True, False])
@pytest.mark.parametrize(('storage', 'compression'), [
    ('mcap', 'none'), ('mcap', 'storage'), ('mcap', 'message'), ('sqlite3', 'none'),
    ('sqlite3', 'file'), ('sqlite3', 'message')])
def test_service_cuts_give_the_frames_of_our_own_episodes(tmp_path, storage, compression, stamped):
    stream = session(2, stamped)
    build_dataset(write_ours(tmp_path / 'ours', stream, 2), tmp_path / 'a', OPTIONS)
    bag = write_plain(tmp_path / 'plain', stream + flags(2), storage, compression)
    mapping = TopicMapping(instruction='touch it')
    result = build(bag, tmp_path / 'b', mapping=mapping)
    ours, plain = Frames(tmp_path / 'a'), Frames(tmp_path / 'b')
    assert len(ours) == 2 * MOVING_TICKS
    assert_same(ours, plain)
    assert plain.spec.instructions == ('touch it',)
    assert [item['cut']['rule'] for item in plain.episodes] == ['service', 'service']
    assert 'cut by service into 2 episodes; actions: joint_trajectory' in result.notes[0]
    assert len(result.notes) == (2 if stamped else 3)
    assert result.notes[-1] == 'nothing is held out: no recording can be spared'
    assert stamped or 'no stamps on /joint_trajectory: times of arrival' in result.notes[1]


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bag_of_several_files_is_one_bag(tmp_path, storage):
    stream = session(2)
    build_dataset(write_ours(tmp_path / 'ours', stream, 2), tmp_path / 'a', OPTIONS)
    build(write_split(tmp_path / 'plain', stream + flags(2), storage), tmp_path / 'b')
    assert_same(Frames(tmp_path / 'a'), Frames(tmp_path / 'b'))


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_renamed_bag_of_several_files_is_one_bag_to_all(tmp_path, storage):
    bag = write_split(tmp_path / 'plain', session(2) + flags(2), storage)
    (bag / 'metadata.yaml').unlink()
    for number, name in enumerate(('plain', 'later_second')):
        file = next(bag.glob(f'{name}.*'))
        file.rename(bag / f'plain_{number}{file.suffix}')
    (tmp_path / 'all').mkdir()
    renamed_bag = bag.rename(tmp_path / 'all' / 'monday')
    assert one_bag(renamed_bag) == renamed_bag
    assert one_bag(tmp_path / 'all') == renamed_bag
    assert build(renamed_bag, tmp_path / 'b', 'whole').episodes == 1


def test_loose_takes_are_bags_of_their_own(tmp_path):
    folder = tmp_path / 'all' / 'takes'
    folder.mkdir(parents=True)
    for number in (1, 2):
        bag = write_plain(tmp_path / f'plain_{number}', session(1))
        next(bag.glob('*.mcap')).rename(folder / f'episode_00000{number}.mcap')
    assert [path.name for path in find_bags(folder)] == [
        'episode_000001.mcap', 'episode_000002.mcap']
    with pytest.raises(BagError, match='takes holds 2 bags, which are not looked into here'):
        find_bags(tmp_path / 'all')


@pytest.mark.parametrize('storage', ['mcap', 'sqlite3'])
def test_a_bare_file_is_a_bag(tmp_path, storage):
    bag = write_plain(tmp_path / 'plain', session(1) + flags(1), storage)
    file = next(path for path in bag.iterdir() if path.name != 'metadata.yaml')
    assert build(file, tmp_path / 'b').frames == MOVING_TICKS


def test_activity_finds_the_same_episodes_with_a_margin(tmp_path):
    stream = session(2)
    build_dataset(write_ours(tmp_path / 'ours', stream, 2), tmp_path / 'a', OPTIONS)
    result = build(write_plain(tmp_path / 'plain', stream), tmp_path / 'b', idle_s=1.0)
    assert 'cut by activity into 2 episodes' in result.notes[0]
    ours, plain = Frames(tmp_path / 'a'), Frames(tmp_path / 'b')
    inside = np.isin(plain.stamp, ours.stamp)
    assert inside.sum() == len(ours)
    # At most 0.2 s to see motion and 0.25 s of margin before, and 0.25 s after, of 20 ticks a s.
    assert 0 < (~inside).sum() <= 2 * (9 + 5)
    for name in ('state', 'action', 'episode'):
        assert np.array_equal(getattr(plain, name)[inside], getattr(ours, name)), name
    for key in ours.images:
        assert np.array_equal(plain.images[key][inside], ours.images[key])


def test_episodes_end_where_the_gripper_opens(tmp_path):
    build(write_plain(tmp_path / 'plain', session(2)), tmp_path / 'b', 'activity', idle_s=1.0,
          until_release=True)
    frames = Frames(tmp_path / 'b')
    last = [int(frames.stamp[frames.episode == number].max()) for number in range(2)]
    # It opens at the 20th moving tick; 0.25 s of margin are five ticks, the last one not included.
    for number, stamp in enumerate(last):
        opens = episode_ticks(number)[19]
        assert stamp == log_ns(opens + 4) + STAMP_OFFSET_NS


def test_length_cuts_everything_into_pieces(tmp_path):
    bag = write_plain(tmp_path / 'plain', session(1))
    result = build(bag, tmp_path / 'b', 'length', length_s=1.0)
    ticks = 2 * IDLE_TICKS + MOVING_TICKS
    assert result.frames == ticks - ticks % 20  # the rest of 4 frames is too short, and named
    assert len(result.skipped) == 1 and 'length, 4.00 to 4.15 s: only 4' in result.skipped[0][1]
    assert [item['frames'] for item in Frames(tmp_path / 'b').episodes] == [20, 20, 20, 20]
    whole = build(bag, tmp_path / 'c', 'whole')
    assert (whole.episodes, whole.frames) == (1, ticks)


def test_numbers_without_stamps_and_compressed_pictures_are_read(tmp_path):
    """What forward_command_controller and compressed_image_transport publish."""
    stream = []
    for topic, at, data in session(1):
        if topic == '/joint_trajectory':
            goal = messages.deserialize(messages.JOINT_TRAJECTORY, data).points[0].positions
            topic, data = '/arm/commands', messages.serialize(messages.FLOAT64_ARRAY,
                                                              {'data': goal})
        elif 'image' in topic:
            image = messages.deserialize(messages.IMAGE, data)
            bgr = image.data.reshape(24, 32, 3)[:, :, ::-1]
            topic, data = f'{topic}/compressed', messages.serialize(messages.COMPRESSED_IMAGE, {
                'header': messages.header(messages.header_stamp_ns(image)), 'format': 'png',
                'data': cv2.imencode('.png', bgr)[1].reshape(-1)})
        stream.append((topic, at, data))
    kinds = {'/arm/commands': messages.FLOAT64_ARRAY,
             '/front/image_raw/compressed': messages.COMPRESSED_IMAGE,
             '/wrist/image_raw/compressed': messages.COMPRESSED_IMAGE}
    result = build(write_plain(tmp_path / 'plain', stream, topics=kinds), tmp_path / 'b')
    build(write_plain(tmp_path / 'usual', session(1)), tmp_path / 'a')
    assert_same(Frames(tmp_path / 'a'), Frames(tmp_path / 'b'))
    assert result.notes[1].endswith('no stamps on /arm/commands: times of arrival stand for them')


def test_what_cannot_be_used_says_why_and_leaves_nothing(tmp_path):
    still = list(session(0))
    blind = [item for item in session(1) if 'image' not in item[0]]
    others = [(topic, at, messages.serialize(messages.JOINT_STATE, {
        'name': ['elbow'], 'position': [0.0]}) if topic == '/joint_states' else data)
        for topic, at, data in session(1)]
    for name, stream, rule, problem in [
            ('empty', [], 'auto', 'holds no message|cannot be read'),
            ('still', still, 'auto', 'nothing moves: no joint of vaa_arm on /joint_states'),
            ('blind', blind, 'auto', 'no camera: no message of type sensor_msgs/msg/Image or'),
            ('other', others, 'activity', 'no joint of vaa_arm; it has elbow, expected joint_1'),
            ('silent', session(1), 'service', 'nothing tells where episodes start and stop'),
            ('endless', session(1) + flags(1)[:2], 'service', 'no episode was started and stop')]:
        bag = write_plain(tmp_path / name, stream)
        with pytest.raises((BagError, DatasetError), match=problem):
            build(bag, tmp_path / 'out', rule)
    open_ = [(topic, at, messages.joint_state(replace_gripper(data)))
             if topic == '/joint_states' else (topic, at, data) for topic, at, data in session(1)]
    with pytest.raises(DatasetError, match=r'the gripper \(gripper\) never opens'):
        build(write_plain(tmp_path / 'open', open_), tmp_path / 'out', until_release=True)
    assert not any(path.name.startswith(('out', '.out')) for path in tmp_path.iterdir())


def replace_gripper(data: bytes):
    from vaa_ros.core.types import JointState
    state = messages.deserialize(messages.JOINT_STATE, data)
    return JointState(messages.header_stamp_ns(state), tuple(state.name),
                      np.append(state.position[:-1], 0.05))


def test_an_unknown_rule_is_named_on_the_command_line(tmp_path, capsys):
    bag = write_plain(tmp_path / 'plain', session(1))
    out = str(tmp_path / 'out')
    assert main(['dataset', str(bag), '--out', out, '--cut', 'sevrice']) == 2
    assert "Did you mean 'service'? Available: activity, auto" in capsys.readouterr().err
    assert main(['dataset', str(bag), '--out', out, '--idle', '0.1']) == 2
    assert 'idle_s is 0.1, expected at least 0.4 s' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(['dataset', str(bag), '--out', out, '--camera', 'front'])
    assert 'NAME=TOPIC' in capsys.readouterr().err
    assert not Path(out).exists()


def test_a_recorder_that_nobody_used_does_not_cut(tmp_path):
    bag = write_plain(tmp_path / 'plain', session(1) + flags(1)[:1])
    assert 'cut by activity into 1' in build(bag, tmp_path / 'a').notes[0]
    with pytest.raises(DatasetError, match='no episode was started and stopped on /teleop_rec'):
        build(bag, tmp_path / 'b', 'service')


def test_our_own_episodes_are_never_cut(tmp_path):
    write_ours(tmp_path / 'ours', session(2), 2)
    result = build(tmp_path / 'ours', tmp_path / 'a', 'length', length_s=0.5)
    assert result.episodes == len(result.notes) == 2
    assert all('--cut length does not apply' in note for note in result.notes)
    assert 'cut' not in json.loads((tmp_path / 'a' / 'dataset.json').read_text())['episodes'][0]


def service_event(kind: int, number: int, at_ns: int) -> bytes:
    return messages.serialize('service_msgs/msg/ServiceEventInfo', {
        'event_type': kind, 'client_gid': np.arange(16), 'sequence_number': number,
        'stamp': {'sec': at_ns // 10**9, 'nanosec': at_ns % 10**9}}) + struct.pack('<II', 0, 0)


def write_service_bag(path: Path, stream, calls: list[tuple[str, int]]) -> Path:
    """Write what rosbag2 writes of services: hidden topics whose definition is unknown."""
    events = [(f'/rec/{name}/_service_event', at + 1000 * kind, service_event(kind, number, at))
              for number, (name, at) in enumerate(calls) for kind in (1, 2)]
    if path.suffix != '.mcap':
        return write_service_sqlite3(path, [*stream, *events])
    with path.open('wb') as file:
        writer = McapWriter(file)
        writer.start(profile='ros2')
        channels = {}
        for topic, kind in TOPICS.items():
            schema = writer.register_schema(kind, 'ros2msg', messages.schema(kind)[0].encode())
            channels[topic] = writer.register_channel(topic, 'cdr', schema)
        schema = writer.register_schema('std_srvs/srv/Trigger_Event', 'unknown', b'SRV: x\n---')
        for topic in dict.fromkeys(topic for topic, _, _ in events):
            channels[topic] = writer.register_channel(topic, 'cdr', schema)
        for topic, at, data in sorted([*stream, *events], key=lambda item: item[1]):
            writer.add_message(channels[topic], at, data, at)
        writer.finish()
    return path


def write_service_sqlite3(path: Path, stream) -> Path:
    store = get_typestore(Stores.ROS2_KILTED)
    with Writer(path, version=9, storage_plugin=StoragePlugin.SQLITE3) as writer:
        known = {topic: writer.add_connection(topic, kind, typestore=store)
                 for topic, kind in TOPICS.items()}
        for topic, at, data in sorted(stream, key=lambda item: item[1]):
            if topic not in known:
                known[topic] = writer.add_connection(topic, 'std_srvs/srv/Trigger_Event',
                                                     msgdef='SRV: x\n---', rihs01='RIHS01_0')
            writer.write(known[topic], at, data)
    with contextlib.closing(sqlite3.connect(next(path.glob('*.db3')))) as base, base:
        base.execute("UPDATE message_definitions SET encoding = 'unknown' "
                     "WHERE topic_type LIKE '%Trigger_Event'")
    return path


@pytest.mark.parametrize('name', ['session.mcap', 'session'])
def test_events_of_services_cut_like_the_topic(tmp_path, name):
    stream = session(3)
    edges = [(log_ns(ticks[0]) - 9000, log_ns(ticks[-1] + 1) - 9000)
             for ticks in map(episode_ticks, range(3))]
    calls = [call for begin, end in edges[:2]
             for call in (('start_episode', begin), ('stop_episode', end))]
    calls += [('start_episode', edges[2][0]), ('discard_episode', edges[2][1])]
    bag = write_service_bag(tmp_path / name, stream, calls)
    result = build(bag, tmp_path / 'b')
    assert 'cut by service into 2 episodes' in result.notes[0]
    build_dataset(write_ours(tmp_path / 'ours', stream, 2), tmp_path / 'a', OPTIONS)
    assert_same(Frames(tmp_path / 'a'), Frames(tmp_path / 'b'))
    named = TopicMapping(start='/rec/start_episode', stop='/rec/stop_episode')
    assert build(bag, tmp_path / 'c', mapping=named).episodes == 2


def test_a_damaged_bag_is_skipped_and_named(tmp_path):
    bags = tmp_path / 'bags'
    write_plain(bags / 'good', session(1) + flags(1))
    bad = write_plain(bags / 'bad', session(1) + flags(1))
    file = next(bad.glob('*.mcap'))
    file.write_bytes(file.read_bytes()[:5000])
    result = build(bags, tmp_path / 'b')
    assert result.episodes == 1 and [path.name for path, _ in result.skipped] == ['bad']


def test_times_are_those_of_the_bag(tmp_path):
    build(write_plain(tmp_path / 'plain', session(1) + flags(1)), tmp_path / 'b')
    cut = Frames(tmp_path / 'b').episodes[0]['cut']
    ticks = episode_ticks(0)
    assert cut == {'rule': 'service',
                   'start_s': pytest.approx((log_ns(ticks[0]) - LOG_NS) / 1e9),
                   'stop_s': pytest.approx((ticks[-1] + 1) * TICK_NS / 1e9)}
