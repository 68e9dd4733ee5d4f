# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Any rosbag2 recording (MCAP or sqlite3) as messages, with every defect named as a BagError.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.rosbag2.storage_mcap import zstd

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import VaaError
from vaa_ros.recording.bag_files import check_information
from vaa_ros.recording.bag_files import check_summary
from vaa_ros.recording.bag_files import listed_files
from vaa_ros.recording.bag_files import metadata_record
from vaa_ros.recording.bag_files import read_information
from vaa_ros.recording.bag_files import same_types
from vaa_ros.recording.bag_files import storage_files
from vaa_ros.recording.bag_files import storage_suffix
from vaa_ros.recording.bag_files import STORAGES
from vaa_ros.recording.bag_files import unknown_definitions_hidden
from vaa_ros.recording.bag_files import unpacked
from vaa_ros.recording.bag_files import ZSTD_MAGIC
from vaa_ros.recording.bag_folders import find_bags
from vaa_ros.recording.episode import custom_text
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import PARTIAL_SUFFIX
from vaa_ros.recording.messages import READ_TYPES
from vaa_ros.recording.messages import schema
from vaa_ros.recording.messages import typestore

LAST_NS = 2**63
"""No message is received as late [ns]: times are signed 64-bit numbers to all others."""


class BagReader:
    """
    Reads one recording; a context manager.

    A folder without metadata.yaml is read by its storage files. Topics whose message type nobody
    can describe are listed, and left out of :meth:`messages`.

    :param path: a rosbag2 folder, or one .mcap or .db3 file, which may be packed with zstd.
    :raises BagError: on opening or reading, naming the file and what to do.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self.metadata: EpisodeMetadata | None = None
        """What vaa_ros recorded besides the messages; None for a foreign recording."""
        self.topics: dict[str, str] = {}
        """Message type by topic."""
        self.counts: dict[str, int] = {}
        """Number of messages by topic."""
        self.unknown: dict[str, str] = {}
        """Those of the topics whose messages cannot be read: their types are not described."""
        self.edited: list[str] = []
        """Names of what metadata.yaml tells otherwise than the recording itself."""
        self._reader: AnyReader | None = None
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> BagReader:
        self._check_path()
        try:
            with self._named_errors('cannot be read'):
                self._open()
            if not sum(self.counts.values()):
                raise BagError(f'{self.path}: holds no message. Nothing was recorded; remove it')
        except BaseException:
            self.close()
            raise
        return self

    def _open(self) -> None:
        folder = self.path if self.path.is_dir() else self.path.parent
        information = read_information(folder)
        files = [self.path] if self.path.is_file() else listed_files(folder, information)
        files = [unpacked(file, self._stack) for file in files]
        for file in files:
            check_summary(file)
        with unknown_definitions_hidden():
            reader = AnyReader(files, default_typestore=typestore())
            reader.open()
        self._reader = reader
        reader.typestore = same_types(reader.connections, reader.typestore)
        self._describe(reader)
        if self.path.is_dir():
            check_information(information, self.counts)
        recorded = metadata_record(files[-1])
        custom = information.get('custom_data') or recorded
        if 'vaa_version' in custom:
            self.metadata = EpisodeMetadata.from_custom_data(custom)
            self.edited = sorted(name for name in recorded
                                 if custom_text(custom.get(name)) != recorded[name])

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    @property
    def seconds(self) -> float:
        """Give the time from the first to the last message [s]."""
        return max(self._open_reader().duration - 1, 0) / 1e9

    @property
    def start_ns(self) -> int:
        """Give when the first message was received [ns]."""
        return self._open_reader().start_time

    @property
    def stop_ns(self) -> int:
        """Give the first instant after the last message [ns]."""
        return self._open_reader().end_time

    def close(self) -> None:
        """Close the recording."""
        reader, self._reader = self._reader, None
        if reader is not None:
            with contextlib.suppress(Exception):
                reader.close()
        self._stack.close()

    def messages(self, topics: Collection[str] | None = None, start_ns: int | None = None,
                 stop_ns: int | None = None) -> Iterator[tuple[str, int, Any]]:
        """
        Read messages in the order in which they were received.

        :param topics: the topics wanted; None for all whose type is known.
        :param start_ns: leave out what was received before; None for nothing [ns].
        :param stop_ns: leave out what was received then or later; None for nothing [ns].
        :return: (topic, log time [ns], message) as an iterator.
        :raises BagError: if a topic is missing, or the recording is damaged.
        """
        deserialize = self._open_reader().deserialize
        if topics is None and self.unknown:
            topics = [topic for topic in self.counts
                      if topic not in self.unknown and self.counts[topic]]
        for topic, msgtype, log_ns, data in self._records(topics, start_ns, stop_ns):
            with self._named_errors(f'holds a damaged {msgtype} on {topic}'):
                message = deserialize(data, msgtype)
            yield topic, log_ns, message

    def raw_messages(
            self, topics: Collection[str] | None = None) -> Iterator[tuple[str, int, bytes]]:
        """
        Read serialised messages in the order in which they were received.

        :param topics: the topics wanted; None for all.
        :return: (topic, log time [ns], CDR bytes) as an iterator.
        :raises BagError: if a topic is missing, or the recording is damaged.
        """
        for topic, _, log_ns, data in self._records(topics):
            yield topic, log_ns, bytes(data)

    def require(self, topics: Collection[str]) -> None:
        """
        Make sure that topics are there and hold messages.

        :param topics: the topics that are needed.
        :raises BagError: naming those that are missing and those that exist.
        """
        missing = [topic for topic in topics if not self.counts.get(topic)]
        if missing:
            there = ', '.join(f'{name} ({count})' for name, count in sorted(self.counts.items()))
            raise BagError(f'{self.path}: no message on {", ".join(missing)}. It has: {there}')

    def _records(self, topics: Collection[str] | None, start_ns: int | None = None,
                 stop_ns: int | None = None) -> Iterator[tuple[str, str, int,
                                                               bytes | memoryview]]:
        reader = self._open_reader()
        if topics is not None:
            self.require(topics)
        wanted = [item for item in reader.connections if topics is None or item.topic in topics]
        stream = reader.messages(wanted, start_ns, stop_ns) if wanted else iter(())
        found: Counter[str] = Counter()
        while True:
            with self._named_errors('is damaged or cut off'):
                record = next(stream, None)
            if record is None:
                break
            connection, log_ns, data = record
            # Without metadata.yaml nothing says that messages are packed, but their first bytes.
            if data[:4] == ZSTD_MAGIC:
                with self._named_errors(f'holds a damaged message on {connection.topic}'):
                    data = zstd.decompress(data)
            if not 0 <= log_ns < LAST_NS:
                raise BagError(f'{self.path}: is damaged: a message on {connection.topic} was '
                               f'received at {log_ns} ns')
            found[connection.topic] += 1
            yield connection.topic, connection.msgtype, log_ns, data
        if (start_ns or 0) <= self.start_ns and (stop_ns or self.stop_ns) >= self.stop_ns:
            self._check_counts(found, {item.topic for item in wanted})

    def _check_counts(self, found: Counter[str], topics: Collection[str]) -> None:
        for topic in sorted(topics):
            if found[topic] != self.counts[topic]:
                raise BagError(f'{self.path}: is damaged: {found[topic]} messages on {topic}, '
                               f'its index or metadata.yaml says {self.counts[topic]}. Leave it '
                               'out, or recover what is left with: vaa recover FILE.mcap')

    def _describe(self, reader: AnyReader) -> None:
        strange = set()
        for connection in reader.connections:
            kind = self.topics.setdefault(connection.topic, connection.msgtype)
            if kind != connection.msgtype:
                raise BagError(f'{connection.topic} has messages of two types: {kind} and '
                               f'{connection.msgtype}')
            self.counts[connection.topic] = (
                self.counts.get(connection.topic, 0) + connection.msgcount)
            if connection.ext.serialization_format != 'cdr':
                strange.add(connection.topic)
        # The usual types may be missing where the recording describes others.
        known, usual = reader.typestore.fielddefs, typestore().fielddefs
        if any(kind not in known and kind in usual for kind in self.topics.values()):
            reader.typestore.register({name: fields for name, fields in usual.items()
                                       if name not in known})
        for kind in {*self.topics.values()} & READ_TYPES:
            if reader.typestore.hash_rihs01(kind) != schema(kind)[1]:
                raise BagError(f'it describes {kind} otherwise than ROS 2 does')
        self.unknown = {topic: kind for topic, kind in self.topics.items()
                        if topic in strange or kind not in reader.typestore.fielddefs}

    def _check_path(self) -> None:
        with self._named_errors('cannot be read'):
            problem = self._path_problem()
        if problem:
            raise BagError(f'{self.path}: {problem}')

    def _path_problem(self) -> str:
        if not self.path.exists():
            return 'there is no such bag'
        kinds = f'a rosbag2 folder, or a file that ends in {" or ".join(STORAGES)}'
        if not self.path.is_dir():
            return '' if storage_suffix(self.path) else f'is not a bag; expected {kinds}'
        if self.path.suffix == PARTIAL_SUFFIX:
            return ('has no metadata.yaml: its recorder was killed before the end. Recover the '
                    'messages with: vaa recover FOLDER')
        if not (self.path / 'metadata.yaml').is_file() and not storage_files(self.path):
            return f'has no metadata.yaml and no storage file; expected {kinds}'
        return ''

    def _open_reader(self) -> AnyReader:
        if self._reader is None:
            raise BagError(f'{self.path}: is not open; use BagReader in a with statement')
        return self._reader

    @contextlib.contextmanager
    def _named_errors(self, problem: str) -> Iterator[None]:
        # A damaged file can raise nearly anything in a parser (struct, unicode, memory, ...).
        try:
            yield
        except VaaError as error:
            raise BagError(f'{self.path}: {error}') from error
        except OSError as error:
            raise BagError(f'{self.path}: cannot be read from the disk: {error}') from error
        except (Exception, MemoryError) as error:
            detail = str(error) or type(error).__name__
            raise BagError(f'{self.path}: {problem}: {detail}. Record it again, leave it out, or '
                           'recover what is left with: vaa recover FILE.mcap') from error


def list_episodes(folder: Path | str) -> tuple[list[Path], list[tuple[Path, str]]]:
    """
    Find the finished episodes in a folder.

    :param folder: folder of episodes, one episode, or one .mcap or .db3 file.
    :return: the bags that open and hold messages, in order of name; and what was skipped, with
        the reason.
    :raises BagError: if the folder does not exist or holds no bag at all.
    """
    good: list[Path] = []
    skipped: list[tuple[Path, str]] = []
    for path in find_bags(folder, skipped):
        try:
            with BagReader(path):
                good.append(path)
        except BagError as error:
            skipped.append((path, str(error)))
    return good, skipped


def bag_hash(path: Path) -> str:
    """
    Give the SHA-256 over the files of a bag or another folder, in order of name.

    :raises BagError: if one cannot be read.
    """
    digest = hashlib.sha256()
    file = path
    try:
        for file in sorted(path.rglob('*')) if path.is_dir() else [path]:
            if file.is_file():
                with file.open('rb') as stream:
                    for block in iter(lambda: stream.read(1 << 20), b''):
                        digest.update(block)
    except OSError as error:
        raise BagError(f'{file}: cannot be read: {error.strerror or error}') from error
    return digest.hexdigest()
