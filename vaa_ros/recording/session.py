# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One demonstration after the other, from a source of serialised messages to episodes on disk.

What a recorder node does, without ROS: the topics come in through :class:`TopicSource`.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import wait
import contextlib
from dataclasses import replace
from pathlib import Path
import time
from typing import Any

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import StillWritingError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.freed_memory import give_back
from vaa_ros.recording.background import in_thread
from vaa_ros.recording.bag_information import qos_profile
from vaa_ros.recording.disk import Disk
from vaa_ros.recording.disk import give_up
from vaa_ros.recording.disk import PatientDisk
from vaa_ros.recording.episode import check_output_dir
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import next_episode_dir
from vaa_ros.recording.episode import PARTIAL_SUFFIX
from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.image_encoder import check_distinct
from vaa_ros.recording.image_encoder import topic_in_bag
from vaa_ros.recording.messages import register_type
from vaa_ros.recording.messages import typestore
from vaa_ros.recording.policies_seen import PolicyWatch
from vaa_ros.recording.recorder import EpisodeRecorder
from vaa_ros.recording.take import Take
from vaa_ros.recording.take_figures import figures_of
from vaa_ros.recording.take_watch import TakeWatch
from vaa_ros.recording.telling import Once
from vaa_ros.recording.telling import shortcomings
from vaa_ros.recording.topic_source import await_topics
from vaa_ros.recording.topic_source import TopicSource
from vaa_ros.recording.topic_source import unrecorded
from vaa_ros.recording.verdict import judge
from vaa_ros.recording.verdict import Limits
from vaa_ros.recording.verdict import Verdict

TELL_AFTER_S = 0.5


class RecordingSession:
    """
    Starts, feeds and ends episodes.

    All methods are called from one thread.

    :param source: where messages come from.
    :param required: topics without which no episode is started.
    :param clock: gives the time under which the start is logged [ns].
    :param thresholds: what the verdict at the end goes by; None for no verdict.
    """

    def __init__(self, source: TopicSource, required: Sequence[str],
                 clock: Callable[[], int] = time.time_ns,
                 thresholds: Mapping[str, Limits] | None = None) -> None:
        self._source = source
        self._required = tuple(required)
        self._clock = clock
        self._thresholds = thresholds
        self._recorder: EpisodeRecorder | None = None
        self._metadata = EpisodeMetadata()
        self._policies = PolicyWatch()
        self._types: dict[str, str] = {}
        self._notes, self.watch = Once(), TakeWatch((), {}, self._metadata)
        self._ending: Future[RecordedEpisode | None] | None = None
        self._ending_path = Path()
        self.disk = PatientDisk()
        """What is waited for before an episode is started."""
        self._lost_before: Counter[str] = Counter()
        self._numbered: tuple[str, ...] = ()

    @property
    def recording(self) -> EpisodeRecorder | None:
        """Give the recorder of the episode at hand, or None between episodes."""
        return self._recorder

    @property
    def ending(self) -> bool:
        """Tell whether an episode has ended that the disk has not taken yet."""
        return self._ending is not None

    @property
    def ending_in(self) -> Path:
        """Give the folder of the episode that has ended last, until the disk has taken it."""
        return self._ending_path.with_name(self._ending_path.name + PARTIAL_SUFFIX)

    def start(self, disk: Disk, metadata: EpisodeMetadata, wait_s: float = 0.0) -> Path:
        """
        Begin an episode.

        :param disk: where it goes.
        :param metadata: what is known of it.
        :param wait_s: time to wait for topics that are missing [s].
        :return: the folder that it will have.
        :raises BagError: if an episode is being recorded, a topic is missing, the episode cannot
            be written, or the disk does not answer in time.
        """
        if self._recorder is not None:
            raise BagError(f'already recording {self._recorder.path}; stop or discard it first')
        self._require_written()
        self.disk.require_answer()
        await_topics(self._source, self._required, wait_s)
        self.disk.begin('a start', disk.output_dir, disk.wait_s)
        self.disk.do(lambda: check_output_dir(disk.output_dir, disk.min_free_bytes))
        types = dict(self._source.types)
        for name in self._required:
            check_distinct(name, types, disk.images)
        for msgtype in sorted(set(types.values())):
            self._define(msgtype)
        self._source.begin()
        self._lost_before = Counter(self._source.lost)
        started_ns = self._clock()
        self._metadata = replace(metadata, started_ns=started_ns)
        self._policies, self._notes = PolicyWatch(), Once()
        self.watch = TakeWatch(self._required, self._thresholds or {}, self._metadata)
        offered = {name: self._offered(name) for name in types}
        recorder = self.disk.do(lambda: EpisodeRecorder(
            next_episode_dir(disk.output_dir), types, self._metadata, disk.compression, offered,
            min_free_bytes=disk.min_free_bytes,
            judge=None if self._thresholds is None else self._judge, images=disk.images), give_up)
        for name in types:
            said = self._source.standing(name)
            if said is not None:
                recorder.put(name, started_ns, *said)
                self.watch.heard[name] = started_ns
                self._policies.take(name, types[name], said[0])
        self._types, self._recorder = types, recorder
        return recorder.path

    def put(self, topic: str, log_ns: int, data: bytes, sent_ns: int) -> None:
        """
        Take one message; it is written if an episode is being recorded.

        Its topic may have appeared after the start.

        :param topic: where it came from.
        :param log_ns: when it was received [ns].
        :param data: the serialised message (CDR).
        :param sent_ns: when it was sent [ns].
        """
        if self._recorder is None:
            return
        if topic not in self._types:
            self._take_up(self._recorder, topic)
        msgtype = self._source.type_of(topic)
        if msgtype != self._types[topic]:  # a topic has one type in a bag
            self._notes.add(
                f'{topic} changed from {self._types[topic]} to {msgtype} in the middle of the '
                'episode; what comes is counted as lost until it changes back')
            self._recorder.refuse(topic)
            return
        self.watch.heard[topic] = log_ns
        self._recorder.put(topic, log_ns, data, sent_ns)
        self._policies.take(topic, msgtype, data)

    def stop(self, success: bool, wait_s: float | None = None) -> RecordedEpisode:
        """
        Finish the episode; every message that has arrived is in it.

        :param success: verdict of the operator.
        :param wait_s: longest time to wait for the disk; None for no limit [s].
        :return: what was recorded.
        :raises StillWritingError: if the disk takes longer, also with the episode before; see
            :meth:`ended`.
        :raises BagError: if nothing is being recorded, nothing arrived, or it could not be
            written.
        """
        recorder, known = self._end(), self._policies.known(self._metadata)
        metadata = replace(known, success=success)
        return self._finish(recorder, lambda: recorder.stop(metadata), wait_s)

    def discard(self, wait_s: float | None = None) -> RecordedEpisode:
        """
        Finish the episode and move it out of the demonstrations.

        :param wait_s: longest time to wait for the disk; None for no limit [s].
        :return: what was recorded.
        :raises StillWritingError: if the disk takes longer, also with the episode before; see
            :meth:`ended`.
        :raises BagError: if nothing is being recorded, or it could not be written.
        """
        recorder = self._end()
        return self._finish(recorder, recorder.discard, wait_s)

    def abort(self, reason: str, wait_s: float | None = None) -> RecordedEpisode | None:
        """
        Break off the episode, if there is one.

        :param reason: why, for the metadata.
        :param wait_s: longest time to wait for the disk; None for no limit [s].
        :return: what could be kept of it, in ``aborted/``.
        :raises StillWritingError: if the disk takes longer, also with an episode that has ended.
        """
        if self._recorder is None:
            return self.ended(wait_s)
        recorder = self._end()
        return self._finish(recorder, lambda: recorder.abort(reason), wait_s)

    def wind_up(self, reason: str, wait_s: float,
                tell: Callable[[str], None]) -> RecordedEpisode | None:
        """
        Do as :meth:`abort`, and say so where the disk makes it wait.

        :param reason: why, for the metadata.
        :param wait_s: longest time to wait for the disk [s].
        :param tell: called with a line before a long wait, which may not come to its end.
        :return: what has become whole.
        :raises StillWritingError: if the disk takes longer.
        """
        try:
            return self.abort(reason, min(wait_s, TELL_AFTER_S))
        except StillWritingError as error:
            tell(f'{error}. Waiting for it, for {wait_s:g} s at most')
            return self.ended(max(wait_s - TELL_AFTER_S, 0.0))

    def ended(self, wait_s: float | None = 0.0) -> RecordedEpisode | None:
        """
        Take in an episode that has ended, once.

        :param wait_s: longest time to wait for the disk; None for no limit [s].
        :return: what was recorded; None if no episode has ended that was not taken in.
        :raises StillWritingError: if the disk takes longer.
        :raises BagError: if it could not be written.
        """
        if self._ending is None:
            return None
        wait([self._ending], wait_s)
        self._require_written()
        ending, self._ending = self._ending, None
        return ending.result()

    def _finish(self, recorder: EpisodeRecorder, end: Callable[[], RecordedEpisode | None],
                wait_s: float | None) -> Any:
        def finish() -> RecordedEpisode | None:
            try:
                return end()
            finally:
                give_back()  # what waited for a slow disk, or this process stays that large

        # A disk that hangs must not hang whoever calls.
        self._ending, self._ending_path = in_thread(finish, 'end of episode'), recorder.path
        return self.ended(wait_s)

    def _require_written(self) -> None:
        if self._ending is not None and not self._ending.done():
            raise StillWritingError(
                f'{self._ending_path} has ended and is still being written: the disk is slow or '
                'hangs. It goes on in the background, and none is started before; should this '
                f'process end first, make a bag of it with: vaa recover {self.ending_in}')

    def failure(self) -> str:
        """
        Tell whether writing has failed, and end the episode if so.

        :return: why and where the rest is, or an empty string.
        """
        if self._recorder is None:
            return ''
        self._recorder.tell_lost(self._lost())
        failure = self._recorder.failure
        if failure:
            self._recorder = None
        return failure

    def news(self) -> list[str]:
        """
        Say once an episode what is stored otherwise than it came, or not at all.

        :return: what is new, a line for each.
        """
        raw = self._recorder.stored_raw if self._recorder else {}
        for note in (*(f'{topic} is stored as it comes: {raw[topic]}' for topic in raw),
                     *unrecorded(self._source)):
            self._notes.add(note)
        return self._notes.take()

    def troubles(self) -> list[str]:
        """
        Tell once what goes wrong with the episode at hand, and what is well again.

        :return: what is new, a line for each; :attr:`watch` knows all of it.
        """
        if self._recorder is None:
            return []
        now_ns = self._clock()
        self._source.drain()  # what has come is not silent, however busy this process is
        return self.watch.look(now_ns, self._recorder.take, self._recorder.taken,
                               self._recorder.dropped)

    def problems(self, recorded: RecordedEpisode) -> list[str]:
        """
        Tell what is wrong with an episode that was kept.

        :param recorded: the episode.
        :return: a line for each problem.
        """
        return [*shortcomings(self._required, recorded), *unrecorded(self._source),
                *self._policies.warnings(self._metadata)]

    def _take_up(self, recorder: EpisodeRecorder, topic: str) -> None:
        self._types[topic] = msgtype = self._source.types[topic]
        # The messages of a topic that cannot be described are counted as dropped.
        with contextlib.suppress(VaaError):
            check_distinct(topic, self._types, recorder.images)
            self._define(msgtype)
            recorder.add_topic(topic, msgtype, self._offered(topic))

    def _define(self, msgtype: str) -> None:
        if msgtype not in typestore().fielddefs:
            register_type(msgtype, self._source.definition(msgtype))

    def _offered(self, topic: str) -> list[dict[str, Any]]:
        return [qos_profile(*offer) for offer in self._source.offered(topic)]

    def _judge(self, take: Take, metadata: EpisodeMetadata) -> Verdict:
        counts = {topic: len(stream.log_ns) for topic, stream in take.streams.items()}
        required = [topic_in_bag(name, counts) for name in self._required]
        numbered = [topic_in_bag(name, counts) for name in self._numbered]
        return judge(figures_of(take, metadata, required, numbered), self._thresholds or {})

    def _end(self) -> EpisodeRecorder:
        if self._recorder is None:
            self._require_written()
            raise BagError('no episode is being recorded; start one first')
        self._source.drain()
        recorder, self._recorder = self._recorder, None
        recorder.tell_lost(self._lost(), self._clock())
        self._numbered = tuple(self._source.numbered)
        return recorder

    def _lost(self) -> dict[str, int]:
        return dict(Counter(self._source.lost) - self._lost_before)

