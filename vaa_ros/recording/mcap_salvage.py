# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whatever can be read of an MCAP file that was cut off or damaged, record by record.

What describes the messages may stand in the file up to three times: in chunks and in the summary,
both with check sums, and by itself. The copy that can be trusted most is taken.
"""
from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass
from dataclasses import field
import io
from pathlib import Path
import struct
from typing import Any
from typing import BinaryIO
import zlib

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel
from mcap.records import Chunk
from mcap.records import ChunkIndex
from mcap.records import Message
from mcap.records import Metadata
from mcap.records import MetadataIndex
from mcap.records import Schema
from mcap.stream_reader import breakup_chunk
from mcap.writer import MCAP0_MAGIC

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_writer import METADATA_RECORD
from vaa_ros.recording.episode import EpisodeMetadata

_HEAD = struct.Struct('<BQ')
_FOOTER = struct.Struct('<QQI')
_FOOTER_HEAD = _HEAD.pack(Opcode.FOOTER, _FOOTER.size)
_CHUNK_HEAD = struct.Struct('<BQQQQII')
"""Opcode, length, first and last time, size, check sum, length of the compression's name."""
_LONGEST_NAME = 4
_CHUNK_HEAD_BYTES = _CHUNK_HEAD.size + _LONGEST_NAME + 8
_CHUNK_BYTE = bytes([Opcode.CHUNK])
_END = _HEAD.size + _FOOTER.size + len(MCAP0_MAGIC)
_READ = {Opcode.SCHEMA: Schema.read, Opcode.CHANNEL: Channel.read, Opcode.CHUNK: Chunk.read,
         Opcode.METADATA: Metadata.read, Opcode.CHUNK_INDEX: ChunkIndex.read,
         Opcode.METADATA_INDEX: MetadataIndex.read}
_KNOWN = frozenset(int(opcode) for opcode in Opcode)
_PRIVATE = 0x80
_TAIL_BYTES = _BLOCK = 1 << 20
_MOST = 1 << 28
"""Longest record, and summary, that is read: a damaged length must not fill the memory."""
_FEW_ZEROS = 16
_UNSURE, _SUMMARY, _CHUNK = range(3)


@dataclass
class _Summary:
    """
    The end of a file that was finished.

    :param stop: where the records end that are read one by one.
    :param end: where the file ends by what it says.
    :param records: what describes the messages, and the index; empty where it is damaged.
    :param trust: whether a check sum says that they are right.
    """

    stop: int
    end: int
    records: list[Any] = field(default_factory=list)
    trust: int = _UNSURE


class SalvagedFile:
    """
    An MCAP file of which nothing need be whole.

    :param path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.metadata: EpisodeMetadata | None = None
        """What vaa_ros recorded about the episode; None where nothing of it can be read."""
        self.bytes_lost = 0
        """Bytes that are no whole record, or a damaged one."""
        self.indexed = False
        """Whether the file has an end with an index that can be read."""
        self.zeros = 0
        """Zero bytes at the end; a power cut leaves such."""
        self.trailing = 0
        """Bytes that follow after the end of the recording."""
        self.contradicts_itself = False
        """Whether copies of what describes a channel differ: one of them is damaged."""
        self._schemas: dict[int, tuple[int, Schema]] = {}
        self._channels: dict[int, tuple[int, Channel]] = {}

    @property
    def channels(self) -> dict[int, Channel]:
        """Give what is known of the channels."""
        return {number: channel for number, (_, channel) in self._channels.items()}

    def is_sure(self, channel: Channel) -> bool:
        """
        Tell whether a check sum says that what is known of a channel is right.

        :param channel: one of the channels.
        """
        return self._channels[channel.id][0] != _UNSURE

    def schema_of(self, channel: Channel) -> Schema | None:
        """
        Give the definition of the messages of a channel.

        :param channel: the channel.
        :return: its schema, or None where the file has none that can be read.
        """
        found = self._schemas.get(channel.schema_id)
        return None if found is None else found[1]

    def messages(self) -> Iterator[Message]:
        """
        Read every message that is whole, and gather what describes them on the way.

        :raises BagError: if the file is no MCAP file.
        :raises OSError: if it cannot be read.
        """
        self.bytes_lost = self.zeros = self.trailing = 0
        self.contradicts_itself = False
        for opcode, body in self._records():
            # What is damaged can raise nearly anything in a parser.
            try:
                records, trust = _parsed(opcode, body)
            except (Exception, MemoryError):
                self.bytes_lost += _HEAD.size + len(body)
                continue
            for record in records:
                if isinstance(record, Message):
                    yield record
                else:
                    self._describe(record, trust)

    def _describe(self, record: Any, trust: int) -> None:
        if isinstance(record, Schema | Channel):
            known: dict[int, Any] = (self._schemas if isinstance(record, Schema)
                                     else self._channels)
            if record.id in known and record != known[record.id][1]:
                self.contradicts_itself = True
            if record.id not in known or trust > known[record.id][0]:
                known[record.id] = (trust, record)
        elif isinstance(record, Metadata) and record.name == METADATA_RECORD:
            try:
                self.metadata = EpisodeMetadata.from_custom_data(record.metadata)
            except BagError:
                pass  # an earlier record may do

    def _records(self) -> Iterator[tuple[int, bytes]]:
        size = self.path.stat().st_size
        with self.path.open('rb') as stream:
            if stream.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
                raise BagError(f'{self.path}: is no MCAP file, or its start is damaged')
            summary = _summary(stream, size)
            if summary is None:
                self.zeros = _zeros_at_end(stream, size)
                yield from self._walk(stream, [], size)
                return
            self.indexed = bool(summary.records)
            for record in summary.records:
                self._describe(record, summary.trust)
            self._set_trailing(size - summary.end)
            yield from self._walk(stream, _marks(summary), summary.stop)

    def _walk(self, stream: BinaryIO, marks: list[int], stop: int) -> Iterator[tuple[int, bytes]]:
        """Go from record to record; where one is damaged, on from the next that is found."""
        place, chunked = len(MCAP0_MAGIC), False
        while place < stop:
            after = bisect.bisect_right(marks, place)
            mark = marks[after] if after < len(marks) else stop
            opcode, length = _head(stream, place)
            end = place + _HEAD.size + length
            if not opcode or end > mark:
                found = mark if mark < stop else _next_chunk(stream, place + 1, stop)
                self.bytes_lost += found - place
                place = found
                continue
            if opcode == Opcode.FOOTER and length == _FOOTER.size:
                self._set_trailing(max(stop - end - len(MCAP0_MAGIC), 0))
                return
            # Beside chunks there are no messages: that is another record, whose kind is damaged.
            chunked |= opcode == Opcode.CHUNK
            loose = opcode == Opcode.MESSAGE and not chunked
            if (loose or opcode in _READ) and length <= _MOST:
                stream.seek(place + _HEAD.size)
                yield opcode, stream.read(length)
            elif opcode in _READ or opcode == Opcode.MESSAGE:
                self.bytes_lost += _HEAD.size + length
            elif opcode not in _KNOWN and opcode < _PRIVATE:
                self.bytes_lost += _HEAD.size + length
            if not _leads_on(stream, place, end, mark):
                # Its length may be what is damaged: chunks may lie within.
                found = _next_chunk(stream, place + 1, end)
                self.bytes_lost += max(found - place, 0) if found < end else 0
                end = found
            place = end

    def _set_trailing(self, count: int) -> None:
        self.trailing = count
        self.bytes_lost += count


def _parsed(opcode: int, body: bytes) -> tuple[list[Any], int]:
    """Give the records in a record, and how far what they describe can be trusted."""
    if opcode == Opcode.MESSAGE:
        return [Message.read(ReadDataStream(io.BytesIO(body)), len(body))], _UNSURE
    record = _READ[Opcode(opcode)](ReadDataStream(io.BytesIO(body)))
    if isinstance(record, Chunk):
        return (breakup_chunk(record, validate_crc=True),
                _CHUNK if record.uncompressed_crc else _UNSURE)
    return [record], _UNSURE


def _summary(stream: BinaryIO, size: int) -> _Summary | None:
    """Find the end of a recording, after which other bytes may follow."""
    stream.seek(max(size - _TAIL_BYTES, 0))
    begin, tail = stream.tell(), stream.read()
    place = tail.rfind(_FOOTER_HEAD)
    while place >= 0 and tail[place + _END - len(MCAP0_MAGIC):place + _END] != MCAP0_MAGIC:
        place = tail.rfind(_FOOTER_HEAD, 0, place)
    if place < 0:
        return None
    start, _, expected = _FOOTER.unpack_from(tail, place + _HEAD.size)
    footer = begin + place
    found = _Summary(footer, footer + _END)
    if not len(MCAP0_MAGIC) < start < footer or footer - start > _MOST:
        return found
    stream.seek(start)
    data = stream.read(footer - start)
    sum_ = zlib.crc32(tail[place:place + _END - len(MCAP0_MAGIC) - 4], zlib.crc32(data))
    if expected and sum_ != expected:
        return found
    try:
        found.records = list(_summary_records(data))
    except Exception:  # nearly anything, without a check sum
        return found
    found.stop, found.trust = start, _SUMMARY if expected else _UNSURE
    return found


def _summary_records(data: bytes) -> Iterator[Any]:
    place = 0
    while place < len(data):
        opcode, length = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        if opcode in _READ:
            yield _READ[opcode](ReadDataStream(io.BytesIO(data[place:place + length])))
        place += length


def _head(stream: BinaryIO, place: int) -> tuple[int, int]:
    stream.seek(place)
    head = stream.read(_HEAD.size)
    return _HEAD.unpack(head) if len(head) == _HEAD.size else (0, 0)


def _leads_on(stream: BinaryIO, place: int, end: int, stop: int) -> bool:
    """Tell whether a record ends where another one begins, so that its length must be right."""
    if stop - end < _HEAD.size:
        return True
    stream.seek(place)
    if _is_chunk(stream.read(_CHUNK_HEAD_BYTES)):
        return True
    opcode, length = _head(stream, end)
    return opcode == Opcode.CHUNK or (opcode in _KNOWN or opcode >= _PRIVATE) and (
        length <= stop - end - _HEAD.size)


def _next_chunk(stream: BinaryIO, begin: int, stop: int) -> int:
    """Search for a chunk, by numbers in its head that must agree; ``stop`` if there is none."""
    while begin < stop:
        stream.seek(begin)
        block = stream.read(min(_BLOCK, stop - begin))
        place = block.find(_CHUNK_BYTE)
        while place >= 0:
            if _is_chunk(block[place:place + _CHUNK_HEAD_BYTES]):
                return begin + place
            place = block.find(_CHUNK_BYTE, place + 1)
        begin += max(len(block) - _CHUNK_HEAD_BYTES, 1) if begin + len(block) < stop else stop
    return stop


def _is_chunk(head: bytes) -> bool:
    if len(head) < _CHUNK_HEAD_BYTES:
        return False
    opcode, length, _, _, _, check_sum, letters = _CHUNK_HEAD.unpack_from(head)
    if opcode != Opcode.CHUNK or not check_sum or letters > _LONGEST_NAME:
        return False
    size, = struct.unpack_from('<Q', head, _CHUNK_HEAD.size + letters)
    return size == length - (_CHUNK_HEAD.size - _HEAD.size) - letters - 8


def _marks(summary: _Summary) -> list[int]:
    """Give the places where records begin by the index."""
    marks = [record.chunk_start_offset if isinstance(record, ChunkIndex) else record.offset
             for record in summary.records if isinstance(record, ChunkIndex | MetadataIndex)]
    return sorted(mark for mark in marks if len(MCAP0_MAGIC) <= mark < summary.stop)


def _zeros_at_end(stream: BinaryIO, size: int) -> int:
    zeros = 0
    while zeros < size:
        begin = max(size - zeros - _BLOCK, 0)
        stream.seek(begin)
        block = stream.read(size - zeros - begin)
        more = len(block) - len(block.rstrip(b'\0'))
        zeros += more
        if more < len(block):
            break
    return zeros if zeros >= _FEW_ZEROS else 0
