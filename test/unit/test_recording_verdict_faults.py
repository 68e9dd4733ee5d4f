# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Faults that a look at cameras and joints alone does not show: each spoils a clean take.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace
import math
from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import numpy as np
import pytest
from recording_bags import START_NS
from test_recording_verdict import COMMANDS
from test_recording_verdict import Episode
from test_recording_verdict import FRONT
from test_recording_verdict import JOINTS
from test_recording_verdict import KNOWN
from test_recording_verdict import ROBOT
from test_recording_verdict import TYPES
from test_recording_verdict import WRIST

from vaa_ros.core.types import JointState
from vaa_ros.recording import messages
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.take import take_of
from vaa_ros.recording.take_figures import figures_of
from vaa_ros.recording.verdict import DISCARD
from vaa_ros.recording.verdict import judge
from vaa_ros.recording.verdict import KEEP
from vaa_ros.recording.verdict import load_thresholds
from vaa_ros.recording.verdict import LOOK
from vaa_ros.recording.verdict import Verdict

Item = tuple[str, int, bytes]
WRENCH, EVENTS = '/wrench', '/events'
MORE = {**TYPES, WRENCH: 'geometry_msgs/msg/WrenchStamped', EVENTS: messages.STRING}


def stopped_after(seconds: float) -> EpisodeMetadata:
    return replace(KNOWN, stopped_ns=START_NS + round(seconds * 1e9))


def verdict_of(items: Sequence[Item], metadata: EpisodeMetadata = KNOWN,
               required: Sequence[str] = tuple(TYPES)) -> Verdict:
    take = take_of(MORE, sorted(items, key=lambda item: item[1]))
    return judge(figures_of(take, metadata, required), load_thresholds())


def joints_as(position: Callable[[np.ndarray, float], np.ndarray],
              names: Sequence[str] = ROBOT.joint_names, seconds: float = 4.0) -> list[Item]:
    """A clean take whose joint states tell something else than they should."""
    made = []
    for topic, log_ns, data in Episode(seconds=seconds).stream():
        if topic == JOINTS:
            row = position(messages.deserialize(messages.JOINT_STATE, data).position.copy(),
                           (log_ns - START_NS) / 1e9)
            data = messages.joint_state(JointState(log_ns, tuple(names), row))
        made.append((topic, log_ns, data))
    return made


def test_a_take_that_lasts_from_start_to_stop_is_kept() -> None:
    verdict = verdict_of(Episode().stream(), stopped_after(4.02))
    assert verdict.judgement == KEEP, verdict


@settings(max_examples=15, deadline=None)
@given(dead_s=strategies.floats(0.3, 8.0), first=strategies.booleans())
def test_silence_at_the_begin_and_the_end_is_a_gap(dead_s: float, first: bool) -> None:
    shift_ns = round(dead_s * 1e9) if first else 0
    metadata = replace(stopped_after(4.0 + dead_s), started_ns=START_NS - shift_ns,
                       stopped_ns=START_NS + round(4.0e9 + dead_s * 1e9) - shift_ns)
    verdict = verdict_of(Episode().stream(), metadata)
    for topic in (FRONT, WRIST, JOINTS):
        assert verdict.figures['gap_s'][topic] == pytest.approx(dead_s, abs=0.05)
    assert verdict.judgement == (DISCARD if verdict.figures['gap_s'][JOINTS] > 1 else LOOK)


def test_a_simulation_may_wait_before_and_after() -> None:
    """In lockstep stamps begin at 1 s, go at any pace, and the arm waits for the start."""
    made = []
    for topic, log_ns, data in Episode().stream():
        message = messages.deserialize(TYPES[topic], data)
        stamp_ns = 10**9 + log_ns - START_NS
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(stamp_ns, 10**9)
        arrived = (log_ns - START_NS) / 1e9
        # Now slower than real time, now faster, and twice as fast on the whole.
        arrived = 0.4 * arrived + 0.02 * math.sin(40 * arrived) / 4
        made.append((topic, START_NS + round(arrived * 1e9),
                     messages.serialize(TYPES[topic], message)))
    verdict = verdict_of(made, replace(stopped_after(2.5), started_ns=START_NS - 10**9))
    assert verdict.judgement == KEEP, verdict
    assert verdict.figures['length_s']['episode'] == pytest.approx(4.0, abs=0.05)
    assert verdict.figures['jerk']['joint_1'] == pytest.approx(
        0.2 * 2.5 ** 3 / math.sqrt(2), rel=0.15)
    assert verdict.figures['delay_ms']['arm'] == pytest.approx(50, abs=30)
    assert verdict.figures['rate_share']['commands'] == pytest.approx(1.0, abs=0.1)


def wrench(whens: Sequence[float]) -> list[Item]:
    return [(WRENCH, START_NS + round(when * 1e9), messages.serialize(MORE[WRENCH], {
        'header': messages.header(START_NS + round(when * 1e9))})) for when in whens]


@pytest.mark.parametrize(('hole', 'judgement'), [
    ((0, 0), KEEP), ((2.0, 6.0), DISCARD), ((4.0, 8.0), DISCARD), ((0.0, 0.5), LOOK)])
def test_any_required_topic_with_a_steady_rate_is_judged(hole: tuple[float, float],
                                                         judgement: str) -> None:
    whens = [when for when in np.arange(0, 8, 0.02) if not hole[0] <= when < hole[1]]
    items = Episode(seconds=8.0).stream() + wrench(whens)
    verdict = verdict_of(items, stopped_after(8.0), [*TYPES, WRENCH])
    assert verdict.judgement == judgement, verdict
    assert (f'{WRENCH}: nothing for {hole[1] - hole[0]:.1f}' in str(verdict)) == (
        judgement != KEEP)
    # Who does not require it does not hear of it.
    assert verdict_of(items, stopped_after(8.0)).judgement == KEEP


@settings(max_examples=10, deadline=None)
@given(seed=strategies.integers(0, 2**32 - 1), period=strategies.floats(0.2, 1.5))
def test_events_and_slow_topics_are_no_gaps(seed: int, period: float) -> None:
    rng = np.random.default_rng(seed)
    events = [(EVENTS, START_NS + round(when * 1e9), messages.serialize(
        messages.STRING, {'data': 'x'})) for when in np.cumsum(rng.exponential(0.2, 40))]
    items = Episode(seconds=8.0).stream() + wrench(np.arange(0, 8, period)) + [
        item for item in events if item[1] < START_NS + 8 * 10**9]
    verdict = verdict_of(items, stopped_after(8.0), [*TYPES, WRENCH])
    assert verdict.judgement == KEEP, verdict


@pytest.mark.parametrize(('last', 'words'), [
    (lambda when: when < 2.0, 'went on for 7.9'),
    (lambda when: when == 0, 'went on for 9'),
    (lambda when: when > 3.0, 'went on for 2.9')])
def test_an_arm_that_moves_without_commands_is_told(last: Callable[[float], bool],
                                                    words: str) -> None:
    episode = Episode(seconds=10.0, lost=lambda topic, when: topic == COMMANDS and not last(when))
    verdict = verdict_of(episode.stream(), stopped_after(10.0))
    assert words in str(verdict)
    assert verdict.judgement == LOOK


def test_nobody_commands_an_arm_that_stands_still() -> None:
    episode = Episode(seconds=6.0, still=(3.0, 5.9),
                      lost=lambda topic, when: topic == COMMANDS and when > 3.1)
    verdict = verdict_of(episode.stream(), stopped_after(6.0))
    assert verdict.judgement == KEEP, verdict


@pytest.mark.parametrize(('topics', 'every', 'rate', 'subject'), [
    ((FRONT, WRIST), 6, 30.0, FRONT), ((COMMANDS,), 10, 30.0, 'commands'),
    ((JOINTS,), 8, 30.0, JOINTS)])
def test_a_steady_rate_that_is_far_too_low_is_told(topics: Sequence[str], every: int, rate: float,
                                                   subject: str) -> None:
    seen: dict[str, int] = dict.fromkeys(TYPES, -1)

    def lost(topic: str, when: float) -> bool:
        seen[topic] += 1
        return topic in topics and seen[topic] % every != 0

    items = Episode(seconds=8.0, lost=lost).stream()
    verdict = verdict_of(items)
    assert f'{subject} come at' in str(verdict)
    assert verdict.judgement == LOOK, verdict
    unknown = replace(KNOWN, spec={**KNOWN.spec, 'control_rate_hz': 0.0})
    assert 'rate_share' in verdict.figures and not verdict_of(items, unknown).figures['rate_share']


def test_fast_commands_need_no_fast_cameras() -> None:
    fast = replace(KNOWN, spec={**KNOWN.spec, 'control_rate_hz': 60.0})
    assert verdict_of(Episode().stream(), fast).judgement == KEEP


def test_an_arm_that_does_something_else_is_told() -> None:
    def other(row: np.ndarray, when: float) -> np.ndarray:
        return np.array(ROBOT.home) + 0.3 * np.sin(5.3 * when + np.arange(7))

    verdict = verdict_of(joints_as(other))
    assert 'the joints do not follow the commands' in str(verdict)
    assert verdict.judgement == LOOK


@settings(max_examples=7, deadline=None)
@given(index=strategies.integers(0, 5))
def test_a_stuck_encoder_is_named(index: int) -> None:
    def stuck(row: np.ndarray, when: float) -> np.ndarray:
        row[index] = 0.1
        return row

    verdict = verdict_of(joints_as(stuck))
    assert f'{ROBOT.joint_names[index]} moved 0% of the way' in str(verdict)
    assert len(verdict.reasons) == 1
    assert verdict.judgement == LOOK


@settings(max_examples=10, deadline=None)
@given(seed=strategies.integers(0, 2**32 - 1), noise=strategies.floats(0, 2e-4))
def test_an_encoder_may_be_noisy(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    verdict = verdict_of(joints_as(lambda row, when: row + rng.normal(0, noise, 7)))
    assert verdict.figures['follow_share']['arm'] > 0.9
    assert verdict.judgement == KEEP, verdict


def test_joints_of_another_robot_are_named() -> None:
    names = [f'left_{index}' for index in range(7)]
    verdict = verdict_of(joints_as(lambda row, when: row, names))
    assert f'{JOINTS} (left_0, left_1, ' in str(verdict)
    assert verdict.judgement == DISCARD


def pictures(edit: Callable[[dict[str, Any]], None]) -> list[Item]:
    made = []
    for topic, log_ns, data in Episode().stream():
        if topic == FRONT:
            fields = {'header': messages.header(log_ns), 'height': 8, 'width': 8,
                      'encoding': 'rgb8', 'step': 24,
                      'data': np.full(192, 100 + log_ns // 10**7 % 50, np.uint8)}
            edit(fields)
            data = messages.serialize(messages.IMAGE, fields)
        made.append((topic, log_ns, data))
    return made


def test_white_pictures_are_told() -> None:
    verdict = verdict_of(pictures(lambda fields: fields.update(
        data=np.append(np.full(191, 255, np.uint8), fields['data'][:1]))))
    assert f'{FRONT}: 100% of the pictures are white' in str(verdict)
    assert verdict.judgement == DISCARD


def test_pictures_that_no_dataset_can_read_are_told() -> None:
    items = pictures(lambda fields: fields.update(encoding='rgb16'))
    verdict = verdict_of(items)
    assert f'120 messages of {FRONT} (encoding rgb16) cannot be read' in str(verdict)
    assert verdict.judgement == DISCARD
    # A camera that is recorded beside those of the robot is nobody's business.
    spec = {**KNOWN.spec, 'cameras': {'wrist': WRIST}}
    assert verdict_of(items, replace(KNOWN, spec=spec), [WRIST, JOINTS]).judgement == KEEP
