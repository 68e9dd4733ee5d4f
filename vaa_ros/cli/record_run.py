# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Demonstrations through the nodes: simulated arm, teleop with the expert, teleop_recorder."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli.follow import follow
from vaa_ros.cli.follow import START_TIMEOUT_S
from vaa_ros.cli.world import open_world

if TYPE_CHECKING:
    from vaa_ros.cli.arm_client import ArmClient
    from vaa_ros.cli.arm_client import TaskStatus
    from vaa_ros.sim.environment import EnvironmentSpec

PUSH_RAD = 0.04
TICKS_A_SECOND = 30


@dataclass(frozen=True)
class Recorded:
    """
    One demonstration.

    :param path: the bag.
    :param seed: seed of its scene.
    :param success: the task's verdict.
    :param time_s: length of the episode [s].
    :param messages: messages in the bag.
    :param dropped: messages that the disk was too slow for.
    :param verdict: whether it is worth keeping: keep, look or discard.
    :param reasons: why it is not, the worst first.
    """

    path: Path
    seed: int
    success: bool
    time_s: float
    messages: int = 0
    dropped: int = 0
    verdict: str = ''
    reasons: Sequence[str] = ()

    @classmethod
    def answered(cls, answer: str, seed: int, success: bool, time_s: float) -> Recorded:
        """
        Take over what the recorder answered to the stop.

        :param answer: its JSON.
        :param seed: seed of the scene.
        :param success: what it was stopped as.
        :param time_s: length of the episode [s].
        """
        told = json.loads(answer)
        return cls(Path(told['path']), seed, success, time_s, int(told['messages']),
                   int(told['dropped']), told.get('verdict', ''), told.get('reasons', []))

    def __str__(self) -> str:
        return '   '.join([self.path.name, f'seed {self.seed}',
                           'success' if self.success else 'failure', f'{self.time_s:.1f} s',
                           ': '.join(text for text in (self.verdict, '; '.join(self.reasons))
                                     if text)])


@dataclass(frozen=True)
class RecordRun:
    """
    What to record.

    :param task: task of the simulated arm.
    :param seeds: one episode each.
    :param out: folder of the episodes.
    :param log_dir: where the nodes' logs and parameters go.
    :param command_type: how the expert commands the arm.
    :param lockstep: faster than real time where the machine can; the same result everywhere.
    :param pushes_a_second: mean number of random pushes, so that recovering is shown too.
    """

    task: str
    seeds: Sequence[int]
    out: Path
    log_dir: Path
    command_type: str = 'joint_trajectory'
    lockstep: bool = True
    pushes_a_second: float = 0.0
    robot: str = 'vaa_arm'

    def run(self, progress: Callable[[Recorded], object] = lambda episode: None
            ) -> list[Recorded]:
        """
        Record every seed.

        :param progress: called after every episode.
        :raises RosError: when a node dies or does not answer.
        """
        recorded: list[Recorded] = []
        if not self.seeds:
            return recorded
        common = {'robot': self.robot, 'task': self.task}
        with open_world(self.log_dir) as world:
            world.start('sim_arm', {
                **common, 'seed': int(self.seeds[0]),
                'clock': 'lockstep' if self.lockstep else 'real_time'})
            world.start('teleop', {
                **common, 'mode': 'expert', 'command_type': self.command_type,
                'lockstep': self.lockstep, 'stamp_commands': True, 'wait_for_recording': True},
                {'task_status': 'sim_arm/task_status',
                 'is_recording': 'teleop_recorder/is_recording'})
            world.start('teleop_recorder', {
                **common, 'command_type': self.command_type, 'keys': False, 'joy_actions': [],
                'output_dir': str(self.out.resolve()), 'operator': 'expert',
                'control_rate_hz': float(TICKS_A_SECOND)})
            client = world.client
            client.wait_for_arm(START_TIMEOUT_S)
            for seed in self.seeds:
                episode = self._episode(client, seed)
                recorded.append(episode)
                progress(episode)
        return recorded

    def _episode(self, client: ArmClient, seed: int) -> Recorded:
        before = begin_scene(client, seed)
        client.trigger('teleop_recorder/start_episode')
        client.on_task = self._pusher(client, seed)
        try:
            status = follow(client, before, lambda: f'teleop is silent; see {self.log_dir}')
        except BaseException:
            client.trigger('teleop_recorder/discard_episode')
            raise
        finally:
            client.on_task = lambda status: None
        answer = client.set_bool('teleop_recorder/stop_episode', status.success)
        return Recorded.answered(answer, seed, status.success, status.time_s)

    def _pusher(self, client: ArmClient, seed: int) -> Callable[[TaskStatus], None]:
        """Make what is called at every tick: it pushes the arm now and then, by the seed."""
        rng = np.random.default_rng([seed, 104729])
        chance = self.pushes_a_second / TICKS_A_SECOND
        newest_ns = -1

        def push(status: TaskStatus) -> None:
            nonlocal newest_ns
            if chance == 0.0 or status.done or status.stamp_ns <= newest_ns:
                return
            newest_ns = status.stamp_ns
            if rng.uniform() < chance:
                client.perturb(np.append(rng.uniform(-PUSH_RAD, PUSH_RAD, 6), 0.0))

        return push


def begin_scene(client: ArmClient, seed: int) -> int:
    """
    Set the scene of a seed and tell the recorder about it.

    :return: number of the episode before.
    """
    assert client.task is not None
    before = client.task.episode
    client.set_parameters('sim_arm', seed=seed)
    client.trigger('sim_arm/reset')
    client.wait(lambda: client.task is not None and client.task.episode > before,
                'the new episode', START_TIMEOUT_S)
    client.set_parameters('teleop_recorder', seed=seed, instruction=client.task.instruction)
    return before


def recorded_seeds(folder: Path, task: str) -> set[int]:
    """Return the seeds of a task that a folder already holds, so that none is recorded twice."""
    from vaa_ros.core.errors import BagError
    from vaa_ros.recording.bag_reader import BagReader
    from vaa_ros.recording.bag_reader import list_episodes
    try:
        paths, _ = list_episodes(folder)
    except BagError:
        return set()
    seeds = set()
    for path in paths:
        with BagReader(path) as bag:
            if bag.metadata is not None and bag.metadata.task == task and (
                    bag.metadata.seed is not None):
                seeds.add(bag.metadata.seed)
    return seeds


def record_in_process(task: str, seeds: Sequence[int], out: Path, command_type: str,
                      progress: Callable[[Recorded], object], pushes_a_second: float = 0.0,
                      environment: EnvironmentSpec | None = None, allowed: str = '',
                      model: Path | None = None) -> list[Recorded]:
    """Record the expert or a policy without ROS: the same bags, as fast as one process can."""
    from vaa_ros.learning.demonstrations import Demonstration
    from vaa_ros.learning.demonstrations import record_demonstrations

    policy = None
    if model is not None:
        from vaa_ros.policies.onnx_policy import OnnxPolicy
        policy = OnnxPolicy(model)

    def recorded(episode: Demonstration) -> Recorded:
        return Recorded(episode.path, episode.seed, episode.success, episode.seconds,
                        verdict=episode.verdict.judgement, reasons=episode.verdict.reasons)

    def done(episode: Demonstration) -> None:
        progress(recorded(episode))

    made = record_demonstrations(task, seeds, out, command_type=command_type, progress=done,
                                 pushes_a_second=pushes_a_second, environment=environment,
                                 allowed=allowed, policy=policy)
    return [recorded(episode) for episode in made.episodes]
