# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An MCAP writer that compresses the chunks for which it is worth it.
"""
from __future__ import annotations

from typing import Any
from typing import BinaryIO
import zlib

from mcap.writer import CompressionType
from mcap.writer import Writer

COMPRESSIONS = {'zstd': CompressionType.ZSTD, 'none': CompressionType.NONE}
WORTH = 0.1
"""Least share of a chunk that compressing has to save."""

LARGE_BYTES = 64 * 1024
"""Size from which a message is sampled. Trying to compress what is noise costs a third of a core
for three cameras; small messages are little work."""

_SLICES, _SLICE_BYTES = 4, 1024


class ChunkWriter(Writer):
    """
    Writes chunks that would hardly shrink as they are.

    Every chunk of an MCAP file says how it is compressed, see https://mcap.dev/spec.

    :param stream: the file.
    :param chunk_bytes: size from which a chunk is closed [bytes].
    :param compression: a key of :data:`COMPRESSIONS`.
    """

    def __init__(self, stream: BinaryIO, chunk_bytes: int, compression: str) -> None:
        super().__init__(stream, chunk_size=chunk_bytes, compression=COMPRESSIONS[compression])
        self._stream = stream
        self._compresses = compression != 'none'
        self._bytes = self._saved = 0.0

    def add_message(self, channel_id: int, log_time: int, data: bytes, *args: Any) -> None:
        """
        Write one message; the parameters are those of :class:`mcap.writer.Writer`.
        """
        position = self._stream.tell()
        if self._compresses:
            self._choose(data)
        super().add_message(channel_id, log_time, data, *args)
        if self._stream.tell() != position:  # the chunk was full
            self._bytes = self._saved = 0.0

    def flush(self) -> None:
        """
        Close the chunk and write it.
        """
        super().flush()
        self._bytes = self._saved = 0.0

    def _choose(self, data: bytes) -> None:
        self._bytes += len(data)
        self._saved += len(data) * (1.0 - self._ratio(data))
        worth = self._saved >= WORTH * self._bytes
        # The library has one compression for a file, and offers no way to change it.
        self._Writer__compression = COMPRESSIONS['zstd' if worth else 'none']

    def _ratio(self, data: bytes) -> float:
        if len(data) < LARGE_BYTES:
            return 0.0
        step = len(data) // _SLICES
        sample = b''.join(data[at:at + _SLICE_BYTES] for at in range(0, step * _SLICES, step))
        return len(zlib.compress(sample, level=1)) / len(sample)
