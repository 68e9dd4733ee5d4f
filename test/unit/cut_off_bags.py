# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Episodes whose recorder ended in the middle, for the tests of recovery.
"""
from __future__ import annotations

from pathlib import Path

from recording_bags import METADATA
from recording_bags import stream
from recording_bags import TOPICS
from rosbags.rosbag2 import Reader

from vaa_ros.recording.bag_writer import BagWriter

FRAMES = 30
SENT = list(stream(FRAMES))


def cut_off_file(folder: Path, compression: str) -> bytes:
    """The file of a recorder that flushed every two frames and never ended."""
    writer = BagWriter(folder / 'bag', TOPICS, METADATA, compression)
    for index, item in enumerate(SENT):
        writer.write(*item)
        if index % 6 == 5:
            writer.flush()
    data = (writer.path / 'bag_0.mcap').read_bytes()
    writer.abort('done')
    return data


def partial(folder: Path, data: bytes) -> Path:
    bag = folder / 'episode_000003.partial'
    bag.mkdir(parents=True)
    (bag / 'episode_000003_0.mcap').write_bytes(data)
    return bag


def read(bag: Path) -> list[tuple[str, int, bytes]]:
    """By a library of others."""
    with Reader(bag) as reader:
        return [(item.topic, log_ns, bytes(data)) for item, log_ns, data in reader.messages()]
