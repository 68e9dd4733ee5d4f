# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The verdict on depth cameras and on video.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest
from test_recording_verdict import Episode
from test_recording_verdict import KNOWN
from test_recording_verdict import TYPES

from vaa_ros.recording import messages
from vaa_ros.recording.take import take_of
from vaa_ros.recording.take_figures import figures_of
from vaa_ros.recording.verdict import DISCARD
from vaa_ros.recording.verdict import judge
from vaa_ros.recording.verdict import KEEP
from vaa_ros.recording.verdict import load_thresholds
from vaa_ros.recording.verdict import LOOK
from vaa_ros.recording.verdict import Verdict

DEPTH, VIDEO = '/depth/image', '/front/video'
FORMS = ('16UC1', '32FC1', '16UC1; png compressed ', '16UC1; compressedDepth png')
TICKS_NS = [log_ns for topic, log_ns, _ in Episode().stream() if topic == '/joint_trajectory']


def depth(form: str, stamp_ns: int, index: int, blind: bool) -> tuple[str, bytes]:
    """A wall 5 m away, the noise of a sensor, and holes where it measures nothing."""
    metres = np.full((16, 16), 5 + 0.001 * (index % 50), np.float32)
    metres[:, 8:] = 0
    metres *= not blind
    millimetres = (metres * 1000).astype('<u2')
    fields: dict[str, Any] = {'header': messages.header(stamp_ns, 'depth')}
    if ';' in form:
        file = cv2.imencode('.png', millimetres)[1].reshape(-1)
        head = np.zeros(12 if 'compressedDepth' in form else 0, np.uint8)
        return messages.COMPRESSED_IMAGE, messages.serialize(messages.COMPRESSED_IMAGE, {
            **fields, 'format': form, 'data': np.append(head, file)})
    pixels = millimetres if form == '16UC1' else np.where(metres > 0, metres, np.nan)
    return messages.IMAGE, messages.serialize(messages.IMAGE, {
        **fields, 'height': 16, 'width': 16, 'encoding': form, 'step': pixels.strides[0],
        'data': pixels.view(np.uint8).reshape(-1)})


def verdict_with(topic: str, made: list[tuple[int, str, bytes]]) -> Verdict:
    """Judge a clean take that has one more topic."""
    stream = Episode().stream() + [(topic, log_ns, data) for log_ns, _, data in made]
    take = take_of({**TYPES, topic: made[0][1]}, sorted(stream, key=lambda item: item[1]))
    assert not take.unreadable
    return judge(figures_of(take, KNOWN, [*TYPES, topic]), load_thresholds())


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize(('blind', 'lost', 'frozen', 'judgement', 'words'), [
    (0, 0, 0, KEEP, ''),
    (20, 0, 0, LOOK, f'{DEPTH}: 25% of the depth pictures measure nothing'),
    (120, 0, 0, DISCARD, f'{DEPTH}: 100% of the depth pictures measure nothing'),
    (0, 12, 0, LOOK, f'{DEPTH}: nothing for 0.4'),
    (0, 0, 12, LOOK, f'{DEPTH} is frozen'),
])
def test_depth_is_judged_in_every_form(form: str, blind: int, lost: int, frozen: int,
                                       judgement: str, words: str) -> None:
    made = []
    for index, log_ns in enumerate(TICKS_NS):
        if not 30 <= index < 30 + lost:
            shown = 60 if 60 <= index < 60 + frozen else index
            made.append((log_ns, *depth(form, log_ns, shown, index < blind)))
    verdict = verdict_with(DEPTH, made)
    assert words in str(verdict)
    assert verdict.judgement == judgement, verdict
    assert verdict.figures['rate_hz'][DEPTH] == pytest.approx(30, rel=1e-3)
    assert DEPTH not in verdict.figures['dark_share']


@pytest.mark.parametrize(('lost', 'judgement', 'words'), [
    ((), KEEP, ''), (range(40, 50), LOOK, f'{VIDEO}: nothing for 0.3'),
    (range(60, 120), DISCARD, f'{VIDEO}: nothing for 2.0'),
    ((50, 70), LOOK, f'{VIDEO}: 1.67% of the messages are missing')])
def test_a_video_is_judged_by_its_stamps(lost: Sequence[int], judgement: str, words: str) -> None:
    made = [(log_ns, messages.COMPRESSED_VIDEO, messages.serialize(messages.COMPRESSED_VIDEO, {
        'timestamp': messages.header(log_ns)['stamp'], 'format': 'h264', 'data': [0, 0, 0, 1]}))
        for index, log_ns in enumerate(TICKS_NS) if index not in lost]
    verdict = verdict_with(VIDEO, made)
    assert words in str(verdict)
    assert verdict.judgement == judgement, verdict
    assert verdict.figures['rate_hz'][VIDEO] == pytest.approx(30, rel=1e-3)
    assert VIDEO not in {**verdict.figures['frozen_s'], **verdict.figures['dark_share']}


def test_a_packet_without_a_picture_cannot_be_read() -> None:
    take = take_of({VIDEO: messages.COMPRESSED_VIDEO}, [
        (VIDEO, 1, messages.serialize(messages.COMPRESSED_VIDEO, {'format': 'h264'}))])
    assert take.unreadable == {VIDEO: 1}
