# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What evaluation, recording and the simulator node need of a simulated world, and no more.

:class:`vaa_ros.sim.simulation.Simulation` is one, with MuJoCo inside;
:class:`vaa_ros.sim.gym_simulation.GymSimulation` is one around any Gymnasium environment.
"""
from __future__ import annotations

from typing import Protocol

import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.sim.arm_controller import Kinematics
from vaa_ros.sim.arm_controller import Plant
from vaa_ros.sim.pace import Pace


class World(Plant, Protocol):
    """
    A robot and its task, stepped by the caller; one instance belongs to one thread.

    Joint arrays are (n,) in the order of the robot's joints [rad or m].
    """

    robot: RobotSpec
    pace: Pace
    cameras: tuple[str, ...]
    seed: int

    def kinematics(self) -> Kinematics:
        """
        Give the arm's geometry, for end-effector commands.
        """

    def reset(self, seed: int) -> None:
        """
        Start the episode of a seed.
        """

    def advance(self, steps: int) -> None:
        """
        Let so many steps of the pace pass.
        """

    @property
    def steps(self) -> int:
        """
        Give the steps since the reset.
        """

    @property
    def time_ns(self) -> int:
        """
        Give the time since the reset [ns].
        """

    @property
    def joint_position(self) -> np.ndarray:
        """
        Give the measured positions (n,).
        """

    @property
    def joint_velocity(self) -> np.ndarray:
        """
        Give the measured velocities (n,) [rad/s or m/s].
        """

    @property
    def instruction(self) -> str:
        """
        Give what is asked for, in words.
        """

    @property
    def instructions(self) -> tuple[str, ...]:
        """
        Give everything that may be asked for.
        """

    def set_instruction(self, text: str) -> None:
        """
        Ask for something else in the present episode.

        :param text: one of the instructions.
        :raises InstructionError: if it is none of them; lists them.
        """

    @property
    def max_time_s(self) -> float:
        """
        Give the time limit of an episode [s].
        """

    def success(self) -> bool:
        """
        Say whether the task is done.
        """

    def done(self) -> bool:
        """
        Say whether the episode is over.
        """

    def render(self, camera: str) -> np.ndarray:
        """
        Take a picture (H, W, 3) uint8 rgb.
        """

    def objects(self) -> dict[str, np.ndarray]:
        """
        Give the pose (7,) x y z qw qx qy qz of every object that is known by name [m].
        """

    def tool_pose(self) -> np.ndarray | None:
        """
        Give the pose (7,) of the tool [m], None where there is not one tool.
        """

    def gripper_opening(self) -> float:
        """
        Give the opening of the gripper [m].
        """

    def close(self) -> None:
        """
        Free what the pictures need.
        """


class NoKinematics:
    """
    Stands in for the geometry of a robot that takes joint commands alone.

    :param robot: the robot's name, for errors.
    """

    def __init__(self, robot: str) -> None:
        self._robot = robot

    def forward(self, q: np.ndarray) -> np.ndarray:
        """
        Refuse.
        """
        raise self._refusal()

    def solve(self, q_start: np.ndarray, pose: np.ndarray) -> object:
        """
        Refuse.
        """
        raise self._refusal()

    def _refusal(self) -> SimulationError:
        return SimulationError(f'robot {self._robot!r} has no kinematics here and takes joint '
                               'commands alone: joint_trajectory or commands')
