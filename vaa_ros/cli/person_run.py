# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations by a person: keyboard or gamepad drive the arm, keys here start and end them."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
import json
import os
from pathlib import Path
import pty
import queue
import sys
from typing import TYPE_CHECKING

from vaa_ros.cli.follow import START_TIMEOUT_S
from vaa_ros.cli.record_run import begin_scene
from vaa_ros.cli.record_run import Recorded
from vaa_ros.cli.world import open_world
from vaa_ros.core.errors import ConfigError

if TYPE_CHECKING:
    from vaa_ros.cli.arm_client import ArmClient

START, SAVE, FAIL, DISCARD, QUIT = '\n', '\n', 'n', 'x', 'q'

HELP = """\
Enter    start the episode; Enter again: keep it as a success
n        keep it as a failure            x   throw it away
q        end the session"""


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
    """

    task: str
    seeds: Sequence[int]
    out: Path
    log_dir: Path
    teleop: str = 'keyboard'
    command_type: str = 'joint_trajectory'
    robot: str = 'vaa_arm'

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
            world.start('sim_arm', {**common, 'seed': int(self.seeds[0])})
            world.start('teleop', {**common, 'mode': self.teleop,
                                   'command_type': self.command_type}, stdin=slave)
            os.close(slave)
            world.start('teleop_recorder', {
                **common, 'command_type': self.command_type, 'keys': False,
                'output_dir': str(self.out.resolve()), 'operator': self.teleop})
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

            reader = TerminalKeys(take)
            if not reader.start():
                raise ConfigError('keys cannot be read: run it in the foreground of a terminal')
            stack.callback(reader.stop)
            try:
                for seed in self.seeds:
                    episode = self._episode(client, keys, seed)
                    recorded.append(episode)
                    progress(episode)
            except _Quit:
                pass
        return recorded

    def _episode(self, client: ArmClient, keys: queue.SimpleQueue[str], seed: int) -> Recorded:
        while True:
            begin_scene(client, seed)
            assert client.task is not None
            print(f'seed {seed}: {client.task.instruction}', flush=True)
            _key(client, keys, (START,))
            path = client.trigger('teleop_recorder/start_episode')
            print(f'recording {path}', flush=True)
            key = _key(client, keys, (SAVE, FAIL, DISCARD),
                       lambda: client.task is not None and client.task.success)
            if key == DISCARD:
                client.trigger('teleop_recorder/discard_episode')
                print('thrown away; the same scene again', flush=True)
                continue
            status = client.task
            answer = json.loads(client.set_bool('teleop_recorder/stop_episode', key != FAIL))
            return Recorded(Path(answer.get('path', path)), seed, key != FAIL, status.time_s,
                            int(answer.get('messages', 0)), int(answer.get('dropped', 0)))


def _key(client: ArmClient, keys: queue.SimpleQueue[str], wanted: tuple[str, ...],
         done: Callable[[], bool] = lambda: False) -> str:
    """Wait for one of some keys, or for the task to be done, which counts as a success."""
    while True:
        try:
            key = keys.get(timeout=0.1)
        except queue.Empty:
            client.check()
            if done():
                return SAVE
            continue
        if key == QUIT:
            raise _Quit
        if key in wanted:
            return key
