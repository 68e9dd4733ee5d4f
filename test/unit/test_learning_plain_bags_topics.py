# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which topics of a plain bag are cameras, joints and commands: found, or told by a mapping.
"""
from __future__ import annotations

import numpy as np
from plain_builds import assert_same
from plain_builds import build
from plain_builds import renamed
from plain_sessions import episode_ticks
from plain_sessions import flags
from plain_sessions import MOVING_TICKS
from plain_sessions import position
from plain_sessions import session
from plain_sessions import TOPICS
from plain_sessions import write_plain
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.topic_mapping import load_mapping
from vaa_ros.learning.topic_mapping import TopicMapping
from vaa_ros.recording import messages


def test_measured_joints_may_stand_for_commands(tmp_path):
    stream = [item for item in session(1) if item[0] != '/joint_trajectory']
    bag = write_plain(tmp_path / 'plain', stream + flags(1))
    with pytest.raises(DatasetError, match='no commands on joint_trajectory.*--actions measured'):
        build(bag, tmp_path / 'b')
    result = build(bag, tmp_path / 'b', measured=True)
    frames = Frames(tmp_path / 'b')
    assert 'actions: the next measured joint positions' in result.notes[0]
    # The action of a tick is where the joints are a tick later; the last one has none.
    ticks = episode_ticks(0)[:-1]
    assert frames.action == pytest.approx(np.stack([position(tick + 1) for tick in ticks]))
    assert frames.state == pytest.approx(np.stack([position(tick) for tick in ticks]))
    assert result.dropped_frames == 1
    with pytest.raises(ConfigError, match='cannot be learned as target_pose'):
        build(bag, tmp_path / 'c', measured=True, command_type='target_pose')


def test_a_leader_arm_commands_with_its_joint_states(tmp_path):
    stream = session(1)
    stream += [('/leader/states', at + 9, data) for topic, at, data in stream
               if topic == '/joint_states']
    stream = [item for item in stream if item[0] != '/joint_trajectory']
    bag = write_plain(tmp_path / 'plain', stream + flags(1),
                      topics={'/leader/states': messages.JOINT_STATE})
    build(bag, tmp_path / 'b', mapping=TopicMapping(commands='/leader/states'))
    frames = Frames(tmp_path / 'b')
    assert frames.action == pytest.approx(frames.state)
    with pytest.raises(ConfigError, match='cannot be joint_states and the commands'):
        build(bag, tmp_path / 'c', mapping=TopicMapping(
            commands='/joint_states', joint_states='/joint_states'))


def test_the_only_camera_joints_and_commands_are_found_by_their_type(tmp_path):
    names = {'/front/image_raw': '/usb/picture', '/joint_states': '/arm/state',
             '/joint_trajectory': '/arm/goal'}
    stream = [item for item in renamed(names) if item[0] != '/wrist/image_raw']
    bag = write_plain(tmp_path / 'plain', stream, topics={
        new: TOPICS[old] for old, new in names.items()})
    build(bag, tmp_path / 'b', cameras=('front',))
    whole = write_plain(tmp_path / 'usual', session(1))
    build(whole, tmp_path / 'a', cameras=('front',))
    assert_same(Frames(tmp_path / 'a'), Frames(tmp_path / 'b'))
    with pytest.raises(ConfigError, match='which topic is camera front, wrist. Candidates: '
                                          '/usb/picture.*--camera front=/usb/picture'):
        build(bag, tmp_path / 'c')


def test_several_candidates_are_an_error_that_lists_them(tmp_path):
    stream = session(1)
    more = {'/other/joint_states': messages.JOINT_STATE, '/b/joint_trajectory':
            messages.JOINT_TRAJECTORY, '/b/image': messages.IMAGE}
    copies = [('/other' + topic, at, data) for topic, at, data in stream
              if topic == '/joint_states']
    with pytest.raises(ConfigError, match='/joint_states, /other/joint_states.*--joints TOPIC'):
        build(write_plain(tmp_path / '1', stream + copies, topics=more), tmp_path / 'b')
    copies = [('/b' + topic, at, data) for topic, at, data in stream
              if topic == '/joint_trajectory']
    with pytest.raises(ConfigError, match='/b/joint_trajectory, /joint_trajectory.*--commands'):
        build(write_plain(tmp_path / '2', stream + copies, topics=more), tmp_path / 'b')
    copies = [('/b/image', at, data) for topic, at, data in stream if topic.startswith('/wrist')]
    stream = [item for item in stream if not item[0].startswith('/wrist')]
    with pytest.raises(ConfigError, match='camera wrist. Candidates: /b/image, /front/image_raw'):
        build(write_plain(tmp_path / '3', stream + copies, topics=more), tmp_path / 'b')
    assert not (tmp_path / 'b').exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ['1', '2', '3']


def test_a_mapping_says_what_is_what(tmp_path):
    names = {'/front/image_raw': '/a', '/wrist/image_raw': '/b', '/joint_states': '/c',
             '/joint_trajectory': '/d'}
    bag = write_plain(tmp_path / 'plain', renamed(names) + [
        (topic.replace('/teleop_recorder/is_recording', '/run'), at, data)
        for topic, at, data in flags(1)],
        topics={**{new: TOPICS[old] for old, new in names.items()}, '/run': messages.BOOL})
    file = tmp_path / 'mapping.yaml'
    file.write_text('robot: vaa_arm\ntask: push\ninstruction: push it\n'
                    'cameras: {wrist: /b, front: /a}\njoint_states: /c\ncommands: /d\n'
                    'recording: /run\n')
    out = tmp_path / 'b'
    assert main(['dataset', str(bag), '--out', str(out), '--mapping', str(file)]) == 0
    frames = Frames(out)
    assert frames.spec.camera_keys == ('wrist', 'front') and frames.spec.task == 'push'
    assert frames.spec.instructions == ('push it',) and len(frames) == MOVING_TICKS
    assert main(['inspect', str(out)]) == 0


def test_a_mapping_that_is_wrong_is_named(tmp_path):
    file = tmp_path / 'mapping.yaml'
    for text, problem in [('camera: {}', 'unknown key camera. Known: robot'),
                          ('cameras: [a]', 'cameras is .*expected a mapping'),
                          ('cameras: {a: /x, b: /x}', 'one topic stands for two'),
                          ('start: /start', 'start and stop belong together'),
                          ('{', 'cannot read the mapping'), ('- 1', 'expected a mapping')]:
        file.write_text(text)
        with pytest.raises(ConfigError, match=problem):
            load_mapping(file)
    with pytest.raises(ConfigError, match='cannot read the mapping'):
        load_mapping(tmp_path / 'none.yaml')
    bag = write_plain(tmp_path / 'plain', session(1))
    for mapping, problem in [
            (TopicMapping(joint_states='/nothing'), 'joint_states: /nothing is not in the bag.*'
             'Candidates: /joint_states'),
            (TopicMapping(cameras={'front': '/joint_states'}), 'front: /joint_states is a sensor'),
            (TopicMapping(start='/go', stop='/halt'), 'no events of a service on /go/_service')]:
        with pytest.raises(DatasetError, match=problem):
            build(bag, tmp_path / 'b', mapping=mapping)
    assert not (tmp_path / 'b').exists()
