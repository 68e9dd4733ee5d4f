# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What nodes say comes out, and a terminal that takes nothing holds no arm up.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import os
from pathlib import Path
import re
import signal
import subprocess
import sys
import threading

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from policy_rig import HOME
from policy_rig import MODULE
from policy_rig import newest_in_state
from policy_rig import Robot
from policy_rig import statuses
from processes import NodeProcess
from processes import ROOT
from processes import wait_for
import pytest
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import Float64MultiArray
from terminals import Terminal
from tiny_policy import goal_policy

from vaa_ros.ros import output_relay
from vaa_ros.ros.qos import COMMAND
from vaa_ros.ros.qos import LATCHED

TELLER = {'PYTHONPATH': f'{ROOT}:{ROOT / "test" / "ros"}'}
LINES = [f'saying {number}' for number in range(300)]


def full_pipe() -> tuple[int, int]:
    """Give a pipe that takes nothing more: a terminal after Ctrl-S."""
    source, sink = os.pipe()
    os.set_blocking(sink, False)
    for size in (4096, 1):
        try:
            while True:
                os.write(sink, b'.' * size)
        except BlockingIOError:
            pass
    os.set_blocking(sink, True)
    return source, sink


@pytest.fixture
def stuck() -> Iterator[int]:
    """Give a descriptor that takes no output, ever."""
    source, sink = full_pipe()
    yield sink
    os.close(sink)
    os.close(source)


@pytest.mark.parametrize(('end', 'status', 'words'), [
    ('signal', 0, 'a C library'), ('kill', -signal.SIGKILL, 'a C library'),
    ('abort', -signal.SIGABRT, 'Fatal Python error: Aborted'),
    ('crash', -signal.SIGSEGV, 'Fatal Python error: Segmentation fault'),
    ('error', 1, 'an error')])
def test_all_that_is_said_comes_out_in_order_also_before_a_crash(
        start_process: Callable[..., NodeProcess], end: str, status: int, words: str) -> None:
    teller = start_process('process_nodes', 'Teller', environment={
        **TELLER, 'END': end, 'PYTHONFAULTHANDLER': '1'})
    teller.wait_for_line(words)
    if end == 'signal':
        teller.process.send_signal(signal.SIGTERM)
    assert teller.wait() == status
    assert re.findall(r'saying \d+', teller.output) == LINES
    assert 'a C library' in teller.output and teller.lines[0] == 'no terminal'
    assert '\x1b' not in teller.output


def test_a_terminal_stays_one(ros_domain: int) -> None:
    terminal = Terminal([sys.executable, str(ROOT / 'test/ros/process_nodes.py'), 'Teller'],
                        str(ros_domain))
    try:
        terminal.wait_for('a C library')
        assert terminal.said.startswith('a terminal')
        assert re.findall(r'saying \d+', terminal.said) == LINES
        assert '\x1b[33m' in terminal.said, 'warnings are yellow'
        terminal.type('\x03')
        assert terminal.code() == 0
    finally:
        terminal.close()


def test_a_node_ends_although_its_terminal_takes_nothing(
        start_process: Callable[..., NodeProcess], stuck: int) -> None:
    teller = start_process('process_nodes', 'Teller', environment={**TELLER, 'END': 'error'},
                           sink=stuck)
    assert teller.wait() == 1


def test_what_the_terminal_did_not_take_is_counted() -> None:
    source, sink = os.pipe()
    filled, full = full_pipe()
    relay = subprocess.Popen([sys.executable, '-I', '-S', output_relay.__file__,
                              f'{source}:{full}'], pass_fds=[source, full])
    for end in (source, full):
        os.close(end)
    count = 100_000
    with open(sink, 'wb') as told:
        for number in range(count):
            told.write(b'%060d\n' % number)
    with open(filled, 'rb') as terminal:
        said = terminal.read().decode().lstrip('.')
    assert relay.wait(20) == 0
    # The last lines may still be on their way when the terminal takes output again: a gap more.
    gaps = [int(lines) for lines in re.findall(
        r'\n\[(\d+) lines were dropped here: the terminal took no output\]\n', said)]
    assert count > sum(gaps) > count / 2
    assert said.count('\n') - 2 * len(gaps) + sum(gaps) == count
    assert said.startswith(f'{0:060d}\n{1:060d}\n')


def speeds(message: Float64MultiArray) -> np.ndarray:
    return np.array(message.data)


@pytest.fixture
def driven(ros: Harness, robot: Robot, tmp_path: Path, stuck: int,
           start_process: Callable[..., NodeProcess]) -> NodeProcess:
    """A policy that drives an arm by velocities, and a guard, on a terminal that takes nothing."""
    model = goal_policy(tmp_path / 'far.onnx', HOME + [1.5, 0, 0, 0, 0, 0, 0])
    start_process('vaa_ros.nodes.guard', '--ros-args', '-p', 'command_type:=velocity_commands',
                  '-p', 'timeout_s:=1.0', sink=stuck)
    # Without locked shared memory after a kill.
    policy = start_process(
        MODULE, '--ros-args', '-p', f'model_path:={model}', '-p',
        'command_type:=velocity_commands', '-p', 'speed:=0.05',
        environment={'FASTDDS_BUILTIN_TRANSPORTS': 'UDPv4'}, sink=stuck)
    robot.wait_connected()
    robot.start()
    return policy


def test_a_policy_goes_on_and_hears_stops_when_its_terminal_takes_nothing(
        ros: Harness, driven: NodeProcess) -> None:
    sent, said = ros.collect(Float64MultiArray, 'velocity_commands', COMMAND), statuses(ros)
    sent.wait_until(lambda message: speeds(message).any())
    count, begun = len(sent.messages), threading.Event()
    timer = ros.node.create_timer(3.0, begun.set)
    wait_for(begun)
    ros.node.destroy_timer(timer)
    # 30 Hz, on a busy machine.
    assert len(sent.messages) - count > 45
    ros.publisher(Bool, 'e_stop', LATCHED).publish(Bool(data=True))
    newest_in_state(said, 'stopped')
    wait_for(lambda: not speeds(sent.messages[-1]).any(), message='no motion')


def test_a_guard_brakes_when_its_terminal_takes_nothing(
        ros: Harness, driven: NodeProcess) -> None:
    sent = ros.collect(Float64MultiArray, 'velocity_commands', COMMAND, publishers=2)
    pressed = ros.collect(Bool, 'e_stop', LATCHED)
    watched = ros.collect(DiagnosticStatus, 'guard/status', LATCHED)
    watched.wait_until(lambda message: 'watching' in message.message)
    sent.wait_until(lambda message: speeds(message).any())
    driven.kill()
    pressed.wait_until(lambda message: message.data)
    wait_for(lambda: not speeds(sent.messages[-1]).any(), message='no motion')
