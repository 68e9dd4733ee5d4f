# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop_recorder when things go wrong: killed, stopped for a while, on a disk that fills up.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import itertools
import json
import os
from pathlib import Path
import shutil
import signal
import struct
import subprocess
import threading
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from processes import NodeProcess
from processes import wait_for
import pytest
from rclpy.duration import Duration
from ros_harness import Harness
from rosbags.rosbag2 import Reader
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_reader import list_episodes
from vaa_ros.recording.recover import recover
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR

MODULE = 'vaa_ros.nodes.teleop_recorder'
JOINT = b'only_this_joint'
LOSS_NS = 250_000_000
Start = Callable[..., NodeProcess]


def state(number: int) -> JointState:
    message = JointState(name=['only_this_joint'], position=[float(number)])
    message.header.stamp = ns_to_stamp(time.time_ns())
    return message


@pytest.fixture
def start_recorder(ros: Harness, start_process: Start) -> Callable[..., NodeProcess]:
    def start(folder: Path, **parameters: object) -> NodeProcess:
        options = {'output_dir': folder, 'min_free_gb': 0.0, 'compression': 'none',
                   'keys': 'false', 'topics': '[joint_states]', **parameters}
        process = start_process(MODULE, '--ros-args', *(
            text for name, value in options.items() for text in ('-p', f'{name}:={value}')))
        process.wait_for_line('ready to record')
        return process
    return start


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MB."""
    folder = tmp_path / 'disk'
    folder.mkdir()
    done = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', str(folder)],
                          check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f'no file system may be mounted here: {done.stderr.strip()}')
    yield folder
    subprocess.run(['umount', '--lazy', str(folder)], check=True)


def written(folder: Path) -> bytes:
    """What the recorder has written so far."""
    return next(folder.glob('*.partial/*.mcap')).read_bytes()


class Talker:
    """Publishes joint states until it is stopped, and remembers them."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher
        self._done = threading.Event()
        self.sent: list[tuple[int, float]] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._done.set()
        self._thread.join()

    def _run(self) -> None:
        number = 0
        while not self._done.wait(0.005):
            number += 1
            message = state(number)
            self.sent.append((time.time_ns(), float(number)))
            self._publisher.publish(message)


@pytest.mark.parametrize('after_s', [0.1, 0.75])
def test_a_killed_recorder_loses_a_quarter_of_a_second_at_most(
        ros: Harness, start_recorder: Start, tmp_path: Path, after_s: float) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    process = start_recorder(tmp_path)
    answer = ros.call(Trigger, 'teleop_recorder/start_episode')
    assert answer.success, answer.message
    talker = Talker(publisher)
    partial = Path(answer.message + '.partial')
    wait_for(lambda: JOINT in written(tmp_path), message='messages on the disk')
    threading.Event().wait(after_s)  # the moment is arbitrary
    killed_ns = time.time_ns()
    process.kill()
    talker.stop()
    assert list_episodes(tmp_path)[0] == []
    result = recover(partial)
    with BagReader(result.path) as bag:
        got = [message.position[0] for _, _, message in bag.messages()]
        assert 'was killed' in bag.metadata.aborted
        software = bag.metadata.software
        assert software['mcap']
        assert 'unknown' not in software.values()
    sent = [number for _, number in talker.sent]
    assert got == sent[:len(got)]
    unsafe = [when for when, number in talker.sent if number > got[-1] and when < killed_ns]
    assert killed_ns - min(unsafe, default=killed_ns) <= LOSS_NS


def test_what_came_and_what_is_counted_as_lost_are_all_that_was_sent(
        ros: Harness, start_recorder: Start, tmp_path: Path) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', SENSOR)
    process = start_recorder(tmp_path)
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    publisher.publish(state(0))
    wait_for(lambda: JOINT in written(tmp_path), message='the first message')
    process.process.send_signal(signal.SIGSTOP)
    for number in range(1, 3000):
        publisher.publish(state(number))
    process.process.send_signal(signal.SIGCONT)
    # Best effort: also these may be lost, until the recorder has caught up.
    numbers_after = itertools.count(3000)

    def arrived() -> bool:
        number = next(numbers_after)
        publisher.publish(state(number))
        return any(struct.pack('<d', late) in written(tmp_path)
                   for late in range(3000, number + 1))

    wait_for(arrived, message='a message after the pause')
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    assert answer.success, answer.message
    summary = json.loads(answer.message)
    with BagReader(Path(summary['path'])) as bag:
        numbers = [message.position[0] for _, _, message in bag.messages()]
        lost = bag.metadata.dropped.get('/joint_states', 0)
    assert numbers[0] == 0.0
    assert numbers[-1] >= 3000
    assert lost > 0
    assert len(numbers) + lost == numbers[-1] + 1
    process.wait_for_line(f'{lost} messages of /joint_states lost')


def test_an_episode_is_broken_off_when_the_disk_has_no_room_left_and_none_is_started(
        ros: Harness, start_recorder: Start, small_disk: Path) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    process = start_recorder(small_disk, min_free_gb=0.004)
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    publisher.publish(state(0))
    wait_for(lambda: JOINT in written(small_disk), message='the first message')
    filler = small_disk / 'filler'
    filler.write_bytes(bytes(5_000_000))
    line = process.wait_for_line('the episode was aborted')
    assert 'free on the disk' in line
    for answer in (ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True)),
                   ros.call(Trigger, 'teleop_recorder/discard_episode')):
        assert not answer.success
        assert 'it was broken off' in answer.message
        assert 'free on the disk' in answer.message
        assert f'What was written is in {small_disk}/aborted/episode_000000' in answer.message
    with Reader(small_disk / 'aborted' / 'episode_000000') as bag:
        assert bag.message_count == 1
    refused = ros.call(Trigger, 'teleop_recorder/start_episode')
    assert not refused.success
    assert 'free on the disk' in refused.message
    filler.unlink()
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    assert ros.call(Trigger, 'teleop_recorder/discard_episode').success
    answer = ros.call(Trigger, 'teleop_recorder/discard_episode')
    assert 'start one first' in answer.message  # nothing was broken off this time
    subprocess.run(['mount', '-o', 'remount,ro', str(small_disk)], check=True)
    refused = ros.call(Trigger, 'teleop_recorder/start_episode')
    assert f'cannot write to {small_disk}: Read-only file system' in refused.message


def test_a_disk_that_is_full_ends_the_episode_with_what_fitted(
        ros: Harness, start_recorder: Start, small_disk: Path, tmp_path: Path) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    process = start_recorder(small_disk)
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    publisher.publish(state(0))
    wait_for(lambda: JOINT in written(small_disk), message='the first message')
    free = os.statvfs(small_disk)
    (small_disk / 'filler').write_bytes(bytes(free.f_bavail * free.f_frsize - 8192))
    talker = Talker(publisher)
    line = process.wait_for_line('the episode was aborted')
    talker.stop()
    assert 'No space left' in line
    alone = shutil.copy(small_disk / 'aborted/episode_000000/episode_000000_0.mcap', tmp_path)
    with BagReader(alone) as bag:
        assert 'No space left' in bag.metadata.aborted  # the file alone says it, too
    with BagReader(small_disk / 'aborted' / 'episode_000000') as bag:
        numbers = [message.position[0] for _, _, message in bag.messages()]
        assert 'No space left' in bag.metadata.aborted
    assert numbers == [0.0, *range(1, len(numbers))]


def test_the_policy_that_was_loaded_is_in_the_bag(ros: Harness, tmp_path: Path) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    policy = ros.node.create_publisher(DiagnosticStatus, 'policy/active_policy', LATCHED)
    policy.publish(status_message('policy: active policy', b'\0', 'reach', {
        'name': 'reach', 'path': '/m/reach.onnx', 'sha256': 'abc', 'kind': 'joint_position'}))
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0,
                         topics=['joint_states'])
    node.trigger_configure()
    node.trigger_activate()
    wait_for(lambda: node._topics.latched, message='the policy')
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    publisher.publish(state(0))
    wait_for(lambda: node._session.recording.counts['/joint_states'], message='a message')
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    with BagReader(json.loads(answer.message)['path']) as bag:
        assert dict(bag.metadata.active_policy) == {
            'name': 'reach', 'path': '/m/reach.onnx', 'sha256': 'abc'}
        assert bag.counts['/policy/active_policy'] == 1


def test_what_the_source_left_out_is_not_called_lost(ros: Harness, tmp_path: Path) -> None:
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0,
                         topics=['joint_states'])
    node.trigger_configure()
    node.trigger_activate()
    publisher = ros.publisher(JointState, 'joint_states', 10)
    assert ros.call(Trigger, 'teleop_recorder/start_episode').success
    ticks = [tick for tick in range(1, 101) if not 40 <= tick < 50]
    for count, tick in enumerate(ticks, start=1):
        message = state(tick)
        message.header.stamp = ns_to_stamp(tick * 10_000_000)
        publisher.publish(message)
        if count % 10 == 0:  # no more at once than the publisher keeps
            wait_for(lambda due=count: node._session.recording.counts['/joint_states'] == due)
    answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    reasons = json.loads(answer.message)['reasons']
    told = [reason for reason in reasons if 'left out' in reason or 'are missing' in reason]
    assert len(told) == 1
    assert told[0].startswith('/joint_states: the source left out 10.00%')


def test_what_a_topic_that_appears_sends_before_it_is_heard_is_counted(
        ros: Harness, start_recorder: Start, tmp_path: Path) -> None:
    ros.needs_senders()
    robot = Talker(ros.node.create_publisher(JointState, 'joint_states', 10))
    try:
        start_recorder(tmp_path, extra_topics='[late]')
        assert ros.call(Trigger, 'teleop_recorder/start_episode').success
        late = ros.node.create_publisher(JointState, 'late', 10)
        for number in range(3):  # nobody can be connected to it yet
            late.publish(state(number))
        wait_for(late.get_subscription_count, message='the recorder to take it up')
        late.publish(state(3))
        assert late.wait_for_all_acked(Duration(seconds=10.0))
        answer = ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))
    finally:
        robot.stop()
    assert json.loads(answer.message)['dropped'] == 3
