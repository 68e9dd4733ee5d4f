# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""`vaa record` with real node processes: the expert, and a person at a keyboard."""

from __future__ import annotations

from collections.abc import Iterator
import json
import os
from pathlib import Path
import subprocess
import sys
import time

from processes import wait_for
import pytest
from ros_harness import Harness
from sensor_msgs.msg import Joy
from terminals import environment
from terminals import Terminal

from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.recording.bag_reader import list_episodes
from vaa_ros.ros.qos import EVENTS


def command(out: Path, *options: str) -> list[str]:
    return [sys.executable, '-m', 'vaa_ros.cli.main', 'record', '--task', 'reach', '--out',
            str(out), *options]


def recorded(out: Path) -> list[tuple[int | None, bool | None, str]]:
    found = []
    for path in list_episodes(out)[0]:
        with BagReader(path) as bag:
            assert bag.metadata is not None
            found.append((bag.metadata.seed, bag.metadata.success, bag.metadata.operator))
    return found


def test_the_expert_fills_up_what_is_missing(tmp_path: Path) -> None:
    out, figures = tmp_path / 'episodes', tmp_path / 'figures.json'
    for count, options in ((1, ()), (2, ('--pushes', '5'))):
        done = subprocess.run(
            command(out, '--seeds', '40', '--episodes', str(count), '--json', str(figures),
                    *options),
            env=environment(), capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stdout + done.stderr
        made = json.loads(figures.read_text())
        assert [episode['seed'] for episode in made['per_episode']] == [39 + count]
    assert 'already holds 1 of 2 seeds' in done.stdout
    assert recorded(out) == [(40, True, 'expert'), (41, True, 'expert')]


def test_when_time_is_over_the_person_is_asked(tmp_path: Path) -> None:
    terminal = Terminal(command(tmp_path / 'episodes', '--episodes', '2', '--teleop', 'keyboard',
                                '--time-limit', '0.5'))
    try:
        for key, answer in (('x', 'the same scene again'), ('n', 'seed 1')):
            terminal.wait_for('seed 0')
            terminal.type('\n')
            terminal.wait_for('recording')
            terminal.wait_for('time is over (0.5 s)')
            terminal.type(key)
            terminal.wait_for(answer)
        terminal.type('q')
        terminal.wait_for('1 episodes')
        assert terminal.code() == 0
    finally:
        terminal.close()
    assert recorded(tmp_path / 'episodes') == [(0, False, 'keyboard')]


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """Start `vaa record --teleop keyboard` in a terminal."""
    opened = Terminal(command(tmp_path / 'episodes', '--episodes', '3', '--teleop', 'keyboard'))
    yield opened
    opened.close()


def drive(terminal: Terminal) -> None:
    """Hold a key for a second: the keyboard repeats it."""
    for _ in range(30):
        terminal.type('w')
        time.sleep(1 / 30)


def test_a_person_at_the_keyboard(terminal: Terminal, tmp_path: Path) -> None:
    terminal.wait_for('seed 0')
    terminal.type('\n')
    terminal.wait_for('recording')
    drive(terminal)
    terminal.type('x')
    terminal.wait_for('the same scene again')
    terminal.wait_for('seed 0')
    terminal.type('\n')
    terminal.wait_for('recording')
    drive(terminal)
    terminal.type('n')
    terminal.wait_for('seed 1')
    terminal.type('q')
    terminal.wait_for('1 episodes')
    assert terminal.code() == 0
    assert recorded(tmp_path / 'episodes') == [(0, False, 'keyboard')]
    path = list_episodes(tmp_path / 'episodes')[0][0]
    with BagReader(path) as bag:
        travelled = [float(message.position[1]) for _, _, message in
                     bag.messages(['/joint_states'])]
    assert abs(travelled[-1] - travelled[0]) > 0.01, 'the keys did not reach the arm'


def test_a_person_with_a_gamepad(ros: Harness, tmp_path: Path) -> None:
    joy = ros.node.create_publisher(Joy, 'joy', EVENTS)
    terminal = Terminal(command(tmp_path / 'episodes', '--episodes', '2', '--teleop', 'gamepad'),
                        os.environ['ROS_DOMAIN_ID'])

    def press(button: int) -> None:
        time.sleep(0.31)  # nobody means two things within 0.3 s
        for held in (0, 1, 0):
            joy.publish(Joy(axes=[0.0] * 8, buttons=[held * (index == button)
                                                     for index in range(11)]))

    try:
        terminal.wait_for('seed 0')
        # teleop, the recorder and the command itself
        wait_for(lambda: joy.get_subscription_count() >= 3, message='who listens to the gamepad')
        for button, answer in ((10, 'the same scene again'), (9, 'seed 1'), (5, '2 episodes')):
            press(5)
            terminal.wait_for('recording')
            press(button)
            terminal.wait_for(answer)
        assert terminal.code() == 0
    finally:
        terminal.close()
    assert recorded(tmp_path / 'episodes') == [(0, False, 'gamepad'), (1, True, 'gamepad')]


def test_a_person_needs_a_terminal(tmp_path: Path) -> None:
    done = subprocess.run(command(tmp_path / 'e', '--teleop', 'keyboard'), env=environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert 'needs a terminal' in done.stderr
