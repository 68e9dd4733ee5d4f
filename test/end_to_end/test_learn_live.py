# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
``vaa train --live`` on the simulated arm, over DDS, with a person who confirms, starts and judges.

The person is a script at a terminal, with an e-stop and the recorder's services.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import json
import os
from pathlib import Path
import subprocess
import sys
import threading

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from processes import wait_for
import pytest
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool
from std_msgs.msg import String
from terminals import environment
from terminals import Terminal

from vaa_ros.cli.arm_client import ArmClient
from vaa_ros.core.gate import MOVING
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.learning import checkpoint
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import JOINTS
from vaa_ros.ros.qos import LATCHED

TICKS = 25
"""Observations that move the arm in an episode."""
STILL, MOVED = 0.05, 0.1
"""Way of all joints together in half a second of rest, and in an episode [rad, m]."""
VAA = [sys.executable, '-m', 'vaa_ros.cli.main']


def vaa(folder: Path, *arguments: str) -> None:
    done = subprocess.run([*VAA, *arguments], cwd=folder, env=environment(), capture_output=True,
                          text=True, timeout=400)
    assert done.returncode == 0, f'{arguments}\n{done.stdout}\n{done.stderr}'


class Person:
    """Who presses the e-stop, starts and judges episodes, and sees the arm."""

    def __init__(self, client: ArmClient) -> None:
        node = client.node
        self.client = client
        self.button = node.create_publisher(Bool, 'e_stop', LATCHED)
        self.way = 0.0
        self.policy = self.state = ''
        self.states: set[str] = set()
        self._last: np.ndarray | None = None
        self.frames: set[int] = set()
        node.create_subscription(String, 'policy/trace', self._on_trace, EVENTS)
        node.create_subscription(JointState, 'joint_states', self._on_joints, JOINTS)
        node.create_subscription(DiagnosticStatus, 'policy/status', self._on_status, EVENTS)

    def press(self, pressed: bool) -> None:
        self.button.publish(Bool(data=pressed))

    def stop(self) -> None:
        """Press the e-stop, and see that it stops the arm."""
        self.press(True)
        wait_for(lambda: self.state == STOPPED, message='the stop')

    def reset(self) -> None:
        self.press(False)
        self.client.trigger('policy/reset_policy')

    def set_up(self, seed: int) -> None:
        """Put arm and scene where an episode begins."""
        self.client.set_parameters('sim_arm', seed=seed)
        self.client.trigger('sim_arm/reset')

    def episode(self, success: bool | None,
                interrupt: Callable[[], object] | None = None) -> float:
        """Record until the arm has moved for a while, judge, and give the way that it went."""
        self.client.trigger('teleop_recorder/start_episode')
        before = self.way
        self.frames.clear()
        wait_for(lambda: len(self.frames) > TICKS, 60.0, 'the arm to move')
        way = self.way - before
        if interrupt is not None:
            interrupt()
            assert self.rest() < STILL
        if success is None:
            self.client.trigger('teleop_recorder/discard_episode')
        else:
            self.client.set_bool('teleop_recorder/stop_episode', success)
        return way

    def rest(self) -> float:
        """Give the way that the arm goes in a while in which nothing is recorded."""
        wait_for(lambda: self.state in (PAUSED, STOPPED), message='the pause')
        threading.Event().wait(1.0)  # it comes to rest
        before = self.way
        threading.Event().wait(0.5)
        return self.way - before

    def _on_joints(self, message: JointState) -> None:
        now = np.array(message.position)
        if self._last is not None:
            self.way += float(np.abs(now - self._last).sum())
        self._last = now

    def _on_trace(self, message: String) -> None:
        told = json.loads(message.data)
        if told['moving']:
            self.frames.add(told['observation_ns'])

    def _on_status(self, message: DiagnosticStatus) -> None:
        values = status_values(message)
        self.policy, self.state = values['policy'], values['state']
        self.states.add(self.state)


@pytest.fixture(scope='module')
def cloned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A policy that has hardly learned to reach: there is much to improve."""
    folder = tmp_path_factory.mktemp('cloned')
    vaa(folder, 'record', '--task', 'reach', '--episodes', '8', '--out', 'bags', '--in-process')
    vaa(folder, 'dataset', 'bags', '--out', 'data')
    vaa(folder, 'train', '--data', 'data', '--out', 'run', '--config', 'tiny', '--steps', '60')
    vaa(folder, 'export', '--run', 'run', '--out', 'base.onnx')
    return folder


@pytest.fixture
def person(cloned: Path, tmp_path: Path, start_process: Callable[..., object]
           ) -> Iterator[Person]:
    """The nodes around the arm, with a person beside them."""
    def start(node: str, **parameters: object) -> None:
        given = [item for name, value in parameters.items()
                 for item in ('-p', f'{name}:={value}')]
        start_process(f'vaa_ros.nodes.{node}', '--ros-args', *given)

    model = str(cloned / 'base.onnx')
    start('sim_arm', task='reach', max_time_s=600.0)
    start('camera_subscriber', model_path=model)
    # What a policy of 60 steps does is no scene that it was shown; and a busy machine is no fault.
    start('policy', model_path=model, watch_scene=False, speed=0.5, max_image_age_s=2.0,
          max_joint_age_s=2.0)
    start('guard', timeout_s=10.0)
    start('teleop_recorder', output_dir=tmp_path / 'episodes', task='reach', keys=False,
          min_free_gb=0.0)
    with ArmClient() as client:
        found = Person(client)
        wait_for(lambda: found.state == 'running', 60.0, 'the policy to run')
        client.set_bool('policy/pause', True)
        yield found


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_person_has_an_arm_learn_from_its_own_episodes(cloned, person, tmp_path):
    live = [*VAA, 'train', '--method', 'rl', '--base', str(cloned / 'run'), '--out',
            str(tmp_path / 'run'), '--live', '--episodes', '4']
    terminal = Terminal(live, os.environ['ROS_DOMAIN_ID'])
    try:
        confirm(terminal, person)
        recorded = tmp_path / 'episodes'
        for number, verdicts in enumerate(((True,), (None, False), (True,)), start=1):
            terminal.wait_for(f'episode {number} of 4', 120.0)
            terminal.wait_for('Awaited in')
            for verdict in verdicts:
                assert person.rest() < STILL
                person.set_up(number)
                assert person.episode(verdict, person.stop if verdict is False else None) > MOVED
            if number == 2:
                # Reset after the episode, the arm stays where it is.
                person.reset()
                wait_for(lambda: person.state == PAUSED, message='the pause')
                assert person.rest() < STILL
            terminal.wait_for('success,' if verdicts[-1] else 'failure,')
        terminal.wait_for('episode 4 of 4', 120.0)
        terminal.wait_for('Awaited in')
        interfere(terminal, person, cloned / 'base.onnx')
        assert person.rest() < STILL
        person.set_up(4)
        assert person.episode(None, lambda: terminal.type('\x03')) > MOVED
        terminal.wait_for('the arm is paused')
        terminal.wait_for('stopped; go on with', 120.0)
        assert terminal.code() == 130
    finally:
        terminal.close()
    assert person.rest() < STILL and person.policy == 'live_final'
    state = checkpoint.load(tmp_path / 'run')[2]
    assert state['episodes'] == 3 and state['curve'][-1][0] == state['step'] > 2 * TICKS
    rounds = checkpoint.read_metrics(tmp_path / 'run')
    assert [item['success'] for item in rounds] == [1.0, 0.0, 1.0]
    bags = sorted(recorded.glob('episode_*'))
    names = []
    for bag in bags:
        with BagReader(bag) as reader:
            names.append(reader.metadata.active_policy['name'])
    assert names == ['live_000000', 'live_000001', 'live_000002']
    assert len(list((recorded / 'discarded').glob('episode_*'))) == 2
    vaa(tmp_path, 'export', '--run', 'run', '--out', 'improved.onnx')


def confirm(terminal: Terminal, person: Person) -> None:
    """Read the limits, type the robot's name, press the e-stop and reset it."""
    terminal.wait_for('type the name of the robot (vaa_arm)', 120.0)
    assert 'joint_1' in terminal.said and 'explores' in terminal.said
    terminal.type('vaa_arm\n')
    terminal.wait_for('Press the e-stop now')
    person.press(True)
    terminal.wait_for('Seen, and the policy node is stopped')
    person.reset()
    terminal.wait_for('The e-stop works')


def interfere(terminal: Terminal, person: Person, model: Path) -> None:
    """Between two episodes, let the arm move and put another policy to work; both are undone."""
    person.states.clear()
    person.client.set_bool('policy/pause', False)
    wait_for(lambda: set(MOVING) & person.states, message='the arm to move')
    assert person.rest() < STILL
    person.client.set_parameters('policy', model_path=str(model))
    person.client.trigger('policy/reload_policy', 60.0)
    terminal.wait_for('putting this one back')
    terminal.wait_for('is active')
