# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The verdict: a clean take is kept, and every fault is found, named and weighed.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import settings
from hypothesis import strategies
import numpy as np
import pytest
from recording_bags import METADATA
from recording_bags import START_NS

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.recording import messages
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import recording_spec
from vaa_ros.recording.take import Take
from vaa_ros.recording.take import take_of
from vaa_ros.recording.take_figures import figures_of
from vaa_ros.recording.verdict import AT_LEAST
from vaa_ros.recording.verdict import DISCARD
from vaa_ros.recording.verdict import judge
from vaa_ros.recording.verdict import JUDGED
from vaa_ros.recording.verdict import KEEP
from vaa_ros.recording.verdict import Limits
from vaa_ros.recording.verdict import load_thresholds
from vaa_ros.recording.verdict import LOOK
from vaa_ros.recording.verdict import Verdict

FRONT, WRIST = '/front/image_raw', '/wrist/image_raw'
JOINTS, COMMANDS = '/joint_states', '/joint_trajectory'
TYPES = {FRONT: messages.IMAGE, WRIST: messages.IMAGE, JOINTS: messages.JOINT_STATE,
         COMMANDS: messages.JOINT_TRAJECTORY}
ROBOT = load_robot('vaa_arm')
KNOWN = replace(METADATA, spec=recording_spec(ROBOT, {}, 'joint_trajectory', 30.0))
ORDER = (KEEP, LOOK, DISCARD)


@dataclass
class Episode:
    """What a take of a moving arm looks like; a test spoils one part of it."""

    seconds: float = 4.0
    delay_s: float = 0.05
    frozen: tuple[float, float] = (0.0, 0.0)
    dark: tuple[float, float] = (0.0, 0.0)
    still: tuple[float, float] = (0.0, 0.0)
    lost: Callable[[str, float], bool] = lambda topic, when: False
    wrist_skew_s: float = 0.0
    camera_clock_s: float = 0.0
    every: int = 1
    saturated: bool = False
    tremor: float = 0.0
    late_s: Callable[[int], float] = lambda index: 0.0

    def position(self, when: float) -> np.ndarray:
        start, end = self.still
        moving = when - min(max(when - start, 0.0), end - start)
        row = np.array(ROBOT.home) + 0.2 * math.sin(2.5 * moving)
        row[6] = 0.09
        return row + self.tremor * math.sin(60 * when)

    def stream(self) -> list[tuple[str, int, bytes]]:
        made = []
        picture = np.zeros((8, 8, 3), np.uint8)
        for index in range(round(self.seconds * 30)):
            when = index / 30
            if not self.frozen[0] <= when < self.frozen[1]:
                picture = np.full((8, 8, 3), 100 + index % 100, np.uint8)
            shown = picture * (not self.dark[0] <= when < self.dark[1])
            for topic, shift in ((FRONT, 0.0), (WRIST, self.wrist_skew_s)):
                stamp = START_NS + round((when + shift + self.camera_clock_s) * 1e9)
                if topic == WRIST and index % self.every:
                    continue
                made.append((topic, when, messages.image(shown, stamp, 'camera')))
            command = self.position(when + self.delay_s)
            if self.saturated:
                command[0] = ROBOT.joints[0].upper
            made.append((COMMANDS, when, messages.joint_trajectory(
                ROBOT.joint_names, command, 1 / 30)))
        for index in range(round(self.seconds * 100)):
            when = index / 100 + self.late_s(index)
            state = JointState(START_NS + round(when * 1e9), ROBOT.joint_names,
                               self.position(when))
            made.append((JOINTS, when, messages.joint_state(state)))
        made.sort(key=lambda item: item[1])
        return [(topic, START_NS + round(when * 1e9), data) for topic, when, data in made
                if not self.lost(topic, when)]

    def verdict(self, metadata: EpisodeMetadata = KNOWN) -> Verdict:
        take = take_of(TYPES, self.stream())
        return judge(figures_of(take, metadata, tuple(TYPES)), load_thresholds())


def test_a_clean_take_is_kept_and_its_figures_are_right() -> None:
    verdict = Episode().verdict()
    assert (verdict.judgement, verdict.reasons) == (KEEP, ())
    figures = verdict.figures
    assert figures['rate_hz'][FRONT] == pytest.approx(30, rel=1e-3)
    assert figures['rate_hz'][JOINTS] == pytest.approx(100, rel=1e-3)
    assert figures['delay_ms']['arm'] == pytest.approx(50, abs=20)
    # The third derivative of 0.2 sin(2.5 t), root mean square.
    assert figures['jerk']['joint_1'] == pytest.approx(0.2 * 2.5 ** 3 / math.sqrt(2), rel=0.15)
    assert figures['length_s']['episode'] == pytest.approx(4.0, abs=0.05)
    assert 'gripper' not in figures['saturation_share']
    assert str(verdict) == 'keep'


def test_a_slower_second_camera_is_no_skew() -> None:
    assert Episode(every=3).verdict().figures['skew_ms'][f'{WRIST} {FRONT}'] == pytest.approx(0)


@pytest.mark.parametrize(('spoilt', 'judgement', 'words'), [
    ({'frozen': (1.0, 1.6)}, LOOK, f'{FRONT} is frozen'),
    ({'frozen': (1.0, 3.0)}, DISCARD, f'{WRIST} is frozen'),
    ({'dark': (1.0, 2.0)}, LOOK, 'of the pictures are dark'),
    ({'dark': (0.0, 4.0)}, DISCARD, '100% of the pictures are dark'),
    ({'still': (0.5, 3.8), 'seconds': 6.0}, LOOK, 'nothing moved for 3.'),
    ({'seconds': 8.0, 'lost': lambda topic, when: topic == JOINTS and 1.0 < when < 1.5}, LOOK,
     f'{JOINTS}: nothing for 0.5'),
    ({'lost': lambda topic, when: topic == FRONT and when > 1.5}, DISCARD,
     f'{FRONT}: nothing for 2.4'),
    ({'lost': lambda topic, when: topic == WRIST and when > 0.1}, DISCARD,
     f'{WRIST}: nothing for 3.8'),
    ({'lost': lambda topic, when: topic == WRIST and when > 0}, DISCARD,
     f'{WRIST}: nothing for 3.9'),
    ({'lost': lambda topic, when: topic == WRIST}, DISCARD, f'0 messages on {WRIST}'),
    ({'lost': lambda topic, when: topic == FRONT and round(when * 30) % 40 == 7}, LOOK,
     f'{FRONT}: 2.50% of the messages are missing'),
    ({'wrist_skew_s': 0.9}, LOOK, 'pictures are'),
    ({'camera_clock_s': -0.5}, LOOK, 'is the clock of that camera right?'),
    ({'lost': lambda topic, when: topic == COMMANDS and 1.0 < when < 2.5}, LOOK,
     'no commands for 1.5'),
    ({'lost': lambda topic, when: topic != COMMANDS and when > 2.0}, DISCARD,
     f'{FRONT}: nothing for 1.9'),
    ({'saturated': True}, LOOK, 'joint_1: 100% of the commands are at a limit'),
    ({'delay_s': 0.4}, LOOK, 'after the command'),
    ({'tremor': 0.02}, LOOK, 'jerk'),
    ({'late_s': lambda index: 0.008 * (index % 5 == 0)}, LOOK, f'{JOINTS}: messages are late'),
    ({'seconds': 0.7}, LOOK, 'episode is 0.'),
    ({'seconds': 0.2}, DISCARD, 'episode is 0.'),
])
def test_every_fault_is_found_and_named(spoilt: dict[str, Any], judgement: str,
                                        words: str) -> None:
    verdict = Episode(**spoilt).verdict()
    assert words in str(verdict)
    assert verdict.judgement == judgement, verdict


def test_a_camera_may_see_the_same_while_the_arm_stands_still() -> None:
    verdict = Episode(still=(1.0, 3.0), frozen=(1.05, 2.95)).verdict()
    assert verdict.judgement == KEEP, verdict


@pytest.mark.parametrize('gripper_first', [True, False])
def test_arm_and_gripper_may_publish_their_joints_apart(gripper_first: bool) -> None:
    whole = Episode()
    parts: list[tuple[str, int, bytes]] = []
    for topic, log_ns, data in whole.stream():
        if topic != JOINTS:
            parts.append((topic, log_ns, data))
            continue
        state = messages.deserialize(messages.JOINT_STATE, data)
        split = [(topic, log_ns, messages.joint_state(JointState(
            log_ns, tuple(state.name[part]), state.position[part])))
            for part in (slice(6, None), slice(6))]
        parts += split if gripper_first else reversed(split)
    take = take_of(TYPES, parts)
    assert not take.unreadable
    assert take.streams[JOINTS].names == ROBOT.joint_names[:6]
    assert len(take.streams[JOINTS].rows) == 400
    # A message without some of the joints is not a part of its own.
    take.add(JOINTS, START_NS, messages.joint_state(JointState(1, ROBOT.joint_names[:2], [0, 0])))
    assert take.unreadable == {JOINTS: 1}


@pytest.mark.parametrize(('topic', 'command_type', 'positions'), [
    ('/commands', 'commands', True), ('/arm_controller/commands', '', True),
    ('/velocity_commands', 'velocity_commands', False), ('/velocity_commands', '', False),
    ('/arm_controller/commands', 'velocity_commands', False),
    ('/gripper_commands', 'target_pose', False)])
def test_only_positions_are_judged_as_positions(topic: str, command_type: str,
                                                positions: bool) -> None:
    array = messages.serialize(messages.FLOAT64_ARRAY, {
        'data': np.array([joint.upper for joint in ROBOT.joints])})
    parts = [item if item[0] != COMMANDS else (topic, item[1], array)
             for item in Episode().stream()]
    take = take_of({**TYPES, topic: messages.FLOAT64_ARRAY}, parts)
    figures = figures_of(take, replace(KNOWN, command_type=command_type))
    assert bool(figures['saturation_share']) == positions


def test_losses_counted_on_the_way_are_judged() -> None:
    verdict = Episode().verdict(replace(KNOWN, dropped={COMMANDS: 30}))
    assert f'{COMMANDS}: 20.00% of the messages are missing' in str(verdict)
    assert verdict.judgement == DISCARD


@settings(max_examples=25, deadline=None)
@given(lost=strategies.sets(strategies.integers(1, 398), max_size=60))
def test_stamps_tell_how_many_messages_are_missing(lost: set[int]) -> None:
    episode = Episode(lost=lambda topic, when: topic != JOINTS or round(when * 100) in lost)
    take = take_of(TYPES, episode.stream())
    share = figures_of(take, KNOWN)['missing_share'][JOINTS]
    assert share == pytest.approx(len(lost) / 400)


def test_what_has_every_number_was_left_out_by_its_source() -> None:
    episode = Episode(lost=lambda topic, when: topic == JOINTS and 1.0 <= when < 1.2)
    take = take_of(TYPES, episode.stream())
    figures = figures_of(take, KNOWN, (), [JOINTS])
    assert JOINTS not in figures['missing_share']
    told = judge(figures, load_thresholds())
    assert f'{JOINTS}: the source left out 5.00%, nothing was lost on the way' in str(told)
    assert 'are missing' not in str(told)
    # Judged anew, it is known still; and what was lost by number is not left out.
    known = replace(KNOWN, verdict=told.to_mapping(), dropped={JOINTS: 20})
    again = figures_of(take, known)
    assert again['skipped_share'][JOINTS] == 0.0 < again['missing_share'][JOINTS]


@settings(max_examples=10, deadline=None)
@given(seed=strategies.integers(0, 2**32 - 1))
def test_small_jitter_is_no_reason(seed: int) -> None:
    rng = np.random.default_rng(seed)
    late = rng.uniform(0, 0.002, 1000)
    verdict = Episode(late_s=lambda index: late[index]).verdict()
    assert verdict.judgement == KEEP, verdict


numbers = strategies.floats(0, 1e6)
limits = strategies.builds(Limits, strategies.none() | numbers, strategies.none() | numbers)


@given(name=strategies.sampled_from(JUDGED), value=numbers, more=numbers, limit=limits)
def test_a_worse_figure_never_gives_a_better_verdict(name: str, value: float, more: float,
                                                     limit: Limits) -> None:
    worse = -more if name in AT_LEAST else more
    first, second = (judge({name: {'x': number}}, {name: limit})
                     for number in (value, value + worse))
    assert ORDER.index(first.judgement) <= ORDER.index(second.judgement)
    for verdict in (first, second):
        assert (verdict.judgement == KEEP) == (verdict.reasons == ())


@given(topic=strategies.sampled_from([*TYPES]), data=strategies.binary(max_size=80))
def test_nothing_that_comes_makes_it_fail(topic: str, data: bytes) -> None:
    take = Take(TYPES)
    take.add(topic, START_NS, data)
    verdict = judge(figures_of(take, KNOWN), load_thresholds())
    assert sum(take.unreadable.values()) <= 1
    assert verdict.judgement == DISCARD


@pytest.mark.parametrize(('text', 'words'), [
    ('lenght_s: {look: 1}', "unknown figure 'lenght_s'"), ('[1]', 'expected a mapping'),
    ('length_s: {loook: 1}', 'loook'), ('length_s: {look: .nan}', 'length_s'), ('{', 'cannot'),
])
def test_thresholds_are_checked(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / 'thresholds.yaml'
    file.write_text(text)
    with pytest.raises(ConfigError, match=words):
        load_thresholds(str(file))


def test_every_figure_has_a_threshold_in_the_configuration() -> None:
    assert tuple(load_thresholds()) == JUDGED
