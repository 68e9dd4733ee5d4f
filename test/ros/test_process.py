# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The life of a node process: last words leave, errors are one line, exit codes mean something.
"""
from __future__ import annotations

from collections.abc import Callable
import os
from pathlib import Path
import signal
import subprocess
import sys
import time

from policy_rig import Robot
from processes import NodeProcess
from processes import ROOT
from processes import wait_for
import pytest
from rclpy.publisher import Publisher
from ros_harness import Collector
from ros_harness import Harness
from std_msgs.msg import String

from vaa_ros.ros.qos import COMMAND


@pytest.fixture
def start(start_process) -> Callable[..., NodeProcess]:
    def start(name: str, *arguments: str) -> NodeProcess:
        return start_process('process_nodes', name, *arguments, environment={
            'PYTHONPATH': f'{ROOT}:{ROOT / "test" / "ros"}'})
    return start


def connect(ros: Harness) -> tuple[Collector, Publisher]:
    """Connect with an arm in both directions, and forget what it said so far."""
    commands = ros.collect(String, 'commands', COMMAND)
    orders = ros.publisher(String, 'orders', 10)

    def answered() -> bool:
        # Said again until both sides have found each other.
        orders.publish(String(data='answer'))
        return bool(commands.messages)
    wait_for(answered, message='an answer')
    orders.publish(String(data='last'))
    commands.wait_until(lambda m: m.data == 'last')
    commands.messages.clear()
    return commands, orders


@pytest.mark.parametrize(('name', 'number'), [
    ('Arm', signal.SIGINT), ('Arm', signal.SIGTERM), ('Arm', signal.SIGHUP),
    ('BrokenArm', signal.SIGTERM)])
def test_the_last_words_leave(ros: Harness, start, name: str, number: signal.Signals) -> None:
    process = start(name)
    commands, _ = connect(ros)
    began_s = time.monotonic()
    assert process.stop(number) == 0
    # 0.3 s on an idle machine.
    assert time.monotonic() - began_s < 3.0
    assert [message.data for message in commands.wait()] == ['hold']
    assert ('stop failed' in process.output) == (name == 'BrokenArm')


LAUNCH = """
import os, subprocess, sys
environment = {**os.environ, 'VAA_ROS_LAUNCH_PID': str(os.getpid())}
node = subprocess.Popen([sys.executable, '-m', 'process_nodes', 'Arm'], env=environment)
print(node.pid, flush=True)
node.wait()
"""


@pytest.mark.skipif(sys.platform != 'linux', reason='only Linux tells of the death of a parent')
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_a_node_ends_with_the_launch_that_started_it(ros: Harness, number: signal.Signals) -> None:
    launch = subprocess.Popen(
        [sys.executable, '-c', LAUNCH], text=True, stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "test" / "ros"}'})
    node = Path('/proc', launch.stdout.readline().strip())
    try:
        commands, _ = connect(ros)
        launch.send_signal(number)
        launch.wait()
        assert [message.data for message in commands.wait()] == ['hold']
        wait_for(lambda: not node.exists() or 'Z (zombie)' in (node / 'status').read_text())
    finally:
        launch.kill()
        launch.wait()
        launch.stdout.close()
        if node.exists():
            os.kill(int(node.name), signal.SIGKILL)


def test_a_node_whose_launch_is_gone_before_it_is_there_does_not_stay(start_process) -> None:
    gone = subprocess.Popen([sys.executable, '-c', ''])
    gone.wait()
    process = start_process('process_nodes', 'Arm', environment={
        'PYTHONPATH': f'{ROOT}:{ROOT / "test" / "ros"}', 'VAA_ROS_LAUNCH_PID': str(gone.pid)})
    assert process.wait() == 0
    assert 'up:' not in process.output


def test_a_signal_during_a_callback_waits_for_its_end(ros: Harness, start) -> None:
    process = start('Arm')
    commands, orders = connect(ros)
    orders.publish(String(data='sleep'))
    process.process.send_signal(signal.SIGINT)
    process.process.send_signal(signal.SIGINT)
    assert process.wait() == 0
    assert [message.data for message in commands.wait()] == ['hold']


def test_a_node_that_is_refused_ends_although_messages_come(
    ros: Harness, robot: Robot, model: Path, start,
) -> None:
    process = start('RefusedPolicy', '--ros-args', '-p', f'model_path:={model}')
    robot.start()
    assert process.wait() == 2, process.output
    assert 'not activated: a rival' in process.output


def test_a_failing_callback_ends_the_node_with_its_last_words(ros: Harness, start) -> None:
    process = start('Arm')
    commands, orders = connect(ros)
    orders.publish(String(data='fail'))
    assert process.wait() == 1
    assert [message.data for message in commands.wait()] == ['hold']
    assert 'ValueError: this was ordered' in process.output


def test_a_node_with_fault_goes_on(ros: Harness, start) -> None:
    process = start('TolerantArm')
    commands, orders = connect(ros)
    orders.publish(String(data='fail'))
    commands.wait_until(lambda m: m.data == 'fault: a callback failed: ValueError: this was '
                                            'ordered')
    orders.publish(String(data='last'))
    commands.wait_until(lambda m: m.data == 'last')
    assert process.stop() == 0


def test_a_node_may_end_itself(start) -> None:
    assert start('EndingArm').wait() == 0


@pytest.mark.parametrize(('name', 'arguments', 'words'), [
    ('NoModel', (), 'error: model x does not exist'),
    ('Arm', ('--ros-args', '-p', 'rat:=3.0'), "unknown parameter 'rat'. Did you mean 'rate'?"),
    ('Arm', ('--ros-args', '-p', 'rate:=300.0'), 'rate: found 300.0, expected double, 1 to 100'),
    ('Arm', ('--ros-args', '-p', 'rate:=fast'), "rate: found 'fast', expected double"),
    ('Arm', ('--ros-args', '--params-file', '/none.yaml'), '/none.yaml'),
    ('Arm', ('fast',), "unknown argument 'fast'"),
])
def test_errors_are_one_line(start, name: str, arguments: tuple[str, ...], words: str) -> None:
    process = start(name, *arguments)
    assert process.wait() == 2
    assert len(process.lines) == 1
    assert process.lines[0].startswith('error: ')
    assert words in process.lines[0]


def test_bugs_show_where(start) -> None:
    process = start('Bug')
    assert process.wait() == 1
    assert 'Traceback' in process.output and "KeyError: 'a bug'" in process.output


def test_parameters_from_a_file_and_the_command_line(start, tmp_path: Path) -> None:
    file = tmp_path / 'arm.yaml'
    file.write_text('/**/arm:\n  ros__parameters:\n    rate: 20\n    places: []\n'
                    '    use_sim_time: true\n')
    process = start('Arm', '--ros-args', '--params-file', str(file))
    process.wait_for_line('up: 20.0 []')
    process = start('Arm', '--ros-args', '--params-file', str(file), '-p', 'places:=[1, 2]')
    process.wait_for_line('up: 20.0 [1.0, 2.0]')


def test_autostart(start) -> None:
    process = start('Cycle')
    process.wait_for_line('active')
    assert process.stop() == 0
    process = start('CycleWithoutModel')
    assert process.wait() == 2
    assert 'model x does not exist' in process.lines[0]
    assert 'could not configure' in process.lines[-1]
    process = start('CycleWithBug')
    assert process.wait() == 2
    assert 'Traceback' in process.output


def test_no_autostart(ros: Harness, start) -> None:
    from lifecycle_msgs.srv import GetState
    process = start('CycleWithBug', '--ros-args', '-p', 'autostart:=false')
    assert ros.call(GetState, 'cycle/get_state').current_state.label == 'unconfigured'
    assert process.stop() == 0
