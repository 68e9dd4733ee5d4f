# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Episodes of a policy through the nodes: simulated arm, camera subscriber and policy."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from vaa_ros.cli.follow import follow
from vaa_ros.cli.follow import START_TIMEOUT_S
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.cli.world import open_world
from vaa_ros.cli.world import World
from vaa_ros.core.paths import model_file
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import PolicySpec

if TYPE_CHECKING:
    from vaa_ros.cli.arm_client import ArmClient
    from vaa_ros.cli.observer import Observer
    from vaa_ros.cli.observer import PolicyCounters
    from vaa_ros.sim.environment import EnvironmentSpec

HOLD = 'hold'
CONTROL_RATE_HZ = 30.0


@dataclass(frozen=True)
class PolicyRun:
    """
    What to run.

    :param task: task of the simulated arm.
    :param model: path of the ``.onnx`` file, or ``hold``.
    :param seeds: one episode each.
    :param lockstep: the simulator waits for each command, instead of running in real time.
    :param pictures: keep the camera pictures of every episode.
    :param log_dir: where the nodes' logs and parameters go.
    :param robot: the robot.
    :param environment: a Gymnasium environment in place of the task, which is then its name.
    :param allowed: module that may be imported for it.
    :param command_type: how the arm is told; empty for the first type that carries the actions.
    """

    task: str
    model: str
    seeds: Sequence[int]
    lockstep: bool
    log_dir: Path
    pictures: bool = True
    robot: str = 'vaa_arm'
    environment: str = ''
    allowed: str = ''
    command_type: str = ''

    def run(self, progress: Callable[[EpisodeTrace], object] = lambda trace: None
            ) -> list[EpisodeTrace]:
        """
        Run every seed.

        :param progress: called after every episode.
        :raises RosError: when a node dies or does not answer.
        """
        from vaa_ros.cli.observer import Observer
        robot = load_robot(self.robot)
        spec = policy_spec(self.model)
        command_type = self.command_type or command_type_of(spec)
        cameras = robot.cameras if self.pictures else ()
        traces = []
        with open_world(self.log_dir) as world:
            self._start(world, command_type, None if spec else robot.cameras)
            client = world.client
            observer = Observer(client, robot, cameras, command_type, not self.lockstep,
                                spec.dt_s if spec else 1.0 / CONTROL_RATE_HZ)
            client.wait_for_arm(START_TIMEOUT_S)
            client.wait(lambda: observer.policy_state not in ('', 'unconfigured', 'inactive'),
                        'the policy node to become active', START_TIMEOUT_S)
            counters = _pause(client, observer)
            for seed in self.seeds:
                self._episode(client, observer, seed)
                before, counters = counters, _pause(client, observer)
                traces.append(observer.end(before, counters))
                progress(traces[-1])
        return traces

    def _start(self, world: World, command_type: str,
               cameras: Sequence[str] | None) -> None:
        clock = 'lockstep' if self.lockstep else 'real_time'
        what: dict[str, object] = {'task': self.task, 'robot': self.robot}
        if self.environment:
            what = {'environment': self.environment, 'allow_module': self.allowed}
        world.start('sim_arm', {'seed': int(self.seeds[0]), 'clock': clock, **what})
        world.start('camera_subscriber', {'model_path': self.model} if cameras is None
                    else {'cameras': list(cameras)})
        world.start('policy', {
            'model_path': self.model, 'robot': self.robot, 'command_type': command_type,
            'stamp_commands': True, 'lockstep': self.lockstep, 'autostart': True,
            'discovery_s': 0.0})

    def _episode(self, client: ArmClient, observer: Observer, seed: int) -> None:
        client.set_parameters('sim_arm', seed=seed)
        assert client.task is not None
        number = client.task.episode
        observer.begin(number)
        client.trigger('sim_arm/reset')
        client.wait(lambda: client.task.episode > number, 'the new episode', 10.0)
        # Not by the topic, which may come after the first observation of the episode.
        client.set_parameters('policy', instruction=client.task.instruction)
        client.trigger('policy/reset_policy')
        client.set_bool('policy/pause', False)
        follow(client, number, lambda: (
            f'the policy is {observer.policy_state or "silent"}: '
            f'{observer.policy_reason or "no reason given"}; see {self.log_dir}'))
        client.wait(lambda: observer.finished is not None, 'the end of the episode', 5.0)


def _pause(client: ArmClient, observer: Observer) -> PolicyCounters:
    """Pause the policy, and return its counters while they stand still."""
    client.set_bool('policy/pause', True)
    seen = observer.counters.received
    client.wait(lambda: observer.counters.received > seen and observer.policy_state == 'paused',
                'the policy to pause', 10.0)
    return observer.counters


def find_model(name: str) -> str:
    """
    Return the path of a policy, or ``hold``.

    :param name: ``hold``, an .onnx file, or the name of a model that ships with the package.
    :raises ModelError: when there is none; lists those that ship.
    """
    return HOLD if name == HOLD else str(model_file(name))


def hold_spec(task: str, robot_name: str = 'vaa_arm',
              environment: EnvironmentSpec | None = None) -> PolicySpec:
    """Return what the hold policy of a robot, or of an environment's robot, sees and does."""
    robot = load_robot(environment.robot if environment else robot_name)
    cameras = tuple(environment.cameras) if environment else robot.cameras
    rate_hz = environment.control_rate_hz if environment else CONTROL_RATE_HZ
    return PolicySpec(
        HOLD, task, robot.name, tuple(CameraSpec(key, 128, 96) for key in cameras),
        robot.joints, ActionSpec.for_robot('joint_position', robot), rate_hz, 1)


def policy_spec(model: str) -> PolicySpec | None:
    """Return the spec inside a model file; the hold policy has none."""
    if model == HOLD:
        return None
    from vaa_ros.policies.onnx_file import inspect_model
    from vaa_ros.policies.onnx_file import read_model_bytes
    from vaa_ros.policies.onnx_policy import read_spec
    contents = inspect_model(read_model_bytes(Path(model)), model)
    return read_spec(contents.metadata, model)


def command_type_of(spec: PolicySpec | None) -> str:
    """Return the first command type that carries the policy's kind of action."""
    kind = spec.action.kind if spec is not None else 'joint_position'
    return next(name for name, carried in COMMAND_KINDS.items() if carried == kind)

