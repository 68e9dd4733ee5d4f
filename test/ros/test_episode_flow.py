# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
People at teleop_recorder: buttons, countdown, plan, redo, cues and the trash, with real topics.
"""
from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
import struct
import threading
import time
from types import SimpleNamespace
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from processes import wait_for
import pytest
from rclpy.lifecycle import TransitionCallbackReturn
from recorder_rig import Robot
from ros_harness import Harness
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_msgs.msg import String
from std_srvs.srv import SetBool
from std_srvs.srv import Trigger

from vaa_ros.core.episode_flow import Cue
from vaa_ros.nodes import teleop_recorder
from vaa_ros.nodes.teleop_recorder import TeleopRecorder
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.ros import input_device
from vaa_ros.ros.cues import Cues
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

RB, GUIDE, STICK = 5, 8, 10


@pytest.fixture
def robot(ros: Harness) -> Robot:
    return Robot(ros)


def recorder(ros: Harness, folder: Path, **options: Any) -> TeleopRecorder:
    node = ros.make_node(TeleopRecorder, output_dir=str(folder), task='reach', min_free_gb=0.0,
                         keys=False, **options)
    node.trigger_configure()
    node.trigger_activate()
    return node


def call(ros: Harness, name: str) -> Trigger.Response:
    return ros.call(Trigger, f'teleop_recorder/{name}_episode')


def stop(ros: Harness, success: bool = True) -> SetBool.Response:
    return ros.call(SetBool, 'teleop_recorder/stop_episode', SetBool.Request(data=success))


def known(path: Path) -> tuple[str, str, bool | None]:
    with BagReader(path) as bag:
        return bag.metadata.task, bag.metadata.instruction, bag.metadata.success


def test_a_session_by_gamepad(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    recorder(ros, tmp_path, episodes=2, instructions=['sort: red', 'sort: blue'],
             countdown_s=0.3)
    joy = ros.node.create_publisher(Joy, 'joy', EVENTS)
    cues = ros.collect(String, 'teleop_recorder/cue', EVENTS)
    recording = ros.collect(Bool, 'teleop_recorder/is_recording', LATCHED)
    wait_for(joy.get_subscription_count)

    def press(button: int) -> None:
        time.sleep(0.31)  # nobody means two things within 0.3 s
        for held in (0, 1):
            joy.publish(Joy(buttons=[held * (index == button) for index in range(11)]))

    def until(state: bool) -> None:
        recording.wait_until(lambda m: m.data is state)
        recording.messages.clear()

    recording.wait()
    recording.messages.clear()
    for end, kept in ((RB, 1), (STICK, 1), (RB, 2)):
        if end != RB or kept == 1:
            press(RB)
            until(True)
        robot.drive(2)
        press(end)
        if end == STICK:  # redo: the take goes, the next begins by itself
            until(False)
            until(True)
        else:
            until(False)
    cues.wait_until(lambda m: m.data.endswith('All 2 are recorded'))
    told = [message.data for message in cues.messages]
    assert told[0] == 'sort: red: 1'
    assert [text for text in told if text.endswith('blue: 1')] == ['sort: blue: 1'] * 2
    assert 'again' in told
    assert known(tmp_path / 'episode_000000') == ('sort', 'red', True)
    assert known(tmp_path / 'episode_000002') == ('sort', 'blue', True)
    assert known(tmp_path / 'discarded' / 'episode_000001')[1] == 'blue'
    answer = call(ros, 'start')
    assert not answer.success
    assert 'all 2 episodes are recorded' in answer.message


def test_redo_after_the_stop_and_the_limit_of_the_trash(ros: Harness, robot: Robot,
                                                        tmp_path: Path) -> None:
    recorder(ros, tmp_path, discarded_max=2)
    status = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    for number in range(4):
        start = call(ros, 'start') if number == 0 else None
        assert start is None or start.success
        robot.drive(2)
        assert stop(ros).success
        answer = call(ros, 'redo')
        assert answer.success, answer.message
        assert json.loads(answer.message)['path'] == str(
            tmp_path / 'discarded' / f'episode_{number:06d}')
    robot.drive(2)
    assert stop(ros, False).success
    assert sorted(os.listdir(tmp_path)) == ['discarded', 'episode_000004']
    assert sorted(os.listdir(tmp_path / 'discarded')) == ['episode_000002', 'episode_000003']
    told = status_values(status.wait_until(lambda m: status_values(m)['failures'] == '1'))
    assert (told['phase'], told['successes'], told['episodes_saved']) == ('idle', '0', '1')


def test_a_session_goes_on_where_it_was_left(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    node = recorder(ros, tmp_path)
    for success in (True, False, True):
        assert call(ros, 'start').success
        robot.drive(2)
        assert stop(ros, success).success
    node.trigger_deactivate()
    ros.set_parameters('/teleop_recorder', episodes=2)
    node.trigger_activate()
    wait_for(lambda: not node._desk.flow.counting)
    assert 'all 2 episodes are recorded' in call(ros, 'start').message


def test_what_is_due_is_told_from_the_first_moment_on(ros: Harness, robot: Robot,
                                                     tmp_path: Path) -> None:
    node = ros.make_node(TeleopRecorder, output_dir=str(tmp_path), min_free_gb=0.0, keys=False,
                         episodes=50, instructions=['sort: put the red cube left', 'rest'])
    cues = ros.collect(String, 'teleop_recorder/cue', EVENTS)
    node.trigger_configure()
    node.trigger_activate()
    assert call(ros, 'start').success
    robot.drive(2)
    assert stop(ros).success
    cues.wait(3)
    assert [message.data for message in cues.messages[:2]] == [
        'Next: sort: put the red cube left', 'recording: sort: put the red cube left']
    assert cues.messages[2].data.startswith('success 1 of 50')
    assert cues.messages[2].data.endswith('Next: rest')


def test_a_countdown_ends_with_the_session(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    node = recorder(ros, tmp_path, countdown_s=0.2)
    assert call(ros, 'start').success
    node.trigger_deactivate()
    cues = ros.collect(String, 'teleop_recorder/cue', EVENTS)
    node.trigger_activate()
    assert call(ros, 'start').message == 'recording in 0.2 s'
    cues.wait_until(lambda m: m.data == 'recording')
    assert [message.data for message in cues.messages].count('recording') == 1


def test_a_countdown_that_cannot_end_well_says_so(ros: Harness, tmp_path: Path) -> None:
    recorder(ros, tmp_path, countdown_s=0.2, topic_wait_s=0.0)
    status = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    assert call(ros, 'start').message == 'recording in 0.2 s'
    assert 'has not begun' in stop(ros).message
    told = status.wait_until(lambda m: 'nobody publishes /front/image_raw' in m.message)
    assert status_values(told)['phase'] == 'idle'


@pytest.mark.parametrize(('parameters', 'said'), [
    ({'joy_actions': ['togle=5']}, "joy_actions: unknown action 'togle'"),
    ({'pedal': '/nowhere', 'pedal_actions': ['start=B']}, 'there is no key B'),
    ({'pedal': '/nowhere'}, 'no foot pedal at device /nowhere')])
def test_what_cannot_be_is_refused(ros: Harness, robot: Robot, tmp_path: Path,
                                   capfd: pytest.CaptureFixture[str],
                                   parameters: dict[str, Any], said: str) -> None:
    if 'pedal' in parameters:
        pytest.importorskip('evdev')
    recorder(ros, tmp_path, **parameters)
    assert 'not active' in call(ros, 'start').message
    assert said in capfd.readouterr().err


def test_cues_are_spoken_in_order_and_in_time(ros: Harness, tmp_path: Path,
                                              monkeypatch: pytest.MonkeyPatch,
                                              capsys: pytest.CaptureFixture[str]) -> None:
    """The voice is a program of its own; here one that writes down what it is told to say."""
    speaker = tmp_path / 'spd-say'
    said = tmp_path / 'said'
    said.touch()
    speaker.write_text(f'#!/bin/sh\ncat "{tmp_path}/$(wc -l < {said})"\necho "$@" >> "{said}"\n')
    speaker.chmod(0o755)
    for number in ('0', '1'):
        os.mkfifo(tmp_path / number)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=os.pathsep)
    cues = Cues(ros.node, 'speech')
    cues.tell(Cue('3', 2))
    assert capsys.readouterr().out.endswith('\a\a\n')
    # Opens when the speaker does: it is busy with the first, and what is old by then is left out.
    with open(tmp_path / '0', 'w'):
        for text in ('2', '1', '--help'):
            cues.tell(Cue(text))
    with open(tmp_path / '1', 'w'):
        pass
    wait_for(lambda: said.read_text() == '--wait -- 3\n--wait -- --help\n')


class Feet:
    """A device with keys, whose events come from a pipe instead of the kernel."""

    def __init__(self) -> None:
        self.fd, self._end = os.pipe()
        self.name, self.grabbed = 'feet', False

    def capabilities(self) -> dict[int, list[int]]:
        return {1: [30, 48]}

    def grab(self) -> None:
        self.grabbed = True

    def read(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(type=1, code=code, value=value)
                for code, value in struct.iter_unpack('=HB', os.read(self.fd, 300))]

    def step_on(self, code: int) -> None:
        os.write(self._end, b''.join(struct.pack('=HB', code, value) for value in (1, 2, 2, 0)))

    def close(self) -> None:
        os.close(self._end)
        os.close(self.fd)


def test_a_foot_pedal(ros: Harness, robot: Robot, tmp_path: Path,
                      monkeypatch: pytest.MonkeyPatch) -> None:
    codes = {'KEY_A': 30, 'KEY_B': 48, 'KEY_C': 46}
    if importlib.util.find_spec('evdev') is None:  # no wheel of it: not everywhere
        monkeypatch.setattr(input_device, 'library', lambda kind: SimpleNamespace(
            ecodes=SimpleNamespace(ecodes=codes)))
    feet = Feet()
    monkeypatch.setattr(input_device, 'open_device', lambda kind, path: feet)
    node = recorder(ros, tmp_path, pedal='/dev/input/by-id/feet')
    wait_for(lambda: feet.grabbed)  # a pedal types letters, which must not go elsewhere
    recording = ros.collect(Bool, 'teleop_recorder/is_recording', LATCHED)
    feet.step_on(codes['KEY_B'])
    recording.wait_until(lambda m: m.data)
    robot.drive(2)
    recording.messages.clear()
    time.sleep(0.31)
    feet.step_on(codes['KEY_A'])
    recording.wait_until(lambda m: not m.data)
    assert known(tmp_path / 'episode_000000') == ('reach', '', False)
    node.trigger_deactivate()
    with pytest.raises(OSError):
        os.fstat(feet.fd)


@pytest.mark.skipif(not os.access('/dev/uinput', os.W_OK), reason='no /dev/uinput to write to')
def test_a_foot_pedal_of_the_kernel(ros: Harness, robot: Robot, tmp_path: Path) -> None:
    evdev = pytest.importorskip('evdev')
    keyboard = evdev.UInput({evdev.ecodes.EV_KEY: [evdev.ecodes.KEY_B]}, name='test pedal')
    try:
        wait_for(lambda: os.access(keyboard.device.path, os.R_OK))
        recorder(ros, tmp_path, pedal=keyboard.device.path)
        recording = ros.collect(Bool, 'teleop_recorder/is_recording', LATCHED)
        keyboard.write(evdev.ecodes.EV_KEY, evdev.ecodes.KEY_B, 1)
        keyboard.syn()
        recording.wait_until(lambda m: m.data)
    finally:
        keyboard.close()


def test_what_counts_is_counted_when_it_changes(ros: Harness, robot: Robot,
                                                tmp_path: Path) -> None:
    old, new = str(tmp_path / 'old'), str(tmp_path / 'new')
    node = recorder(ros, tmp_path / 'old')
    assert call(ros, 'start').success
    robot.drive(2)
    assert stop(ros).success
    ros.set_parameters('/teleop_recorder', output_dir=new, episodes=1)
    wait_for(lambda: not node._desk.flow.counting)
    assert call(ros, 'start').success
    assert call(ros, 'discard').success
    ros.set_parameters('/teleop_recorder', output_dir=old)
    wait_for(lambda: not node._desk.flow.counting)
    assert 'all 1 episodes are recorded' in call(ros, 'start').message
    ros.set_parameters('/teleop_recorder', task='sort')
    wait_for(lambda: not node._desk.flow.counting)
    assert node._desk.flow.successes == 0
    assert call(ros, 'start').success


def test_redo_takes_nothing_back_of_what_counts_now(ros: Harness, robot: Robot,
                                                    tmp_path: Path) -> None:
    node = recorder(ros, tmp_path, episodes=3)
    assert call(ros, 'start').success
    robot.drive(2)
    assert stop(ros).success
    assert node._desk.flow.successes == 1
    ros.set_parameters('/teleop_recorder', task='sort')
    wait_for(lambda: not node._desk.flow.counting)
    assert call(ros, 'redo').success  # the take of the other task is thrown away all the same
    assert node._desk.flow.successes == 0
    assert known(tmp_path / 'discarded' / 'episode_000000')[0] == 'reach'
    robot.drive(2)
    assert stop(ros).success
    assert node._desk.flow.successes == 1


def test_a_disk_that_hangs_at_the_stop_hangs_nobody(
        ros: Harness, robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released, real_finish = threading.Event(), BagWriter._finish
    released.set()

    def finish(self: BagWriter) -> None:
        assert released.wait(60)
        real_finish(self)

    monkeypatch.setattr(BagWriter, '_finish', finish)
    recorder(ros, tmp_path, episodes=9, discarded_max=1)
    status = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    cues = ros.collect(String, 'teleop_recorder/cue', EVENTS)
    for _ in range(2):
        assert call(ros, 'start').success
        robot.drive(2)
        assert stop(ros).success
    assert ros.set_parameters('teleop_recorder', stop_wait_s=0.2)[0].successful
    released.clear()
    try:
        assert call(ros, 'start').success
        robot.drive(2)
        answer = stop(ros)
        assert not answer.success and 'is still being written' in answer.message
        assert 'is still being written' in call(ros, 'start').message
        assert not (tmp_path / 'episode_000002').exists()
        told = status_values(status.wait_until(lambda m: 'still being written' in m.message))
        assert (told['successes'], told['recording']) == ('2', 'false')
        # Keys that an impatient person presses must not change what the take is.
        for again in (stop(ros, False), call(ros, 'discard')):
            assert not again.success and 'is still being written' in again.message
    finally:
        released.set()
    told = status_values(status.wait_until(lambda m: status_values(m)['successes'] == '3'))
    assert told['failures'] == '0'
    cues.wait_until(lambda m: m.data.startswith('success 3 of 9, written at last'))
    for number in range(3):
        assert known(tmp_path / f'episode_{number:06d}') == ('reach', '', True)
    assert call(ros, 'redo').success
    assert known(tmp_path / 'discarded' / 'episode_000002')[0] == 'reach'


def test_a_take_that_is_written_when_the_recorder_is_deactivated_counts_later(
        ros: Harness, robot: Robot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    released, real_finish = threading.Event(), BagWriter._finish

    def finish(self: BagWriter) -> None:
        assert released.wait(60)
        real_finish(self)

    monkeypatch.setattr(BagWriter, '_finish', finish)
    monkeypatch.setattr(teleop_recorder, 'LAST_WAIT_S', 0.3)
    node = recorder(ros, tmp_path, episodes=3, stop_wait_s=0.2)
    status = ros.collect(DiagnosticStatus, 'teleop_recorder/episode', LATCHED)
    try:
        assert call(ros, 'start').success
        robot.drive(2)
        assert not stop(ros).success
        node.trigger_deactivate()
        assert 'is not active' in call(ros, 'start').message
        assert node.trigger_activate() == TransitionCallbackReturn.FAILURE
        node.stop()  # as at the end of the process
        told = status.wait_until(lambda m: 'is left behind: the disk took longer' in m.message)
        assert f'vaa recover {tmp_path / "episode_000000.partial"}' in told.message
    finally:
        released.set()
    status.wait_until(lambda m: status_values(m)['successes'] == '1')
    assert known(tmp_path / 'episode_000000') == ('reach', '', True)
    assert node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    assert call(ros, 'start').success
