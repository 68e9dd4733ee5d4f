# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations by a person: keyboard or gamepad drive the arm, keys here start and end them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
import os
from pathlib import Path
import pty
import queue
import sys
import time
from typing import TYPE_CHECKING

from vaa_ros.cli.follow import START_TIMEOUT_S
from vaa_ros.cli.record_run import begin_scene
from vaa_ros.cli.record_run import Recorded
from vaa_ros.cli.world import open_world
from vaa_ros.core.episode_buttons import JOY_ACTIONS
from vaa_ros.core.episode_buttons import joy_bindings
from vaa_ros.core.episode_buttons import Presses
from vaa_ros.core.errors import ConfigError
from vaa_ros.recording.episode import ABORTED

if TYPE_CHECKING:
    from std_msgs.msg import Bool

    from vaa_ros.cli.arm_client import ArmClient

PERSON_TIME_LIMIT_S = 120.0
CONTROL_RATE_HZ = 30.0
START, SAVE, FAIL, DISCARD, QUIT = '\n', '\n', 'n', 'x', 'q'

HELP = """\
Enter    start the episode; Enter again: keep it as a success
n        keep it as a failure            x   throw it away
q        end the session; a take that is being recorded goes to aborted/
gamepad  RB as Enter, left stick pressed as n, right stick or guide as x"""
ACTION_KEYS = {'toggle': START, 'failure': FAIL, 'redo': DISCARD, 'discard': DISCARD}
"""What the buttons of a gamepad stand for; the scene of a take that goes comes again anyway."""
BELL = '\a'


TIME_IS_OVER = 'time is over ({:g} s) and the arm holds; Enter, n, x or q?'
LET_GO_S = 1.0


class _Quit(Exception):
    """The person has had enough."""


@dataclass(frozen=True)
class PersonRun:
    """
    What to record.

    :param task: task of the simulated arm.
    :param seeds: one episode each.
    :param out: folder of the episodes.
    :param log_dir: where the nodes' logs and parameters go.
    :param teleop: ``keyboard`` or ``gamepad`` (a joy node must run in the same ROS domain).
    :param command_type: command topic.
    :param time_limit_s: time limit of an episode, 0 for the task's own [s].
    """

    task: str
    seeds: Sequence[int]
    out: Path
    log_dir: Path
    teleop: str = 'keyboard'
    command_type: str = 'joint_trajectory'
    robot: str = 'vaa_arm'
    time_limit_s: float = PERSON_TIME_LIMIT_S

    def run(self, progress: Callable[[Recorded], object] = lambda episode: None
            ) -> list[Recorded]:
        """
        Record until every seed is done or the person ends it.

        :raises ConfigError: when there is no terminal to read keys from.
        :raises RosError: when a node dies or does not answer.
        """
        if not sys.stdin.isatty():
            raise ConfigError(f'--teleop {self.teleop} needs a terminal to read keys from; '
                              'standard input is none')
        from vaa_ros.ros.terminal import TerminalKeys
        recorded: list[Recorded] = []
        keys: queue.SimpleQueue[str] = queue.SimpleQueue()
        with ExitStack() as stack:
            # The arm's keys go on to the teleop process through a terminal of its own.
            master, slave = pty.openpty()
            stack.callback(os.close, master)
            world = stack.enter_context(open_world(self.log_dir))
            common = {'robot': self.robot, 'task': self.task}
            world.start('sim_arm', {**common, 'seed': int(self.seeds[0]),
                                    'max_time_s': float(self.time_limit_s)})
            world.start('teleop', {**common, 'mode': self.teleop,
                                   'command_type': self.command_type,
                                   'control_rate_hz': CONTROL_RATE_HZ}, stdin=slave)
            os.close(slave)
            world.start('teleop_recorder', {
                **common, 'command_type': self.command_type, 'keys': False, 'joy_actions': [],
                'output_dir': str(self.out.resolve()), 'operator': self.teleop,
                'control_rate_hz': CONTROL_RATE_HZ})
            client = world.client
            client.wait_for_arm(START_TIMEOUT_S)
            print(f'watch the arm on /front/image_raw with ROS_DOMAIN_ID={world.domain}\n{HELP}')
            if self.teleop == 'keyboard':
                from vaa_ros.core.teleop_mapping import KEY_HELP
                print(KEY_HELP, flush=True)

            def take(key: str) -> None:
                if key in (START, FAIL, DISCARD, QUIT):
                    keys.put(key)
                elif self.teleop == 'keyboard':
                    os.write(master, key.encode())

            listen_to_buttons(client, keys)
            reader = TerminalKeys(take)
            if not reader.start():
                raise ConfigError('keys cannot be read: run it in the foreground of a terminal')
            stack.callback(reader.stop)
            grip = Grip(client, lambda: os.write(master, b' '))
            try:
                for seed in self.seeds:
                    episode = record_episode(client, keys, grip, seed)
                    recorded.append(episode)
                    progress(episode)
            except _Quit:
                pass
        return recorded


def listen_to_buttons(client: ArmClient, keys: queue.SimpleQueue[str]) -> None:
    """
    Take the buttons of a gamepad for keys.

    :param client: whose node listens to ``joy``.
    :param keys: where they go.
    """
    from sensor_msgs.msg import Joy

    from vaa_ros.ros.qos import EVENTS
    presses = Presses(joy_bindings(JOY_ACTIONS, 'joy_actions'))

    def on_joy(message: Joy) -> None:
        action = presses.update(message.buttons, time.monotonic())
        if action:
            keys.put(ACTION_KEYS[action])

    client.node.create_subscription(Joy, 'joy', on_joy, EVENTS)


class Grip:
    """
    Knows whether the person has hold of the arm.

    :param client: listens to ``teleop/active``.
    :param release: makes the keyboard let go; a gamepad's person has to do it.
    """

    def __init__(self, client: ArmClient, release: Callable[[], object]) -> None:
        """Listen."""
        from std_msgs.msg import Bool

        from vaa_ros.ros.qos import LATCHED
        self._check = client.check
        self._release = release
        self._held = False
        client.node.create_subscription(Bool, 'teleop/active', self._on_active, LATCHED)

    def let_go(self) -> None:
        """
        Wait until nobody commands the arm, so that a new scene does not begin with an old command.

        :raises RosError: when a process dies meanwhile.
        """
        self._release()
        told_s = time.monotonic() + LET_GO_S
        while self._held:
            self._check()
            if time.monotonic() > told_s:
                print('let go of the arm to go on: release the deadman button', flush=True)
                told_s = float('inf')
            time.sleep(0.02)

    def _on_active(self, message: Bool) -> None:
        self._held = message.data


def record_episode(client: ArmClient, keys: queue.SimpleQueue[str], grip: Grip,
                   seed: int) -> Recorded:
    """
    Record the episode of a seed; the scene and its clock begin anew when the person starts.

    :param client: speaks to the nodes.
    :param keys: what the person types.
    :param grip: whether the person has hold of the arm.
    :param seed: seed of the scene.
    :raises RosError: when a node dies or does not answer.
    """
    while True:
        _show_scene(client, keys, grip, seed)
        grip.let_go()
        begin_scene(client, seed)
        path = client.trigger('teleop_recorder/start_episode')
        assert client.task is not None
        print(f'{BELL}recording {path}, at most {client.task.max_time_s:g} s', flush=True)
        try:
            key = _verdict(client, keys)
        except _Quit:
            print('the take was not finished and is no demonstration: what there is of it goes to '
                  f'{Path(path).parent / ABORTED / Path(path).name}', flush=True)
            raise
        if key == DISCARD:
            client.trigger('teleop_recorder/discard_episode')
            print('thrown away; the same scene again', flush=True)
            continue
        status = client.task
        answer = client.set_bool('teleop_recorder/stop_episode', key != FAIL)
        return Recorded.answered(answer, seed, key != FAIL,
                                 min(status.time_s, status.max_time_s))


def _show_scene(client: ArmClient, keys: queue.SimpleQueue[str], grip: Grip, seed: int) -> None:
    """Show the scene until the person starts; who practises too long gets it anew."""
    key = ''
    while key != START:
        grip.let_go()
        begin_scene(client, seed)
        assert client.task is not None
        print(f'seed {seed}: {client.task.instruction}', flush=True)
        key = _key(client, keys, (START,), lambda: client.task.done)


def _verdict(client: ArmClient, keys: queue.SimpleQueue[str]) -> str:
    """Wait for what the person says of the episode; the task being done counts as a success."""
    choices = (SAVE, FAIL, DISCARD)
    key = _key(client, keys, choices, lambda: client.task.done)
    if not key and not client.task.success:
        print(f'{BELL * 2}{TIME_IS_OVER.format(client.task.max_time_s)}', flush=True)
        key = _key(client, keys, choices, lambda: client.task.success)
    return key or SAVE


def _key(client: ArmClient, keys: queue.SimpleQueue[str], wanted: tuple[str, ...],
         done: Callable[[], bool]) -> str:
    """Wait for one of some keys, or for something to be done: then it is an empty string."""
    while True:
        try:
            key = keys.get(timeout=0.1)
        except queue.Empty:
            client.check()
            if done():
                return ''
            continue
        if key == QUIT:
            raise _Quit
        if key in wanted:
            return key
