# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Any rosbag2 recording (MCAP or sqlite3) as messages, with every defect named as a BagError.
"""
from __future__ import annotations

from collections.abc import Collection
from collections.abc import Iterator
import contextlib
import hashlib
from pathlib import Path
from types import TracebackType
from typing import Any

from rosbags.highlevel import AnyReader
from rosbags.interfaces import MessageDefinition
from rosbags.interfaces import MessageDefinitionFormat
from rosbags.rosbag2 import storage_mcap
from rosbags.rosbag2 import storage_sqlite3
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import VaaError
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import PARTIAL_SUFFIX
from vaa_ros.recording.messages import typestore

_Loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
_ADVICE = {
    PARTIAL_SUFFIX: 'its recorder was killed before the end. Recover the messages with: vaa '
                    'recover FOLDER',
}
_definition = storage_mcap.get_msgdef
_HIDE = """CREATE TEMP VIEW message_definitions AS SELECT * FROM main.message_definitions
           WHERE encoding IN ('ros2msg', 'ros2idl') AND topic_type NOT LIKE '%/srv/%'"""


# rosbag2 names the encoding of a service event "unknown" or gives its .srv text, on which rosbags
# would refuse the whole bag: to both of its storages such a definition is none.
def _known_definition(schema: Any) -> MessageDefinition:
    if schema is not None and (schema.encoding == 'unknown' or '/srv/' in schema.name):
        return MessageDefinition(MessageDefinitionFormat.NONE, '')
    return _definition(schema)


def _hide_unknown_definitions(connection: Any) -> None:
    tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    if ('message_definitions',) in tables:
        connection.execute(_HIDE)


@contextlib.contextmanager
def _unknown_definitions_hidden() -> Iterator[None]:
    hooks = storage_sqlite3.apsw.connection_hooks
    hooks.append(_hide_unknown_definitions)
    try:
        yield
    finally:
        hooks.remove(_hide_unknown_definitions)


storage_mcap.get_msgdef = _known_definition


class BagReader:
    """
    Reads one recording; a context manager.

    :param path: a rosbag2 folder, or one .mcap or .db3 file.
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
        self._reader: AnyReader | None = None

    def __enter__(self) -> BagReader:
        self._check_path()
        with self._named_errors('cannot be read'), _unknown_definitions_hidden():
            reader = AnyReader([self.path], default_typestore=typestore())
            reader.open()
        self._reader = reader
        try:
            with self._named_errors('cannot be read'):
                self._describe(reader)
            if not sum(self.counts.values()):
                raise BagError(f'{self.path}: holds no message. Nothing was recorded; remove it')
        except BaseException:
            self.close()
            raise
        return self

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

    def messages(self, topics: Collection[str] | None = None, start_ns: int | None = None,
                 stop_ns: int | None = None) -> Iterator[tuple[str, int, Any]]:
        """
        Read messages in the order in which they were received.

        :param topics: the topics wanted; None for all.
        :param start_ns: leave out what was received before; None for nothing [ns].
        :param stop_ns: leave out what was received then or later; None for nothing [ns].
        :return: (topic, log time [ns], message) as an iterator.
        :raises BagError: if a topic is missing, or the recording is damaged.
        """
        deserialize = self._open_reader().deserialize
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
            yield topic, log_ns, data

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
                 stop_ns: int | None = None) -> Iterator[tuple[str, str, int, bytes]]:
        reader = self._open_reader()
        if topics is not None:
            self.require(topics)
        wanted = [item for item in reader.connections if topics is None or item.topic in topics]
        stream = reader.messages(wanted, start_ns, stop_ns) if wanted else iter(())
        while True:
            with self._named_errors('is damaged or cut off'):
                record = next(stream, None)
            if record is None:
                return
            connection, log_ns, data = record
            yield connection.topic, connection.msgtype, log_ns, data

    def _describe(self, reader: AnyReader) -> None:
        for connection in reader.connections:
            self.topics[connection.topic] = connection.msgtype
            self.counts[connection.topic] = (
                self.counts.get(connection.topic, 0) + connection.msgcount)
        custom = self._custom_data()
        if 'vaa_version' in custom:
            self.metadata = EpisodeMetadata.from_custom_data(custom)

    def _custom_data(self) -> dict[str, str]:
        folder = self.path if self.path.is_dir() else self.path.parent
        file = folder / 'metadata.yaml'
        if not file.is_file():
            return {}
        information = yaml.load(file.read_text('utf-8'), Loader=_Loader)
        return information['rosbag2_bagfile_information'].get('custom_data') or {}

    def _check_path(self) -> None:
        if not self.path.exists():
            raise BagError(f'{self.path}: there is no such bag')
        if not self.path.is_dir():
            if self.path.suffix not in ('.mcap', '.db3'):
                raise BagError(f'{self.path}: is not a bag; expected a rosbag2 folder, or a file '
                               'that ends in .mcap or .db3')
            return
        if not (self.path / 'metadata.yaml').is_file():
            advice = _ADVICE.get(self.path.suffix, 'Expected a rosbag2 folder; if the recording '
                                 'was cut off, try: ros2 bag reindex FOLDER')
            raise BagError(f'{self.path}: has no metadata.yaml: {advice}')

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
    folder = Path(folder)
    if folder.is_file():
        candidates = [folder]
    elif not folder.is_dir():
        raise BagError(f'{folder}: there is no such folder')
    elif (folder / 'metadata.yaml').exists():
        candidates = [folder]
    else:
        candidates = sorted(path for path in folder.iterdir() if _looks_like_bag(path))
    if not candidates:
        raise BagError(f'{folder}: holds no bags; expected folders with a metadata.yaml, as '
                       'teleop_recorder and ros2 bag record write them')
    good: list[Path] = []
    skipped: list[tuple[Path, str]] = []
    for path in candidates:
        try:
            with BagReader(path):
                good.append(path)
        except BagError as error:
            skipped.append((path, str(error)))
    return good, skipped


def _looks_like_bag(path: Path) -> bool:
    if not path.is_dir():
        return path.suffix in ('.mcap', '.db3')
    return (path / 'metadata.yaml').exists() or path.name.startswith('episode_') or any(
        item.suffix in ('.mcap', '.db3') for item in path.iterdir())


def bag_hash(path: Path) -> str:
    """
    Give the SHA-256 over the files of a bag or another folder, in order of name.
    """
    digest = hashlib.sha256()
    for file in sorted(path.rglob('*')) if path.is_dir() else [path]:
        if file.is_file():
            with file.open('rb') as stream:
                for block in iter(lambda: stream.read(1 << 20), b''):
                    digest.update(block)
    return digest.hexdigest()
