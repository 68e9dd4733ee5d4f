# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A session of several demonstrations with pauses, as ``ros2 bag record`` leaves it: one long bag
without metadata of ours, written by another library than the one under test.
"""
from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
import shutil

from learning_bags import NAMES
import numpy as np
from rosbags.rosbag2 import CompressionFormat
from rosbags.rosbag2 import CompressionMode
from rosbags.rosbag2 import StoragePlugin
from rosbags.rosbag2 import Writer
from rosbags.typesys import get_typestore
from rosbags.typesys import Stores
from rosbags.typesys.store import Typestore
import yaml

from vaa_ros.core.types import JointState
from vaa_ros.recording import messages
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata

LOG_NS = 1_700_000_000_000_000_000
TICK_NS = 50_000_000
STAMP_OFFSET_NS = -7_000_000
MOVING_TICKS, IDLE_TICKS = 24, 30
PERIOD_TICKS = IDLE_TICKS + MOVING_TICKS
TOPICS = {'/joint_states': messages.JOINT_STATE, '/front/image_raw': messages.IMAGE,
          '/wrist/image_raw': messages.IMAGE, '/joint_trajectory': messages.JOINT_TRAJECTORY}
BOOL, IS_RECORDING = 'std_msgs/msg/Bool', '/teleop_recorder/is_recording'
METADATA = EpisodeMetadata(task='reach', instruction='touch it', robot='vaa_arm',
                           command_type='joint_trajectory', vaa_version='0.0.0')
Stream = list[tuple[str, int, bytes]]


def log_ns(tick: int) -> int:
    return LOG_NS + tick * TICK_NS


def episode_ticks(number: int) -> range:
    """The ticks in which the arm moves: an idle time, then an episode, and so on."""
    first = number * PERIOD_TICKS + IDLE_TICKS
    return range(first, first + MOVING_TICKS)


def position(tick: int) -> np.ndarray:
    """Joint 1 goes at 0.4 rad/s in an episode; the gripper closes, and opens near its end."""
    number, phase = divmod(tick, PERIOD_TICKS)
    phase = max(0, phase - IDLE_TICKS + 1)
    gripper = 0.08 if phase < 6 or phase >= 20 else 0.01
    joint_1 = 0.02 * (number * MOVING_TICKS + phase)
    return np.array([joint_1, 0.1, 0.2, 0.3, 0.4, 0.5, gripper])


def tick_messages(tick: int, stamped: bool = True) -> Stream:
    stamp_ns = log_ns(tick) + STAMP_OFFSET_NS
    rgb = [np.random.default_rng([tick, camera]).integers(0, 256, (24, 32, 3), dtype=np.uint8)
           for camera in range(2)]
    at = log_ns(tick)
    return [
        ('/joint_states', at, messages.joint_state(JointState(stamp_ns, NAMES, position(tick)))),
        ('/front/image_raw', at + 1, messages.image(rgb[0], stamp_ns, 'front')),
        ('/wrist/image_raw', at + 2, messages.image(rgb[1], stamp_ns, 'wrist')),
        ('/joint_trajectory', at + 9, messages.joint_trajectory(
            NAMES, position(tick) + 0.01, 1 / 20, stamp_ns if stamped else 0))]


def session(episodes: int = 3, stamped: bool = True) -> Stream:
    ticks = range(episodes * PERIOD_TICKS + IDLE_TICKS)
    return [item for tick in ticks for item in tick_messages(tick, stamped)]


def flag(value: bool) -> bytes:
    return messages.serialize(BOOL, {'data': value})


def flags(episodes: int = 3) -> Stream:
    """What is_recording says: latched false, then true and false around every episode."""
    stream = [(IS_RECORDING, log_ns(0), flag(False))]
    for number in range(episodes):
        ticks = episode_ticks(number)
        stream += [(IS_RECORDING, log_ns(ticks[0]) - 1, flag(True)),
                   (IS_RECORDING, log_ns(ticks[-1] + 1) - 1, flag(False))]
    return stream


def write_plain(path: Path, stream: Iterable[tuple[str, int, bytes]], storage: str = 'mcap',
                compression: str = 'none', topics: dict[str, str] | None = None,
                store: Typestore | None = None) -> Path:
    """Write a bag as others do, without custom_data."""
    topics = {**TOPICS, IS_RECORDING: BOOL, **(topics or {})}
    store = store or get_typestore(Stores.ROS2_KILTED)
    writer = Writer(path, version=9, storage_plugin=StoragePlugin[storage.upper()])
    writer.set_compression(CompressionMode[compression.upper()], CompressionFormat.ZSTD)
    stream = sorted(stream, key=lambda item: item[1])
    with writer:
        connections = {topic: writer.add_connection(topic, topics[topic], typestore=store)
                       for topic in dict.fromkeys(item[0] for item in stream)}
        for topic, at, data in stream:
            writer.write(connections[topic], at, data)
    return path


def write_split(path: Path, stream: Stream, storage: str = 'mcap') -> Path:
    """Write a bag of two files, as ``ros2 bag record --max-bag-duration`` does."""
    stream = sorted(stream, key=lambda item: item[1])
    half = len(stream) // 2
    one = write_plain(path, stream[:half], storage)
    two = write_plain(path.with_name('second'), stream[half:], storage)
    facts = [yaml.safe_load((bag / 'metadata.yaml').read_text())['rosbag2_bagfile_information']
             for bag in (one, two)]
    for file in facts[1]['relative_file_paths']:
        shutil.move(two / file, one / f'later_{file}')
    both = facts[0]
    both['relative_file_paths'] += [f'later_{file}' for file in facts[1]['relative_file_paths']]
    both['duration']['nanoseconds'] = stream[-1][1] - stream[0][1]
    both['message_count'] += facts[1]['message_count']
    for mine in both['topics_with_message_count']:
        mine['message_count'] += sum(
            other['message_count'] for other in facts[1]['topics_with_message_count']
            if other['topic_metadata']['name'] == mine['topic_metadata']['name'])
    (one / 'metadata.yaml').write_text(yaml.safe_dump({'rosbag2_bagfile_information': both}))
    shutil.rmtree(two)
    return one


def write_ours(folder: Path, stream: Stream, episodes: int = 3) -> Path:
    """Write the episodes of a session as teleop_recorder would have."""
    for number in range(episodes):
        ticks = episode_ticks(number)
        begin, end = log_ns(ticks[0]), log_ns(ticks[-1] + 1)
        folder.mkdir(exist_ok=True)
        with BagWriter(folder / f'episode_00000{number}', TOPICS, METADATA) as writer:
            for topic, at, data in stream:
                if begin <= at < end:
                    writer.write(topic, at, data)
            writer.close()
    return folder
