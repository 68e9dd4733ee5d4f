# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The only file that writes bags: one rosbag2 folder with one MCAP file per episode.

The official mcap library is used because it raises when the disk is full, and because what it
has flushed survives a killed process. A bag gets its final name only when it is complete.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
import contextlib
import dataclasses
import os
from pathlib import Path
import shutil
import time
from typing import Any

from mcap.records import Metadata

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import unknown_name
from vaa_ros.recording.bag_information import BagTopic
from vaa_ros.recording.bag_information import describe
from vaa_ros.recording.bag_information import Description
from vaa_ros.recording.bag_information import information
from vaa_ros.recording.bag_information import plain_yaml
from vaa_ros.recording.bag_information import qos_profile
from vaa_ros.recording.chunk_writer import ChunkWriter
from vaa_ros.recording.chunk_writer import COMPRESSIONS
from vaa_ros.recording.episode import ABORTED
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import move_aside
from vaa_ros.recording.episode import PARTIAL_SUFFIX
from vaa_ros.recording.sure_file import end_early
from vaa_ros.recording.sure_file import SureFile
from vaa_ros.recording.sure_file import sync_dir

CHUNK_BYTES = 1024 * 1024
FLUSH_S = 0.1
"""Longest time that a message stays in memory [s], but for waking up late."""
METADATA_RECORD = 'vaa_episode'
_RESERVE_BYTES = 64 * 1024  # given back when the disk is full, so that the last records still fit


@dataclasses.dataclass(frozen=True)
class _Mark:
    """A position in the file up to which it is whole, and the messages before it."""

    position: int
    counts: dict[str, int]


class BagWriter:
    """
    Writes one episode.

    Not thread-safe. Use :meth:`close` for a finished episode and :meth:`abort` for any other;
    as a context manager it aborts if neither was called.

    :param final_dir: folder of the finished bag; must not exist.
    :param topics: message type (``package/msg/Name``) by topic.
    :param metadata: what is known at the start.
    :param compression: ``zstd`` or ``none``, for those chunks of about 1 MiB that shrink.
    :param qos: QoS profiles offered by a topic's publishers; see :func:`qos_profile`.
    :param described: how the messages of a topic are described, where it is not as this package
        does: then its type need not be known.
    :raises BagError: if a type is unknown or the folder cannot be made.
    """

    def __init__(self, final_dir: Path | str, topics: Mapping[str, str],
                 metadata: EpisodeMetadata, compression: str = 'zstd',
                 qos: Mapping[str, Sequence[dict[str, Any]]] | None = None,
                 described: Mapping[str, Description] | None = None) -> None:
        if compression not in COMPRESSIONS:
            raise BagError(str(unknown_name('compression', compression, COMPRESSIONS)))
        descriptions = {topic: (described or {}).get(topic) or describe(msgtype)
                        for topic, msgtype in topics.items()}
        self.final_dir = Path(final_dir)
        self.path = self.final_dir.with_name(self.final_dir.name + PARTIAL_SUFFIX)
        self.metadata = metadata
        self._topics: dict[str, BagTopic] = {}
        self._schemas: dict[tuple[str, bytes], int] = {}
        self.warning = ''
        """What is doubtful about a bag that is complete; empty for nothing."""
        self._first_ns: int | None = None
        self._last_ns = self.flushed_ns = 0
        """When the newest message was received that :meth:`sync` brings to the disk [ns]."""
        self._open(compression)
        try:
            self._writer.start(profile='ros2', library='vaa_ros')
            for topic, msgtype in topics.items():
                self._register(topic, msgtype, (qos or {}).get(topic, ()), descriptions[topic])
            # Known from the start, so that a bag that is cut off still says what it is.
            self._writer.add_metadata(METADATA_RECORD, metadata.to_custom_data())
            self._mark_good()
        except OSError as error:
            self._file.close()
            shutil.rmtree(self.path, ignore_errors=True)  # nothing is in it
            raise self._error(error) from error

    @property
    def count(self) -> int:
        """Give the number of messages written."""
        return sum(topic.count for topic in self._topics.values())

    @property
    def counts(self) -> dict[str, int]:
        """Give the number of messages written by topic."""
        return {name: topic.count for name, topic in self._topics.items()}

    @property
    def seconds(self) -> float:
        """Give the time from the first to the last message [s]."""
        return 0.0 if self._first_ns is None else (self._last_ns - self._first_ns) / 1e9

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: object) -> None:
        if not self._file.closed:
            self.abort(str(error) if error else 'the writer was not closed')

    def add_topic(self, topic: str, msgtype: str,
                  qos: Sequence[dict[str, Any]] = ()) -> None:
        """
        Add a topic that was not there at the start; one that is known is left as it is.

        :param topic: its name.
        :param msgtype: type of its messages.
        :param qos: QoS profiles that its publishers offer.
        :raises BagError: if the type is unknown or the disk is full.
        """
        if topic not in self._topics:
            try:
                self._register(topic, msgtype, qos, describe(msgtype))
            except OSError as error:
                raise self._failed(error) from error

    def write(self, topic: str, log_ns: int, data: bytes, publish_ns: int | None = None) -> None:
        """
        Write one message.

        :param topic: one of the topics.
        :param log_ns: when it was received [ns].
        :param data: the serialised message (CDR).
        :param publish_ns: when it was sent [ns]; None for ``log_ns``.
        :raises BagError: if the topic is unknown or the disk is full; then call :meth:`abort`.
        """
        entry = self._topics.get(topic)
        if entry is None:
            raise BagError(str(unknown_name('topic', topic, self._topics)))
        try:
            self._writer.add_message(entry.channel, log_ns, data,
                                     log_ns if publish_ns is None else publish_ns,
                                     entry.count)
        except OSError as error:
            raise self._failed(error) from error
        entry.count += 1
        self._first_ns = log_ns if self._first_ns is None else min(self._first_ns, log_ns)
        self._last_ns = max(self._last_ns, log_ns)
        if self._file.tell() != self._good.position:
            self._mark_good()
        # The first of a topic at once: it shows that recording works.
        if entry.count == 1 or self.flush_in_s <= 0:
            self.flush()

    @property
    def flush_in_s(self) -> float:
        """Give the time until :meth:`flush` is due [s]."""
        return self._flush_due_s - time.monotonic()

    def flush(self) -> None:
        """
        Hand everything so far to the operating system, where a killed process cannot lose it.

        :raises BagError: if the disk is full.
        """
        try:
            self._writer.flush()
            self._mark_good()
        except OSError as error:
            raise self._failed(error) from error

    def sync(self) -> None:
        """
        Wait until what was flushed is on the disk, where a power cut cannot lose it.

        The only method that another thread than the writing one may call.

        :raises BagError: if the disk reports an error.
        """
        try:
            self._file.sync()
        except OSError as error:
            raise self._error(error) from error

    def close(self, metadata: EpisodeMetadata | None = None, aside: str = '') -> Path:
        """
        Finish the episode and give it its final name.

        :param metadata: what is known at the end; counts are filled in here.
        :param aside: a folder beside the episodes for what must never stand among them; empty to
            put it there.
        :return: the finished bag.
        :raises BagError: if the disk is full; the bag is aborted then.
        """
        self.metadata = metadata or self.metadata
        try:
            self._finish()
            self._reserve.unlink()
            final_dir = move_aside(self.path, aside)
        except (OSError, BagError) as error:
            failure = self._failed(error) if isinstance(error, OSError) else error
            self.abort(str(error))
            raise failure from error
        self._file.close()
        try:
            sync_dir(final_dir.parent)
        except OSError as error:  # it is complete all the same, and has its name
            self.warning = (f'complete, but the disk did not confirm its name: {error}; a power '
                            f'cut may leave it as {self.path.name}')
        return final_dir

    def abort(self, reason: str, dropped: Mapping[str, int] | None = None) -> Path | None:
        """
        Break off, keeping what was written readable in ``aborted/`` beside the episodes.

        :param reason: why, for the metadata.
        :param dropped: messages by topic that were not written, for the metadata too.
        :return: where the bag is now, or None if nothing could be kept.
        """
        self.metadata = dataclasses.replace(
            self.metadata, aborted=reason or 'unknown reason', success=None,
            dropped=dict(self.metadata.dropped if dropped is None else dropped))
        # Where nothing more can be written, what is there is kept as it is.
        with contextlib.suppress(OSError):
            self._reserve.unlink(missing_ok=True)
            self._finish_or_cut_off()
        try:
            return move_aside(self.path, ABORTED)
        except BagError:
            return self.path if self.path.exists() else None
        finally:
            self._file.close()

    def _finish_or_cut_off(self) -> None:
        if not self._broken:
            try:
                self._finish()
                return
            except (OSError, BagError):
                self._broken = True
        self._cut_off()

    def _finish(self) -> None:
        if not self._finished:
            self.flush()
            self.metadata = dataclasses.replace(self.metadata, counts=self.counts)
            self._writer.add_metadata(METADATA_RECORD, self.metadata.to_custom_data())
            # rosbag2 keeps a copy of metadata.yaml in the file, so that the file stands alone.
            self._writer.add_metadata(
                'rosbag2', {'serialized_metadata': plain_yaml(self._information())})
            self._writer.finish()
            self._file.sync()
            self._finished = True
        self._write_information()

    def _cut_off(self) -> None:
        """End the file after the last chunk that was written in full."""
        dropped = Counter(self.metadata.dropped) + (
            Counter(self.counts) - Counter(self._good.counts))
        for name, entry in self._topics.items():
            entry.count = self._good.counts.get(name, 0)
        self.metadata = dataclasses.replace(self.metadata, counts=self.counts,
                                            dropped=dict(dropped))
        if not self._finished:
            end_early(self._file, self._good.position,
                      Metadata(METADATA_RECORD, self.metadata.to_custom_data()))
            self._finished = True
        self._write_information()

    def _mark_good(self) -> None:
        self._good = _Mark(self._file.tell(), self.counts)
        self.flushed_ns = self._last_ns
        self._flush_due_s = time.monotonic() + FLUSH_S

    def _failed(self, error: OSError) -> BagError:
        self._broken = True  # after a failed write the state of the mcap writer is unknown
        return self._error(error)

    def _open(self, compression: str) -> None:
        if self.final_dir.exists():
            raise BagError(f'{self.final_dir} exists, and is not overwritten')
        self._reserve = self.path / '.reserve'
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            raise self._error(error) from error
        try:
            self._reserve.write_bytes(bytes(_RESERVE_BYTES))
            self._file = SureFile(self.path / f'{self.final_dir.name}_0.mcap')
        except OSError as error:
            shutil.rmtree(self.path, ignore_errors=True)
            raise self._error(error) from error
        self._good = _Mark(0, {})
        self._broken = self._finished = False
        self._writer = ChunkWriter(self._file, CHUNK_BYTES, compression)

    def _register(self, topic: str, msgtype: str, qos: Sequence[dict[str, Any]],
                  description: Description) -> None:
        key = (msgtype, description.text)
        profiles = list(qos or [qos_profile()])
        details = {'offered_qos_profiles': plain_yaml(profiles),
                   'topic_type_hash': description.digest}
        if key not in self._schemas:
            self._schemas[key] = self._writer.register_schema(
                msgtype, description.language, description.text)
        number = self._schemas[key]
        channel = self._writer.register_channel(topic, description.encoding, number, details)
        if self._file.tell() != self._good.position:
            self._mark_good()  # a chunk was full
        # Also outside the chunks: where the first one is damaged, the others can be read still.
        self._file.write(description.records(number, channel, topic, msgtype, details))
        self._good = _Mark(self._file.tell(), self._good.counts)
        # Anew, because other threads read the counts.
        self._topics = {**self._topics, topic: BagTopic(channel, msgtype, description, profiles)}

    def _information(self) -> dict[str, Any]:
        first_ns = self.metadata.started_ns if self._first_ns is None else self._first_ns
        return information(f'{self.final_dir.name}_0.mcap', self._topics, first_ns,
                           max(self._last_ns - first_ns, 0), self.metadata.to_custom_data())

    def _write_information(self) -> None:
        text = plain_yaml({'rosbag2_bagfile_information': self._information()})
        with open(self.path / 'metadata.yaml', 'w', encoding='utf-8') as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())

    def _error(self, error: OSError) -> BagError:
        return BagError(f'cannot write {self.path}: {error.strerror or error}. Earlier episodes '
                        'are intact; free some space or choose another output_dir')
