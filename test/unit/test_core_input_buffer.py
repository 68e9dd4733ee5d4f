# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The input buffer: what is ready, how old it is, what is wrong.
"""
from __future__ import annotations

import math

import numpy as np
import pytest

from vaa_ros.core.input_buffer import InputBuffer
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import JointSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import JointState

MS = 1_000_000
PICTURE = np.zeros((6, 8, 3), np.uint8)
SPEC = PolicySpec(
    name='p', task='t', robot='r', cameras=(CameraSpec('front', 8, 6), CameraSpec('wrist', 8, 6)),
    joints=(JointSpec('a', 'rad', -1.0, 1.0, 1.0),), control_rate_hz=30.0, chunk_length=4,
    action=ActionSpec('joint_position', ('a',)))


def buffer(lockstep: bool = False) -> InputBuffer:
    return InputBuffer(ObservationSync(SPEC), lockstep)


def joints(stamp_ns: int, value: float = 0.0) -> JointState:
    return JointState(stamp_ns, ('a',), np.array([value]))


def fill(inputs: InputBuffer, stamp_ns: int, now_ns: int = 0) -> None:
    inputs.push_joints(joints(stamp_ns), now_ns)
    inputs.push_image('front', stamp_ns, PICTURE, now_ns)
    inputs.push_image('wrist', stamp_ns, PICTURE, now_ns)


def test_ready_once_an_observation() -> None:
    inputs = buffer()
    assert not inputs.ready()
    assert inputs.take() == (None, False)
    fill(inputs, 100 * MS)
    assert inputs.ready()
    observation, fresh = inputs.take()
    assert fresh and observation.stamp_ns == 100 * MS
    assert not inputs.ready()
    again, fresh = inputs.take()
    assert again is observation and not fresh
    fill(inputs, 100 * MS)
    assert not inputs.ready(), 'the same stamp is the same observation'


def test_lockstep_is_ready_again_when_everything_came_again() -> None:
    inputs = buffer(lockstep=True)
    fill(inputs, 100 * MS)
    assert inputs.ready()
    inputs.take()
    assert not inputs.ready()
    inputs.push_image('front', 100 * MS, PICTURE, 0)
    assert not inputs.ready(), 'the wrist picture has not come again'
    inputs.push_image('wrist', 100 * MS, PICTURE, 0)
    assert inputs.ready()


def test_lockstep_waits_for_the_joints_of_the_tick() -> None:
    inputs = buffer(lockstep=True)
    inputs.push_joints(joints(90 * MS), 0)
    for key in ('front', 'wrist'):
        inputs.push_image(key, 100 * MS, PICTURE, 0)
    assert not inputs.ready()
    inputs.push_joints(joints(100 * MS, 0.5), 0)
    assert inputs.ready()
    assert inputs.take()[0].state[0] == 0.5


def test_a_leftover_of_a_repetition_does_not_complete_the_next_tick() -> None:
    inputs = buffer(lockstep=True)
    fill(inputs, 100 * MS)
    inputs.take()
    inputs.push_image('wrist', 100 * MS, PICTURE, 0)
    inputs.push_joints(joints(133 * MS), 0)
    inputs.push_image('front', 133 * MS, PICTURE, 0)
    assert not inputs.ready()
    inputs.push_image('wrist', 133 * MS, PICTURE, 0)
    assert inputs.ready()


def test_ages_are_by_stamp_or_by_arrival() -> None:
    inputs = buffer()
    assert inputs.ages_s(0, 0) == {
        'vision/front': None, 'vision/wrist': None, 'joint_states': None}
    fill(inputs, 100 * MS, now_ns=1000 * MS)
    assert inputs.ages_s(1010 * MS, 150 * MS)['vision/front'] == pytest.approx(0.05)
    assert inputs.ages_s(1300 * MS, 150 * MS)['joint_states'] == pytest.approx(0.3)
    assert inputs.ages_s(1000 * MS, 40 * MS)['vision/wrist'] == pytest.approx(-0.06)


def test_a_camera_that_repeats_one_frame_grows_old() -> None:
    inputs = buffer()
    fill(inputs, 100 * MS, now_ns=0)
    inputs.push_image('front', 100 * MS, PICTURE, 500 * MS)
    assert inputs.ages_s(500 * MS, 100 * MS)['vision/front'] == pytest.approx(0.5)


def test_troubles_are_named_until_a_good_input_comes() -> None:
    inputs = buffer()
    inputs.problem('vision/front', 'truncated')
    assert inputs.trouble() == 'vision/front: truncated'
    fill(inputs, 100 * MS)
    assert inputs.trouble() == ''


def test_inputs_that_never_match_are_a_trouble() -> None:
    inputs = buffer()
    inputs.push_joints(joints(100 * MS), 0)
    inputs.push_image('front', 100 * MS, PICTURE, 0)
    assert inputs.trouble() == '', 'the wrist camera may just be late'
    assert 'vision/wrist' in inputs.waiting_for()
    inputs.push_image('wrist', 900 * MS, PICTURE, 0)
    assert 'same clock' in inputs.trouble()


def test_a_picture_of_the_wrong_size_is_refused() -> None:
    with pytest.raises(ValueError, match='expects'):
        buffer().push_image('front', 0, np.zeros((5, 5, 3), np.uint8), 0)


def test_reset_forgets() -> None:
    inputs = buffer()
    fill(inputs, 100 * MS)
    inputs.problem('vision/front', 'x')
    inputs.reset()
    assert not inputs.ready()
    assert inputs.trouble() == ''
    assert set(inputs.ages_s(0, 0).values()) == {None}


def test_a_switch_is_as_old_as_its_last_word_and_outlives_a_reset() -> None:
    buffer = InputBuffer(ObservationSync(SPEC))
    buffer.switches['deadman'] = 2 * 10**9
    buffer.reset()
    assert buffer.ages_s(5 * 10**9, 0)['deadman'] == 3.0
    buffer.switches['deadman'] = None
    assert buffer.ages_s(5 * 10**9, 0)['deadman'] == math.inf
