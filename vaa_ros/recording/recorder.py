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
from dataclasses import dataclass
from dataclasses import replace
import json
from pathlib import Path
import threading
from typing import Any

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import check_free_space
from vaa_ros.recording.episode import DISCARDED
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import move_aside
from vaa_ros.recording.messages import schema
from vaa_ros.recording.take import Take
from vaa_ros.recording.verdict import LOOK
from vaa_ros.recording.verdict import Verdict

QUEUE_BYTES = 256 * 1024 * 1024
Judge = Callable[[Take, EpisodeMetadata], Verdict]
SYNC_S = 1.0
"""How often the disk is asked to have everything, and how much room it has [s]."""


@dataclass(frozen=True)
class RecordedEpisode:
    """
    What became of an episode.

    :param path: where it is now.
    :param seconds: time from its first to its last message [s].
    :param counts: messages written by topic.
    :param dropped: messages that are not in the bag by topic: lost on their way to the recorder,
        or dropped because the disk was too slow.
    :param verdict: whether the take is worth keeping; None where nobody judged.
    """

    path: Path
    seconds: float
    counts: Mapping[str, int]
    dropped: Mapping[str, int]
    verdict: Verdict | None = None

    @property
    def messages(self) -> int:
        """Give the number of messages written."""
        return sum(self.counts.values())

    def to_json(self) -> str:
        """
        Describe the episode in one line for people and programs.

        :return: JSON with path, seconds, messages and dropped, and with verdict and reasons where
            somebody judged.
        """
        judged = {} if self.verdict is None else {
            'verdict': self.verdict.judgement, 'reasons': list(self.verdict.reasons)}
        return json.dumps({'path': str(self.path), 'seconds': round(self.seconds, 3),
                           'messages': self.messages, 'dropped': sum(self.dropped.values()),
                           **judged})


class EpisodeRecorder:
    """
    Records one episode with threads of its own: one writes, one waits for the disk.

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
    :raises BagError: if the bag cannot be made.
    """

    def __init__(self, final_dir: Path, topics: Mapping[str, str], metadata: EpisodeMetadata,
                 compression: str = 'zstd',
                 qos: Mapping[str, Sequence[dict[str, Any]]] | None = None,
                 queue_bytes: int = QUEUE_BYTES, min_free_bytes: int = 0,
                 judge: Judge | None = None) -> None:
        self._writer = BagWriter(final_dir, topics, metadata, compression, qos)
        self._judge = judge
        self._take = Take(topics if judge is not None else {})
        self._queue_bytes = queue_bytes
        self._queue: deque[tuple[str, int, bytes, int]] = deque()
        self._topics = set(topics)
        self._appeared: dict[str, tuple[str, Sequence[dict[str, Any]]]] = {}
        self._waiting = 0
        self._dropped: Counter[str] = Counter()
        self._change = threading.Condition()
        self._closing = False
        self._failure: BagError | None = None
        self._aborted: Path | None = None
        self._min_free_bytes = min_free_bytes
        self._disk_problem: BagError | None = None
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=target, name=name, daemon=True)
                         for name, target in (('bag_writer', self._run), ('disk', self._sync))]
        for thread in self._threads:
            thread.start()

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
        """Give the number of messages lost so far by topic."""
        return dict(self._dropped)

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
            self._topics.add(topic)
            self._appeared[topic] = (msgtype, qos)

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
            full = self._waiting + len(data) > self._queue_bytes and self._waiting
            if full or self._closing or self._failure is not None or topic not in self._topics:
                self._dropped[topic] += 1
                return False
            self._queue.append((topic, log_ns, data, log_ns if publish_ns is None
                                else publish_ns))
            self._waiting += len(data)
            self._change.notify()
        return True

    def stop(self, metadata: EpisodeMetadata,
             lost: Mapping[str, int] | None = None) -> RecordedEpisode:
        """
        Write what is queued and finish the episode.

        :param metadata: what is known at the end; counts are filled in.
        :param lost: messages lost by topic before they got here.
        :return: the finished episode.
        :raises BagError: if writing failed; the episode is among the aborted ones then.
        """
        self._end_thread()
        if self._failure is None:
            self._dropped.update(lost or {})
            metadata = replace(metadata, dropped=self.dropped)
            verdict = self._verdict(metadata)
            if verdict is not None:
                metadata = replace(metadata, verdict=verdict.to_mapping())
            return replace(self._result(self._writer.close(metadata)), verdict=verdict)
        raise BagError(self.failure)

    def discard(self) -> RecordedEpisode:
        """
        Finish the episode as one that must not be learned from.

        :return: the episode, in ``discarded/`` beside the others.
        :raises BagError: if writing failed.
        """
        recorded = self.stop(replace(self._writer.metadata, success=None))
        return replace(recorded, path=move_aside(recorded.path, DISCARDED))

    def abort(self, reason: str) -> RecordedEpisode | None:
        """
        Break off because of something outside, such as the end of the process.

        :param reason: why, for the metadata.
        :return: the episode, in ``aborted/`` beside the others, or None if nothing could be kept.
        """
        self._end_thread()
        if self._failure is None:
            self._aborted = self._writer.abort(reason)
        return self._result(self._aborted) if self._aborted else None

    def _verdict(self, metadata: EpisodeMetadata) -> Verdict | None:
        if self._judge is None:
            return None
        try:
            return self._judge(self._take, metadata)
        except Exception as error:  # an episode is never lost because it could not be judged
            return Verdict(LOOK, (f'it could not be judged: {error!r}',), {})

    def _result(self, path: Path) -> RecordedEpisode:
        return RecordedEpisode(path, self._writer.seconds, self._writer.counts, self.dropped)

    def _end_thread(self) -> None:
        with self._change:
            self._closing = True
            self._change.notify()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            self._write_all()
        except BagError as error:
            self._fail(error)
        except Exception as error:
            self._fail(BagError(f'writing {self._writer.path} failed: '
                                f'{type(error).__name__}: {error}'))
        finally:
            self._ended.set()

    def _write_all(self) -> None:
        while True:
            with self._change:
                if not self._queue and not self._closing:
                    self._change.wait(max(self._writer.flush_in_s, 0.0))
                batch, appeared = list(self._queue), dict(self._appeared)
                self._queue.clear()
                self._appeared.clear()
                closing = self._closing
            for topic, (msgtype, qos) in appeared.items():
                self._writer.add_topic(topic, msgtype, qos)
                if self._judge is not None:
                    self._take.add_topic(topic, msgtype)
            for topic, log_ns, data, publish_ns in batch:
                self._writer.write(topic, log_ns, data, publish_ns)
                if self._judge is not None:
                    self._take.add(topic, log_ns, data)
            with self._change:  # what is being written is in memory too
                self._waiting -= sum(len(data) for _, _, data, _ in batch)
            if self._disk_problem is not None:
                raise self._disk_problem
            if closing and not batch:
                return
            if self._writer.flush_in_s <= 0:
                self._writer.flush()

    def _sync(self) -> None:
        # In a thread of its own: a slow disk must not delay what a killed process would lose.
        while not self._ended.wait(SYNC_S):
            try:
                self._writer.sync()
                check_free_space(self._writer.path, self._min_free_bytes)
            except BagError as error:
                self._disk_problem = error
                return

    def _fail(self, error: BagError) -> None:
        aborted = self._writer.abort(str(error))
        with self._change:
            self._aborted = aborted
            self._failure = error
            self._dropped.update(topic for topic, *_ in self._queue)
            self._queue.clear()
            self._waiting = 0
