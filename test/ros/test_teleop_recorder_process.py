# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop_recorder as a process: signals, kill -9, a full disk, a terminal, remapped topics.
"""
from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import pty
import signal
import subprocess
import sys

from processes import NodeProcess
from processes import ROOT
from processes import wait_for
import pytest
from recorder_rig import MODULE
from recorder_rig import Robot
from recorder_rig import start
from recorder_rig import stop
from recorder_rig import TOPICS
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_reader import list_episodes
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED


@pytest.fixture
def robot(ros: Harness) -> Robot:
    return Robot(ros)


@pytest.fixture
def process(start_process, ros: Harness, robot: Robot, tmp_path: Path) -> NodeProcess:
    process = start_process(MODULE, '--ros-args', '-p', f'output_dir:={tmp_path}',
                            '-p', 'min_free_gb:=0.0', '-p', 'compression:=none')
    process.wait_for_line('ready to record')
    answer = start(ros)
    assert answer.success, answer.message
    robot.drive()
    wait_for(lambda: list(tmp_path.glob('*.partial')), message='the partial bag')
    return process


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_a_signal_aborts_the_episode_and_keeps_it_readable(
        process: NodeProcess, tmp_path: Path, number: signal.Signals) -> None:
    assert process.stop(number) == 0
    assert 'Traceback' not in process.output
    assert list(tmp_path.glob('episode_*')) == []
    with BagReader(tmp_path / 'aborted' / 'episode_000000') as bag:
        assert bag.metadata.success is None
        assert 'the recorder was stopped' in bag.metadata.aborted
        assert set(bag.topics) == set(TOPICS)


def test_a_killed_recorder_leaves_no_finished_episode(
        ros: Harness, robot: Robot, process: NodeProcess, tmp_path: Path) -> None:
    bag = tmp_path / 'episode_000000.partial'
    wait_for(lambda: (bag / 'episode_000000_0.mcap').stat().st_size > 100_000,
             message='flushed messages')
    process.kill()
    paths, skipped = list_episodes(tmp_path)
    assert paths == []
    assert [path for path, _ in skipped] == [bag]
    assert 'was killed' in skipped[0][1]


def test_a_full_disk_aborts_the_episode_and_says_so(
        ros: Harness, robot: Robot, start_process, tmp_path: Path) -> None:
    # A file size limit gives EFBIG where a full disk gives ENOSPC: the same path.
    process = start_process('size_limited', '1500000', MODULE, '--ros-args', '-p',
                            f'output_dir:={tmp_path}', '-p', 'min_free_gb:=0.0',
                            '-p', 'compression:=none',
                            environment={'PYTHONPATH': f'{ROOT}:{ROOT / "test" / "ros"}'})
    process.wait_for_line('ready to record')
    for _ in range(2):
        assert start(ros).success
        robot.drive(2)
        stop(ros)
    assert start(ros).success
    robot.drive(200)
    line = process.wait_for_line('the episode was aborted')
    assert 'Earlier episodes are intact' in line
    assert 'no episode is being recorded' in stop(ros).message
    assert len(list_episodes(tmp_path)[0]) == 2
    with BagReader(tmp_path / 'aborted' / 'episode_000002') as bag:
        assert sum(bag.counts.values()) > 10
    assert start(ros).success


def test_keys_drive_it_in_a_terminal(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    controller, terminal = pty.openpty()
    # setsid and the terminal as its controlling one: as if typed into.
    process = subprocess.Popen(
        [sys.executable, str(ROOT / 'test' / 'ros' / 'in_terminal.py'), MODULE, '--ros-args',
         '-p', f'output_dir:={tmp_path}', '-p', 'min_free_gb:=0.0'],
        stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT)})
    os.close(terminal)
    try:
        recording = ros.collect(Bool, 'teleop_recorder/is_recording', LATCHED)
        wait_for(lambda: b'keys: s start' in os.read(controller, 10_000), message='the help')
        os.write(controller, b's')
        recording.wait_until(lambda m: m.data)
        robot.drive(2)
        recording.messages.clear()
        os.write(controller, b'y')
        recording.wait_until(lambda m: not m.data)
        os.write(controller, b'q')
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()
        os.close(controller)
    with BagReader(tmp_path / 'episode_000000') as bag:
        assert bag.metadata.success is True


def test_remapped_topics_are_recorded_under_their_own_names(
    ros: Harness, robot: Robot, tmp_path: Path, start_process: Callable[..., NodeProcess],
) -> None:
    arm = ros.node.create_publisher(JointState, '/arm/joint_states', JOINTS_OUT)
    start_process(MODULE, '--ros-args', '-p', f'output_dir:={tmp_path}', '-p', 'keys:=false',
                  '-r', 'joint_states:=/arm/joint_states')
    wait_for(arm.get_subscription_count)
    answer = ros.call(Trigger, 'teleop_recorder/start_episode')
    assert answer.success, answer.message
    for count in range(3):
        arm.publish(JointState(name=['a'], position=[float(count)]))
    assert ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True)).success
    with BagReader(Path(answer.message)) as bag:
        assert bag.counts['/arm/joint_states'] == 3
        assert '/joint_states' not in bag.topics
