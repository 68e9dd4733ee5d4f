# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
RecordingSession against a source without ROS.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import gc
from pathlib import Path
import threading
import weakref

from processes import wait_for
import pytest
from recording_bags import METADATA
from recording_bags import START_NS
from recording_bags import stream
from recording_bags import TOPICS
from rosbags.rosbag2 import Reader

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import StillWritingError
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.session import Disk
from vaa_ros.recording.session import RecordingSession
from vaa_ros.recording.telling import silent_topics


class Source:
    """Topics whose messages wait until they are drained."""

    def __init__(self) -> None:
        self.types = dict(TOPICS)
        self.latched: dict[str, tuple[bytes, int]] = {}
        self.lost: dict[str, int] = {}
        self.problems: dict[str, str] = {}
        self.numbered: set[str] = set()
        self.begun_at: list[dict[str, int]] = []
        self.waiting: list[tuple[str, int, bytes]] = []
        self.appears_after = 0
        self.gone: set[str] = set()
        self.put: Callable[..., None] = print

    def refresh(self) -> None:
        self.appears_after -= 1

    def unmatched(self, names: Sequence[str]) -> list[str]:
        return [name for name in names if name not in self.types or self.appears_after > 0]

    def standing(self, name: str) -> tuple[bytes, int] | None:
        return None if name in self.gone else self.latched.get(name)

    def type_of(self, name: str) -> str:
        return self.types[name]

    def explain(self, name: str) -> str:
        return f'nobody publishes {name}'

    def published(self) -> list[str]:
        return sorted(self.types)

    def offered(self, name: str) -> list[tuple[str, str, int]]:
        return [('best_effort', 'volatile', 5)]

    def definition(self, msgtype: str) -> str:
        if 'secret' in msgtype:
            raise RosError(f'{msgtype} is not installed')
        return 'float64 x\n'

    def begin(self) -> None:
        self.drain()
        self.begun_at.append(dict(self.lost))

    def drain(self) -> None:
        for topic, log_ns, data in self.waiting:
            self.put(topic, log_ns, data, log_ns)
        self.waiting.clear()


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def session(source: Source) -> RecordingSession:
    session = RecordingSession(source, list(TOPICS), lambda: START_NS - 5)
    source.put = session.put
    return session


def test_what_waits_at_the_start_is_left_out_and_at_the_end_is_in(
        source: Source, session: RecordingSession, tmp_path: Path) -> None:
    source.waiting = list(stream(2))
    assert session.start(Disk(tmp_path), METADATA) == tmp_path / 'episode_000000'
    sent = list(stream(5))
    for topic, log_ns, data in sent[:6]:
        session.put(topic, log_ns, data, log_ns)
    source.waiting = sent[6:]
    recorded = session.stop(True)
    assert silent_topics(list(TOPICS), recorded) == []
    with BagReader(recorded.path) as bag:
        assert list(bag.raw_messages()) == sent
        assert bag.metadata.started_ns == START_NS - 5
    session.put(*sent[0], 0)
    assert session.recording is None


def test_the_last_latched_message_opens_the_episode(
        source: Source, session: RecordingSession, tmp_path: Path) -> None:
    topic, _, data = next(stream(1))
    source.latched = {topic: (data, 1), '/joint_states': (b'old', 1)}
    source.gone.add('/joint_states')
    session.start(Disk(tmp_path), METADATA)
    recorded = session.stop(False)
    assert silent_topics(list(TOPICS), recorded) == ['/joint_states', '/joint_trajectory']
    with BagReader(recorded.path) as bag:
        assert list(bag.raw_messages()) == [(topic, START_NS - 5, data)]


def test_losses_count_from_the_start(source: Source, session: RecordingSession,
                                     tmp_path: Path) -> None:
    source.lost = {'/joint_states': 5}
    session.start(Disk(tmp_path), METADATA)
    session.put(*next(stream(1)), 0)
    assert source.begun_at == [{'/joint_states': 5}]
    source.lost = {'/joint_states': 7}
    assert dict(session.stop(True).dropped) == {'/joint_states': 2}


def test_losses_are_told_by_what_was_thrown_away(source: Source, session: RecordingSession,
                                                 tmp_path: Path) -> None:
    for end, folder in ((session.discard, 'discarded'), (lambda: session.abort('why'), 'aborted')):
        session.start(Disk(tmp_path), METADATA)
        session.put(*next(stream(1)), 0)
        source.lost['/joint_states'] = source.lost.get('/joint_states', 0) + 2
        recorded = end()
        assert recorded.path.parent.name == folder
        with BagReader(recorded.path) as bag:
            assert bag.metadata.dropped == {'/joint_states': 2}


def test_messages_of_another_type_are_no_messages_of_the_topic(
        source: Source, session: RecordingSession, tmp_path: Path) -> None:
    session.start(Disk(tmp_path), METADATA)
    sent = list(stream(3))
    for topic, log_ns, data in sent:
        session.put(topic, log_ns, data, log_ns)
    before = source.types['/joint_states']
    source.types['/joint_states'] = TOPICS['/front/image_raw']
    session.put('/joint_states', sent[-1][1] + 1, sent[0][2], 0)
    session.put('/joint_states', sent[-1][1] + 2, sent[0][2], 0)
    told, = session.news()
    assert told.startswith(f'/joint_states changed from {before} to {TOPICS["/front/image_raw"]}')
    assert session.news() == []
    recorded = session.stop(True)
    assert recorded.dropped == {'/joint_states': 2}
    with BagReader(recorded.path) as bag:
        assert list(bag.raw_messages()) == sent
        assert len(list(bag.messages())) == len(sent)


@pytest.mark.parametrize('end', ['stop', 'discard', 'abort'])
def test_a_disk_that_hangs_holds_up_nobody(
        session: RecordingSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        end: str) -> None:
    released, real_finish = threading.Event(), BagWriter._finish

    def finish(self: BagWriter) -> None:
        assert released.wait(30)
        real_finish(self)

    monkeypatch.setattr(BagWriter, '_finish', finish)
    session.start(Disk(tmp_path), METADATA)
    for topic, log_ns, data in stream(3):
        session.put(topic, log_ns, data, log_ns)
    act = {'stop': lambda wait_s: session.stop(True, wait_s), 'discard': session.discard,
           'abort': lambda wait_s: session.abort('why', wait_s)}[end]
    with pytest.raises(StillWritingError, match='episode_000000 has ended and is still being'):
        act(0.05)
    assert session.ending and session.recording is None
    with pytest.raises(StillWritingError):
        session.start(Disk(tmp_path), METADATA)
    with pytest.raises(StillWritingError):
        session.abort('why', 0.01)
    released.set()
    recorded = session.ended(30.0)
    assert recorded is not None and recorded.messages == 9
    assert recorded.path.parent == {'stop': tmp_path, 'discard': tmp_path / 'discarded',
                                    'abort': tmp_path / 'aborted'}[end]
    assert not session.ending and session.ended() is None
    session.start(Disk(tmp_path), METADATA)
    session.abort('done')


@pytest.mark.parametrize('others', [False, True])
def test_a_start_that_takes_too_long_is_given_up_and_leaves_nothing(
        session: RecordingSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
        others: bool) -> None:
    released, real_open = threading.Event(), BagWriter._open

    def hang(self: BagWriter, compression: str) -> None:
        real_open(self, compression)
        assert released.wait(30)

    if others:
        session.start(Disk(tmp_path), METADATA)
        session.abort('why')
    before = set(tmp_path.rglob('*'))
    monkeypatch.setattr(BagWriter, '_open', hang)
    disk = Disk(tmp_path, wait_s=0.05)
    with pytest.raises(BagError, match='slow or hangs. What was asked for, a start, is given up'):
        session.start(disk, METADATA)
    assert session.recording is None and session.disk.over() == ''
    assert list(tmp_path.glob('*.partial'))
    with pytest.raises(BagError, match='not answered for .* since a start that was given up'):
        session.start(disk, METADATA)
    released.set()
    wait_for(lambda: 'an episode can be started' in session.disk.over())
    assert session.disk.over() == ''
    assert set(tmp_path.rglob('*')) == before
    session.start(Disk(tmp_path, wait_s=30.0), METADATA)
    for topic, log_ns, data in stream(3):
        session.put(topic, log_ns, data, log_ns)
    assert session.stop(True).path == tmp_path / f'episode_{int(others):06d}'


def test_a_start_that_fails_late_says_why(
        session: RecordingSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def fail(self: BagWriter, compression: str) -> None:
        assert released.wait(30)
        raise BagError('the disk is gone')

    monkeypatch.setattr(BagWriter, '_open', fail)
    with pytest.raises(BagError, match='given up'):
        session.start(Disk(tmp_path, wait_s=0.05), METADATA)
    released.set()
    wait_for(lambda: 'answers again: the disk is gone' in session.disk.over())


def test_what_goes_wrong_in_the_background_is_told_once(
        session: RecordingSession, tmp_path: Path) -> None:
    session.start(Disk(tmp_path), METADATA)
    with pytest.raises(BagError, match='no message arrived'):
        session.stop(True, 30.0)
    assert not session.ending and session.ended() is None


def test_missing_topics_are_waited_for_and_then_named(
        source: Source, session: RecordingSession, tmp_path: Path) -> None:
    source.appears_after = 3
    session.start(Disk(tmp_path), METADATA, wait_s=10.0)
    session.abort('next')
    del source.types['/joint_states']
    with pytest.raises(BagError, match='nobody publishes /joint_states. Published topics: '
                                       '/front/image_raw, /joint_trajectory'):
        session.start(Disk(tmp_path), METADATA)
    assert session.recording is None


def test_wrong_order_is_refused(session: RecordingSession, tmp_path: Path) -> None:
    with pytest.raises(BagError, match='no episode is being recorded'):
        session.stop(True)
    with pytest.raises(BagError, match='no episode is being recorded'):
        session.discard()
    assert session.abort('nothing') is None
    session.start(Disk(tmp_path), METADATA)
    with pytest.raises(BagError, match='already recording'):
        session.start(Disk(tmp_path), METADATA)
    with pytest.raises(BagError, match='no message arrived'):
        session.stop(True)
    assert (tmp_path / 'discarded' / 'episode_000000').is_dir()


def test_types_of_other_packages_are_recorded(source: Source, session: RecordingSession,
                                              tmp_path: Path) -> None:
    source.types['/own'] = 'own_msgs/msg/One'
    session.start(Disk(tmp_path), METADATA)
    session.put('/own', START_NS, b'\0\1\0\0' + bytes(8), START_NS)
    recorded = session.stop(True)
    with BagReader(recorded.path) as bag:
        assert [message.x for _, _, message in bag.messages(['/own'])] == [0.0]


def test_a_topic_that_appears_later_is_recorded_from_then_on(
        source: Source, session: RecordingSession, tmp_path: Path) -> None:
    session.start(Disk(tmp_path), METADATA)
    sent = list(stream(3))
    source.types |= {'/late': 'late_msgs/msg/One', '/secret': 'secret_msgs/msg/One'}
    late = [('/late', START_NS + 10**9 + number, b'\0\1\0\0' + bytes(8)) for number in range(3)]
    for topic, log_ns, data in [*sent, *late, ('/secret', START_NS, b'')]:
        session.put(topic, log_ns, data, log_ns)
    recorded = session.stop(True)
    assert dict(recorded.dropped) == {'/secret': 1}
    with BagReader(recorded.path) as bag:
        assert list(bag.raw_messages()) == sent + late
        assert [message.x for _, _, message in bag.messages(['/late'])] == [0.0] * 3
    with Reader(recorded.path) as reader:
        offers = {item.topic: item.ext.offered_qos_profiles[0] for item in reader.connections}
    assert offers['/late'].reliability.name == 'BEST_EFFORT'


def test_an_extra_topic_that_cannot_be_recorded_is_told(
        source: Source, session: RecordingSession, tmp_path: Path) -> None:
    source.problems = {'/extra': '/extra is published with several types: a/msg/A, b/msg/B'}
    session.start(Disk(tmp_path), METADATA)
    line = f'not recorded: {source.problems["/extra"]}'
    assert session.news() == [line]
    assert session.news() == []
    for topic, log_ns, data in stream(1):
        session.put(topic, log_ns, data, log_ns)
    assert line in session.problems(session.stop(True))


def test_a_full_disk_is_refused_before_the_start(session: RecordingSession,
                                                 tmp_path: Path) -> None:
    with pytest.raises(BagError, match='free on the disk'):
        session.start(Disk(tmp_path, min_free_bytes=10**18), METADATA)
    assert list(tmp_path.iterdir()) == []


def test_an_episode_that_has_ended_leaves_no_memory_behind(
        session: RecordingSession, tmp_path: Path) -> None:
    gc.collect()
    gc.disable()  # what is part of a cycle stays then
    try:
        session.start(Disk(tmp_path), METADATA)
        recorder = weakref.ref(session.recording)
        for topic, log_ns, data in stream(3):
            session.put(topic, log_ns, data, log_ns)
        session.stop(True)
        wait_for(lambda: recorder() is None, message='the recorder to be gone')
    finally:
        gc.enable()
