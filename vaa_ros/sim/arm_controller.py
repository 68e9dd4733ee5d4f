# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What ros2_control does in front of a real arm: takes the commands of every kind, or refuses them.

Joint trajectories and positions are handed on, poses are reached in a straight line of the
joints, twists are integrated through inverse kinematics and end by themselves. A command that
makes no sense is refused and changes nothing. Commands use the ROS order of quaternions,
x y z w; the simulator's poses have w first.
"""
from __future__ import annotations

from collections.abc import Sequence
import math
from typing import Protocol

import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.poses import move_pose
from vaa_ros.core.robot import RobotSpec

TWIST_TIMEOUT_S = 0.2
TWIST_STEP_S = 0.01
UNIT_TOLERANCE = 0.05
REACHED_M = 0.005
REACHED_RAD = 0.05
MAX_LAG_M = 0.03
_SOON_S = 1e-6
_STEPS_A_SECOND = 600
_W_LAST = [0, 1, 2, 4, 5, 6, 3]
_W_FIRST = [0, 1, 2, 6, 3, 4, 5]


class Plant(Protocol):
    """What is controlled; :class:`vaa_ros.sim.simulation.Simulation` is one."""

    @property
    def robot(self) -> RobotSpec:
        """
        Give the robot's description.
        """

    @property
    def setpoint(self) -> np.ndarray:
        """
        Give where the joints are told to be right now (n,).
        """

    @property
    def time_s(self) -> float:
        """
        Give the time since the reset [s].
        """

    def set_trajectory(self, times_s: np.ndarray, points: np.ndarray) -> None:
        """
        Command points (k, n) at times (k,) from now.
        """

    def perturb(self, offsets: np.ndarray) -> None:
        """
        Push the joints aside for a moment.
        """


class Kinematics(Protocol):
    """The arm's geometry; :class:`vaa_ros.sim.kinematics.ArmKinematics` is one."""

    def forward(self, q: np.ndarray) -> np.ndarray:
        """
        Give the tool's pose (7,) with w first.
        """

    def solve(self, q_start: np.ndarray, pose: np.ndarray) -> object:
        """
        Give an inverse solution: ``q``, ``position_error``, ``angle_error``.
        """


class ArmController:
    """
    Takes commands for a plant. One instance belongs to the thread of the plant.

    :param plant: the simulated arm.
    :param kinematics: its geometry.
    :param period_s: control period: the least time given to reach a pose or an opening [s].
    """

    def __init__(self, plant: Plant, kinematics: Kinematics, period_s: float) -> None:
        self._plant = plant
        self._kinematics = kinematics
        self._period_s = period_s
        robot = plant.robot
        self._names = robot.joint_names
        self._velocity = np.array([joint.velocity for joint in robot.joints])
        self._gripper = self._names.index(robot.gripper) if robot.gripper else None
        self.reset()

    def reset(self) -> None:
        """
        Forget every command; call after the plant was reset.
        """
        self._goal = self._plant.setpoint
        self._goal_end_s = 0.0
        self._positions_s = -math.inf
        self._twist: np.ndarray | None = None
        self._tool = np.zeros(7)
        self._twist_end_s = self._twist_next_s = 0.0

    def follow(self, names: Sequence[str], points: np.ndarray, times_s: np.ndarray) -> None:
        """
        Take a joint trajectory that starts now.

        :param names: joint names, every joint of the robot once, in any order.
        :param points: positions (k, n) in the order of ``names`` [rad or m].
        :param times_s: time of each point from now (k,), increasing [s].
        :raises SimulationError: if names, lengths, values or times are wrong.
        """
        if sorted(names) != sorted(self._names):
            raise SimulationError(f'joints are {", ".join(names) or "none"}; expected each of '
                                  f'{", ".join(self._names)} once')
        order = [list(names).index(name) for name in self._names]
        times_s = whole_steps(np.array(times_s, dtype=np.float64))
        points = self._finite('positions', points, (len(times_s), len(self._names)))[:, order]
        if len(times_s) and times_s[0] == 0:
            times_s[0] = _SOON_S
        self._command(times_s, points)
        self._twist = None

    def move_to(self, positions: Sequence[float]) -> None:
        """
        Take joint positions, to be there when the next are due, or as fast as the joints allow.

        Like a drive that interpolates its setpoints: they are taken to come as far apart as the
        last two did, one control period at most.

        :param positions: one for each joint in the robot's order (n,) [rad or m].
        :raises SimulationError: if the length or a value is wrong.
        """
        goal = self._finite('positions', positions, (len(self._names),))
        now_s, before_s = self._plant.time_s, self._positions_s
        self._positions_s = now_s
        self.follow(self._names, goal[None],
                    np.array([min(self._period_s, max(now_s - before_s, 0.0))]))

    def speed(self, velocities: Sequence[float]) -> None:
        """
        Move every joint with a velocity until the next command, or for 0.2 s.

        :param velocities: one for each joint in the robot's order (n,) [rad/s or m/s].
        :raises SimulationError: if the length or a value is wrong.
        """
        velocities = self._finite('velocities', velocities, (len(self._names),))
        self._twist = None
        self._command(np.array([TWIST_TIMEOUT_S]),
                      (self._plant.setpoint + velocities * TWIST_TIMEOUT_S)[None])

    def reach(self, pose: Sequence[float], frame: str) -> None:
        """
        Bring the tool to a pose, in one control period or as fast as the joints allow.

        :param pose: x y z [m] qx qy qz qw (7,).
        :param frame: the frame it is given in, which must be the base frame.
        :raises SimulationError: if a value or the frame is wrong, or it is out of reach.
        """
        self._check_frame(frame)
        pose = self._finite('pose', pose, (7,)).copy()
        norm = float(np.linalg.norm(pose[3:]))
        if abs(norm - 1.0) > UNIT_TOLERANCE:
            raise SimulationError(f'orientation has length {norm:.3f}, expected 1')
        pose[3:] /= norm
        goal = self._inverse(pose)
        if goal is None:
            raise SimulationError(f'the tool cannot reach {np.round(pose, 3).tolist()}')
        self._twist = None
        self._command_arm(goal)

    def drive(self, twist: Sequence[float], frame: str) -> None:
        """
        Move the tool with a twist until the next one, or for 0.2 s.

        :param twist: vx vy vz [m/s] wx wy wz [rad/s] (6,).
        :param frame: the frame it is given in, which must be the base frame.
        :raises SimulationError: if a value or the frame is wrong.
        """
        self._check_frame(frame)
        twist = self._finite('twist', twist, (6,))
        now_s = self._plant.time_s
        if self._twist is None:
            self._tool = self._tool_now()
            self._twist_next_s = now_s
        self._twist = twist
        self._twist_end_s = now_s + TWIST_TIMEOUT_S

    def open_gripper(self, opening: Sequence[float]) -> None:
        """
        Take a gripper opening, without changing where the arm goes.

        :param opening: the opening (1,) [m].
        :raises SimulationError: if there is no gripper, or the length or value is wrong.
        """
        if self._gripper is None:
            raise SimulationError(f'robot {self._plant.robot.name} has no gripper')
        goal = self._goal.copy()
        goal[self._gripper] = self._finite('gripper opening', opening, (1,))[0]
        left_s = self._goal_end_s - self._plant.time_s
        self._command(np.array([max(self._period_s, left_s)]), goal[None])

    def perturb(self, offsets: Sequence[float]) -> None:
        """
        Push every joint's setpoint aside for a moment.

        :param offsets: one for each joint (n,) [rad or m].
        :raises SimulationError: if the length or a value is wrong.
        """
        self._plant.perturb(self._finite('offsets', offsets, (len(self._names),)))

    def hold(self) -> None:
        """
        Stay at the present setpoint.
        """
        self._twist = None
        self._command(np.array([self._period_s]), self._plant.setpoint[None])

    @property
    def driving(self) -> bool:
        """
        Tell whether a twist moves the tool, so that :meth:`update` has something to do.
        """
        return self._twist is not None

    def update(self) -> None:
        """
        Carry on with a twist; call it every 10 ms of the plant's time.
        """
        now_s = self._plant.time_s
        if self._twist is None or now_s + 1e-9 < self._twist_next_s:
            return
        if now_s + 1e-9 >= self._twist_end_s:
            self._twist = None
            return
        self._twist_next_s = now_s + TWIST_STEP_S
        here = self._tool_now()
        if np.linalg.norm(here[:3] - self._tool[:3]) > MAX_LAG_M:
            self._tool = here
        wanted = move_pose(self._tool, self._twist, TWIST_STEP_S)
        goal = self._inverse(wanted)
        if goal is not None:
            self._tool = wanted
            self._command_arm(goal, TWIST_STEP_S)

    def _command(self, times_s: np.ndarray, points: np.ndarray) -> None:
        self._plant.set_trajectory(times_s, points)
        self._goal = points[-1].copy()
        self._goal_end_s = self._plant.time_s + float(times_s[-1])

    def _command_arm(self, goal: np.ndarray, time_s: float | None = None) -> None:
        """
        Move the arm and let the gripper go where it was told before.
        """
        goal = goal.copy()
        way = np.abs(goal - self._plant.setpoint)
        if self._gripper is not None:
            goal[self._gripper] = self._goal[self._gripper]
            way[self._gripper] = 0.0
        if time_s is None:
            time_s = max(self._period_s, float((way / self._velocity).max()))
        self._command(np.array([time_s]), goal[None])

    def _tool_now(self) -> np.ndarray:
        return self._kinematics.forward(self._plant.setpoint)[_W_LAST]

    def _inverse(self, pose: np.ndarray) -> np.ndarray | None:
        found = self._kinematics.solve(self._plant.setpoint, pose[_W_FIRST])
        if found.position_error > REACHED_M or found.angle_error > REACHED_RAD:
            return None
        return found.q

    def _check_frame(self, frame: str) -> None:
        wanted = self._plant.robot.base_frame
        if frame not in ('', wanted):
            raise SimulationError(f'frame is {frame!r}, expected {wanted!r}')

    @staticmethod
    def _finite(what: str, values: object, shape: tuple[int, ...]) -> np.ndarray:
        array = np.asarray(values, dtype=np.float64)
        if array.shape != shape:
            raise SimulationError(f'{what} has shape {array.shape}, expected {shape}')
        if not np.isfinite(array).all():
            raise SimulationError(f'{what} is not finite: {array.tolist()}')
        return array


def whole_steps(times_s: np.ndarray) -> np.ndarray:
    """
    Put times that are all but on a physics step exactly there.

    Messages hold whole nanoseconds, which 1/30 s is not: with this, a command through topics
    gives the same motion as one in process, to the last bit.

    :param times_s: times (k,) [s].
    :return: the times, those within 1 us of a step moved onto it.
    """
    steps = np.round(times_s * _STEPS_A_SECOND)
    return np.where(np.abs(steps / _STEPS_A_SECOND - times_s) < 1e-6,
                    steps / _STEPS_A_SECOND, times_s)
