# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations without ROS: the scripted expert drives the simulator in this process.

What lands on disk are the same rosbag2 episodes, topics and stamps that ``teleop_recorder``
writes in lockstep, and the commands pass the same limits and the same controller on their way to
the arm; there is only nobody in between. It goes as fast as the processor draws pictures.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from dataclasses import dataclass
from dataclasses import replace
import json
from pathlib import Path
import time

import numpy as np

import vaa_ros
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.policy_driver import PolicyDriver
from vaa_ros.policies.base import Policy
from vaa_ros.policies.opening import policy_file
from vaa_ros.recording import messages
from vaa_ros.recording.bag_information import qos_profile
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import check_output_dir
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.episode import next_episode_dir
from vaa_ros.recording.episode import recording_spec
from vaa_ros.recording.judged_bag import JudgedBag
from vaa_ros.recording.software import software_versions
from vaa_ros.recording.verdict import load_thresholds
from vaa_ros.recording.verdict import Verdict
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.environment import EnvironmentSpec
from vaa_ros.sim.environment_experts import EnvironmentDriver
from vaa_ros.sim.expert_driver import ExpertDriver
from vaa_ros.sim.expert_driver import TaskStatus
from vaa_ros.sim.gym_simulation import GymSimulation
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.world import World

JOINT_STATES = '/joint_states'
TASK_STATUS = '/sim_arm/task_status'
GRIPPER_COMMANDS = '/gripper_commands'

START_NS = NANOSECONDS
"""Stamp of the first tick [ns]; not 0, which ROS reads as "now"."""

PUSH_RAD = 0.04


@dataclass(frozen=True)
class Demonstration:
    """
    One recorded episode.

    :param path: the bag.
    :param seed: seed of the scene and of the expert.
    :param success: whether the task was done before its time limit.
    :param seconds: simulated time that it took [s].
    :param verdict: whether it is worth keeping.
    """

    path: Path
    seed: int
    success: bool
    seconds: float
    verdict: Verdict


@dataclass(frozen=True)
class Demonstrations:
    """
    Everything that one call recorded, failed takes included.

    :param episodes: the episodes in order.
    """

    episodes: tuple[Demonstration, ...]

    @property
    def successes(self) -> int:
        """
        Count the episodes that did the task.
        """
        return sum(episode.success for episode in self.episodes)

    @property
    def failures(self) -> int:
        """
        Count the episodes that did not; their bags say so.
        """
        return len(self.episodes) - self.successes


def record_demonstrations(
    task: str, seeds: Iterable[int], out_dir: Path | str, robot: str = 'vaa_arm',
    command_type: str = 'joint_trajectory',
    progress: Callable[[Demonstration], None] | None = None, pushes_a_second: float = 0.0,
    image_size: tuple[int, int] = (240, 320), compression: str = 'zstd',
    environment: EnvironmentSpec | None = None, allowed: str = '', policy: Policy | None = None,
) -> Demonstrations:
    """
    Let the expert, or a policy, do one episode for each seed, and write them as bags.

    The same arguments give the same messages. With ``pushes_a_second`` the arm is pushed aside
    at random; the recorded commands are the expert's answers, never the push itself, so a policy
    learns to come back.

    :param task: name of the task.
    :param seeds: one episode each.
    :param out_dir: folder of the episodes; made where missing, earlier episodes stay.
    :param robot: name of the robot.
    :param command_type: one of the command topics of the ROS interface.
    :param progress: called after each episode.
    :param pushes_a_second: mean number of random pushes a second.
    :param image_size: height and width of the pictures [px].
    :param compression: ``zstd`` or ``none``.
    :param environment: a Gymnasium environment with an expert, in place of task, robot and size.
    :param allowed: module that may be imported for it.
    :param policy: drives in the expert's place.
    :return: the episodes.
    :raises ConfigError: for an unknown task, robot or command type; lists those that exist.
    :raises BagError: if the disk is full or the folder cannot be written; whole episodes stay.
    :raises SimulationError: if no pictures can be drawn.
    :raises VaaError: if the policy is for another robot or another command.
    """
    if command_type not in COMMAND_KINDS:
        raise unknown_name('command type', command_type, COMMAND_KINDS)
    out_dir = Path(out_dir)
    kind = COMMAND_KINDS[command_type]
    simulation: World
    driver: ExpertDriver | EnvironmentDriver | PolicyDriver
    if environment is not None:
        task, simulation = environment.name, GymSimulation(environment, allowed)
        driver = EnvironmentDriver(simulation, kind)
    else:
        simulation = Simulation(task, image_size, robot)
        driver = ExpertDriver(kind, simulation.robot.joint_names)
    if policy is not None:
        driver = PolicyDriver(simulation, policy, kind)
    check_output_dir(out_dir)
    take = _Take(simulation, task, driver, command_type, pushes_a_second, policy)
    episodes = []
    try:
        for seed in seeds:
            episodes.append(take.record(int(seed), out_dir, compression))
            if progress is not None:
                progress(episodes[-1])
    finally:
        simulation.close()
    return Demonstrations(tuple(episodes))


class _Take:
    """
    Records one episode after the other with one simulation.
    """

    def __init__(self, simulation: World, task: str,
                 driver: ExpertDriver | EnvironmentDriver | PolicyDriver, command_type: str,
                 pushes_a_second: float, policy: Policy | None) -> None:
        self._simulation, self._task, self._driver = simulation, task, driver
        self._pace = simulation.pace
        self._operator, self._policy, self._active_policy = 'expert', '', {}
        if policy is not None:
            path, sha256 = policy_file(policy)
            self._operator, self._policy = 'policy', policy.spec.name
            self._active_policy = {'name': policy.spec.name, 'path': path, 'sha256': sha256}
        self._thresholds = load_thresholds()
        self._robot: RobotSpec = simulation.robot
        self._type = command_type
        self._kind = COMMAND_KINDS[command_type]
        self._push_chance = pushes_a_second / self._pace.control_hz
        self._turning = [joint.unit == 'rad' for joint in self._robot.joints]
        self._controller = ArmController(simulation, simulation.kinematics(), self._pace.tick_s)
        self._motion = LimitedMotion(
            CommandLimiter(SafetyLimits.from_robot(self._robot), self._kind))
        seen = self._robot.cameras if isinstance(simulation, Simulation) else simulation.cameras
        self._cameras = {camera: f'/{camera}/image_raw' for camera in seen}
        self._topics = dict.fromkeys(self._cameras.values(), messages.IMAGE)
        self._topics[JOINT_STATES] = messages.JOINT_STATE
        self._topics[f'/{command_type}'] = messages.COMMAND_TYPES[command_type]
        self._arm_topics = {'joint_states': JOINT_STATES, 'commands': f'/{command_type}'}
        if self._kind != 'joint_position':
            self._topics[GRIPPER_COMMANDS] = messages.FLOAT64_ARRAY
            self._arm_topics['gripper'] = GRIPPER_COMMANDS
        self._topics[TASK_STATUS] = messages.DIAGNOSTIC_STATUS
        self._qos = {topic: [qos_profile(durability='transient_local', depth=1)
                             if topic == TASK_STATUS else qos_profile()]
                     for topic in self._topics}
        self._episode = 0

    def record(self, seed: int, out_dir: Path, compression: str) -> Demonstration:
        simulation = self._simulation
        simulation.reset(seed)
        self._controller.reset()
        self._motion.release()
        self._episode += 1
        rng = np.random.default_rng([seed, 104729])
        metadata = self._known(seed)
        with JudgedBag(next_episode_dir(out_dir), self._topics, metadata, compression,
                       self._qos) as bag:
            self._joints(bag)
            while True:
                status = self._look(bag)
                if simulation.done():
                    break
                if rng.uniform() < self._push_chance:
                    offsets = np.zeros(len(self._turning))
                    offsets[self._turning] = rng.uniform(-PUSH_RAD, PUSH_RAD, sum(self._turning))
                    simulation.perturb(offsets)
                self._command(bag, status)
                self._pass_time(bag)
            verdict = bag.verdict((*self._cameras.values(), JOINT_STATES, f'/{self._type}'),
                                  self._thresholds)
            path = bag.close(replace(bag.metadata, success=simulation.success(),
                                     verdict=verdict.to_mapping()))
        return Demonstration(path, seed, simulation.success(), simulation.time_s, verdict)

    def _known(self, seed: int) -> EpisodeMetadata:
        simulation = self._simulation
        return EpisodeMetadata(
            task=self._task, instruction=simulation.instruction, seed=seed,
            operator=self._operator, policy=self._policy, teacher=bool(self._policy),
            robot=self._robot.name, command_type=self._type,
            started_ns=time.time_ns(), vaa_version=vaa_ros.__version__,
            spec=recording_spec(self._robot, self._cameras, self._type, self._pace.control_hz,
                                self._arm_topics),
            software=software_versions(), active_policy=self._active_policy)

    def _stamp_ns(self) -> int:
        return START_NS + self._simulation.time_ns

    def _joints(self, bag: BagWriter) -> None:
        simulation, stamp_ns = self._simulation, self._stamp_ns()
        state = JointState(stamp_ns, self._robot.joint_names, simulation.joint_position,
                           simulation.joint_velocity)
        bag.write(JOINT_STATES, stamp_ns, messages.joint_state(state))

    def _look(self, bag: BagWriter) -> TaskStatus:
        """
        Write what a tick shows besides the joints.
        """
        simulation, stamp_ns = self._simulation, self._stamp_ns()
        objects = {name: [float(value) for value in pose]
                   for name, pose in simulation.objects().items()}
        values = {
            'task': self._task, 'instruction': simulation.instruction,
            'seed': str(simulation.seed), 'episode': str(self._episode),
            'time_s': repr(simulation.time_s), 'success': str(simulation.success()).lower(),
            'done': str(simulation.done()).lower(), 'objects': json.dumps(objects),
            'max_time_s': repr(simulation.max_time_s), 'stamp_ns': str(stamp_ns)}
        bag.write(TASK_STATUS, stamp_ns,
                  messages.diagnostic_status('sim_arm: task', self._task, values))
        for camera, topic in self._cameras.items():
            bag.write(topic, stamp_ns, messages.image(simulation.render(camera), stamp_ns,
                                                      f'{camera}_optical_frame'))
        return TaskStatus.from_values(values)

    def _command(self, bag: BagWriter, status: TaskStatus) -> None:
        """
        Ask the expert, bring its answer inside the limits, apply and write it.
        """
        names = self._robot.joint_names
        position = self._simulation.joint_position
        wanted = self._driver.answer(status, JointState(status.stamp_ns, names, position))
        limited = self._motion.move(wanted, self._measured(position), self._pace.tick_s)
        if limited.command is None:  # Like the node: a refused command is not sent.
            return
        command = limited.command
        stamp_ns = status.stamp_ns
        if self._kind != 'joint_position':
            self._controller.open_gripper(command[-1:])
            bag.write(GRIPPER_COMMANDS, stamp_ns, _array(command[-1:], stamp_ns))
        bag.write(f'/{self._type}', stamp_ns, self._apply(command, stamp_ns))

    def _apply(self, command: np.ndarray, stamp_ns: int) -> bytes:
        """
        Hand a command to the arm and give its message.
        """
        robot, controller = self._robot, self._controller
        header = messages.header(stamp_ns, robot.base_frame)
        if self._type == 'joint_trajectory':
            tick_s = self._pace.tick_s
            controller.follow(robot.joint_names, command[None], np.array([tick_s]))
            return messages.joint_trajectory(robot.joint_names, command, tick_s, stamp_ns)
        if self._type == 'commands':
            controller.move_to(command)
            return _array(command, stamp_ns)
        if self._type == 'target_pose':
            controller.reach(command[:7], robot.base_frame)
            pose = {'position': _named('xyz', command[:3]),
                    'orientation': _named('xyzw', command[3:7])}
            return messages.serialize(messages.POSE_STAMPED, {'header': header, 'pose': pose})
        controller.drive(command[:6], robot.base_frame)
        twist = {'linear': _named('xyz', command[:3]), 'angular': _named('xyz', command[3:6])}
        return messages.serialize(messages.TWIST_STAMPED, {'header': header, 'twist': twist})

    def _measured(self, position: np.ndarray) -> np.ndarray:
        if self._kind == 'joint_position':
            return position
        start = np.zeros(6)
        if self._kind == 'end_effector_pose':
            start = self._driver.tool(position)
        return np.append(start, position[-1])

    def _pass_time(self, bag: BagWriter) -> None:
        simulation, pace = self._simulation, self._pace
        for _ in range(0, pace.steps_a_tick, pace.steps_an_update):
            self._controller.update()
            simulation.advance(pace.steps_an_update)
            if simulation.steps % pace.steps_a_joint_state == 0 or \
                    simulation.steps % pace.steps_a_tick == 0:
                self._joints(bag)


def _named(names: str, values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _array(values: np.ndarray, stamp_ns: int) -> bytes:
    size = len(values)
    layout = {'dim': [{'label': f'stamp_ns={stamp_ns}', 'size': size, 'stride': size}]}
    return messages.serialize(messages.FLOAT64_ARRAY, {'layout': layout, 'data': values})
