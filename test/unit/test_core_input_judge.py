# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The judge of the inputs: nothing about good ones, and each fault found, named and graded.
"""
from __future__ import annotations

import math

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st
import numpy as np
import pytest

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.input_findings import Finding
from vaa_ros.core.input_findings import FINE
from vaa_ros.core.input_findings import HELD
from vaa_ros.core.input_findings import Judgement
from vaa_ros.core.input_findings import JudgeOptions
from vaa_ros.core.input_findings import SLOWED
from vaa_ros.core.input_findings import WARNED
from vaa_ros.core.input_judge import blank_picture
from vaa_ros.core.input_judge import InputJudge
from vaa_ros.core.robot import JointSpec

MS = 1_000_000
CAMERA, JOINTS = 'vision/front', 'joint_states'
SCENE = np.linspace(0, 255, 24 * 32 * 3).astype(np.uint8).reshape(24, 32, 3)
BLACK = np.full_like(SCENE, 7)
SLOW_S = 0.5
EPOCH_NS = 1_800_000_000 * 10**9


class Feed:
    """
    A camera at 30 Hz and joints at 90 Hz whose messages take 2 ms, as the judge sees them.
    """

    def __init__(self, simulated: bool = False, **options: float) -> None:
        self.judge = InputJudge([CAMERA], JOINTS, [JointSpec('a', 'rad', -3, 3, 2.0)],
                                JudgeOptions(**options), simulated)
        self.now_ns = 0
        self.ros_ahead_ns = EPOCH_NS
        self.stamp_ahead_ns = {CAMERA: EPOCH_NS, JOINTS: EPOCH_NS}
        self.scene = SCENE
        self.position: np.ndarray | None = np.zeros(1)
        self.frames = 0
        self.speaking = {CAMERA, JOINTS}

    def stamp(self, topic: str) -> int:
        return self.now_ns - 2 * MS + self.stamp_ahead_ns[topic]

    def camera(self, stamp_ns: int | None = None) -> None:
        self.judge.picture(CAMERA, self.stamp(CAMERA) if stamp_ns is None else stamp_ns,
                           self.scene, self.now_ns, self.now_ns + self.ros_ahead_ns)

    def joints(self, stamp_ns: int | None = None) -> None:
        self.judge.joints(self.stamp(JOINTS) if stamp_ns is None else stamp_ns, self.position,
                          'has no a', self.now_ns, self.now_ns + self.ros_ahead_ns)

    def run(self, seconds: float) -> Judgement:
        """
        Let time go on, and give the worst that was judged on the way.
        """
        worst = self.now()
        for _ in range(round(seconds * 90)):
            self.now_ns += 11_111_111
            self.frames += 1
            if JOINTS in self.speaking:
                self.joints()
            if CAMERA in self.speaking and self.frames % 3 == 0:
                self.camera()
            judged = self.now()
            worst = max(worst, judged, key=lambda each: (each.grade, bool(each.hold)))
        return worst

    def now(self, unpaired: tuple[float, str] = (0.0, '')) -> Judgement:
        return self.judge.judge(self.now_ns, self.now_ns + self.ros_ahead_ns, unpaired)


@pytest.mark.parametrize(('value', 'grade'), [
    (0.0, FINE), (0.09, FINE), (0.1, WARNED), (0.151, SLOWED), (0.2, HELD), (-0.3, HELD)])
def test_half_of_a_limit_warns_three_quarters_slow_all_of_it_holds(
    value: float, grade: int,
) -> None:
    assert Finding('x', 'age_s', value, 0.2, '').grade == grade


@settings(max_examples=12, deadline=None)
@given(st.floats(0.0, 0.02), st.floats(0.0, 0.02), st.integers(0, 2**32))
def test_nothing_is_wrong_with_good_inputs(transit_s: float, jitter_s: float, seed: int) -> None:
    # Whatever the way takes, as long as its shortest time stays within half of each limit.
    feed, random = Feed(), np.random.default_rng(seed).random
    arrivals = sorted(
        (stamp_ns + round(1e9 * (transit_s + jitter_s * random())), topic, stamp_ns)
        for topic, period_ns in ((CAMERA, 33_333_333), (JOINTS, 8_000_000))
        for stamp_ns in range(0, 2 * 10**9, period_ns))
    newest = dict.fromkeys((CAMERA, JOINTS), -1)
    for now_ns, topic, stamp_ns in arrivals:
        if stamp_ns < newest[topic]:
            continue  # in the order of its stream
        newest[topic] = stamp_ns
        feed.now_ns = now_ns
        feed.position = np.array([math.sin(2.0 * stamp_ns / 1e9)])
        (feed.camera if topic == CAMERA else feed.joints)(EPOCH_NS + stamp_ns)
        judged = feed.now()
        assert judged.grade == FINE, [each for each in judged.findings if each.grade]
        assert not judged.hold and not judged.slow


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 10**10),
                          st.integers(-10**19, 10**19), st.booleans(),
                          st.floats(allow_nan=False, allow_infinity=False)), max_size=60))
def test_whatever_comes_is_judged_and_said(messages: list[tuple]) -> None:
    feed = Feed()
    for kind, wait_ns, stamp_ns, good, position in messages:
        feed.now_ns += wait_ns
        feed.ros_ahead_ns = stamp_ns if kind == 2 else feed.ros_ahead_ns
        feed.position = np.array([position]) if good else None
        if kind != 2:
            (feed.camera if kind else feed.joints)(stamp_ns)
        judged = feed.now()
        assert not any(math.isnan(value) for value in judged.values().values())
        held = [each for each in judged.findings
                if each.grade == HELD and not each.name.startswith('age')]
        assert bool(judged.hold) == bool(held)
        assert all(each.text in judged.hold and each.text for each in held)


def test_ages_are_told_by_stamp_and_by_arrival() -> None:
    feed = Feed()
    feed.run(1.0)
    feed.speaking = {JOINTS}
    judged = feed.run(0.16)
    assert 'vision/front: nothing new came for 0.1' in judged.slow
    values = feed.now().values()
    assert values['vision/front age_by_stamp_s'] == pytest.approx(
        values['vision/front age_by_arrival_s'] + 0.002)
    feed.run(0.2)
    assert not feed.now().hold, 'that is for the gate to say'


def test_a_clock_that_differs_is_found_ahead_and_behind() -> None:
    feed = Feed()
    feed.stamp_ahead_ns[CAMERA] -= 160 * MS
    assert 'clock is 0.162 s behind' in feed.run(1.0).hold
    feed.judge.reset()
    feed.stamp_ahead_ns[CAMERA] = EPOCH_NS + 92 * MS
    judged = feed.run(1.0)
    assert judged.grade == WARNED
    assert judged.values()['vision/front clock_skew_s'] == pytest.approx(-0.09)


@pytest.mark.parametrize('way_ns', [3600 * 10**9, -3600 * 10**9, 70 * MS])
def test_a_step_of_the_own_clock_holds_for_a_second(way_ns: int) -> None:
    feed = Feed()
    assert feed.run(1.0).grade == FINE
    feed.ros_ahead_ns += way_ns
    feed.stamp_ahead_ns = dict.fromkeys(feed.stamp_ahead_ns, feed.ros_ahead_ns)
    assert 'clock of this computer was set' in feed.run(0.1).hold
    feed.run(1.1)
    assert feed.now().grade == FINE


def test_a_thread_that_is_put_aside_between_two_clocks_is_no_step() -> None:
    feed = Feed()
    feed.run(1.0)
    feed.ros_ahead_ns += 300 * MS
    feed.now()
    feed.ros_ahead_ns -= 300 * MS
    assert feed.run(0.5).grade == FINE


def test_a_simulated_clock_may_run_at_any_speed_but_not_back() -> None:
    feed = Feed(simulated=True)
    feed.run(1.0)
    for _ in range(20):
        feed.ros_ahead_ns += 200 * MS
        feed.stamp_ahead_ns = dict.fromkeys(feed.stamp_ahead_ns, feed.ros_ahead_ns)
        assert 'clock' not in feed.run(0.05).hold
    feed.ros_ahead_ns -= 5000 * MS
    assert 'set back' in feed.run(0.05).hold


def test_a_stream_whose_clock_is_set_is_named() -> None:
    feed = Feed()
    feed.run(1.0)
    feed.stamp_ahead_ns[CAMERA] += 80 * MS
    assert 'vision/front: its clock was set forward by 0.080 s' in feed.run(0.1).hold
    feed.run(3.0)
    feed.stamp_ahead_ns[JOINTS] -= 7200 * 10**9
    assert 'joint_states: its clock was set back by 7199' in feed.run(0.1).hold


def test_a_computer_that_was_busy_and_catches_up_is_no_other_clock() -> None:
    feed = Feed()
    feed.speaking = {JOINTS}
    for late_ms in [45] * 90 + [12] * 30:
        feed.run(1 / 30)
        if late_ms == 12 and feed.now().values()['vision/front clock_skew_s'] == 0.045:
            # The frame that was still on its way comes too.
            feed.camera(feed.now_ns + EPOCH_NS - 45 * MS)
        feed.camera(feed.now_ns + EPOCH_NS - late_ms * MS)
        assert feed.now().values()['vision/front clock_jump_s'] == 0.0
    assert feed.now().values()['vision/front clock_skew_s'] == 0.012


def test_a_camera_that_comes_back_has_no_other_clock() -> None:
    feed = Feed()
    feed.run(1.0)
    feed.speaking = {JOINTS}
    feed.run(5.0)
    feed.speaking = {CAMERA, JOINTS}
    feed.run(0.1)
    feed.run(SLOW_S)
    assert feed.run(0.5).grade == FINE


def test_stamps_that_repeat_or_go_back_are_counted_and_graded() -> None:
    feed = Feed()
    feed.run(1.0)
    newest = feed.stamp(JOINTS)
    feed.joints(newest)
    feed.joints(newest - 40 * MS)
    assert feed.now().grade == FINE, 'a network does that'
    assert feed.judge.counts()['joint_states repeated'] == 1
    assert feed.judge.counts()['joint_states disordered'] == 1
    worst = FINE
    for _ in range(90):
        feed.run(1 / 90)
        feed.joints(feed.stamp(JOINTS) - 100 * MS)
        worst = max(worst, feed.now().grade)
    assert worst == HELD
    assert 'do two nodes publish it?' in feed.now().hold


def test_a_picture_without_anything_in_it_warns_slows_and_holds() -> None:
    feed = Feed()
    feed.run(1.0)
    feed.scene = BLACK
    grades = []
    for _ in range(30):
        feed.run(1 / 90)
        grades.append(feed.now().grade)
    assert [grade for at, grade in enumerate(grades) if at == 0 or grade != grades[at - 1]] == [
        FINE, WARNED, SLOWED, HELD]
    assert 'vision/front: the picture is black for 0.3' in feed.now().hold
    feed.scene = SCENE
    feed.run(0.1)
    assert not feed.now().hold and 'black' in feed.now().slow
    feed.run(SLOW_S)
    assert not feed.now().slow


def test_it_tells_when_what_is_bad_already_will_hold() -> None:
    feed = Feed()
    feed.run(1.0)
    assert feed.judge.lasts_s(feed.now_ns) == math.inf
    feed.scene = BLACK
    feed.camera()
    assert feed.judge.lasts_s(feed.now_ns) == pytest.approx(0.2)
    assert feed.judge.lasts_s(feed.now_ns + 150 * MS) == pytest.approx(0.05)
    feed.position = None
    feed.joints()
    assert feed.judge.lasts_s(feed.now_ns + 30 * MS) == pytest.approx(0.07)
    careless = Feed(max_blank_s=0.0)
    careless.scene = BLACK
    careless.camera()
    assert careless.judge.lasts_s(careless.now_ns) == math.inf


def test_pictures_that_show_nothing() -> None:
    assert blank_picture(BLACK) == 'black'
    assert blank_picture(np.full_like(SCENE, 255)) == 'saturated'
    assert blank_picture(SCENE) == ''
    assert blank_picture(np.full_like(SCENE, 128)) == '', 'grey may be a wall'
    night = BLACK.copy()
    night[10:14, 10:20] = 90
    assert blank_picture(night) == '', 'a lamp in the dark is something'


def test_joints_that_are_missing_hold_and_are_named() -> None:
    feed = Feed()
    feed.run(1.0)
    feed.position = None
    assert 'joint_states: has no a for 0.1' in feed.run(0.15).hold
    feed.position = np.zeros(1)
    feed.run(0.05)
    assert not feed.now().hold


@pytest.mark.parametrize(('step', 'grade'), [(0.02, FINE), (0.055, WARNED), (0.07, SLOWED),
                                             (0.5, HELD)])
def test_joints_cannot_move_faster_than_physics(step: float, grade: int) -> None:
    # At 2 rad/s and 11 ms, with 10 ms for the jitter of stamps, 0.042 rad are possible.
    feed = Feed()
    feed.run(1.0)
    feed.position = np.array([step])
    worst = feed.run(0.1)
    assert worst.grade == grade
    assert ('a moved by 0.500 within 0.011 s' in worst.hold) == (grade == HELD)
    feed.run(1.1)
    assert feed.now().grade == FINE


def test_a_gripper_may_be_read_less_often_than_the_arm() -> None:
    arm_and_gripper = [JointSpec(name, 'rad', -3, 3, 2.0) for name in ('arm', 'gripper')]
    judge = InputJudge([], JOINTS, arm_and_gripper, gripper='gripper')
    for step in range(200):
        stamp_ns = step * 2 * MS
        # The gripper moves at its full speed and is read every 100 ms.
        judge.joints(stamp_ns, np.array([stamp_ns / 1e9, (step // 50) * 0.2]), '',
                     stamp_ns, stamp_ns)
    assert judge.judge(stamp_ns, stamp_ns).grade == FINE
    judge.joints(stamp_ns + MS, np.array([0.4, 3.0]), '', stamp_ns, stamp_ns)
    assert 'gripper moved by 2.400' in judge.judge(stamp_ns, stamp_ns).hold


def test_pictures_that_are_never_paired_hold_unless_an_input_is_late() -> None:
    feed = Feed()
    feed.run(1.0)
    apart = 0.3, 'cameras front and wrist are 0.025 s apart'
    assert 'pairing: cameras front and wrist' in feed.now(apart).hold
    feed.speaking = {CAMERA}
    feed.run(0.3)
    assert not feed.now(apart).hold


def test_a_check_can_be_left_out() -> None:
    feed = Feed(max_blank_s=0.0, max_joint_speed=0.0, max_clock_jump_s=0.0)
    feed.run(1.0)
    feed.scene, feed.position = BLACK, np.array([3.0])
    feed.ros_ahead_ns += 300 * MS
    feed.stamp_ahead_ns = dict.fromkeys(feed.stamp_ahead_ns, feed.ros_ahead_ns)
    assert not feed.run(1.0).hold
    assert feed.now().grade == FINE


def test_bad_options_are_refused() -> None:
    with pytest.raises(ConfigError, match='max_blank_s'):
        JudgeOptions(max_blank_s=-1.0)
