# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of recording demonstrations in process.
"""
from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.paths import model_file
from vaa_ros.core.robot import load_robot
from vaa_ros.core.robot import robot_from_mapping
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.demonstrations import Demonstration
from vaa_ros.learning.demonstrations import record_demonstrations
from vaa_ros.learning.evaluate import evaluate
from vaa_ros.learning.frames import read_description
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_reader import list_episodes
from vaa_ros.recording.messages import header_stamp_ns
from vaa_ros.recording.software import software_versions
from vaa_ros.sim.fields import ReachField
from vaa_ros.sim.motions import Motion

SMALL = (48, 64)


def digest(path: Path) -> str:
    """
    Give a fingerprint of a bag's messages.
    """
    known = hashlib.sha256()
    with BagReader(path) as bag:
        for topic, log_ns, data in bag.raw_messages():
            known.update(f'{topic} {log_ns} '.encode() + bytes(data))
    return known.hexdigest()


def test_bag_holds_what_the_nodes_record(tmp_path: Path) -> None:
    seen: list[Demonstration] = []
    done = record_demonstrations('reach', [4], tmp_path, progress=seen.append, image_size=SMALL)
    assert (done.successes, done.failures) == (1, 0) and seen == list(done.episodes)
    with BagReader(done.episodes[0].path) as bag:
        assert bag.topics == {
            '/front/image_raw': 'sensor_msgs/msg/Image',
            '/wrist/image_raw': 'sensor_msgs/msg/Image',
            '/joint_states': 'sensor_msgs/msg/JointState',
            '/joint_trajectory': 'trajectory_msgs/msg/JointTrajectory',
            '/sim_arm/task_status': 'diagnostic_msgs/msg/DiagnosticStatus'}
        meta = bag.metadata
        assert (meta.task, meta.seed, meta.success, meta.robot) == ('reach', 4, True, 'vaa_arm')
        assert meta.command_type == 'joint_trajectory' and meta.instruction
        assert meta.verdict['judgement'] == done.episodes[0].verdict.judgement == 'keep'
        assert meta.verdict['figures']['messages'].keys() == bag.topics.keys()
        assert (meta.software, meta.active_policy) == (software_versions(), {})
        stamps: dict[str, list[int]] = {topic: [] for topic in bag.topics}
        for topic, log_ns, message in bag.messages():
            stamps[topic].append(header_stamp_ns(message) or log_ns)
            if topic == '/joint_trajectory':
                assert message.joint_names[-1] == 'gripper'
                assert np.all(np.isfinite(message.points[0].positions))
    ticks = stamps['/front/image_raw']
    assert ticks == stamps['/wrist/image_raw']
    assert set(ticks) <= set(stamps['/joint_states'])
    # One command for each observation but the last, which shows the task done.
    assert stamps['/joint_trajectory'] == ticks[:-1]
    np.testing.assert_allclose(np.diff(ticks), 1e9 / 30, atol=1.5)
    assert np.max(np.diff(stamps['/joint_states'])) <= 10_000_001


@pytest.mark.parametrize('command_type', ['commands', 'target_pose', 'delta_twist_cmds'])
def test_every_command_type_does_the_task(tmp_path: Path, command_type: str) -> None:
    done = record_demonstrations('reach', [1, 2], tmp_path, command_type=command_type,
                                 image_size=SMALL)
    assert done.successes == 2
    with BagReader(done.episodes[0].path) as bag:
        assert bag.counts[f'/{command_type}'] > 10
        assert ('/gripper_commands' in bag.topics) == (command_type != 'commands')


def test_same_arguments_same_messages_and_earlier_episodes_stay(tmp_path: Path) -> None:
    first = record_demonstrations('reach', [3], tmp_path, image_size=SMALL,
                                  pushes_a_second=2.0)
    again = record_demonstrations('reach', [3, 5], tmp_path, image_size=SMALL,
                                  pushes_a_second=2.0)
    calm = record_demonstrations('reach', [3], tmp_path / 'calm', image_size=SMALL)
    assert digest(first.episodes[0].path) == digest(again.episodes[0].path)
    assert digest(first.episodes[0].path) != digest(calm.episodes[0].path)
    assert len(list_episodes(tmp_path)[0]) == 3


def test_the_metadata_describe_the_robot(tmp_path: Path) -> None:
    done = record_demonstrations('reach', [3], tmp_path, command_type='target_pose',
                                 image_size=SMALL)
    with BagReader(done.episodes[0].path) as bag:
        spec = bag.metadata.spec
        assert set(spec['cameras'].values()) <= set(bag.topics)
    assert robot_from_mapping(spec['robot'], 'spec') == load_robot('vaa_arm')
    assert (spec['command_type'], spec['control_rate_hz']) == ('target_pose', 30.0)
    assert list(spec['cameras']) == ['front', 'wrist']


def test_failed_takes_are_kept_and_counted(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReachField, 'motion', lambda *_: Motion(np.zeros(3), 0.0))
    done = record_demonstrations('reach', [0], tmp_path, image_size=(24, 32))
    assert (done.successes, done.failures) == (0, 1)
    with BagReader(done.episodes[0].path) as bag:
        assert bag.metadata.success is False


def test_bad_arguments_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(VaaError, match='joint_trajectory'):
        record_demonstrations('reach', [0], tmp_path / 'a', command_type='torques')
    with pytest.raises(VaaError, match='pick_place'):
        record_demonstrations('stack', [0], tmp_path / 'b')
    assert not list(tmp_path.iterdir())


def test_interrupted_recording_leaves_no_half_episode(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []

    def interrupt(*_: object) -> Motion:
        calls.append(1)
        if len(calls) > 5:
            raise KeyboardInterrupt
        return Motion(np.zeros(3), 0.0)
    monkeypatch.setattr(ReachField, 'motion', interrupt)
    with pytest.raises(KeyboardInterrupt):
        record_demonstrations('reach', [0], tmp_path, image_size=(24, 32))
    assert not list(tmp_path.glob('episode_*'))


def test_a_policy_demonstrates_what_it_does(tmp_path: Path) -> None:
    policy = OnnxPolicy(model_file('pick_place'))
    done = record_demonstrations('pick_place', [100_003], tmp_path, policy=policy)
    with BagReader(done.episodes[0].path) as bag:
        assert (bag.metadata.operator, bag.metadata.policy) == ('policy', policy.spec.name)
        assert bag.metadata.teacher
        assert bag.metadata.active_policy == {
            'name': policy.spec.name, 'path': str(policy.path), 'sha256': policy.sha256}
        assert bag.metadata.success == done.episodes[0].success
    # It was asked to, so others may learn from it.
    build_dataset(tmp_path, tmp_path / 'data', DatasetOptions(size=(16, 12)))
    told, = read_description(tmp_path / 'data')['episodes']
    assert (told['policy'], told['policy_sha256']) == (policy.spec.name, policy.sha256)
    rollout, = evaluate(policy, 'pick_place', [100_003]).rollouts
    assert rollout.success and done.successes == 1
    assert abs(rollout.time_s - done.episodes[0].seconds) < 0.5


def test_a_policy_demonstrates_only_what_it_commands(tmp_path: Path) -> None:
    policy = OnnxPolicy(model_file('pick_place'))
    with pytest.raises(ModelError, match='commands joint_position, and end_effector_pose is to'):
        record_demonstrations('reach', [0], tmp_path, command_type='target_pose', policy=policy)
    assert not list(tmp_path.iterdir())
