# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
One recorded episode gives the same observations through the live path and through the offline one.

Live is what the nodes do: camera_subscriber fits each picture, the policy node pushes what arrives
in the order of arrival and asks for the newest observation after every message.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
import numpy as np
import pytest

from vaa_ros.core.history import seen_frames
from vaa_ros.core.images import decode_image
from vaa_ros.core.images import fit_image
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation
from vaa_ros.learning.bag_streams import read_streams
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.episodes import observe
from vaa_ros.learning.frames import Frames
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.messages import header_stamp_ns

ROBOT = load_robot('vaa_arm')
SPEC = PolicySpec(
    'x', 'reach', ROBOT.name,
    (CameraSpec('front', 32, 24, crop=(0.25, 0.0, 0.75, 0.75)), CameraSpec('wrist', 32, 24)),
    ROBOT.joints, ActionSpec.for_robot('joint_position', ROBOT), 30.0, 4)


def live(bag: Path, exact_joints: bool, spec: PolicySpec = SPEC) -> list[Observation]:
    sync, seen = ObservationSync(spec), []
    with BagReader(bag) as reader:
        for topic, _, message in reader.messages():
            stamp_ns = header_stamp_ns(message)
            if topic == '/joint_states':
                sync.push_joints(JointState(stamp_ns, tuple(message.name), message.position))
            elif topic.endswith('image_raw'):
                key = topic.split('/')[1]
                rgb = decode_image(message.height, message.width, message.encoding,
                                   message.step, message.data)
                sync.push_image(key, stamp_ns, fit_image(rgb, spec.camera(key)))
            latest = sync.latest(exact_joints)
            if latest is not None and (not seen or latest is not seen[-1]):
                seen.append(latest)
    return seen


def assert_same(bag: Path, exact_joints: bool) -> None:
    ours = observe(read_streams(bag, ROBOT, SPEC.cameras, SPEC.dt_s), SPEC)
    theirs = live(bag, exact_joints)
    assert [item.stamp_ns for item in ours] == [item.stamp_ns for item in theirs]
    assert len(ours) == 30
    for mine, other in zip(ours, theirs, strict=True):
        assert np.array_equal(mine.state, other.state)
        for key in SPEC.camera_keys:
            assert np.array_equal(mine.images[key], other.images[key])


@pytest.mark.parametrize('order', [
    ('/joint_states', '/front/image_raw', '/wrist/image_raw'),
    ('/joint_states', '/wrist/image_raw', '/front/image_raw'),
    ('/wrist/image_raw', '/front/image_raw', '/joint_states')])
def test_lockstep_whatever_the_order_of_arrival(tmp_path, order):
    def change(stream):
        return [(topic, log - log % 1000 + order.index(topic) if topic in order else log, data)
                for topic, log, data in stream]
    assert_same(make_bag(tmp_path / 'episode_000000', frames=30, change=change), True)


def test_lockstep_that_says_its_ticks_again(tmp_path):
    def change(stream):
        return stream + [(topic, log + 100, data) for topic, log, data in stream
                         if topic != '/joint_trajectory']
    assert_same(make_bag(tmp_path / 'episode_000000', frames=30, change=change), True)


def test_real_time_with_pictures_that_take_their_time(tmp_path):
    random = np.random.default_rng(0)

    def change(stream):
        return [(topic, log + int(random.integers(0, 9_000_000)) * ('image' in topic), data)
                for topic, log, data in stream]
    assert_same(make_bag(tmp_path / 'episode_000000', frames=30, change=change), False)


@pytest.mark.parametrize('order', [
    ('/joint_states', '/front/image_raw', '/wrist/image_raw'),
    ('/wrist/image_raw', '/front/image_raw', '/joint_states')])
@pytest.mark.parametrize('frames', [2, 3])
def test_stacks_of_frames_are_those_of_the_dataset(tmp_path, frames, order):
    lost = {7, 8, 9, 10, 11, 18}

    def change(stream):
        kept = [(topic, log - log % 1000 + order.index(topic) if topic in order else log, data)
                for topic, log, data in stream]
        # Ticks without a word leave gaps: a long one, and one of a single frame.
        return [item for item in kept if (item[1] - LOG_NS) // LOG_TICK_NS not in lost]
    bags = tmp_path / 'bags'
    bag = make_bag(bags / 'episode_000000', frames=30, change=change)
    make_bag(bags / 'episode_000001', seed=1, frames=12)
    build_dataset(bags, tmp_path / 'data', DatasetOptions(size=(32, 24), chunk_length=4))
    data = Frames(tmp_path / 'data')
    spec = replace(data.spec, observation_history=frames)
    table = data.history(spec)
    assert (data.episode[table] == data.episode[:, None]).all()
    theirs = live(bag, True, data.spec)
    assert [item.stamp_ns for item in theirs] == data.stamp[data.episode == 0].tolist()
    assert len(theirs) == 24
    for row, observation in enumerate(theirs):
        stack = seen_frames(spec, observation)
        again = seen_frames(spec, data.observation(row, table))
        for index, one, two in zip(table[row], stack, again, strict=True):
            for key in spec.camera_keys:
                assert np.array_equal(one[key], data.images[key][index])
                assert np.array_equal(two[key], data.images[key][index])
    # Three frames ago, at the start the first; behind the long gap the present.
    assert table[:9, 1].tolist() == [0, 0, 0, 0, 1, 2, 3, 7, 8]


def test_the_comparison_can_fail(tmp_path):
    bag = make_bag(tmp_path / 'episode_000000', frames=30)
    theirs = live(bag, True)
    ours = observe(read_streams(bag, ROBOT, (CameraSpec('front', 32, 24), SPEC.cameras[1]),
                                SPEC.dt_s), SPEC)
    assert not np.array_equal(ours[0].images['front'], theirs[0].images['front'])
