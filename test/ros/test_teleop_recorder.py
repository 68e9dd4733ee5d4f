# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop_recorder with real topics: every message that was sent is in the bag, or is counted.
"""
from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from processes import wait_for
import pytest
from recorder_rig import content
from recorder_rig import Robot
from recorder_rig import start
from recorder_rig import stop
from recorder_rig import TOPICS
from ros_harness import Harness
from sensor_msgs.msg import Image
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_reader import list_episodes
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import IMAGE_OUT
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR


@pytest.fixture
def robot(ros: Harness) -> Robot:
    return Robot(ros)


@pytest.fixture
def recorder(ros: Harness, robot: Robot, tmp_path: Path) -> TeleopRecorder:
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), task='reach', min_free_gb=0.0)
    node.trigger_configure()
    node.trigger_activate()
    return node


def test_an_episode_holds_every_message(ros: Harness, robot: Robot, recorder: TeleopRecorder,
                                        tmp_path: Path) -> None:
    robot.drive(3)
    for sent in robot.sent.values():
        sent.clear()
    results = ros.set_parameters('/teleop_recorder', seed=7, instruction='touch it', operator='me',
                                 control_rate_hz=25.0)
    assert all(result.successful for result in results)
    answer = start(ros)
    assert answer.success, answer.message
    path = Path(answer.message)
    assert path == tmp_path / 'episode_000000'
    robot.drive()
    answer = stop(ros)
    assert answer.success, answer.message
    summary = json.loads(answer.message)
    assert Path(summary['path']) == path
    assert summary['messages'] == sum(len(sent) for sent in robot.sent.values())
    assert summary['dropped'] == 0
    # One joint of six is in it, which the verdict says; the stamps alone tell the time.
    assert summary['verdict'] in ('look', 'discard')
    assert any('83% of the joints of the arm' in reason for reason in summary['reasons'])
    with BagReader(path) as bag:
        assert set(bag.topics) == set(TOPICS)
        metadata = bag.metadata
        got: dict[str, list[Any]] = {name: [] for name in TOPICS}
        for topic, _, message in bag.messages():
            got[topic].append(content(message))
    assert got == robot.sent
    assert [metadata.verdict['judgement'], metadata.verdict['reasons']] == [
        summary['verdict'], summary['reasons']]
    assert robot_from_mapping(metadata.spec['robot'], 'spec') == load_robot('vaa_arm')
    assert metadata.spec['cameras'] == {'front': '/front/image_raw', 'wrist': '/wrist/image_raw'}
    assert (metadata.spec['command_type'], metadata.spec['control_rate_hz']) == (
        'joint_trajectory', 25.0)
    assert (metadata.task, metadata.seed, metadata.success) == ('reach', 7, True)
    assert (metadata.instruction, metadata.operator) == ('touch it', 'me')
    assert (metadata.robot, metadata.command_type) == ('vaa_arm', 'joint_trajectory')
    assert metadata.counts == {name: len(sent) for name, sent in robot.sent.items()}


def test_episodes_are_numbered_on_and_discarded_ones_put_aside(
        ros: Harness, robot: Robot, recorder: TeleopRecorder, tmp_path: Path) -> None:
    for success in (True, False):
        start(ros)
        robot.drive(2)
        assert stop(ros, success).success
    start(ros)
    robot.drive(2)
    answer = ros.call(Trigger, 'teleop_recorder/discard_episode')
    assert answer.success
    assert json.loads(answer.message)['path'] == str(tmp_path / 'discarded' / 'episode_000002')
    assert start(ros).message == str(tmp_path / 'episode_000003')
    robot.drive(1)
    stop(ros)
    paths, skipped = list_episodes(tmp_path)
    assert [path.name for path in paths] == [
        'episode_000000', 'episode_000001', 'episode_000003']
    assert skipped == []
    verdicts = []
    for path in paths:
        with BagReader(path) as bag:
            verdicts.append(bag.metadata.success)
    assert verdicts == [True, False, True]


def test_a_stop_after_a_deactivation_says_what_became_of_the_episode(
        ros: Harness, robot: Robot, recorder: TeleopRecorder, tmp_path: Path) -> None:
    start(ros)
    robot.drive(2)
    recorder.trigger_deactivate()
    told = ('the recorder was deactivated in the middle of the episode. What was written is in '
            f'{tmp_path}/aborted/episode_000000')
    assert told in stop(ros).message
    recorder.trigger_activate()
    assert told in stop(ros).message
    assert start(ros).success
    robot.drive(1)
    assert stop(ros).success


def test_state_is_latched(ros: Harness, robot: Robot, recorder: TeleopRecorder,
                          tmp_path: Path) -> None:
    start(ros)
    robot.drive(2)
    # Subscribed late: only a latched topic tells.
    recording = ros.collect(Bool, 'teleop_recorder/is_recording', LATCHED)
    episode = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    assert recording.wait()[-1].data
    status = episode.wait_until(lambda m: status_values(m).get('messages') == '12')
    assert status.message == 'recording'
    assert status_values(status)['path'] == str(tmp_path / 'episode_000000')
    stop(ros, False)
    recording.wait_until(lambda m: not m.data)
    assert episode.wait_until(lambda m: m.message == 'saved as failure')


def test_start_names_the_missing_topics_and_what_exists(ros: Harness, tmp_path: Path) -> None:
    ros.node.create_publisher(JointState, 'joint_states', JOINTS_OUT)
    ros.node.create_publisher(Image, 'side/image_raw', IMAGE_OUT)
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), topic_wait_s=0.2)
    assert 'not active' in start(ros).message
    node.trigger_configure()
    node.trigger_activate()
    answer = start(ros)
    assert not answer.success
    for name in ('/front/image_raw', '/wrist/image_raw', '/joint_trajectory'):
        assert f'nobody publishes {name}' in answer.message
    assert 'nobody publishes /joint_states' not in answer.message
    assert '/side/image_raw' in answer.message
    assert list(tmp_path.iterdir()) == []
    assert 'no episode is being recorded' in stop(ros).message


def test_a_robot_that_comes_late_is_found(ros: Harness, tmp_path: Path) -> None:
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0)
    node.trigger_configure()
    node.trigger_activate()
    robot = Robot(ros)
    answer = start(ros)
    assert answer.success, answer.message
    robot.drive(2)
    assert json.loads(stop(ros).message)['messages'] == 12
    assert 'already' not in start(ros).message
    assert 'already recording' in start(ros).message


def test_an_episode_without_messages_is_refused(ros: Harness, recorder: TeleopRecorder,
                                                tmp_path: Path) -> None:
    start(ros)
    answer = stop(ros)
    assert not answer.success
    assert 'no message arrived' in answer.message
    assert (tmp_path / 'discarded' / 'episode_000000').is_dir()


def test_latched_and_best_effort_topics(ros: Harness, tmp_path: Path) -> None:
    camera = ros.node.create_publisher(Image, 'front/image_raw', SENSOR)
    status = ros.node.create_publisher(DiagnosticStatus, 'sim_arm/task_status', LATCHED)
    status.publish(status_message('sim_arm: task', b'\0', 'before', {'episode': 3}))
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0,
                         topics=['front/image_raw', 'sim_arm/task_status'])
    node.trigger_configure()
    node.trigger_activate()
    wait_for(lambda: node._topics.latched, message='the latched message')
    assert start(ros).success
    camera.publish(rgb_to_image(np.zeros((48, 64, 3), np.uint8), 1, 'front'))
    wait_for(lambda: node._session.recording.messages == 2, message='both messages')
    with BagReader(json.loads(stop(ros).message)['path']) as bag:
        kinds = {topic: message for topic, _, message in bag.messages()}
        offers = {item.topic: item.ext.offered_qos_profiles[0]
                  for item in bag._open_reader().connections}
    assert kinds['/sim_arm/task_status'].message == 'before'
    assert offers['/front/image_raw'].reliability.name == 'BEST_EFFORT'
    assert offers['/sim_arm/task_status'].durability.name == 'TRANSIENT_LOCAL'


def test_a_topic_that_appears_in_the_middle_is_recorded(
        ros: Harness, robot: Robot, tmp_path: Path) -> None:
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0,
                         topics=['joint_states'], extra_topics=['mux/late', 'gone'])
    gone = ros.node.create_publisher(DiagnosticStatus, 'gone', LATCHED)
    gone.publish(status_message('gone', b'\0', 'of yesterday', {}))
    node.trigger_configure()
    node.trigger_activate()
    wait_for(lambda: node._topics.latched, message='the latched message')
    ros.node.destroy_publisher(gone)
    wait_for(lambda: node._topics.unmatched(['/gone']), message='the publisher to go')
    assert start(ros).success
    robot.send('/joint_states', JointState(name=['joint_1'], position=[0.0]))
    late = ros.node.create_publisher(DiagnosticStatus, 'mux/late', LATCHED)
    late.publish(status_message('mux', b'\0', 'person', {}))
    wait_for(lambda: node._session.recording.counts.get('/mux/late'), message='the late topic')
    with BagReader(json.loads(stop(ros).message)['path']) as bag:
        assert [message.message for _, _, message in bag.messages(['/mux/late'])] == ['person']
        assert bag.counts.get('/gone', 0) == 0


def test_a_folder_that_cannot_be_written_is_refused(ros: Harness, robot: Robot,
                                                    recorder: TeleopRecorder,
                                                    tmp_path: Path) -> None:
    blocker = tmp_path / 'file'
    blocker.write_text('')
    ros.set_parameters('/teleop_recorder', output_dir=str(blocker / 'episodes'))
    answer = start(ros)
    assert not answer.success
    assert f'cannot write to {blocker}' in answer.message
    ros.set_parameters('/teleop_recorder', output_dir=str(tmp_path), min_free_gb=1e6)
    assert 'free on the disk' in start(ros).message


def test_bad_parameters_are_refused_at_run_time(ros: Harness, recorder: TeleopRecorder) -> None:
    results = ros.set_parameters('/teleop_recorder', seed=-2, command_type='commands')
    assert [result.successful for result in results] == [False, False]
    assert 'seed: found -2, expected integer, at least -1' in results[0].reason
