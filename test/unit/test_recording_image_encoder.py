# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pictures that are compressed while they are recorded.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path
import threading

from processes import wait_for
import pytest
from recording_bags import METADATA
from recording_bags import picture
from recording_bags import START_NS
from recording_bags import stream
from recording_bags import TOPICS
from test_recording_session import Source

from vaa_ros.core.errors import BagError
from vaa_ros.core.image_encoding import ImageFormat
from vaa_ros.core.images import decode_compressed
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import CameraSpec
from vaa_ros.learning.bag_streams import read_streams
from vaa_ros.recording import image_encoder
from vaa_ros.recording import messages
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.recorder import EpisodeRecorder
from vaa_ros.recording.session import Disk
from vaa_ros.recording.session import RecordingSession
from vaa_ros.recording.telling import silent_topics
from vaa_ros.recording.verdict import KEEP
from vaa_ros.recording.verdict import Limits

PNG = ImageFormat('png')
RAW = '/front/image_raw'
COMPRESSED = '/front/image_raw/compressed'


def depth(encoding: str, size: int) -> bytes:
    return messages.serialize(messages.IMAGE, {
        'header': messages.header(START_NS, 'depth'), 'height': 4, 'width': 4,
        'encoding': encoding, 'step': 4 * size, 'data': bytearray(16 * size)})


def test_pictures_come_out_in_order_and_the_rest_as_it_was(tmp_path: Path) -> None:
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA, images=PNG)
    sent = list(stream(40))
    assert all(recorder.put(*item) for item in sent)
    recorded = recorder.stop(METADATA)
    assert dict(recorded.counts) == {COMPRESSED: 40, '/joint_states': 40, '/joint_trajectory': 40}
    with BagReader(recorded.path) as bag:
        assert [item for item in bag.raw_messages() if item[0] != COMPRESSED] == [
            item for item in sent if item[0] != RAW]
        pictures = list(bag.messages([COMPRESSED]))
    assert [log_ns for _, log_ns, _ in pictures] == [item[1] for item in sent[::3]]
    for index, (_, log_ns, message) in enumerate(pictures):
        assert (messages.header_stamp_ns(message), message.header.frame_id) == (log_ns, 'front')
        assert (decode_compressed(message.data) == picture(index)).all()


def test_what_is_learned_from_png_is_what_is_learned_from_raw_pictures(tmp_path: Path) -> None:
    streams = []
    for name, form in (('raw', ImageFormat()), ('png', PNG)):
        recorder = EpisodeRecorder(tmp_path / name, TOPICS, METADATA, images=form)
        for item in stream(5):
            recorder.put(*item)
        streams.append(read_streams(recorder.stop(METADATA).path, load_robot('vaa_arm'),
                                    [CameraSpec('front', 16, 12)], 1 / 30).pictures['front'])
    raw, png = streams
    assert len(raw) == 5
    assert [(a.stamp_ns, a.log_ns, a.value.tobytes()) for a in raw] == [
        (b.stamp_ns, b.log_ns, b.value.tobytes()) for b in png]


def test_what_cannot_be_compressed_is_stored_as_it_came_and_told(tmp_path: Path) -> None:
    recorder = EpisodeRecorder(tmp_path / 'bag', {'/far': messages.IMAGE}, METADATA,
                               images=ImageFormat('jpeg', 80))
    recorder.add_topic('/near', messages.IMAGE)
    sent = {'/far': depth('32FC1', 4), '/near': depth('16UC1', 2)}
    for topic, data in sent.items():
        recorder.put(topic, START_NS, data)
    wait_for(lambda: recorder.stored_raw, message='the note')
    recorder.put('/far', START_NS + 1, b'\0\1\0\0hostile')
    recorded = recorder.stop(METADATA)
    with BagReader(recorded.path) as bag:
        found = {(topic, log_ns): data for topic, log_ns, data in bag.raw_messages()}
        told = bag.metadata.image_compression
    assert set(found) == {('/far', START_NS), ('/far', START_NS + 1),
                          ('/near/compressed', START_NS)}
    assert found['/far', START_NS] == sent['/far']
    assert told == {'format': 'jpeg', 'quality': 80,
                    'raw': {'/far': '32FC1 cannot be stored as jpeg'}}


def test_slow_compression_keeps_no_other_topic_out_and_is_counted(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()
    real = image_encoder._compressed

    def slow(form: ImageFormat, data: bytes) -> bytes:
        assert released.wait(20)
        return real(form, data)

    monkeypatch.setattr(image_encoder, '_compressed', slow)
    sent = list(stream(50))
    picture_bytes = len(sent[0][2])
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA, images=PNG,
                               queue_bytes=20 * picture_bytes)
    taken = [recorder.put(*item) for item in sent]
    wait_for(lambda: recorder.counts['/joint_states'] == 50, message='the joint states')
    released.set()
    recorded = recorder.stop(METADATA)
    assert taken[1::3] == taken[2::3] == [True] * 50
    kept = sum(taken[::3])
    assert 5 <= kept <= 10
    assert recorded.counts[COMPRESSED] == kept
    assert recorded.dropped == {COMPRESSED: 50 - kept}


def test_an_aborted_episode_has_its_pictures_too(tmp_path: Path) -> None:
    recorder = EpisodeRecorder(tmp_path / 'bag', TOPICS, METADATA, images=PNG)
    for item in stream(10):
        recorder.put(*item)
    assert recorder.abort('why').counts[COMPRESSED] == 10


def test_a_session_knows_its_camera_by_either_name(tmp_path: Path) -> None:
    source = Source()
    session = RecordingSession(source, list(TOPICS), lambda: START_NS - 5,
                               {'messages': Limits(look=1, discard=1)})
    source.put = session.put
    session.start(Disk(tmp_path, images=PNG), METADATA)
    source.waiting = list(stream(20))
    source.lost = {RAW: 3}
    recorded = session.stop(True)
    assert silent_topics(list(TOPICS), recorded) == []
    assert recorded.verdict.judgement == KEEP
    assert recorded.verdict.figures['messages'][COMPRESSED] == 20
    assert recorded.verdict.figures['missing_share'][COMPRESSED] == 3 / 23
    with BagReader(recorded.path) as bag:
        assert bag.metadata.image_compression == {'format': 'png'}
        assert bag.metadata.dropped == {COMPRESSED: 3}


def test_one_topic_is_never_written_from_two(tmp_path: Path) -> None:
    source = Source()
    session = RecordingSession(source, list(TOPICS))
    session.start(Disk(tmp_path, images=PNG), METADATA)
    source.types[COMPRESSED] = messages.COMPRESSED_IMAGE
    session.put(COMPRESSED, START_NS, b'late', START_NS)
    session.put(*next(stream(1)), START_NS)
    recorded = session.stop(True)
    assert (recorded.counts[COMPRESSED], recorded.dropped) == (1, {COMPRESSED: 1})
    with pytest.raises(BagError, match=f'{RAW} and {COMPRESSED} are both to be recorded'):
        session.start(Disk(tmp_path, images=PNG), METADATA)
    session.start(Disk(tmp_path), replace(METADATA, seed=4))
    session.discard()
