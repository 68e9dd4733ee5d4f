# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What ``vaa dataset`` says of recordings: clocks, robots, and what is not in the dataset.
"""
from __future__ import annotations

from dataclasses import replace
import json

from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import NAMES
from learning_bags import position
from learning_bags import START_NS
from learning_bags import Stream
from learning_bags import TICK_NS
import pytest

from vaa_ros.cli.dataset import together
from vaa_ros.cli.main import main
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.recording import messages
from vaa_ros.recording.episode import recording_spec

OPTIONS = DatasetOptions(size=(32, 24), chunk_length=4)
ARM = load_robot('vaa_arm')


def with_names(names: tuple[str, ...]) -> object:
    """Give joint states these names."""
    def change(stream: Stream) -> Stream:
        states = [('/joint_states', LOG_NS + tick * LOG_TICK_NS, messages.joint_state(
            JointState(START_NS + tick * TICK_NS, names, position(0, tick))))
            for tick in range(12)]
        return [item for item in stream if item[0] != '/joint_states'] + states

    return change


def unstamped(topics: tuple[str, ...]) -> object:
    """Take the stamps of topics away."""
    def bare(topic: str, data: bytes) -> bytes:
        kind = messages.JOINT_STATE if topic == '/joint_states' else messages.IMAGE
        told = messages.deserialize(kind, data)
        if kind == messages.JOINT_STATE:
            return messages.joint_state(JointState(0, tuple(told.name), told.position))
        return messages.image(told.data.reshape(48, 64, 3), 0, 'camera')

    return lambda stream: [(topic, log_ns, bare(topic, data) if topic in topics else data)
                           for topic, log_ns, data in stream]


@pytest.mark.parametrize('topics', [
    ('/wrist/image_raw',), ('/front/image_raw', '/joint_states', '/wrist/image_raw')])
def test_missing_stamps_are_named_of_recorded_episodes_too(tmp_path, topics):
    bag = make_bag(tmp_path / 'episode_000000', change=unstamped(topics))
    result = build_dataset(bag, tmp_path / 'data', OPTIONS)
    assert f'{bag}: no stamps on {", ".join(topics)}: times of arrival stand for them' in (
        result.notes)
    assert not build_dataset(make_bag(tmp_path / 'stamped'), tmp_path / 'other', OPTIONS).notes


def described(robot, name: str = 'vaa_arm') -> object:
    return replace(METADATA, robot=name, spec=recording_spec(
        replace(robot, name=name), {}, 'joint_trajectory', 30.0))


def test_a_robot_that_changed_since_is_noted_by_the_first_difference(tmp_path):
    other = replace(ARM, joints=(
        ARM.joints[0], replace(ARM.joints[1], upper=9.5, velocity=8.5), *ARM.joints[2:]))
    bag = make_bag(tmp_path / 'episode_000000', metadata=described(other))
    note, = build_dataset(bag, tmp_path / 'data', OPTIONS).notes
    assert note == (f'{bag}: upper of {NAMES[1]} was 9.5 when vaa_arm was recorded, and is '
                    f'{ARM.joints[1].upper} now: it is read as the robot is now')
    same = make_bag(tmp_path / 'same', metadata=described(ARM))
    assert build_dataset(same, tmp_path / 'other', OPTIONS).notes == []


def test_other_joints_than_those_of_the_recorded_robot_are_named(tmp_path):
    names = tuple(f'axis_{number}' for number in range(len(NAMES)))
    bag = make_bag(tmp_path / 'episode_000000', metadata=described(ARM), change=with_names(names))
    with pytest.raises(DatasetError) as failed:
        build_dataset(bag, tmp_path / 'data', OPTIONS)
    assert 'only 0 frames' in str(failed.value)
    assert (f'/joint_states: no {", ".join(NAMES)} of vaa_arm; it has {", ".join(names)}, '
            f'expected {", ".join(NAMES)}') in str(failed.value)


def test_a_robot_that_people_name_wins_where_its_joints_fit(tmp_path):
    bag = make_bag(tmp_path / 'one' / 'episode_000000', metadata=described(ARM, 'wrong'))
    result = build_dataset(bag, tmp_path / 'data', replace(OPTIONS, robot='vaa_arm'))
    assert result.episodes == 1 and result.notes == [
        f"{bag}: recorded with robot 'wrong', and read as 'vaa_arm', as was asked for"]
    strange = make_bag(tmp_path / 'two' / 'episode_000000', metadata=described(ARM, 'wrong'),
                       change=with_names(tuple('abcdefg')))
    with pytest.raises(DatasetError, match="recorded with robot 'wrong', not 'vaa_arm': its joint "
                       'states have a, b, c, d, e, f, g, expected joint_1'):
        build_dataset(strange, tmp_path / 'other', replace(OPTIONS, robot='vaa_arm'))


def test_a_recording_is_replayed_as_the_robot_that_it_names(tmp_path, capsys):
    bag = make_bag(tmp_path / 'episode_000000', metadata=described(load_robot('ur5e'), 'ur5e'))
    assert main(['replay', str(bag), '--model', 'pick_place']) == 2
    assert "'pick_place' does not fit robot 'ur5e': joints: policy ['joint_1'" in (
        capsys.readouterr().err)


def test_what_is_left_out_is_told_by_topic_and_reason(tmp_path, capsys):
    def spoil(stream: Stream) -> Stream:
        bad = messages.image(messages.deserialize(
            messages.IMAGE, stream[1][2]).data.reshape(48, 64, 3), START_NS, 'front')
        bad = bad.replace(b'rgb8', b'rgbX')
        times = LOG_NS + 28 * LOG_TICK_NS
        return [(topic, log_ns, bad if topic == '/front/image_raw' and log_ns > times else data)
                for topic, log_ns, data in stream
                if topic != '/joint_trajectory' or log_ns < LOG_NS + 20 * LOG_TICK_NS]

    make_bag(tmp_path / 'bags' / 'episode_000000', frames=30, change=spoil)
    figures = tmp_path / 'told.json'
    assert main(['dataset', str(tmp_path / 'bags'), '--out', str(tmp_path / 'data'), '--no-cache',
                 '--workers', '1', '--json', str(figures)]) == 0
    told, out = json.loads(figures.read_text()), capsys.readouterr().out
    item, = told['unusable']
    assert (item['topic'], item['messages']) == ('/front/image_raw', told['bad_messages'])
    assert item['messages'] == 2 and 'rgbX' in item['reason']
    assert f'unusable: 2 on /front/image_raw: {item["reason"]}' in out
    assert sum(told['dropped'].values()) == told['dropped_frames'] > 0
    reason = 'no command follows within 0.1 s'
    assert f'without a frame: {told["dropped"][reason]} pictures: {reason}' in out


def test_the_same_of_several_bags_is_one_line() -> None:
    assert together(['a: same', 'b: same', 'a: other', 'nothing is held out']) == [
        'a and 1 more: same', 'a: other', 'nothing is held out']
