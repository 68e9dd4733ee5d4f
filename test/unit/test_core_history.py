# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which earlier frames a policy sees: at the start, behind gaps, with jitter, and after resets.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np
from policy_models import JOINTS
from policy_models import SPEC
import pytest

from vaa_ros.core.history import earlier_frames
from vaa_ros.core.history import ObservationHistory
from vaa_ros.core.history import PRESENT
from vaa_ros.core.history import seen_frames
from vaa_ros.core.spec import MAX_HISTORY_S
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation

TWO = replace(SPEC, observation_history=2)
THREE = replace(SPEC, observation_history=3)
TICK_NS = 1e9 / 30


def stamps(*ticks: float) -> np.ndarray:
    return np.round(np.array(ticks) * TICK_NS).astype(np.int64)


def chosen(ticks: list[float], spec: PolicySpec = THREE) -> list[list[int]]:
    times = stamps(*ticks)
    return earlier_frames(times, times[0], times, spec).tolist()


def one_by_one(ticks: list[float], spec: PolicySpec) -> list[list[int]]:
    """The rule again, in words: frame by frame, looking at what came before alone."""
    times, result = [int(value) for value in stamps(*ticks)], []
    for place, now in enumerate(times):
        row = []
        for age in range(1, spec.observation_history):
            wanted = max(now - age * spec.history_stride_ns, times[0])
            best = min(range(place), key=lambda i: (abs(times[i] - wanted), i), default=None)
            near = best is not None and \
                abs(times[best] - wanted) <= spec.history_stride_ns / 2
            row.append(best if near else PRESENT)
        result.append(row)
    return result


def run(ticks: list[float], spec: PolicySpec) -> list[list[int]]:
    """The live path: every frame is a picture with its own number on it."""
    history, result = ObservationHistory(), []
    for number, stamp_ns in enumerate(stamps(*ticks)):
        images = {key: np.full((1, 1, 3), number) for key in spec.camera_keys}
        observation = history.add(Observation(int(stamp_ns), images, np.zeros(2, np.float32)))
        seen = [int(frame['front'][0, 0, 0]) for frame in seen_frames(spec, observation)]
        assert seen[0] == number
        result.append([PRESENT if index == number else index for index in seen[1:]])
    return result


def test_frames_are_a_stride_apart_and_the_first_is_repeated_at_the_start():
    assert chosen([*range(9)]) == [
        [PRESENT, PRESENT], [0, 0], [0, 0], [0, 0], [1, 0], [2, 0], [3, 0], [4, 1], [5, 2]]


def test_the_nearest_frame_in_a_gap_within_half_a_stride_else_the_present():
    ticks = [0, 1, 2, 3, 8, 9, 10, 11]
    assert chosen(ticks, TWO) == [[PRESENT], [0], [0], [0], [PRESENT], [PRESENT], [4], [4]]
    # Tick 8 wants tick 5: the tick 3 is two away, more than one and a half.
    assert chosen([0, 1, 2, 3.5, 8], TWO)[-1] == [3]


def test_of_two_frames_as_near_the_older_and_half_a_stride_is_near_enough():
    spec = replace(TWO, control_rate_hz=10.0, history_stride=2)
    for times, wanted in (([0, 5, 7, 8], 1), ([0, 4, 7, 8], 2), ([0, 5, 8], 1), ([0, 4, 8], -1)):
        times = np.array(times) * 100_000_000
        assert earlier_frames(times, 0, times[-1:], spec).tolist() == [[wanted]]
    assert earlier_frames(times + np.array([0, 99_999_999, 0]), 0, times[-1:], spec) == [[PRESENT]]
    assert earlier_frames(times + np.array([0, 100_000_000, 0]), 0, times[-1:], spec) == [[1]]


@pytest.mark.parametrize('spec', [
    TWO, THREE, replace(TWO, history_stride=1), replace(THREE, history_stride=2),
    replace(TWO, history_stride=10)])
@pytest.mark.parametrize('period', [0.5, 1.0, 1.3])
def test_live_offline_and_the_rule_in_words_agree(spec, period):
    random = np.random.default_rng(3)
    ticks = np.arange(120) * period + random.uniform(-0.2, 0.2, 120) * period
    # With gaps, short and longer than what is kept.
    kept = (random.random(120) > 0.15) & ~((ticks > 40) & (ticks < 40 + 30 * 1.5))
    ticks = ticks[kept].tolist()
    wanted = one_by_one(ticks, spec)
    assert chosen(ticks, spec) == wanted
    assert run(ticks, spec) == wanted


def test_frames_after_the_present_change_nothing():
    times = stamps(*range(10))
    whole = earlier_frames(times, times[0], times, THREE)
    for place in range(10):
        before = earlier_frames(times[:place], times[0], times[place:place + 1], THREE)
        assert (before == whole[place]).all()


def test_only_a_bounded_time_is_kept_and_nothing_is_copied():
    history = ObservationHistory()
    images = {'front': np.zeros((1, 1, 3), np.uint8)}
    for stamp_ns in stamps(*range(1000)):
        observation = history.add(Observation(int(stamp_ns), images, np.zeros(1)))
    assert len(observation.past.frames) == round(MAX_HISTORY_S * 30)
    assert all(frame['front'] is images['front'] for frame in seen_frames(THREE, observation))


def test_a_clock_that_is_set_back_begins_an_episode_and_a_repeated_frame_replaces_itself():
    history = ObservationHistory()
    images = [{'front': np.full(1, number)} for number in range(4)]
    for stamp_ns, image in zip((100, 200, 200), images, strict=False):
        observation = history.add(Observation(stamp_ns, image, np.zeros(1)))
    assert [stamp for stamp, _ in observation.past.frames] == [100]
    observation = history.add(Observation(50, images[3], np.zeros(1)))
    assert observation.past.first_ns == 50 and observation.past.frames == ()


def test_a_policy_without_history_sees_the_present_and_so_does_one_that_knows_no_past():
    images = {'front': np.zeros(1)}
    observation = Observation(0, images, np.zeros(1))
    assert seen_frames(SPEC, ObservationHistory().add(observation)) == [images]
    assert seen_frames(THREE, observation) == [images] * 3


class Stream:
    """Pictures and joints of two cameras into a sync."""

    def __init__(self) -> None:
        self.sync = ObservationSync(SPEC)

    def see(self, tick: float, value: int) -> Observation | None:
        stamp_ns = int(stamps(tick)[0])
        self.sync.push_joints(JointState(stamp_ns, [joint.name for joint in JOINTS], np.zeros(2)))
        for camera in SPEC.cameras:
            self.sync.push_image(camera.key, stamp_ns, np.full(
                (camera.height, camera.width, 3), value, np.uint8))
        return self.sync.latest()


def values(observation: Observation, spec: PolicySpec = TWO) -> list[int]:
    return [int(images['wrist'].max()) for images in seen_frames(spec, observation)]


def test_a_reset_forgets_the_frames_of_the_episode_before():
    stream = Stream()
    for tick in range(6):
        observation = stream.see(tick, tick)
    assert values(observation) == [5, 2]
    stream.sync.reset()
    assert values(stream.see(6, 77)) == [77, 77]
    assert values(stream.see(7, 78)) == [78, 77]


def test_a_simulation_that_begins_anew_forgets_them_too():
    stream = Stream()
    for tick in range(60, 66):
        stream.see(tick, tick)
    # The joints tell first that the clock was set back.
    assert values(stream.see(0, 100)) == [100, 100]
    assert values(stream.see(1, 101)) == [101, 100]


def test_frames_from_before_a_hold_are_too_old_to_be_seen():
    stream = Stream()
    for tick in range(6):
        stream.see(tick, tick)
    assert values(stream.see(300, 200)) == [200, 200]
    assert values(stream.see(301, 201)) == [201, 201]
    assert [values(stream.see(300 + tick, 200 + tick)) for tick in (2, 3)] == [
        [202, 200], [203, 200]]


def test_history_that_reaches_too_far_back_is_refused():
    with pytest.raises(ValueError, match='reaches back 0.533 s, expected at most 0.5 s'):
        replace(TWO, history_stride=11, control_rate_hz=30.9375)
    with pytest.raises(ValueError, match='two of them alike'):
        replace(TWO, cameras=(SPEC.cameras[0],
                              replace(SPEC.cameras[1], key='front_earlier_1')))
