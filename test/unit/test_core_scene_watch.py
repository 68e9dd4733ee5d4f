# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The watch over the scene: slow, then hold, then go on.
"""
from __future__ import annotations

import math

import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.scene_watch import FROZEN_FRAMES
from vaa_ros.core.scene_watch import FROZEN_TRAVEL
from vaa_ros.core.scene_watch import FrozenCameras
from vaa_ros.core.scene_watch import SceneWatch
from vaa_ros.core.scene_watch import WatchOptions
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation

STEP_NS = 40_000_000
DOT = np.zeros((1, 1, 3), np.uint8)
# Of one pixel, one embedding element and one joint only the second counts; the limit is 2.
KNOWN = Familiarity(
    ('front',), np.zeros(3), np.zeros((3, 3)), np.zeros(5), np.diag([0.0, 0.0, 0.0, 1.0, 0.0]),
    np.ones(HUES), [0.0, 1.0], 2.0, 0.0, 1.0, 10, 2, 'a test')


class Rig:
    """A watch, its clock, and frames with a given distance."""

    def __init__(self, **options: float) -> None:
        self.watch = SceneWatch([0], WatchOptions(**options))
        self.now_ns = 10**9

    def look(self, distance: float, count: int = 1, known: Familiarity | None = KNOWN,
             step_ns: int = STEP_NS) -> list[str]:
        levels = []
        for _ in range(count):
            self.now_ns += step_ns
            observation = Observation(self.now_ns, {'front': DOT}, np.zeros(1, np.float32))
            chunk = ActionChunk(self.now_ns, np.zeros((1, 1)), 1 / 30,
                                z_vision=np.array([distance]))
            self.watch.update(self.now_ns, known, observation, chunk)
            levels.append(self.watch.level)
        return levels


def test_first_slow_then_hold_then_on() -> None:
    rig = Rig(hold_after_s=0.2, recover_after_s=0.5)
    assert rig.look(1.0, 10) == ['sure'] * 10
    # Three of five frames make an alarm; 0.2 s are five more frames.
    assert rig.look(3.0, 10) == ['sure'] * 2 + ['slowed'] * 5 + ['held'] * 3
    assert 'score 3.00, limit 2.00' in rig.watch.problem
    # Three of five frames end it; 0.5 s are thirteen more.
    again = rig.look(1.0, 20)
    assert again == ['held'] * 15 + ['sure'] * 5
    assert (rig.watch.alarms, rig.watch.holds) == (1, 1)
    assert rig.watch.reason == rig.watch.problem == ''


def test_slowing_is_no_problem_and_a_short_alarm_never_holds() -> None:
    rig = Rig(hold_after_s=0.5)
    rig.look(1.0, 5)
    rig.look(3.0, 5)
    assert rig.watch.slowed and rig.watch.problem == '' and rig.watch.reason
    assert 'held' not in rig.look(1.0, 40)
    assert (rig.watch.alarms, rig.watch.holds) == (1, 0)


@pytest.mark.parametrize(('distance', 'level'), [(2.0, 'sure'), (np.nextafter(2.0, 3), 'slowed')])
def test_the_limit_itself_is_usual(distance: float, level: str) -> None:
    rig = Rig(hold_after_s=9.0)
    assert rig.look(distance, 10)[-1] == level


def test_two_wild_frames_in_five_do_nothing() -> None:
    rig = Rig()
    for _ in range(10):
        levels = rig.look(9.0, 2) + rig.look(0.0, 3)
        assert set(levels) == {'sure'}


def test_nan_is_unusual() -> None:
    rig = Rig(hold_after_s=0.0)
    assert rig.look(math.nan, 3)[-1] == 'held'
    assert rig.watch.confidence == 0.0


def test_no_time_to_hold_holds_at_once_and_none_to_recover_goes_on_at_once() -> None:
    rig = Rig(hold_after_s=0.0, recover_after_s=0.0)
    assert rig.look(3.0, 3) == ['sure', 'sure', 'held']
    assert rig.look(0.0, 3) == ['held', 'held', 'sure']


def test_flicker_does_not_recover() -> None:
    rig = Rig(hold_after_s=0.1, recover_after_s=0.5)
    rig.look(3.0, 8)
    for _ in range(5):
        assert set(rig.look(0.0, 10) + rig.look(3.0, 5)) == {'held'}


def test_a_clock_that_goes_back_starts_the_wait_again() -> None:
    rig = Rig(hold_after_s=0.2)
    rig.look(3.0, 4)
    rig.now_ns = 0
    assert rig.look(3.0, 5)[-1] == 'slowed'
    assert rig.look(3.0, 1)[-1] == 'held'


def test_confidence_is_smoothed_and_falls() -> None:
    rig = Rig()
    assert math.isnan(rig.watch.confidence)
    rig.look(0.25, 5)
    assert rig.watch.confidence == pytest.approx(0.75)
    rig.look(0.75, 3)
    assert rig.watch.confidence == pytest.approx(0.25)
    rig.watch.reset()
    assert math.isnan(rig.watch.confidence)


def test_a_policy_that_knows_nothing_is_never_sure_nor_held() -> None:
    rig = Rig(hold_after_s=0.0)
    assert rig.look(1e9, 10, known=None) == ['sure'] * 10
    assert math.isnan(rig.watch.confidence)


def test_off_is_off() -> None:
    rig = Rig(enabled=False)
    assert rig.look(1e9, 10) == ['off'] * 10
    assert not rig.watch.slowed and rig.watch.problem == ''


def test_reset_forgets_a_hold() -> None:
    rig = Rig(hold_after_s=0.0)
    rig.look(3.0, 5)
    rig.watch.reset()
    assert rig.watch.level == 'sure' and rig.look(3.0) == ['sure']


@pytest.mark.parametrize('options', [
    {'false_alarms_per_hour': 0.0}, {'false_alarms_per_hour': math.nan}, {'slow_factor': 0.0},
    {'slow_factor': 1.1}, {'hold_after_s': -0.1}, {'recover_after_s': math.inf}])
def test_bad_options_are_refused(options: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(options))):
        WatchOptions(**options)


def frame(value: int, joint: float, gripper: float = 0.0, key: str = 'front') -> Observation:
    return Observation(0, {key: np.full((2, 3, 3), value, np.uint8)},
                       np.array([joint, gripper], np.float32))


def test_a_picture_that_stays_while_the_arm_moves_is_frozen() -> None:
    cameras = FrozenCameras([0])
    way = np.linspace(0, 2 * FROZEN_TRAVEL, 2 * FROZEN_FRAMES)
    found = [cameras.add(frame(7, joint)) for joint in way]
    first = next(index for index, text in enumerate(found) if text)
    assert first == max(FROZEN_FRAMES, int(np.flatnonzero(way > FROZEN_TRAVEL)[0]))
    assert 'camera front is frozen' in found[first]
    assert cameras.add(frame(8, 1.0)) == ''


def test_a_still_arm_or_a_moving_gripper_freezes_nothing() -> None:
    cameras = FrozenCameras([0])
    near = 0.9 * FROZEN_TRAVEL
    assert not any(cameras.add(frame(7, near * (index % 2), gripper=index)) for index in range(50))


def test_one_changed_pixel_is_a_new_picture() -> None:
    cameras = FrozenCameras([0])
    for index in range(50):
        seen = frame(7, 0.1 * index)
        seen.images['front'][0, 0, 0] = index % 2
        assert cameras.add(seen) == ''


def test_a_jump_needs_its_frames_too() -> None:
    cameras = FrozenCameras([0])
    cameras.add(frame(7, 0.0))
    found = [cameras.add(frame(7, 1.0)) for _ in range(FROZEN_FRAMES)]
    assert [bool(text) for text in found] == [False] * (FROZEN_FRAMES - 1) + [True]


def test_a_frozen_camera_slows_without_any_calibration() -> None:
    watch = SceneWatch([0], WatchOptions(hold_after_s=0.0))
    chunk = ActionChunk(0, np.zeros((1, 1)), 1 / 30)
    for index in range(2 * FROZEN_FRAMES):
        watch.update(index * STEP_NS, None, frame(7, 0.1 * index), chunk)
    assert watch.problem.startswith('camera front is frozen')
