# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
EpisodeRecorder: what it took is written, what it could not take is counted.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
import threading

from processes import wait_for
import pytest
from recording_bags import METADATA
from recording_bags import stream
from recording_bags import TOPICS
import yaml

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.recorder import EpisodeRecorder
from vaa_ros.recording.take import Take
from vaa_ros.recording.verdict import KEEP
from vaa_ros.recording.verdict import Verdict


@pytest.fixture
def stuck(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A disk that takes nothing until the event is set."""
    released = threading.Event()
    real_write = BagWriter.write

    def write(self: BagWriter, *arguments: object) -> None:
        assert released.wait(20)
        real_write(self, *arguments)

    monkeypatch.setattr(BagWriter, 'write', write)
    yield released
    released.set()


def test_everything_taken_is_written(tmp_path: Path) -> None:
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
    sent = list(stream(200))
    assert all(recorder.put(*item) for item in sent)
    recorded = recorder.stop(replace(METADATA, success=True))
    assert (recorded.path, recorded.messages, dict(recorded.dropped)) == (
        tmp_path / 'bag', 600, {})
    with BagReader(recorded.path) as bag:
        assert list(bag.raw_messages()) == sent
        assert bag.metadata.success is True
    assert not recorder.put(*sent[0])


def test_put_never_waits_and_drops_are_counted(tmp_path: Path, stuck: threading.Event) -> None:
    size = sum(len(data) for _, _, data in stream(10))
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA, queue_bytes=size)
    sent = stream(50)
    taken = [recorder.put(*next(sent))]
    wait_for(lambda: not recorder._queue, message='the writer to begin')
    taken += [recorder.put(*item) for item in sent]
    # What is being written is in memory, too.
    assert taken == [True] * 30 + [False] * 120
    stuck.set()
    recorder.tell_lost({'/joint_states': 1000})
    recorded = recorder.stop(METADATA)
    assert recorded.messages == sum(taken)
    assert sum(recorded.dropped.values()) == 150 - sum(taken) + 1000
    with BagReader(recorded.path) as bag:
        assert bag.metadata.dropped == recorded.dropped
        assert bag.metadata.dropped['/joint_states'] >= 1000


def test_a_failure_aborts_at_once_and_later_calls_say_why(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(self: BagWriter, *arguments: object) -> None:
        raise BagError('the disk is full')

    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
    assert recorder.failure == ''
    monkeypatch.setattr(BagWriter, 'write', write)
    recorder.put(*next(stream(1)))
    wait_for(lambda: recorder.failure, message='the failure')
    assert 'the disk is full' in recorder.failure
    assert str(tmp_path / 'aborted' / 'bag') in recorder.failure
    assert not recorder.put(*next(stream(1)))
    with pytest.raises(BagError, match='the disk is full'):
        recorder.stop(METADATA)
    assert [path.name for path in tmp_path.iterdir()] == ['aborted']


def test_a_late_topic_is_written_and_judged(tmp_path: Path) -> None:
    judged: list[Take] = []

    def look(take: Take, metadata: EpisodeMetadata) -> Verdict:
        judged.append(take)
        return Verdict(KEEP, (), {})

    first, *others = stream(5)
    recorder = EpisodeRecorder(tmp_path / 'bag', {first[0]: TOPICS[first[0]]}, METADATA,
                               judge=look)
    assert recorder.put(*first)
    assert not recorder.put(*others[0])
    for topic in TOPICS:
        recorder.add_topic(topic, TOPICS[topic])
    assert all(recorder.put(*item) for item in others)
    recorded = recorder.stop(METADATA)
    assert recorded.dropped == {others[0][0]: 1}
    assert recorded.counts == {topic: len(found.log_ns) for topic, found in
                               judged[0].streams.items()} == dict.fromkeys(TOPICS, 5)
    with BagReader(recorded.path) as bag:
        assert list(bag.raw_messages()) == [first, *others]


def test_what_was_lost_is_told_by_what_goes_to_the_trash(tmp_path: Path) -> None:
    for name, end in (('discarded', lambda r: r.discard()), ('aborted', lambda r: r.abort('why'))):
        recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
        for item in stream(2):
            recorder.put(*item)
        recorder.put('/strange', 1, b'')
        recorder.tell_lost({'/joint_states': 4})
        recorded = end(recorder)
        with BagReader(tmp_path / name / 'bag') as bag:
            assert bag.metadata.dropped == recorded.dropped == {'/strange': 1, '/joint_states': 4}


@pytest.mark.parametrize('breaks_at', [1, 7])
def test_what_a_broken_disk_did_not_take_is_counted(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, breaks_at: int) -> None:
    released, real_write, written = threading.Event(), BagWriter.write, []

    def write(self: BagWriter, *arguments: object) -> None:
        assert released.wait(20)
        written.append(arguments)
        if len(written) == breaks_at:
            self._broken = True
            raise BagError('the disk broke')
        real_write(self, *arguments)

    monkeypatch.setattr(BagWriter, 'write', write)
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
    for item in stream(20):
        assert recorder.put(*item)
    recorder.tell_lost({'/joint_states': 100})
    released.set()
    wait_for(lambda: recorder.failure, message='the failure')
    told = yaml.safe_load((tmp_path / 'aborted' / 'bag' / 'metadata.yaml').read_text())
    known = EpisodeMetadata.from_custom_data(
        told['rosbag2_bagfile_information']['custom_data'])
    assert {topic: known.counts[topic] + known.dropped[topic] for topic in TOPICS} == {
        topic: 20 + 100 * (topic == '/joint_states') for topic in TOPICS}
    assert sum(known.counts.values()) < breaks_at


def test_discard_and_abort_put_it_aside(tmp_path: Path) -> None:
    for name, end in (('discarded', lambda r: r.discard()), ('aborted', lambda r: r.abort('why'))):
        recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
        for item in stream(2):
            recorder.put(*item)
        recorded = end(recorder)
        assert recorded.path == tmp_path / name / 'bag'
        with BagReader(recorded.path) as bag:
            assert bag.metadata.success is None
            assert len(list(bag.messages())) == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ['aborted', 'discarded']


def test_quiet_episodes_are_flushed_too(tmp_path: Path) -> None:
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA, 'none')
    item = next(stream(1))
    recorder.put(*item)
    file = tmp_path / 'bag.partial' / 'bag_0.mcap'
    wait_for(lambda: item[2] in file.read_bytes(), message='the message on the disk')
    recorder.abort('done')


def test_what_cannot_be_put_aside_is_no_demonstration_either(tmp_path: Path) -> None:
    (tmp_path / 'discarded').write_text('no folder')
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA)
    for item in stream(5):
        recorder.put(*item)
    with pytest.raises(BagError, match='cannot move .* to .*/discarded/bag'):
        recorder.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['aborted', 'discarded']
    with BagReader(tmp_path / 'aborted' / 'bag') as bag:
        assert len(list(bag.raw_messages())) == 15
