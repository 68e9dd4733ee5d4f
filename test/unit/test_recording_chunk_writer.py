# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
ChunkWriter: what shrinks is compressed, what does not is left as it is.
"""
from __future__ import annotations

import io

from mcap.reader import make_reader
import numpy as np
import pytest

from vaa_ros.recording.chunk_writer import ChunkWriter

CHUNK_BYTES = 1024 * 1024
NOISE = np.random.default_rng(0).integers(0, 256, 640 * 480 * 3, dtype=np.uint8).tobytes()
SMOOTH = np.repeat(np.arange(640, dtype=np.uint16).astype(np.uint8), 480 * 3).tobytes()
SMALL = NOISE[:300]


def chunks(messages: list[bytes], compression: str = 'zstd') -> list[str]:
    """Write messages, read them back, and give how each chunk is compressed."""
    file = io.BytesIO()
    writer = ChunkWriter(file, CHUNK_BYTES, compression)
    writer.start('ros2', 'test')
    channel = writer.register_channel('/topic', 'cdr', 0)
    for number, data in enumerate(messages):
        writer.add_message(channel, number, data, number)
    writer.finish()
    file.seek(0)
    reader = make_reader(file)
    assert [message.data for _, _, message in reader.iter_messages()] == messages
    return [index.compression for index in reader.get_summary().chunk_indexes]


@pytest.mark.parametrize(('messages', 'compressions'), [
    ([NOISE] * 4, ['', '']),
    ([SMOOTH] * 4, ['zstd', 'zstd']),
    ([SMALL] * 100, ['zstd']),
    ([*[NOISE] * 4, *[SMOOTH] * 4, *[NOISE] * 4], ['', '', 'zstd', 'zstd', '', '']),
    ([NOISE, SMOOTH] * 3, ['zstd'] * 3),  # half of it shrinks, whichever came last
    ([SMOOTH, NOISE] * 3, ['zstd'] * 3),
    ([NOISE, *[SMALL] * 20, NOISE], ['']),
])
def test_what_shrinks_is_compressed(messages: list[bytes], compressions: list[str]) -> None:
    assert chunks(messages) == compressions


def test_nothing_is_compressed_where_nobody_asks() -> None:
    assert chunks([SMOOTH] * 4, 'none') == ['', '']


def test_a_flush_begins_a_chunk_anew() -> None:
    file = io.BytesIO()
    writer = ChunkWriter(file, CHUNK_BYTES, 'zstd')
    writer.start('ros2', 'test')
    channel = writer.register_channel('/topic', 'cdr', 0)
    for data in (SMOOTH, NOISE):
        writer.add_message(channel, 0, data, 0)
        writer.flush()
    writer.finish()
    file.seek(0)
    found = make_reader(file).get_summary().chunk_indexes
    assert [index.compression for index in found] == ['zstd', '']
