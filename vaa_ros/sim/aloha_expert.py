# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Scripted demonstrations of gym-aloha's tasks: two arms, moved through poses by inverse kinematics.

The expert looks into the simulation for the poses of the objects. It plans a step when it begins
it, so that what slipped in the hand is made good in the next one. All poses are in the world
frame; an arm's point is the middle between its fingertips, its x axis points out of the gripper.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from vaa_ros.sim.gym_simulation import GymSimulation

SIDES = ('left', 'right')
FINGERTIP_M = 0.143
"""From the gripper's link to the middle between the fingertips, along its x axis [m]."""

OPEN, CLOSED = 0.057, 0.024
ITERATIONS, DAMPING = 100, 1e-3
WRIST_RAD = 0.5
"""Where a solution is looked for, too: past a straight wrist, where two joints would turn over."""
_ARM = ('waist', 'shoulder', 'elbow', 'forearm_roll', 'wrist_angle', 'wrist_rotate')


@dataclass(frozen=True, eq=False)
class Pose:
    """
    Where something is.

    :param position: (3,) [m].
    :param rotation: rotation matrix (3, 3).
    """

    position: np.ndarray
    rotation: np.ndarray

    def __matmul__(self, other: Pose) -> Pose:
        return Pose(self.position + self.rotation @ other.position,
                    self.rotation @ other.rotation)

    def inverse(self) -> Pose:
        """
        Give the pose that undoes this one.
        """
        return Pose(-self.rotation.T @ self.position, self.rotation.T)

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Pose:
        """
        Give the pose moved along the axes of the world [m].
        """
        return Pose(self.position + [x, y, z], self.rotation)


@dataclass(frozen=True)
class Stage:
    """
    One step of a plan.

    :param seconds: how long it takes [s].
    :param goals: side to what gives its pose at the end; an arm that is not named stays.
    :param grip: side to the position of its fingers at the end [m].
    """

    seconds: float
    goals: dict[str, Callable[[], Pose]]
    grip: dict[str, float]


class AlohaExpert:
    """
    Drives both arms through the stages of a plan; what is after the last one is standing still.

    :param simulation: one of gym-aloha's environments, just reset.
    :param plan: gives the stages.
    """

    def __init__(self, simulation: GymSimulation,
                 plan: Callable[[AlohaExpert], Sequence[Stage]]) -> None:
        self._simulation = simulation
        self._env = simulation.env.unwrapped
        self._tick_s = simulation.pace.tick_s
        self._arms = {side: _Arm(self._env.model, side) for side in SIDES}
        position = simulation.joint_position
        self._joints = {'left': position[:6].copy(), 'right': position[7:13].copy()}
        self._fingers = {'left': float(position[6]), 'right': float(position[13])}
        self._stages = list(plan(self))
        self._left_s = 0.0

    def act(self) -> np.ndarray:
        """
        Give joint targets (14,), one control tick ahead [rad, m].
        """
        if self._left_s < self._tick_s / 2 and self._stages:
            self._begin(self._stages.pop(0))
        if self._left_s >= self._tick_s / 2:
            self._left_s -= self._tick_s
            done = 1.0 - max(0.0, self._left_s) / self._stage.seconds
            part = done ** 3 * (10 - 15 * done + 6 * done ** 2)
            for side, (start, goal) in self._ways.items():
                self._joints[side] = start + part * (goal - start)
            for side, goal in self._stage.grip.items():
                start = self._fingers_start[side]
                self._fingers[side] = start + part * (goal - start)
        return np.concatenate([np.append(self._joints[side], self._fingers[side])
                               for side in SIDES])

    def tool(self, side: str) -> Pose:
        """
        Give where an arm's fingertips are now.
        """
        return self._arms[side].forward(self._measured(side))

    def body(self, name: str) -> Pose:
        """
        Give where an object is now.
        """
        body = self._env.data.body(name)
        return Pose(body.xpos.copy(), body.xmat.reshape(3, 3).copy())

    def carry(self, side: str, name: str, wanted: Pose) -> Pose:
        """
        Give the pose of an arm that brings what it holds to a pose.

        :param side: the arm.
        :param name: the object in its hand.
        :param wanted: where the object is to be.
        :return: where the fingertips must be.
        """
        return wanted @ (self.body(name).inverse() @ self.tool(side))

    def _begin(self, stage: Stage) -> None:
        self._stage = stage
        self._left_s += stage.seconds
        self._ways = {side: (self._joints[side], self._arms[side].solve(
            self._joints[side], goal())) for side, goal in stage.goals.items()}
        self._fingers_start = dict(self._fingers)

    def _measured(self, side: str) -> np.ndarray:
        first = 7 * SIDES.index(side)
        return self._simulation.joint_position[first:first + 6]


class _Arm:
    """
    The geometry of one arm, on a state of its own.
    """

    def __init__(self, model: mujoco.MjModel, side: str) -> None:
        self._model, self._data = model, mujoco.MjData(model)
        joints = [model.joint(f'vx300s_{side}/{name}') for name in _ARM]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        self._lower, self._upper = np.array([joint.range for joint in joints]).T
        self._body = model.body(f'vx300s_{side}/gripper_link').id

    def forward(self, q: np.ndarray) -> Pose:
        self._data.qpos[self._qpos] = q
        mujoco.mj_kinematics(self._model, self._data)
        rotation = self._data.xmat[self._body].reshape(3, 3).copy()
        return Pose(self._data.xpos[self._body] + FINGERTIP_M * rotation[:, 0], rotation)

    def solve(self, q: np.ndarray, goal: Pose) -> np.ndarray:
        """
        Find the joint positions of a pose that are nearest to where the arm is.

        :param q: where the arm is (6,) [rad].
        :param goal: the pose.
        :return: joint positions (6,); as near as it gets where the pose is out of reach.
        """
        bent = q.copy()
        bent[3], bent[4] = 0.0, WRIST_RAD
        found = [self._descend(start, goal) for start in (q, bent)]
        best = min(error for error, _ in found)
        return min((solution for error, solution in found if error < best + 1e-3),
                   key=lambda solution: float(np.abs(solution - q).max()))

    def _descend(self, q: np.ndarray, goal: Pose) -> tuple[float, np.ndarray]:
        """
        Follow damped least squares to a pose; gives the error that is left, too.
        """
        q, left = q.copy(), np.inf
        jacobian = np.zeros((6, self._model.nv))
        for _ in range(ITERATIONS):
            here = self.forward(q)
            error = np.concatenate([goal.position - here.position,
                                    _rotation_vector(goal.rotation @ here.rotation.T)])
            left = float(np.abs(error).max())
            if left < 1e-5:
                break
            mujoco.mj_comPos(self._model, self._data)
            mujoco.mj_jac(self._model, self._data, jacobian[:3], jacobian[3:], here.position,
                          self._body)
            part = jacobian[:, self._dofs]
            step = part.T @ np.linalg.solve(part @ part.T + DAMPING * np.eye(6), error)
            q = np.clip(q + np.clip(step, -0.3, 0.3), self._lower, self._upper)
        return left, q


def transfer_expert(simulation: GymSimulation, seed: int) -> AlohaExpert:
    """
    Make the expert of the transfer: the right arm lifts the cube, the left one takes it.

    :param simulation: the environment, just reset.
    :param seed: decides tempo and where the arms meet.
    :return: the expert.
    """
    rng = np.random.default_rng([seed, 7919])

    def plan(expert: AlohaExpert) -> list[Stage]:
        tempo = rng.uniform(0.9, 1.1)
        above = rng.uniform(0.07, 0.09)
        meet = np.array([0.0, 0.5, 0.25]) + rng.uniform(-0.015, 0.015, 3)
        down, level = _gripper('right', 60.0), _gripper('left', 0.0, roll_deg=90.0)

        def pick(z: float) -> Callable[[], Pose]:
            return lambda: Pose(expert.body('box').position, down).moved(z=z)

        def take(x: float) -> Callable[[], Pose]:
            return lambda: Pose(expert.body('box').position, level).moved(x=x)

        return [
            Stage(1.1 * tempo, {'right': pick(above)}, {'right': OPEN}),
            Stage(0.6 * tempo, {'right': pick(0.0)}, {}),
            Stage(0.4 * tempo, {}, {'right': CLOSED}),
            Stage(1.3 * tempo, {
                'right': lambda: expert.carry('right', 'box', Pose(meet, np.eye(3))),
                'left': lambda: Pose(meet, level).moved(x=-0.12)}, {'left': OPEN}),
            Stage(0.7 * tempo, {'left': take(0.0)}, {}),
            Stage(0.4 * tempo, {}, {'left': CLOSED}),
            Stage(0.3 * tempo, {}, {'right': OPEN}),
            Stage(0.8 * tempo, {'right': lambda: expert.tool('right').moved(x=0.08, z=0.1)}, {}),
        ]

    return AlohaExpert(simulation, plan)


def insertion_expert(simulation: GymSimulation, seed: int) -> AlohaExpert:
    """
    Make the expert of the insertion: both arms lift their part, the right one pushes the peg in.

    :param simulation: the environment, just reset.
    :param seed: decides tempo and where the parts meet.
    :return: the expert.
    """
    rng = np.random.default_rng([seed, 7919])

    def plan(expert: AlohaExpert) -> list[Stage]:
        tempo = rng.uniform(0.9, 1.1)
        above = rng.uniform(0.07, 0.09)
        socket = Pose(np.array([-0.06, 0.5, 0.2]) + rng.uniform(-0.015, 0.015, 3), np.eye(3))
        hands = {'left': ('socket', _gripper('left', 60.0)),
                 'right': ('peg', _gripper('right', 60.0))}

        def pick(side: str, z: float) -> Callable[[], Pose]:
            name, down = hands[side]
            return lambda: Pose(expert.body(name).position, down).moved(z=z)

        def bring(distance: float) -> Callable[[], Pose]:
            # Along the axis of the socket as it is, so that the peg goes in straight.
            return lambda: expert.carry('right', 'peg', expert.body('socket') @ Pose(
                np.array([distance, 0.0, 0.0]), np.eye(3)))

        wide, tight = dict.fromkeys(hands, OPEN), dict.fromkeys(hands, CLOSED)
        return [
            Stage(1.1 * tempo, {side: pick(side, above) for side in hands}, wide),
            Stage(0.6 * tempo, {'left': pick('left', 0.0), 'right': pick('right', 0.006)}, {}),
            Stage(0.5 * tempo, {}, tight),
            Stage(1.3 * tempo, {
                'left': lambda: expert.carry('left', 'socket', socket),
                'right': lambda: expert.carry('right', 'peg', socket.moved(x=0.18))}, {}),
            Stage(0.4 * tempo, {'right': bring(0.15)}, {}),
            Stage(0.4 * tempo, {'right': bring(0.13)}, {}),
            Stage(0.6 * tempo, {'right': bring(0.105)}, {}),
            Stage(0.6 * tempo, {'right': bring(0.09)}, {}),
        ]

    return AlohaExpert(simulation, plan)


def _gripper(side: str, pitch_deg: float, roll_deg: float = 0.0) -> np.ndarray:
    """
    Give the rotation of a gripper that points at the other arm.

    :param pitch_deg: how far it points down [deg].
    :param roll_deg: how far it is rolled about its own axis [deg].
    """
    pitch, roll = np.deg2rad([pitch_deg, roll_deg])
    about_y = np.array([[np.cos(pitch), 0, np.sin(pitch)], [0, 1, 0],
                        [-np.sin(pitch), 0, np.cos(pitch)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(roll), -np.sin(roll)],
                        [0, np.sin(roll), np.cos(roll)]])
    facing = np.eye(3) if side == 'left' else np.diag([-1.0, -1.0, 1.0])
    return facing @ about_y @ about_x


def _rotation_vector(rotation: np.ndarray) -> np.ndarray:
    quaternion, vector = np.empty(4), np.empty(3)
    mujoco.mju_mat2Quat(quaternion, rotation.ravel())
    mujoco.mju_quat2Vel(vector, quaternion, 1.0)
    return vector
