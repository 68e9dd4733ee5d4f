# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop_recorder tells what goes wrong with a take while it is recorded, with real topics.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from pathlib import Path
import re
import threading
import time

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from processes import NodeProcess
import pytest
from recorder_rig import MODULE
from recorder_rig import Robot
from recorder_rig import start
from recorder_rig import stop
from ros_harness import Harness
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.conversions import joint_trajectory_msg
from vaa_ros.ros.conversions import ns_to_stamp
from vaa_ros.ros.conversions import rgb_to_image
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

FRONT, WRIST = '/front/image_raw', '/wrist/image_raw'
WARN = DiagnosticStatus.WARN


class LiveRobot(Robot):
    """Moves and looks, in real time, until it is stopped; some topics may say nothing."""

    def __init__(self, ros: Harness) -> None:
        super().__init__(ros)
        self.silent: set[str] = set()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        rng, step = np.random.default_rng(0), 0
        while not self._ended.wait(0.01):
            step += 1
            now_ns = time.time_ns()
            state = JointState(name=['joint_1'], position=[np.sin(step / 50)])
            state.header.stamp = ns_to_stamp(now_ns)
            self.publishers['/joint_states'].publish(state)
            if step % 3 == 0:
                command = joint_trajectory_msg(['joint_1'], [np.sin(step / 50)], 1 / 30)
                self.publishers['/joint_trajectory'].publish(command)
            for topic in {FRONT, WRIST} - self.silent if step % 3 == 0 else ():
                rgb = rng.integers(60, 200, (24, 32, 3), dtype=np.uint8)
                self.publishers[topic].publish(rgb_to_image(rgb, now_ns, 'camera'))


@pytest.fixture
def robot(ros: Harness) -> Iterator[LiveRobot]:
    made = LiveRobot(ros)
    yield made
    made.stop()


@pytest.fixture
def recorder(robot: LiveRobot, start_process: Callable[..., NodeProcess], tmp_path: Path
             ) -> Callable[[str], NodeProcess]:
    def begin(cues: str) -> NodeProcess:
        process = start_process(MODULE, '--ros-args', *(text for option in (
            f'output_dir:={tmp_path}', 'min_free_gb:=0.0', 'keys:=false', f'cues:={cues}')
            for text in ('-p', option)))
        process.wait_for_line('ready to record')
        robot.start()
        return process
    return begin


@pytest.mark.parametrize('cues', ['none', 'print'])
def test_a_camera_that_stops_in_the_middle_of_a_take_and_comes_back(
        ros: Harness, robot: LiveRobot, recorder: Callable[[str], NodeProcess],
        cues: str) -> None:
    process = recorder(cues)
    told = ros.collect(String, 'teleop_recorder/cue', EVENTS)
    episode = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    answer = start(ros)
    assert answer.success, answer.message
    assert episode.wait_until(lambda m: m.message == 'recording').level == DiagnosticStatus.OK
    threading.Event().wait(1.0)  # as people know it: at first all is well
    robot.silent.add(FRONT)
    gone_s = time.monotonic()
    silent = f'{FRONT} is silent'
    told.wait_until(lambda m: silent in m.data)
    process.wait_for_line(silent)
    assert '[WARN]' in next(line for line in process.lines if silent in line)
    status = episode.wait_until(lambda m: silent in m.message)
    assert status.level == WARN
    threading.Event().wait(1.2)  # it is told once, not at every look
    assert len([line for line in process.lines if silent in line]) == 1
    assert len([message for message in told.messages if silent in message.data]) == 1
    away_s = time.monotonic() - gone_s
    robot.silent.clear()
    back = told.wait_until(lambda m: f'{FRONT} is back' in m.data).data
    process.wait_for_line(f'{FRONT} is back')
    assert float(re.search(r'for ([0-9.]+) s', back)[1]) == pytest.approx(away_s, abs=0.5)
    status = episode.wait_until(lambda m: f'{FRONT} was away for' in m.message)
    assert status.level == WARN  # the take has it still
    assert stop(ros).success
    with BagReader(Path(answer.message)) as bag:
        assert f'{FRONT}: nothing for' in str(bag.metadata.verdict['reasons'])
    assert start(ros).success
    assert episode.wait_until(lambda m: m is episode.messages[-1] and m.message == 'recording')


def test_a_camera_that_is_there_and_never_sends(
        ros: Harness, robot: LiveRobot, recorder: Callable[[str], NodeProcess]) -> None:
    robot.silent.add(WRIST)
    process = recorder('none')
    told = ros.collect(String, 'teleop_recorder/cue', EVENTS)
    assert start(ros).success
    told.wait_until(lambda m: f'nothing has come on {WRIST} yet' in m.data)
    process.wait_for_line(f'nothing has come on {WRIST} yet')
