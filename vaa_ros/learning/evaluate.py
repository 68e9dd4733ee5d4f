# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Closed-loop evaluation in one process: the arm, the task and the policy, without ROS.

What happens between a picture and a command is what the policy node does: the picture is fitted,
the policy answers, the chunk player picks the action that is due, the limiter bounds it, and the
simulated controller takes it.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.chunking import DEFAULT_COEFFICIENT
from vaa_ros.core.control_setup import AUTO
from vaa_ros.core.control_setup import choose_ensemble
from vaa_ros.core.control_setup import ControlOptions
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.gate import Gate
from vaa_ros.core.gate import GateInputs
from vaa_ros.core.history import ObservationHistory
from vaa_ros.core.images import fit_image
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.robot import load_robot
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.world import World

Z_95 = 1.959963984540054
_W_LAST = [0, 1, 2, 4, 5, 6, 3]


@dataclass(frozen=True)
class Rollout:
    """
    One episode under a policy.

    :param seed: what it was started with.
    :param success: the task's own verdict.
    :param time_s: from reset to success or time-out [s], in simulated time.
    :param control_ticks: commands given.
    :param clamped: commands that the limiter changed.
    :param rms_jerk: root mean square of the arm joints' third derivative [rad/s^3].
    :param alignment: mean cosine of scene and own actions, NaN for a policy without embeddings.
    :param instruction: what was asked for.
    :param refused: whether the policy does not know that instruction, so that nothing moved.
    """

    seed: int
    success: bool
    time_s: float
    control_ticks: int
    clamped: int
    rms_jerk: float
    alignment: float
    instruction: str = ''
    refused: bool = False


@dataclass(frozen=True, eq=False)
class Tick:
    """
    One tick of an episode.

    :param observation: what was seen.
    :param chunk: what the policy answered.
    :param command: what the arm was told (D,), bounded.
    """

    observation: Observation
    chunk: ActionChunk
    command: np.ndarray


OnTick = Callable[[World, Tick], object]


@dataclass(frozen=True)
class Evaluation:
    """
    All episodes of an evaluation.

    :param task: name of the task.
    :param rollouts: one an episode.
    """

    task: str
    rollouts: tuple[Rollout, ...]

    def figures(self) -> dict[str, Any]:
        """
        Give the figures for machines.
        """
        wins = sum(rollout.success for rollout in self.rollouts)
        count = len(self.rollouts)
        times = [rollout.time_s for rollout in self.rollouts if rollout.success]
        return {
            'task': self.task, 'episodes': count, 'successes': wins,
            'success_rate': wins / count if count else math.nan,
            'success_interval': list(wilson_interval(wins, count)),
            'episode_time_s': float(np.median(times)) if times else math.nan,
            'rms_jerk': _mean(rollout.rms_jerk for rollout in self.rollouts),
            'alignment': _mean(rollout.alignment for rollout in self.rollouts),
            'control_ticks': sum(rollout.control_ticks for rollout in self.rollouts),
            'clamped': sum(rollout.clamped for rollout in self.rollouts),
            'failed_seeds': [rollout.seed for rollout in self.rollouts if not rollout.success],
            'per_episode': [asdict(rollout) for rollout in self.rollouts],
        }


def evaluate(model: str | Path | Policy, task: str, seeds: Sequence[int],
             ensemble: str = AUTO, coefficient: float = DEFAULT_COEFFICIENT,
             on_rollout: Callable[[Rollout], None] | None = None,
             make_simulation: Callable[[str], World] = Simulation,
             on_tick: OnTick | None = None) -> Evaluation:
    """
    Let a policy do episodes of a task.

    :param model: an exported ``.onnx`` file, or a policy.
    :param task: name of the task.
    :param seeds: one episode each.
    :param ensemble: ``auto``, ``temporal`` or ``none``, as the policy node's parameter.
    :param coefficient: decay of the vote, as the policy node's parameter.
    :param on_rollout: called after each episode.
    :param make_simulation: makes the simulated world of a task: a subclass for harder conditions,
        or a Gymnasium environment.
    :param on_tick: called at each tick, before time passes.
    :return: what came of it.
    :raises ModelError: if the file is no policy, or its answers cannot be used.
    :raises SpecError: if the policy was made for another robot.
    :raises ConfigError: for an unknown task; lists those that exist.
    :raises InstructionError: if the policy knows no instruction of any episode.
    """
    policy = OnnxPolicy(model) if isinstance(model, (str, Path)) else model
    simulation = make_simulation(task)
    try:
        driver = Driver(simulation, policy, ensemble, coefficient, on_tick)
        rollouts = []
        for seed in seeds:
            rollouts.append(_rollout(driver, seed))
            if on_rollout is not None:
                on_rollout(rollouts[-1])
        if rollouts and all(each.refused for each in rollouts):
            instruction_index(rollouts[0].instruction, policy.spec.instructions)
    finally:
        simulation.close()
    return Evaluation(task, tuple(rollouts))


def _rollout(driver: Driver, seed: int) -> Rollout:
    try:
        return driver.episode(seed)
    except InstructionError:
        # In the node the arm holds, and the episode is lost.
        return Rollout(seed, False, math.nan, 0, 0, math.nan, math.nan,
                       driver.simulation.instruction, refused=True)


class Driver:
    """
    Drives a simulated arm with a policy, tick by tick.

    :param simulation: the robot and its task.
    :param policy: what drives it.
    :param ensemble: ``auto``, ``temporal`` or ``none``.
    :param coefficient: decay of the vote.
    :param on_tick: called at each tick, before time passes.
    :raises SpecError: if the policy was made for another robot.
    :raises ModelError: if its control rate is not the simulation's.
    """

    def __init__(self, simulation: World, policy: Policy, ensemble: str = AUTO,
                 coefficient: float = DEFAULT_COEFFICIENT,
                 on_tick: OnTick | None = None) -> None:
        spec = policy.spec
        robot = load_robot(spec.robot) if spec.robot != simulation.robot.name \
            else simulation.robot
        spec.check_robot(robot)
        pace = simulation.pace
        if not math.isclose(spec.control_rate_hz, pace.control_hz):
            raise ModelError(f'policy {spec.name!r} commands at {spec.control_rate_hz} Hz, the '
                             f'simulated arm at {pace.control_hz} Hz')
        self.simulation, self.policy, self._on_tick = simulation, policy, on_tick
        self._robot = robot
        self._player = ChunkPlayer.for_action(
            spec.action, spec.dt_s, choose_ensemble(spec, ensemble), coefficient,
            robot.gripper)
        self._motion = LimitedMotion(
            CommandLimiter(SafetyLimits.from_robot(robot), spec.action.kind))
        self._gate = Gate({}, ramp_s=ControlOptions(pace.tick_s).ramp_s)
        self._controller = ArmController(simulation, simulation.kinematics(), pace.tick_s)
        self._arm = [index for index, joint in enumerate(robot.joints) if joint.unit == 'rad']
        self._history = ObservationHistory()

    def episode(self, seed: int, ticks: int | None = None) -> Rollout:
        """
        Do one episode, to success or its time limit.

        :param seed: the seed of its start.
        :param ticks: last for so many control ticks, whatever comes of it, within the time limit.
        :return: what came of it.
        :raises ModelError: if an answer of the policy cannot be used.
        """
        simulation = self.simulation
        simulation.reset(seed)
        self._controller.reset()
        self._player.reset()
        self._history.reset()
        self.policy.reset()
        self._motion.release()
        self._gate.begin_anew()
        measured = self._measured()
        path, alignments, clamped, done = [], [], 0, 0
        limit = None if ticks is None else min(
            ticks, round(simulation.max_time_s / simulation.pace.tick_s))
        while not simulation.done() if limit is None else done < limit:
            observation = self.observe()
            chunk = self.policy.infer(observation)
            self._player.add(chunk)
            wanted = self._player.setpoint(observation.stamp_ns)
            gate = self._gate.update(observation.stamp_ns, GateInputs())
            result = self._motion.move(
                wanted, measured, simulation.pace.tick_s, gate.speed, gate.share)
            if result.command is None:
                raise ModelError(f'episode {seed}, {simulation.time_s:.2f} s: command refused: '
                                 f'{result.refused}')
            self._command(result.command)
            if self._on_tick is not None:
                self._on_tick(simulation, Tick(observation, chunk, result.command))
            self._pass_tick()
            path.append(observation.state[self._arm])
            alignments.append(chunk.alignment)
            clamped += result.clamped_count > 0
            done += 1
        return Rollout(seed, simulation.success(), simulation.time_s, done, clamped,
                       rms_jerk(np.array(path), simulation.pace.tick_s), _mean(alignments),
                       simulation.instruction)

    def observe(self) -> Observation:
        """
        Take pictures and joints as the live path gives them.

        :return: the observation of the present.
        """
        simulation, spec = self.simulation, self.policy.spec
        images = {camera.key: fit_image(simulation.render(camera.key), camera)
                  for camera in spec.cameras}
        state = simulation.joint_position.astype(np.float32)
        return self._history.add(Observation(simulation.time_ns, images, state,
                                             instruction=simulation.instruction))

    def _measured(self) -> np.ndarray:
        """
        Give where the arm is, as the limiter has it for this kind of action.
        """
        kind, joints = self.policy.spec.action.kind, self.simulation.joint_position
        if kind == 'joint_position':
            return joints
        start = np.zeros(6) if kind == 'end_effector_twist' else \
            self.simulation.tool_pose()[_W_LAST]
        return np.append(start, self.simulation.gripper_opening())

    def _command(self, command: np.ndarray) -> None:
        kind, frame = self.policy.spec.action.kind, self._robot.base_frame
        if kind == 'joint_position':
            self._controller.follow(
                self.policy.spec.action.names, command[None],
                np.array([self.simulation.pace.tick_s]))
            return
        self._controller.open_gripper(command[-1:])
        if kind == 'end_effector_pose':
            self._controller.reach(command[:7], frame)
        else:
            self._controller.drive(command[:6], frame)

    def _pass_tick(self) -> None:
        """
        Let one control tick pass, the controller asked as often as in the node.
        """
        pace = self.simulation.pace
        for _ in range(0, pace.steps_a_tick, pace.steps_an_update):
            self._controller.update()
            self.simulation.advance(pace.steps_an_update)


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """
    Give the 95 % Wilson interval of a success rate.

    :param successes: episodes that succeeded.
    :param count: episodes.
    :return: lower and upper bound; 0 and 1 without episodes.
    """
    if count == 0:
        return 0.0, 1.0
    rate, z2 = successes / count, Z_95 ** 2
    centre = (rate + z2 / (2 * count)) / (1 + z2 / count)
    half = Z_95 / (1 + z2 / count) * math.sqrt(
        rate * (1 - rate) / count + z2 / (4 * count ** 2))
    return max(0.0, centre - half), min(1.0, centre + half)


def rms_jerk(positions: np.ndarray, dt_s: float) -> float:
    """
    Give the root mean square of the third derivative of joint positions.

    :param positions: arm joints (N, n) at equal times [rad].
    :param dt_s: time between two of them [s].
    :return: the figure [rad/s^3], NaN for fewer than four positions.
    """
    if len(positions) < 4:
        return math.nan
    jerk = np.diff(positions.astype(np.float64), n=3, axis=0) / dt_s ** 3
    return float(np.sqrt(np.mean(np.square(jerk))))


def _mean(values: Iterable[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
