# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Recording without waiting for the disk: messages queue up, a thread writes them.
"""
from __future__ import annotations

from collections import Counter
from collections import deque
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
import threading
from typing import Any

from vaa_ros.core.errors import BagError
from vaa_ros.core.image_encoding import AS_THEY_COME
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.image_encoding import NONE
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.disk_sync import DiskSync
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.image_encoder import compressed_topic
from vaa_ros.recording.image_encoder import ImageEncoder
from vaa_ros.recording.image_encoder import Queued
from vaa_ros.recording.image_encoder import topic_in_bag
from vaa_ros.recording.messages import COMPRESSED_IMAGE
from vaa_ros.recording.messages import IMAGE
from vaa_ros.recording.messages import schema
from vaa_ros.recording.take import Take
from vaa_ros.recording.verdict import LOOK
from vaa_ros.recording.verdict import Verdict

QUEUE_BYTES = 256 * 1024 * 1024
IMAGE_SHARE = 0.5
"""Most of the queue that pictures may fill which wait for their compression."""
Judge = Callable[[Take, EpisodeMetadata], Verdict]


class EpisodeRecorder:
    """
    Records one episode with threads of its own: to write, to wait for the disk, to compress.

    ``put`` never waits: what does not fit into the queue is dropped and counted. Everything that
    ``put`` took is on the disk when ``stop`` returns. When writing fails, the episode is aborted
    at once, ``failure`` says why, and later calls raise it.

    :param final_dir: folder of the finished episode.
    :param topics: message type by topic.
    :param metadata: what is known at the start.
    :param compression: ``zstd`` or ``none``.
    :param qos: QoS profiles offered by a topic's publishers.
    :param queue_bytes: most that may wait for the disk [bytes].
    :param min_free_bytes: free space below which the episode is broken off [bytes].
    :param judge: gives the verdict at the end; None for no verdict.
    :param images: how raw pictures are stored; compressed ones go to ``<topic>/compressed``.
    :raises BagError: if the bag cannot be made.
    """

    def __init__(self, final_dir: Path, topics: Mapping[str, str], metadata: EpisodeMetadata,
                 compression: str = 'zstd',
                 qos: Mapping[str, Sequence[dict[str, Any]]] | None = None,
                 queue_bytes: int = QUEUE_BYTES, min_free_bytes: int = 0,
                 judge: Judge | None = None, images: ImageFormat = AS_THEY_COME) -> None:
        self._change = threading.Condition()
        self.images = images
        self._encoder = ImageEncoder(images, self._change)
        self._qos = dict(qos or {})
        self._topics = dict(topics)
        metadata = replace(metadata, image_compression=images.to_mapping())
        self._writer = BagWriter(final_dir, dict(map(self._in_bag, topics)), metadata,
                                 compression, {self._in_bag(topic)[0]: profiles
                                               for topic, profiles in self._qos.items()})
        self._judge = judge
        self.take = Take(dict(map(self._in_bag, topics)) if judge is not None else {})
        """What was gathered for the verdict; nothing where nobody judges."""
        self._queue_bytes = queue_bytes
        self._queue: deque[Queued] = deque()
        self._appeared: list[str] = []
        self._waiting = 0
        self._taken: Counter[str] = Counter()
        self._dropped, self._lost = Counter[str](), dict[str, int]()
        self._stopped_ns = 0
        self._closing = False
        self._failure: BagError | None = None
        self._aborted: Path | None = None
        self._disk = DiskSync(self._writer, min_free_bytes)
        self._thread = threading.Thread(target=self._run, name='bag_writer', daemon=True)
        self._thread.start()

    @property
    def path(self) -> Path:
        """Give the folder that the finished episode will have."""
        return self._writer.final_dir

    @property
    def messages(self) -> int:
        """Give the number of messages written so far."""
        return self._writer.count

    @property
    def seconds(self) -> float:
        """Give the time from the first to the last message written so far [s]."""
        return self._writer.seconds

    @property
    def counts(self) -> dict[str, int]:
        """Give the number of messages written so far by topic."""
        return self._writer.counts

    @property
    def dropped(self) -> dict[str, int]:
        """Give the number of messages lost so far, by topic in the bag."""
        return self._as_in_bag(self._dropped + Counter(self._lost))

    @property
    def taken(self) -> dict[str, int]:
        """Give the number of messages taken so far, written or not, by topic in the bag."""
        return self._as_in_bag(self._taken)

    @property
    def at_risk_s(self) -> float:
        """Give the most recorded time so far that a power cut would have cost [s]."""
        return self._disk.at_risk_s

    @property
    def stored_raw(self) -> dict[str, str]:
        """Say of which topics pictures could not be compressed, and why."""
        return dict(self._encoder.stored_raw)

    @property
    def failure(self) -> str:
        """Say why writing failed and where the rest is, or nothing while all is well."""
        if self._failure is None:
            return ''
        where = f' What was written is in {self._aborted}' if self._aborted else ''
        return f'{self._failure}.{where}'

    def add_topic(self, topic: str, msgtype: str, qos: Sequence[dict[str, Any]] = ()) -> None:
        """
        Take up a topic that appeared after the start.

        :param topic: its name.
        :param msgtype: type of its messages.
        :param qos: QoS profiles that its publishers offer.
        :raises BagError: if the type is unknown.
        """
        schema(msgtype)
        with self._change:
            self._topics[topic], self._qos[topic] = msgtype, qos
            self._appeared.append(topic)

    def tell_lost(self, lost: Mapping[str, int], stopped_ns: int = 0) -> None:
        """
        Tell what never got here, so that the metadata says it however the episode ends.

        :param lost: messages lost by topic since the start.
        :param stopped_ns: when the episode was stopped; 0 while it goes on [ns].
        """
        self._lost, self._stopped_ns = dict(lost), stopped_ns

    def refuse(self, topic: str) -> None:
        """Count a message of a topic that cannot be in the bag."""
        with self._change:
            self._dropped[topic] += 1

    def put(self, topic: str, log_ns: int, data: bytes, publish_ns: int | None = None) -> bool:
        """
        Hand over one message, without waiting.

        :param topic: its topic.
        :param log_ns: when it was received [ns].
        :param data: the serialised message (CDR).
        :param publish_ns: when it was sent [ns].
        :return: false if it was dropped, as is what comes on an unknown topic.
        """
        with self._change:
            # Pictures that are slow to compress must not keep the other topics out.
            most = self._queue_bytes * (IMAGE_SHARE if self._encodes(topic) else 1)
            full = self._waiting + len(data) > most and self._waiting
            if full or self._closing or self._failure is not None or topic not in self._topics:
                self._dropped[topic] += 1
                return False
            self._queue.append(Queued(topic, log_ns, data, log_ns if publish_ns is None
                                      else publish_ns))
            self._waiting += len(data)
            self._disk.told(log_ns)
            self._taken[topic] += 1
            self._change.notify()
        return True

    def stop(self, metadata: EpisodeMetadata) -> RecordedEpisode:
        """
        Write what is queued and finish the episode.

        :param metadata: what is known at the end; counts are filled in.
        :return: the finished episode.
        :raises BagError: if writing failed or nothing arrived; says where the episode is then.
        """
        recorded = self._close(metadata)
        if not recorded.messages:
            raise BagError(f'no message arrived; the empty episode is in {recorded.path}')
        return recorded

    def _close(self, metadata: EpisodeMetadata, discarded: bool = False) -> RecordedEpisode:
        self._end_thread()
        if self._failure is None:
            metadata = replace(metadata, dropped=self.dropped, stopped_ns=self._stopped_ns,
                               image_compression=self._encoder.to_mapping())
            verdict = self._verdict(metadata)
            if verdict is not None:
                metadata = replace(metadata, verdict=verdict.to_mapping())
            metadata = replace(metadata, discarded=discarded or not self.messages)
            aside = DISCARDED if metadata.discarded else ''
            return replace(self._result(self._writer.close(metadata, aside)), verdict=verdict)
        raise BagError(self.failure)

    def discard(self) -> RecordedEpisode:
        """
        Finish the episode as one that must not be learned from.

        :return: the episode, in ``discarded/`` beside the others.
        :raises BagError: if writing failed.
        """
        return self._close(replace(self._writer.metadata, success=None), discarded=True)

    def abort(self, reason: str) -> RecordedEpisode | None:
        """
        Break off because of something outside, such as the end of the process.

        :param reason: why, for the metadata.
        :return: the episode, in ``aborted/`` beside the others, or None if nothing could be kept.
        """
        self._end_thread()
        if self._failure is None:
            self._aborted = self._writer.abort(reason, self.dropped)
        return self._result(self._aborted) if self._aborted else None

    def _verdict(self, metadata: EpisodeMetadata) -> Verdict | None:
        try:
            return None if self._judge is None else self._judge(self.take, metadata)
        except Exception as error:  # an episode is never lost because it could not be judged
            return Verdict(LOOK, (f'it could not be judged: {error!r}',), {})

    def _result(self, path: Path) -> RecordedEpisode:
        writer, known = self._writer, self._writer.metadata
        return RecordedEpisode(path, writer.seconds, writer.counts, known.dropped, None,
                               writer.warning, known.success, known.aborted)

    def _end_thread(self) -> None:
        with self._change:
            self._closing = True
            self._change.notify()
        self._thread.join()
        self._disk.join()

    def _run(self) -> None:
        try:
            self._write_all()
        except BagError as error:
            self._fail(error)
        except Exception as error:
            self._fail(BagError(f'writing {self._writer.path} failed: '
                                f'{type(error).__name__}: {error}'))
        finally:
            self._disk.end()
            self._encoder.close()

    def _write_all(self) -> None:
        while True:
            with self._change:
                if not self._queue and not self._encoder.ready:
                    # At the end only pictures are waited for, and each wakes this thread.
                    due_s = max(self._writer.flush_in_s, 0.0)
                    if not self._closing or self._encoder.busy:
                        self._change.wait(due_s)
                batch, appeared = list(self._queue), list(self._appeared)
                self._queue.clear()
                self._appeared.clear()
                closing = self._closing
            for topic in appeared:
                self._add_topic(*self._in_bag(topic), self._qos[topic])
            written = self._write_batch(batch)
            with self._change:  # what is being compressed or written is in memory too
                self._waiting -= written
            if self._disk.problem is not None:
                raise self._disk.problem
            if closing and not batch and not self._encoder.busy:
                return
            if self._writer.flush_in_s <= 0:
                self._writer.flush()

    def _write_batch(self, batch: Sequence[Queued]) -> int:
        """Write messages, and pictures that are compressed by now; give their size on arrival."""
        written = 0
        for item in batch:
            if self._encodes(item.topic):
                self._encoder.put(item)
            else:
                self._write(item)
                written += len(item.data)
        for came, msgtype, item in self._encoder.done():
            if msgtype == IMAGE:
                self._add_topic(item.topic, IMAGE, self._qos.get(item.topic, ()))
            self._write(item)
            written += len(came.data)
        return written

    def _write(self, item: Queued) -> None:
        self._writer.write(*item)
        if self._judge is not None:
            self.take.add(item.topic, item.log_ns, item.data)

    def _add_topic(self, topic: str, msgtype: str, qos: Sequence[dict[str, Any]]) -> None:
        self._writer.add_topic(topic, msgtype, qos)
        if self._judge is not None and topic not in self.take.streams:
            self.take.add_topic(topic, msgtype)

    def _encodes(self, topic: str) -> bool:
        return self.images.form != NONE and self._topics.get(topic) == IMAGE

    def _in_bag(self, topic: str) -> tuple[str, str]:
        """Give topic and type under which messages are expected to be stored."""
        return ((compressed_topic(topic), COMPRESSED_IMAGE) if self._encodes(topic) else
                (topic, self._topics[topic]))

    def _as_in_bag(self, counts: Mapping[str, int]) -> dict[str, int]:
        named, written = Counter[str](), self._writer.counts
        for topic, count in counts.items():
            named[topic_in_bag(topic, written)] += count
        return dict(named)

    def _fail(self, error: BagError) -> None:
        with self._change:
            self._closing = True
            self._queue.clear()
            self._waiting, counts = 0, self._writer.counts
            for topic, taken in self._taken.items():
                copies = counts.get(compressed_topic(topic), 0) if self._encodes(topic) else 0
                self._dropped[topic] += max(taken - counts.get(topic, 0) - copies, 0)
        aborted = self._writer.abort(str(error), self.dropped)
        with self._change:
            self._aborted, self._failure = aborted, error
