# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Pairing pictures and joint states by stamp: what is complete, what is refused, what is missing.
"""
from __future__ import annotations

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import VaaError
from vaa_ros.core.sync import FRAMES_KEPT
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import JointState

MS = 1_000_000
T0 = 1_700_000_000_000 * MS


def picture(key: str, value: int = 0) -> np.ndarray:
    camera = SPEC.camera(key)
    return np.full((camera.height, camera.width, 3), value, np.uint8)


class Streams:
    """Pushes into a sync with times in milliseconds after a start."""

    def __init__(self, **options: float) -> None:
        self.sync = ObservationSync(SPEC, **options)

    def front(self, ms: float, value: int = 0) -> bool:
        return self.sync.push_image('front', T0 + round(ms * MS), picture('front', value))

    def wrist(self, ms: float, value: int = 0) -> bool:
        return self.sync.push_image('wrist', T0 + round(ms * MS), picture('wrist', value))

    def joints(self, ms: float, values: object = (0.25, 0.05),
               names: tuple = ('turn', 'gripper')) -> bool:
        return self.sync.push_joints(JointState(T0 + round(ms * MS), names, values))

    def stamp_ms(self, **options: bool) -> float | None:
        observation = self.sync.latest(**options)
        return None if observation is None else (observation.stamp_ns - T0) / MS


@pytest.fixture()
def streams() -> Streams:
    return Streams()


def test_nothing_before_everything_came(streams: Streams) -> None:
    assert streams.stamp_ms() is None
    assert streams.sync.missing() == [
        'no picture from vision/front yet', 'no picture from vision/wrist yet',
        'no joint_states yet']
    streams.front(0)
    streams.wrist(0)
    assert streams.stamp_ms() is None
    assert streams.sync.missing() == ['no joint_states yet']
    streams.joints(0)
    assert streams.stamp_ms() == 0
    assert streams.sync.missing() == []


def test_an_observation_holds_the_frame_and_the_state(streams: Streams) -> None:
    streams.joints(-3, (0.5, 0.01))
    streams.wrist(1, 7)
    streams.front(0, 5)
    observation = streams.sync.latest()
    assert observation.stamp_ns == T0
    assert set(observation.images) == {'front', 'wrist'}
    assert (observation.images['front'] == 5).all()
    assert (observation.images['wrist'] == 7).all()
    assert observation.state.dtype == np.float32
    assert observation.state.tolist() == pytest.approx([0.5, 0.01])


def test_the_same_object_until_there_is_a_newer_one(streams: Streams) -> None:
    for ms in (0, 33):
        streams.joints(ms)
        streams.front(ms)
        assert streams.stamp_ms() == (None if ms == 0 else 0)
        streams.wrist(ms)
        first = streams.sync.latest()
        assert streams.sync.latest() is first
        streams.joints(ms + 1)
        assert streams.sync.latest() is first
    assert streams.stamp_ms() == 33


@pytest.mark.parametrize(('skew_ms', 'expected'), [
    (16, 0), (-16, 0), (16.001, None), (-16.001, None)])
def test_the_limit_on_skew_is_inclusive(
    streams: Streams, skew_ms: float, expected: float | None,
) -> None:
    streams.joints(0)
    streams.front(0)
    streams.wrist(skew_ms)
    assert streams.stamp_ms() == expected
    if expected is None:
        assert 'no stamps in common' in streams.sync.missing()[0]


def test_each_frame_gets_the_nearest_one(streams: Streams) -> None:
    streams.joints(0)
    for ms, value in ((-10, 1), (-2, 2), (5, 3)):
        streams.wrist(ms, value)
    streams.front(0)
    assert (streams.sync.latest().images['wrist'] == 2).all()


def test_a_frame_that_cannot_be_completed_gives_way_to_the_one_before(streams: Streams) -> None:
    streams.joints(0)
    streams.front(0)
    streams.wrist(0)
    streams.front(33)
    assert streams.stamp_ms() == 0


@pytest.mark.parametrize(('lag_ms', 'expected'), [(0, 0), (100, 0), (100.001, None)])
def test_joints_may_lag_by_so_much(
    streams: Streams, lag_ms: float, expected: float | None,
) -> None:
    streams.joints(-lag_ms)
    streams.front(0)
    streams.wrist(0)
    assert streams.stamp_ms() == expected


def test_pictures_that_find_no_partner_say_which_and_for_how_long(streams: Streams) -> None:
    streams.joints(0)
    streams.front(0)
    streams.wrist(0)
    assert streams.stamp_ms() == 0
    assert streams.sync.unpaired()[0] == 0
    streams.front(200)
    streams.wrist(175)
    assert streams.stamp_ms() == 0
    ahead_s, why = streams.sync.unpaired()
    assert ahead_s == pytest.approx(0.2)
    assert why == ('no observation for 0.20 s: cameras front and wrist are 0.025 s apart (bound '
                   '0.016 s); joint_states has no state within 0.1 s before it')


def test_joints_newer_than_the_frame_are_not_seen(streams: Streams) -> None:
    streams.joints(-5, (0.1, 0.0))
    streams.joints(5, (0.9, 0.0))
    streams.front(0)
    streams.wrist(0)
    assert streams.sync.latest().state[0] == pytest.approx(0.1)


def test_lockstep_waits_for_the_joint_state_of_the_frame(streams: Streams) -> None:
    streams.joints(-5, (0.1, 0.0))
    streams.front(0)
    streams.wrist(0)
    assert streams.stamp_ms(exact_joints=True) is None
    streams.joints(0, (0.2, 0.0))
    assert streams.sync.latest(exact_joints=True).state[0] == pytest.approx(0.2)


def test_repeated_stamps_are_not_taken_and_are_no_fault(streams: Streams) -> None:
    assert streams.front(0, 1)
    assert not streams.front(0, 2)
    assert streams.joints(0)
    assert not streams.joints(0, (9.0, 9.0))
    streams.wrist(0)
    observation = streams.sync.latest()
    assert (observation.images['front'] == 1).all()
    assert observation.state[0] == pytest.approx(0.25)
    assert streams.sync.rejected == 0


def test_older_stamps_are_not_taken_and_are_counted(streams: Streams) -> None:
    streams.front(33)
    streams.joints(33)
    assert not streams.front(0)
    assert not streams.joints(0)
    assert streams.sync.rejected == 2


def test_a_clock_set_back_starts_anew(streams: Streams) -> None:
    for push in (streams.front, streams.wrist, streams.joints):
        push(5000)
    assert streams.stamp_ms() == 5000
    assert streams.front(3999)
    assert streams.stamp_ms() is None
    streams.wrist(3999)
    streams.joints(3999)
    assert streams.stamp_ms() == 3999


def test_joints_are_matched_by_name(streams: Streams) -> None:
    streams.joints(0, (0.05, 99.0, 0.25), ('gripper', 'other', 'turn'))
    streams.front(0)
    streams.wrist(0)
    assert streams.sync.latest().state.tolist() == pytest.approx([0.25, 0.05])


@pytest.mark.parametrize(('names', 'values', 'problem'), [
    (('turn',), (0.1,), 'joint_states has no gripper; it has turn'),
    ((), (), 'joint_states has no turn, gripper; it has no joints'),
    (('turn', 'gripper'), (np.nan, 0.0), 'not finite'),
    (('turn', 'gripper'), (0.0, np.inf), 'not finite')])
def test_joint_states_that_cannot_be_used_say_why(
    streams: Streams, names: tuple, values: tuple, problem: str,
) -> None:
    streams.front(0)
    streams.wrist(0)
    assert not streams.joints(0, values, names)
    assert streams.stamp_ms() is None
    assert problem in streams.sync.missing()[-1]
    assert streams.sync.rejected == 1
    assert streams.joints(0)
    assert streams.stamp_ms() == 0


def test_joints_of_no_interest_may_be_anything(streams: Streams) -> None:
    assert streams.joints(0, (0.1, 0.2, np.nan), ('turn', 'gripper', 'other'))


@pytest.mark.parametrize('shape', [(8, 6, 3), (6, 8), (6, 8, 4), (0, 0, 3)])
def test_pictures_of_another_size_are_refused(streams: Streams, shape: tuple) -> None:
    with pytest.raises(ValueError, match=r'picture of front has shape .*\(6, 8, 3\)'):
        streams.sync.push_image('front', T0, np.zeros(shape, np.uint8))


def test_an_unknown_camera_lists_those_there_are(streams: Streams) -> None:
    with pytest.raises(VaaError, match='Available: front, wrist'):
        streams.sync.push_image('side', T0, picture('front'))


def test_stamps_of_all_inputs(streams: Streams) -> None:
    streams.front(33)
    streams.joints(40)
    assert streams.sync.stamps() == {
        'front': T0 + 33 * MS, 'wrist': None, 'joint_states': T0 + 40 * MS}


def test_reset_forgets(streams: Streams) -> None:
    for push in (streams.front, streams.wrist, streams.joints):
        push(0)
    assert streams.stamp_ms() == 0
    streams.sync.reset()
    assert streams.stamp_ms() is None


def test_memory_is_bounded(streams: Streams) -> None:
    for ms in range(5000):
        streams.joints(ms)
        streams.front(ms)
    assert len(streams.sync._frames['front']) == FRAMES_KEPT
    assert len(streams.sync._states) < 1000


@settings(max_examples=60, deadline=None)
@given(data=st.data(), jitter=st.lists(st.integers(-6, 6), min_size=6, max_size=6))
def test_in_lockstep_the_order_of_arrival_changes_nothing(data: st.DataObject, jitter: list,
                                                          ) -> None:
    def observed(order: list) -> list:
        streams, seen = Streams(), []
        for kind, ms in order:
            getattr(streams, kind)(ms)
            observation = streams.sync.latest(exact_joints=True)
            if observation is not None:
                seen.append(observation.stamp_ns)
        return sorted(set(seen))[-1:]

    feeds = {'front': [33 * i for i in range(6)],
             'wrist': [33 * i + shift for i, shift in enumerate(jitter)],
             'joints': [11 * i for i in range(18)]}
    left = {kind: list(times) for kind, times in feeds.items()}
    order = []
    while any(left.values()):
        kind = data.draw(st.sampled_from([kind for kind, times in left.items() if times]))
        order.append((kind, left[kind].pop(0)))
    assert observed(order) == [T0 + 165 * MS]
