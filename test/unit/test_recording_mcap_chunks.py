# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Chunks of MCAP files: the same messages as the official reader gives, damage named.
"""
from __future__ import annotations

import io
from pathlib import Path
import struct
from types import SimpleNamespace
import zlib

from mcap.reader import make_reader
import numpy as np
import pytest
from recording_bags import METADATA
from recording_bags import stream
from recording_bags import TOPICS
from rosbags.rosbag2.errors import ReaderError

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.mcap_chunks import messages_of


def record(kind: int, content: bytes, size: int | None = None) -> bytes:
    return struct.pack('<BQ', kind, len(content) if size is None else size) + content


def message(channel: int, log_ns: int, data: bytes) -> bytes:
    return record(5, struct.pack('<HIQQ', channel, 0, log_ns, log_ns) + data)


def read(content: bytes, checksum: int = 0) -> list[tuple[int, str, bytes]]:
    """Read the messages of channel 7 in a chunk of this content."""
    head = struct.pack('<BQQQQII', 6, 0, 0, 0, len(content), checksum, 0)
    file = io.BytesIO(b'before' + head + struct.pack('<Q', len(content)) + content)
    chunk = SimpleNamespace(chunk_start_offset=6, compression='', compressed_size=len(content),
                            uncompressed_size=len(content), message_start_time=1)
    first, *found = messages_of(chunk, {7: 'seven'}, 10, 20, file)
    assert (first.timestamp, first.connection) == (1, None)
    return [(item.timestamp, item.connection, item.data) for item in found]


def test_wanted_messages_come_in_the_order_of_their_times() -> None:
    content = b''.join([message(7, 15, b'later'), record(4, b'channel'), message(7, 9, b'early'),
                        message(8, 12, b'other'), message(7, 20, b'late'), message(7, 10, b'')])
    wanted = [(10, 'seven', b''), (15, 'seven', b'later')]
    assert read(content) == read(content, zlib.crc32(content)) == wanted
    with pytest.raises(ReaderError, match='checksum'):
        read(content, 1)


@pytest.mark.parametrize('damaged', [
    message(7, 12, b'data')[:-1], b'\5\1', record(5, b'x' * 21), record(1, b'', 2**64 - 1)])
def test_a_record_that_does_not_fit_is_named(damaged: bytes) -> None:
    with pytest.raises(BagError, match='chunk'):
        read(message(7, 12, b'data') + damaged)


def test_small_messages_do_not_keep_their_chunk() -> None:
    small, large = read(message(7, 11, bytes(100)) + message(7, 12, bytes(100_000)))
    assert (type(small[2]), type(large[2])) == (bytes, memoryview)


@pytest.mark.parametrize('compression', ['none', 'zstd'])
def test_pictures_are_those_that_the_official_reader_finds(tmp_path: Path,
                                                           compression: str) -> None:
    sent = list(stream(6, 240, 320))
    with BagWriter(tmp_path / 'bag', TOPICS, METADATA, compression) as writer:
        for topic, log_ns, data in sent:
            writer.write(topic, log_ns, data)
        writer.close()
    with BagReader(tmp_path / 'bag') as bag:
        assert list(bag.raw_messages()) == sent
        got = [(topic, message) for topic, _, message in bag.messages()]
    with next((tmp_path / 'bag').glob('*.mcap')).open('rb') as file:
        theirs = [(channel.topic, item.data) for _, channel, item in
                  make_reader(file).iter_messages()]
    assert theirs == [(topic, data) for topic, _, data in sent]
    pictures = [message for topic, message in got if topic == '/front/image_raw']
    for item, (_, _, data) in zip(pictures, sent[::3], strict=True):
        assert item.header.frame_id == 'front' and item.encoding == 'rgb8'
        assert (item.data == np.frombuffer(data, np.uint8)[-item.data.size:]).all()
