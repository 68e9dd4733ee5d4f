# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop_recorder on a disk that hangs: a real file system whose writes do not return.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import contextlib
import fcntl
import json
import os
from pathlib import Path
import signal
import subprocess
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from processes import NodeProcess
from processes import wait_for
import pytest
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger
from test_recorder_losses import JOINT
from test_recorder_losses import MODULE
from test_recorder_losses import state
from test_recorder_losses import written

from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.recover import recover
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import LATCHED

FREEZE, THAW = 0xC0045877, 0xC0045878
BOUND_S = 1.0


class FreezingDisk:
    """
    An ext4 file system of its own, all of whose writes wait while it is frozen.

    :param folder: where it is mounted.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._descriptor = os.open(folder, os.O_RDONLY)
        self.frozen = False

    def freeze(self) -> None:
        fcntl.ioctl(self._descriptor, FREEZE, 0)
        self.frozen = True

    def thaw(self) -> None:
        if self.frozen:
            fcntl.ioctl(self._descriptor, THAW, 0)
            self.frozen = False

    def close(self) -> None:
        self.thaw()
        os.close(self._descriptor)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[FreezingDisk]:
    image, folder = tmp_path / 'image', tmp_path / 'disk'
    folder.mkdir()
    image.touch()
    os.truncate(image, 64_000_000)
    try:
        for command in (['mkfs.ext4', '-q', image], ['mount', '-o', 'loop', image, folder]):
            subprocess.run(command, check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f'no file system may be mounted here: {error}')
    with contextlib.ExitStack() as stack:
        stack.callback(subprocess.run, ['umount', '--lazy', folder], check=True)
        made = FreezingDisk(folder)
        stack.callback(made.close)
        yield made


@pytest.fixture
def start_recorder(ros: Harness, disk: FreezingDisk, start_process: Callable[..., NodeProcess]
                   ) -> Iterator[Callable[..., NodeProcess]]:
    def start(stop_wait_s: float) -> NodeProcess:
        process = start_process(
            MODULE, '--ros-args', '-p', f'output_dir:={disk.folder / "episodes"}', '-p',
            'min_free_gb:=0.0', '-p', 'keys:=false', '-p', 'topics:=[joint_states]', '-p',
            'compression:=none', '-p', f'stop_wait_s:={stop_wait_s}')
        process.wait_for_line('ready to record')
        return process

    yield start
    disk.thaw()  # before the processes are ended: what waits for a frozen disk cannot be


def call(ros: Harness, name: str) -> tuple[Trigger.Response, float]:
    """Call a service of the recorder; give its answer and the time that it took [s]."""
    began_s = time.monotonic()
    return ros.call(Trigger, f'teleop_recorder/{name}_episode'), time.monotonic() - began_s


def stop(ros: Harness) -> SetBool.Response:
    return ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=True))


def record_one(ros: Harness, disk: FreezingDisk, publisher: Any) -> Path:
    """Start an episode, and wait until one message is in its file; give its folder."""
    answer, _ = call(ros, 'start')
    assert answer.success, answer.message
    folder = disk.folder / 'episodes' / 'episode_000000'
    assert answer.message == str(folder)
    publisher.publish(state(1))
    wait_for(lambda: JOINT in written(folder.parent), message='a message on the disk')
    return folder


def test_a_start_on_a_disk_that_hangs_is_given_up_and_the_node_goes_on(
        ros: Harness, disk: FreezingDisk, start_recorder: Callable[..., NodeProcess]) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    start_recorder(BOUND_S)
    status = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    disk.freeze()
    answer, took_s = call(ros, 'start')
    assert not answer.success
    assert 'it is slow or hangs. What was asked for, a start, is given up' in answer.message
    assert BOUND_S <= took_s < BOUND_S + 2.0
    answer, took_s = call(ros, 'start')
    assert not answer.success
    assert 'since a start that was given up; nothing is started before it does' in answer.message
    assert took_s < BOUND_S  # it is refused at once
    assert 'no episode is being recorded' in stop(ros).message
    told = status_values(status.wait_until(
        lambda m: 'nothing is started before it does' in m.message))
    assert told['recording'] == 'false'
    disk.thaw()
    status.wait_until(lambda m: 'answers again; an episode can be started' in m.message)
    assert list((disk.folder / 'episodes').iterdir()) == []
    folder = record_one(ros, disk, publisher)
    assert json.loads(stop(ros).message)['path'] == str(folder)
    with BagReader(folder) as bag:
        assert bag.metadata.success is True and bag.counts['/joint_states'] == 1


def test_a_redo_on_a_disk_that_hangs_leaves_the_take_where_it_is(
        ros: Harness, disk: FreezingDisk, start_recorder: Callable[..., NodeProcess]) -> None:
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    start_recorder(BOUND_S)
    folder = record_one(ros, disk, publisher)
    assert stop(ros).success
    status = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    disk.freeze()
    answer, took_s = call(ros, 'redo')
    assert not answer.success
    assert 'What was asked for, a discard, is given up and undone' in answer.message
    assert BOUND_S <= took_s < BOUND_S + 2.0
    disk.thaw()
    told = status.wait_until(lambda m: 'answers again; an episode can be started' in m.message)
    assert status_values(told)['successes'] == '1'
    with BagReader(folder) as bag:
        assert bag.metadata.success is True
    assert call(ros, 'redo')[0].success
    assert (folder.parent / 'discarded' / folder.name).is_dir()


def end_in_a_stop(ros: Harness, disk: FreezingDisk, process: NodeProcess) -> Path:
    """Record one message, stop while the disk hangs, ask the process to end; give the take."""
    publisher = ros.node.create_publisher(JointState, 'joint_states', 10)
    folder = record_one(ros, disk, publisher)
    disk.freeze()
    answer = stop(ros)
    assert not answer.success and 'is still being written' in answer.message
    process.process.send_signal(signal.SIGTERM)
    line = process.wait_for_line('Waiting for it, for 30 s at most')
    assert f'vaa recover {folder}.partial' in line
    return folder


def test_a_take_that_is_still_being_written_is_finished_before_the_process_ends(
        ros: Harness, disk: FreezingDisk, start_recorder: Callable[..., NodeProcess]) -> None:
    process = start_recorder(0.3)
    folder = end_in_a_stop(ros, disk, process)
    disk.thaw()
    assert process.wait() == 0
    process.wait_for_line(f'saved as success: {folder}')
    assert os.listdir(folder.parent) == [folder.name]
    with BagReader(folder) as bag:
        assert bag.metadata.success is True and bag.counts['/joint_states'] == 1


def test_a_process_that_may_not_wait_leaves_a_take_that_can_be_recovered(
        ros: Harness, disk: FreezingDisk, start_recorder: Callable[..., NodeProcess]) -> None:
    process = start_recorder(0.3)
    folder = end_in_a_stop(ros, disk, process)

    def ends() -> bool:
        # Whoever asks again, later than by a second key press or group signal, means it.
        process.process.send_signal(signal.SIGTERM)
        stat = Path(f'/proc/{process.process.pid}/stat').read_text()
        return stat.rpartition(')')[2].split()[0] == 'Z'

    wait_for(ends, message='the main thread to end')
    disk.thaw()  # only now can the thread end that writes
    assert process.wait() == 128 + signal.SIGTERM
    assert os.listdir(folder.parent) == [f'{folder.name}.partial']
    with BagReader(recover(folder.with_name(f'{folder.name}.partial')).path) as bag:
        assert bag.metadata.success is None and bag.counts['/joint_states'] == 1
