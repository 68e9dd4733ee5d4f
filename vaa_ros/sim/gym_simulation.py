# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Any Gymnasium environment with pictures and a state vector, as a simulated robot.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.robot import load_robot
from vaa_ros.sim.environment import check_joints
from vaa_ros.sim.environment import EnvironmentSpec
from vaa_ros.sim.environment import look_up
from vaa_ros.sim.environment import make_environment
from vaa_ros.sim.environment import RENDER
from vaa_ros.sim.pace import Pace
from vaa_ros.sim.setpoints import SetpointRamp
from vaa_ros.sim.world import NoKinematics


class GymSimulation:
    """
    An environment stepped by its caller; a :class:`vaa_ros.sim.world.World`.

    One step of the environment is one control tick. It gets the setpoint of the end of the tick,
    which follows the commanded trajectory within the limits of the robot's description. After
    the end of an episode the environment is left alone, while time goes on.

    :param spec: the environment.
    :param allowed: module that may be imported for it.
    :param max_time_s: time limit of an episode [s]; 0 for the environment's own.
    :raises ConfigError: if the environment cannot be made or gives other things than the
        description says; names the key and lists what it gives.
    """

    def __init__(self, spec: EnvironmentSpec, allowed: str = '',
                 max_time_s: float = 0.0) -> None:
        self.spec = spec
        self.robot = load_robot(spec.robot)
        check_joints(spec, self.robot)
        self.pace = Pace(spec.control_rate_hz)
        self.cameras = tuple(spec.cameras)
        self.env = make_environment(spec, allowed)
        self._max_steps = spec.max_steps
        if max_time_s > 0:
            self._max_steps = min(spec.max_steps, round(max_time_s * spec.control_rate_hz))
        # Column of each joint in the vectors of the environment.
        self._order = [spec.joints.index(name) for name in self.robot.joint_names]
        self._scale = np.array([spec.scale.get(name, 1.0) for name in self.robot.joint_names])
        self._offset = np.array([spec.offset.get(name, 0.0) for name in self.robot.joint_names])
        self._ramp = SetpointRamp.for_robot(self.robot, self.pace.tick_s)
        self._check_action_space()
        try:
            self.reset(0)
            for camera in self.cameras:
                self.render(camera)
        except Exception:
            self.env.close()
            raise

    def kinematics(self) -> NoKinematics:
        """
        Give what refuses end-effector commands.
        """
        return NoKinematics(self.robot.name)

    def reset(self, seed: int) -> None:
        """
        Start the episode of a seed.

        :param seed: not negative.
        :raises SimulationError: for a negative seed.
        :raises ConfigError: if the observation is not what the description says.
        """
        if seed < 0:
            raise SimulationError(f'seed is {seed}, expected 0 or more')
        self.seed = int(seed)
        self._observation, _ = self.env.reset(seed=self.seed)
        self._steps = 0
        self._success = self._over = False
        self._position = self._state()
        self._velocity = np.zeros_like(self._position)
        self._read_velocity(self._position)
        self._push = np.zeros_like(self._position)
        self._push_end = 0
        self._ramp.reset(self._position)

    def set_trajectory(self, times_s: np.ndarray, points: np.ndarray) -> None:
        """
        Command a joint trajectory, which replaces the present one.

        :param times_s: time of each point from now (K,), growing [s].
        :param points: joint positions (K, n) [rad, m].
        :raises SimulationError: if sizes do not fit, times do not grow or a value is not finite.
        """
        self._ramp.follow(times_s, points)

    def perturb(self, offsets: np.ndarray, duration_s: float = 0.2) -> None:
        """
        Push the joint targets aside for a moment, as a disturbance.

        :param offsets: added to the setpoint (n,) [rad, m].
        :param duration_s: for how long [s].
        :raises SimulationError: if ``offsets`` has the wrong size or is not finite.
        """
        offsets = np.asarray(offsets, dtype=np.float64)
        if offsets.shape != self._push.shape or not np.all(np.isfinite(offsets)):
            raise SimulationError(f'perturbation is {offsets}, expected {len(self._push)} finite '
                                  'offsets')
        self._push = offsets.copy()
        self._push_end = self._steps + round(duration_s * self.pace.step_hz)

    def advance(self, steps: int) -> None:
        """
        Let time pass.

        :param steps: steps of the environment.
        :raises SimulationError: if the state is not finite.
        :raises ConfigError: if info or observation are not what the description says.
        """
        for _ in range(steps):
            setpoint, _ = self._ramp.advance()
            if self._steps < self._push_end:
                setpoint = setpoint + self._push
            self._steps += 1
            if not self.done_before(self._steps):
                self._step(setpoint)

    def done_before(self, step: int) -> bool:
        """
        Say whether the episode was over before a step, so that the environment stands still.
        """
        return self._over or (self._success and self.spec.success.sticky) \
            or step > self._max_steps

    @property
    def steps(self) -> int:
        """
        Give the steps since the reset.
        """
        return self._steps

    @property
    def time_s(self) -> float:
        """
        Give the time since the reset [s].
        """
        return self._steps / self.pace.step_hz

    @property
    def time_ns(self) -> int:
        """
        Give the time since the reset [ns].
        """
        return self.pace.time_ns(self._steps)

    @property
    def joint_position(self) -> np.ndarray:
        """
        Give the measured joint positions (n,) [rad, m].
        """
        return self._position.copy()

    @property
    def joint_velocity(self) -> np.ndarray:
        """
        Give the measured joint velocities (n,) [rad/s, m/s].
        """
        return self._velocity.copy()

    @property
    def setpoint(self) -> np.ndarray:
        """
        Give where the joints are told to be right now (n,) [rad, m].
        """
        return self._ramp.position.copy()

    @property
    def instruction(self) -> str:
        """
        Give the task in words.
        """
        return self.spec.instruction

    @property
    def instructions(self) -> tuple[str, ...]:
        """
        Give everything that may be asked for: the one thing.
        """
        return (self.spec.instruction,)

    def set_instruction(self, text: str) -> None:
        """
        Refuse anything else.

        :param text: what is asked for.
        :raises InstructionError: if it is another instruction than the environment's.
        """
        instruction_index(text, self.instructions)

    @property
    def max_time_s(self) -> float:
        """
        Give the time limit of an episode [s].
        """
        return self._max_steps / self.pace.step_hz

    def success(self) -> bool:
        """
        Say whether the success rule holds, or has held where once is enough.
        """
        return self._success

    def done(self) -> bool:
        """
        Say whether the episode is over, by success, by the environment or by its time limit.
        """
        return self.done_before(self._steps + 1)

    def render(self, camera: str) -> np.ndarray:
        """
        Take a picture.

        :param camera: key of the camera.
        :return: (H, W, 3) uint8 rgb.
        :raises ConfigError: for an unknown camera, or if its source gives no such picture.
        """
        if camera not in self.spec.cameras:
            raise unknown_name('camera', camera, self.cameras)
        source = self.spec.cameras[camera]
        where = f'environment {self.spec.name}: camera {camera}'
        picture = np.asarray(self.env.render() if source == RENDER
                             else look_up(self._observation, source, where))
        if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype != np.uint8:
            raise ConfigError(f'{where}: {source} gives {picture.shape} {picture.dtype}, expected '
                              '(height, width, 3) uint8')
        return picture

    def objects(self) -> dict[str, np.ndarray]:
        """
        Give no objects: Gymnasium has no names for them.
        """
        return {}

    def tool_pose(self) -> None:
        """
        Give nothing: Gymnasium does not tell where a tool is.
        """
        return None

    def gripper_opening(self) -> float:
        """
        Give the opening of the gripper [m].

        :raises SimulationError: if the robot has not one gripper.
        """
        if self.robot.gripper is None:
            raise SimulationError(f'robot {self.robot.name!r} has no joint named as its gripper')
        return float(self._position[self.robot.joint_names.index(self.robot.gripper)])

    def close(self) -> None:
        """
        Close the environment.
        """
        self.env.close()

    def _step(self, setpoint: np.ndarray) -> None:
        action = np.empty_like(setpoint)
        action[self._order] = (setpoint - self._offset) / self._scale
        before = self._position
        observation, reward, terminated, truncated, info = self.env.step(
            action.astype(self.env.action_space.dtype))
        self._observation = observation
        self._position = self._state()
        self._read_velocity(before)
        now = self._rule(float(reward), info)
        self._success = now or (self._success and self.spec.success.sticky)
        self._over = bool(terminated or truncated)

    def _rule(self, reward: float, info: dict[str, Any]) -> bool:
        rule = self.spec.success
        if rule.reward is not None:
            return reward >= rule.reward
        if rule.info not in info:
            raise ConfigError(f'environment {self.spec.name}: success: no {rule.info!r} in info, '
                              f'which has: {", ".join(map(str, info)) or "nothing"}')
        return bool(info[rule.info])

    def _state(self) -> np.ndarray:
        return self._vector('state', self.spec.state) * self._scale + self._offset

    def _read_velocity(self, before: np.ndarray) -> None:
        if self.spec.velocity:
            self._velocity = self._vector('velocity', self.spec.velocity) * self._scale
        else:
            self._velocity = (self._position - before) / self.pace.tick_s

    def _vector(self, key: str, path: str) -> np.ndarray:
        where = f'environment {self.spec.name}: {key}'
        values = np.asarray(look_up(self._observation, path, where))
        if values.shape != (len(self._order),):
            raise ConfigError(f'{where}: {path!r} has shape {values.shape}, expected '
                              f'({len(self._order)},), one for each joint')
        values = values.astype(np.float64)[self._order]
        if not np.all(np.isfinite(values)):
            raise SimulationError(f'{where}: {path!r} is not finite: {values}')
        return values

    def _check_action_space(self) -> None:
        space = self.env.action_space
        if getattr(space, 'shape', None) != (len(self._order),) or space.dtype.kind != 'f':
            raise ConfigError(f'environment {self.spec.name}: its actions are {space}, expected a '
                              f'vector of {len(self._order)} numbers, one for each joint: '
                              f'{", ".join(self.spec.joints)}')
