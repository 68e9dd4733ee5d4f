# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The messages of an MCAP chunk, large ones without copying them.

rosbags copies every message three times on its way out of a chunk, which takes a quarter of the
time of reading raw pictures. Here a picture is a part of its chunk; what is small is copied, since
a joint state that is kept must not keep a chunk in memory.
"""
from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
import struct
from typing import Any
from typing import BinaryIO

from rosbags.rosbag2 import storage_mcap

from vaa_ros.core.errors import BagError

LARGE = 64 * 1024
"""Size from which a message is not copied [bytes]."""
_MESSAGE = 5
_RECORD = struct.Struct('<BQ')
_HEAD = struct.Struct('<HIQQ')
_TIMES_AND_SIZE = 8 + 8 + 8


def messages_of(chunk: Any, channels: Mapping[int, Any], start_ns: int, stop_ns: int,
                stream: BinaryIO) -> Iterator[Any]:
    """
    Read the messages of a chunk, in the order of their times.

    Stands for the function ``msgsrc`` of rosbags; see bag_files.py.

    :param chunk: its entry in the index.
    :param channels: the channels wanted, by number.
    :param start_ns: leave out what was received before [ns].
    :param stop_ns: leave out what was received then or later [ns].
    :param stream: the file.
    :return: first the chunk's own time, so that it is read when its turn comes, then messages.
    :raises BagError: if the chunk is damaged.
    """
    yield storage_mcap.Msg(chunk.message_start_time, 0, None, None)
    data = memoryview(_content(chunk, stream))
    found, place = [], 0
    while place < len(data):
        if place + _RECORD.size > len(data):
            raise BagError('a chunk ends within a record')
        kind, size = _RECORD.unpack_from(data, place)
        place += _RECORD.size
        if size > len(data) - place or kind == _MESSAGE and size < _HEAD.size:
            raise BagError(f'a record of {size} bytes does not fit into its chunk')
        if kind == _MESSAGE:
            channel, _, log_ns, _ = _HEAD.unpack_from(data, place)
            if start_ns <= log_ns < stop_ns and channel in channels:
                message = data[place + _HEAD.size:place + size]
                found.append(storage_mcap.Msg(
                    log_ns, chunk.chunk_start_offset, channels[channel],
                    message if size >= LARGE else bytes(message)))
        place += size
    yield from sorted(found, key=lambda message: message.timestamp)


def _content(chunk: Any, stream: BinaryIO) -> bytes:
    stream.seek(chunk.chunk_start_offset + _RECORD.size + _TIMES_AND_SIZE)
    checksum, = struct.unpack('<I', storage_mcap.read_exact(stream, 4))
    # The name of the compression and its length, and the length of what follows.
    stream.seek(4 + len(chunk.compression) + 8, 1)
    packed = storage_mcap.read_exact(stream, chunk.compressed_size)
    return storage_mcap.decompress(packed, chunk.compression, chunk.uncompressed_size, checksum)
