# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
teleop with real topics: gamepad, keyboard in a terminal, and the expert in real time.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import os
from pathlib import Path
import pty
import subprocess
import sys
import threading
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from geometry_msgs.msg import TwistStamped
import numpy as np
from processes import NodeProcess
from processes import ROOT
from processes import TIMEOUT_S
from processes import wait_for
import pytest
from ros_harness import Harness
from sensor_msgs.msg import JointState as JointStateMsg
from sensor_msgs.msg import Joy
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.nodes.teleop import Teleop
from vaa_ros.ros.conversions import joint_state_to_msg
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS_OUT
from vaa_ros.ros.qos import LATCHED

MODULE = 'vaa_ros.nodes.teleop'
ROBOT = load_robot('vaa_arm')
HOME = np.array(ROBOT.home)
DEADMAN = [0, 0, 0, 0, 1, 0, 0, 0]
FORWARDS = [0.0, 1.0, 0, 0, 0, 0, 0, 0]
STILL = [0.0] * 8


class Person:
    """
    Joint states and Joy messages at 30 Hz.
    """

    def __init__(self, ros: Harness) -> None:
        self.joints = ros.node.create_publisher(JointStateMsg, 'joint_states', JOINTS_OUT)
        self.pad = ros.node.create_publisher(Joy, 'joy', EVENTS)
        self.sticks: tuple[list, list] | None = None
        self.measured = True
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(1 / 30):
            if self.measured:
                self.joints.publish(joint_state_to_msg(JointState(1, ROBOT.joint_names, HOME)))
            if self.sticks is not None:
                axes, buttons = self.sticks
                self.pad.publish(Joy(axes=axes, buttons=buttons))


@pytest.fixture
def person(ros: Harness) -> Iterator[Person]:
    made = Person(ros)
    yield made
    made.stop()


def gamepad(ros: Harness, **parameters: Any) -> Teleop:
    return ros.make_node(Teleop, mode='gamepad', **parameters)


def test_a_gamepad_jogs_the_arm_while_the_deadman_is_held(ros: Harness, person: Person) -> None:
    gamepad(ros)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    person.sticks = (FORWARDS, [0] * 8)
    active.wait(1)
    assert sent.messages == []
    person.sticks = (FORWARDS, DEADMAN)
    track = np.array([message.points[0].positions for message in sent.wait(15)])
    assert active.wait_until(lambda message: message.data)
    assert np.abs(track[0] - HOME).max() < 0.05
    assert np.abs(track[-1] - HOME).max() > 0.02
    assert np.abs(np.diff(track, axis=0)).max() < 0.05
    person.sticks = (FORWARDS, [0] * 8)
    wait_for(lambda: not active.messages[-1].data)
    wait_for(lambda: len({bytes(message.points[0].positions)
                          for message in sent.messages[-3:]}) == 1, message='the hold')


def test_a_gamepad_that_falls_silent_lets_go(ros: Harness, person: Person) -> None:
    gamepad(ros, joy_timeout_s=0.1)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    person.sticks = (FORWARDS, DEADMAN)
    sent.wait(3)
    person.sticks = None
    wait_for(lambda: not active.messages[-1].data)


@pytest.mark.parametrize(('command_type', 'kind'), [
    ('delta_twist_cmds', TwistStamped), ('target_pose', PoseStamped),
    ('commands', Float64MultiArray)])
def test_every_command_type(
    ros: Harness, person: Person, command_type: str, kind: type,
) -> None:
    gamepad(ros, command_type=command_type)
    sent = ros.collect(kind, command_type, COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    messages = sent.wait(10)
    if kind is TwistStamped:
        assert messages[5].twist.linear.x > 0.05
        assert abs(messages[5].twist.linear.y) < 1e-3
    elif kind is PoseStamped:
        assert messages[0].header.frame_id == 'base_link'
        assert messages[9].pose.position.x > messages[0].pose.position.x
    else:
        assert len(messages[0].data) == 7
    if kind is not Float64MultiArray:
        gripper = ros.collect(Float64MultiArray, 'gripper_commands', COMMAND)
        assert gripper.wait()[0].data[0] == pytest.approx(0.09)


def test_letting_go_stops_a_twist(ros: Harness, person: Person) -> None:
    gamepad(ros, command_type='delta_twist_cmds')
    sent = ros.collect(TwistStamped, 'delta_twist_cmds', COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    sent.wait_until(lambda message: message.twist.linear.x > 0.05)
    person.sticks = (FORWARDS, [0] * 8)
    wait_for(lambda: sent.messages[-1].twist.linear.x == 0.0)


def test_without_joint_states_it_does_not_take_hold(ros: Harness, person: Person) -> None:
    person.measured = False
    node = gamepad(ros)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    wait_for(lambda: 'joint_states' in node._trouble)
    assert sent.messages == []
    person.measured = True
    sent.wait(3)


@pytest.fixture
def other_arm(tmp_path: Path) -> str:
    """A robot that vaa_ros has no kinematics of."""
    text = (ROOT / 'config' / 'robots' / 'vaa_arm.yaml').read_text(encoding='utf-8')
    path = tmp_path / 'other.yaml'
    path.write_text(text.replace('name: vaa_arm', 'name: other').replace(
        'urdf: vaa_arm.urdf', "urdf: ''"), encoding='utf-8')
    return str(path)


def test_a_gamepad_moves_an_arm_without_kinematics_joint_by_joint(
    ros: Harness, person: Person, other_arm: str,
) -> None:
    gamepad(ros, robot=other_arm)
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    moved = np.array(sent.wait_until(
        lambda message: message.points[0].positions[0] > 0.02).points[0].positions)
    assert moved[1:] == pytest.approx(HOME[1:])
    person.sticks = ([0.0] * 6 + [-1.0, 0.0], DEADMAN)
    sent.wait(len(sent.messages) + 5)
    person.sticks = (FORWARDS, DEADMAN)
    sent.wait_until(lambda message: message.points[0].positions[2] > HOME[2] + 0.02)


def test_a_gamepad_drives_twists_without_kinematics(
    ros: Harness, person: Person, other_arm: str,
) -> None:
    gamepad(ros, robot=other_arm, command_type='delta_twist_cmds')
    sent = ros.collect(TwistStamped, 'delta_twist_cmds', COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    sent.wait_until(lambda message: message.twist.linear.x > 0.05)


def test_what_an_arm_without_kinematics_cannot_do_is_said_and_stops_it(
    ros: Harness, person: Person, other_arm: str,
) -> None:
    node = gamepad(ros, robot=other_arm, command_type='delta_twist_cmds')
    sent = ros.collect(TwistStamped, 'delta_twist_cmds', COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    sent.wait_until(lambda message: message.twist.linear.x > 0.05)
    person.sticks = (FORWARDS, [0, 0, 0, 0, 1, 0, 0, 1])  # home
    wait_for(lambda: 'no kinematics' in node._trouble)
    wait_for(lambda: sent.messages[-1].twist.linear.x == 0.0)


def test_stopping_the_node_holds(ros: Harness, person: Person) -> None:
    node = gamepad(ros, command_type='delta_twist_cmds')
    sent = ros.collect(TwistStamped, 'delta_twist_cmds', COMMAND)
    person.sticks = (FORWARDS, DEADMAN)
    sent.wait_until(lambda message: message.twist.linear.x > 0.05)
    node.stop()
    wait_for(lambda: sent.messages[-1].twist.linear.x == 0.0 or any(
        message.twist.linear.x == 0.0 for message in sent.messages[-3:]))


def test_the_expert_does_the_task_in_real_time(
    ros: Harness, start_process: Callable[..., NodeProcess],
) -> None:
    start_process('vaa_ros.nodes.sim_arm', '--ros-args', '-p', 'task:=reach', '-p', 'seed:=2')
    status = ros.collect(DiagnosticStatus, 'sim_arm/task_status', LATCHED)
    start_process(MODULE, '--ros-args', '-p', 'mode:=expert', '-r',
                  'task_status:=sim_arm/task_status')
    active = ros.collect(Bool, 'teleop/active', LATCHED)
    active.wait()
    # The first episode may have begun before the expert was there, or be over already.
    assert ros.call(Trigger, 'sim_arm/reset').success
    active.wait_until(lambda message: message.data)
    done = status_values(status.wait_until(
        lambda message: status_values(message)['done'] == 'true'
        and status_values(message)['episode'] == '1', 60.0))
    assert done['success'] == 'true'


@pytest.mark.parametrize(('parameters', 'error', 'word'), [
    ({'mode': 'keyboard'}, RosError, 'terminal'),
    ({'mode': 'gamepad', 'lockstep': True}, ConfigError, 'lockstep'),
    ({'mode': 'juggle'}, ConfigError, 'expert'),
    ({'mode': 'gamepad', 'command_type': 'x'}, ConfigError, 'joint_trajectory'),
    ({'mode': 'gamepad', 'robot': 'x'}, ConfigError, 'vaa_arm'),
])
def test_what_cannot_be_is_refused(
    ros: Harness, parameters: dict, error: type, word: str,
) -> None:
    with pytest.raises(error, match=word):
        ros.make_node(Teleop, **parameters)


@pytest.fixture
def in_terminal() -> Iterator[Callable[[], tuple[subprocess.Popen, int]]]:
    """Start the keyboard mode in a terminal of its own; gives the process and the keyboard."""
    started: list[tuple[subprocess.Popen, int]] = []

    def start() -> tuple[subprocess.Popen, int]:
        keyboard, screen = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, str(ROOT / 'test' / 'ros' / 'in_terminal.py'), MODULE],
            cwd=ROOT, stdin=screen, stdout=screen, stderr=screen, start_new_session=True,
            env={**os.environ, 'PYTHONPATH': str(ROOT)})
        os.close(screen)
        started.append((process, keyboard))
        return process, keyboard

    yield start
    for process, keyboard in started:
        if process.poll() is None:
            process.kill()
        process.wait()
        os.close(keyboard)


def test_keys_jog_the_arm_and_quit(
    ros: Harness, person: Person, in_terminal: Callable[[], tuple[subprocess.Popen, int]],
) -> None:
    process, keyboard = in_terminal()
    sent = ros.collect(JointTrajectory, 'joint_trajectory', COMMAND)
    screen = b''
    while b'quit' not in screen:
        screen += os.read(keyboard, 4096)
    assert b'close, open the gripper' in screen
    wait_for(lambda: os.write(keyboard, b'1') and sent.messages)
    sent.wait_until(lambda message: message.points[0].positions[0] > 0.001)
    os.write(keyboard, b'q')
    assert process.wait(TIMEOUT_S) == 0


def test_keyboard_without_a_terminal_ends_with_the_reason(
    start_process: Callable[..., NodeProcess],
) -> None:
    process = start_process(MODULE)
    assert process.wait() == 2
    assert 'terminal' in process.output
