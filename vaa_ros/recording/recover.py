# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Episodes whose recorder was killed, and damaged ones, made whole again.

Every chunk that is in the file and whose sum is right is written anew, with an index and with a
metadata.yaml. The result is among the aborted episodes: nobody said that it succeeded.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace
import io
import os
from pathlib import Path
import struct
import tempfile
from typing import Any

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel
from mcap.records import Chunk
from mcap.records import Message
from mcap.records import Metadata
from mcap.records import Schema
from mcap.stream_reader import breakup_chunk
from mcap.writer import MCAP0_MAGIC
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.bag_writer import METADATA_RECORD
from vaa_ros.recording.episode import ABORTED
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import move_aside
from vaa_ros.recording.episode import PARTIAL_SUFFIX
from vaa_ros.recording.messages import register_type
from vaa_ros.recording.messages import schema
from vaa_ros.recording.messages import typestore
from vaa_ros.recording.sure_file import being_written

_HEAD = struct.Struct('<BQ')
_READ = {Opcode.SCHEMA: Schema.read, Opcode.CHANNEL: Channel.read, Opcode.CHUNK: Chunk.read,
         Opcode.METADATA: Metadata.read}
CUT_OFF = 'the recorder was killed before the end; recovered from what was on the disk'
DAMAGED = 'the file was damaged; recovered from what could be read'


@dataclass(frozen=True)
class Recovered:
    """
    What became of an episode.

    :param path: the bag that was made.
    :param source: where the original is now.
    :param seconds: time from the first to the last message that is left [s].
    :param counts: messages that are left by topic.
    :param missing: messages by topic that were written and cannot be read any more.
    :param bytes_lost: bytes of the file that could not be used: the chunk that was being written,
        or damaged ones.
    :param metadata: whether the episode says what it was.
    """

    path: Path
    source: Path
    seconds: float
    counts: Mapping[str, int]
    missing: Mapping[str, int]
    bytes_lost: int
    metadata: bool


class _File:
    """
    An MCAP file read record by record, up to where it is cut off.

    :param path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.schemas: dict[int, Schema] = {}
        self.channels: dict[int, Channel] = {}
        self.metadata: EpisodeMetadata | None = None
        self.bytes_lost = 0

    def messages(self) -> Iterator[Message]:
        """Read every message that is whole, and gather what describes them on the way."""
        self.bytes_lost = 0
        for opcode, body in self._records():
            # What is damaged can raise nearly anything in a parser.
            try:
                if opcode == Opcode.MESSAGE:
                    records = [Message.read(ReadDataStream(io.BytesIO(body)), len(body))]
                else:
                    record = _READ[opcode](ReadDataStream(io.BytesIO(body)))
                    records = (breakup_chunk(record, validate_crc=True)
                               if isinstance(record, Chunk) else [record])
            except (Exception, MemoryError):
                self.bytes_lost += len(body)
                continue
            for record in records:
                if isinstance(record, Message):
                    yield record
                else:
                    self._describe(record)

    def _describe(self, record: Any) -> None:
        if isinstance(record, Schema):
            self.schemas[record.id] = record
        elif isinstance(record, Channel):
            self.channels[record.id] = record
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
            while True:
                head = stream.read(_HEAD.size)
                if len(head) < _HEAD.size:
                    self.bytes_lost += len(head) if head != MCAP0_MAGIC else 0
                    return
                opcode, length = _HEAD.unpack(head)
                if length > size - stream.tell():
                    self.bytes_lost += size - stream.tell()
                    return
                if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                    return
                if opcode == Opcode.MESSAGE or opcode in _READ:
                    yield opcode, stream.read(length)
                else:
                    stream.seek(length, os.SEEK_CUR)


def cut_off_episodes(path: Path) -> list[Path]:
    """
    Find what must be recovered.

    :param path: one episode or .mcap file, or a folder of episodes.
    :return: the path itself if it is a bag; else every ``.partial`` episode in it.
    :raises BagError: if there is none.
    """
    if path.suffix == '.mcap' or (path.is_dir() and any(path.glob('*.mcap'))):
        return [path]
    if not path.is_dir():
        raise BagError(f'{path}: is no episode folder and no .mcap file; sqlite3 bags are '
                       'recovered with: ros2 bag reindex FOLDER')
    cut_off = sorted(item for item in path.glob(f'*{PARTIAL_SUFFIX}') if item.is_dir())
    if not cut_off:
        raise BagError(f'{path}: holds no episode that was cut off (a folder whose name ends in '
                       f'{PARTIAL_SUFFIX}), and no .mcap file')
    return cut_off


def recover(path: Path) -> Recovered:
    """
    Write what can be read of a cut-off or damaged recording as a valid bag.

    The bag is ``aborted/<name>`` beside the episode. A cut-off original is moved to
    ``discarded/`` when the bag is whole; a damaged one stays where it is.

    :param path: the episode's folder, or its .mcap file.
    :return: what was made of it.
    :raises BagError: if it is being recorded at this moment, if nothing can be read, or if the
        bag cannot be written.
    """
    cut_off = path.suffix == PARTIAL_SUFFIX
    name = (path.name if path.is_dir() else path.stem).removesuffix(PARTIAL_SUFFIX)
    target = path.parent / ABORTED / name
    if target.exists():
        raise BagError(f'{target} exists, and is not overwritten: {path} was recovered before, '
                       'or move it away')
    file = _File(_mcap_file(path))
    try:
        if being_written(file.path):
            raise BagError(f'{path}: is being recorded now; stop the recorder first')
        seen = Counter(message.channel_id for message in file.messages())
        if not seen:
            raise BagError(f'{path}: not one message of it reached the disk; it can be removed')
        with tempfile.TemporaryDirectory(prefix='.recover_', dir=path.parent) as scratch:
            writer = _rewrite(file, Path(scratch) / name, CUT_OFF if cut_off else DAMAGED)
            target.parent.mkdir(exist_ok=True)
            os.rename(writer.final_dir, target)
    except OSError as error:
        raise BagError(f'{path} cannot be recovered: {error.strerror or error}') from error
    source = move_aside(path, DISCARDED) if cut_off else path
    return Recovered(target, source, writer.seconds, writer.counts, writer.metadata.dropped,
                     file.bytes_lost, file.metadata is not None)


def _rewrite(file: _File, target: Path, reason: str) -> BagWriter:
    """Write every message of a file as a bag of its own."""
    topics = {channel.topic: msgtype for channel in file.channels.values()
              if (msgtype := _known_type(file.schemas.get(channel.schema_id)))}
    known = file.metadata or EpisodeMetadata()
    metadata = replace(known, aborted=known.aborted or reason, success=None)
    numbers: dict[str, list[int]] = {topic: [] for topic in topics}
    with BagWriter(target, topics, metadata, qos=_offered(file)) as writer:
        for message in file.messages():
            channel = file.channels.get(message.channel_id)
            topic = '' if channel is None else channel.topic
            if topic in topics:
                writer.write(topic, message.log_time, message.data, message.publish_time)
                numbers[topic].append(message.sequence)
        missing = Counter(known.dropped) + _missing(known, numbers)
        writer.close(replace(metadata, dropped=dict(missing)))
    return writer


def _missing(known: EpisodeMetadata, numbers: Mapping[str, Sequence[int]]) -> Counter[str]:
    """Tell what was written and is not left: the writer numbers the messages of a topic from 0."""
    missing: Counter[str] = Counter()
    if not known.vaa_version:
        return missing
    for topic, found in numbers.items():
        written = known.counts.get(topic, max(found, default=-1) + 1)
        missing[topic] = written - len(found)
    return +missing


def _known_type(found: Schema | None) -> str:
    """Give the message type of a schema, or nothing if its messages cannot be described."""
    if found is None:
        return ''
    try:
        if found.encoding == 'ros2msg' and found.name not in typestore().fielddefs:
            register_type(found.name, found.data.decode())
        schema(found.name)
    except (BagError, UnicodeDecodeError):
        return ''
    return found.name


def _offered(file: _File) -> dict[str, list[dict[str, Any]]]:
    offered = {}
    for channel in file.channels.values():
        try:
            profiles = yaml.safe_load(channel.metadata.get('offered_qos_profiles', ''))
        except yaml.YAMLError:
            continue
        if isinstance(profiles, list):
            offered[channel.topic] = profiles
    return offered


def _mcap_file(path: Path) -> Path:
    files = [path] if path.is_file() else sorted(path.glob('*.mcap'))
    if len(files) != 1:
        raise BagError(f'{path}: holds {len(files)} .mcap files, expected one. Recover them one '
                       'by one, by the name of the file')
    return files[0]
