# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Scripted experts of Gymnasium environments, by the name that ``config/environments`` gives them.
"""
from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.types import JointState
from vaa_ros.sim.expert_driver import TaskStatus
from vaa_ros.sim.gym_simulation import GymSimulation


class EnvironmentExpert(Protocol):
    """Drives one episode."""

    def act(self) -> np.ndarray:
        """
        Give joint targets (n,) in the robot's order, one control tick ahead [rad or m].
        """


def _aloha_transfer(simulation: GymSimulation, seed: int) -> EnvironmentExpert:
    from vaa_ros.sim.aloha_expert import transfer_expert
    return transfer_expert(simulation, seed)


def _aloha_insertion(simulation: GymSimulation, seed: int) -> EnvironmentExpert:
    from vaa_ros.sim.aloha_expert import insertion_expert
    return insertion_expert(simulation, seed)


EXPERTS: dict[str, Callable[[GymSimulation, int], EnvironmentExpert]] = {
    'aloha_transfer': _aloha_transfer,
    'aloha_insertion': _aloha_insertion,
}


class EnvironmentDriver:
    """
    Answers ticks with the expert of an environment; a new episode gets a new expert.

    :param simulation: the environment.
    :param kind: the action kind of the commands.
    :raises ConfigError: if the environment has no expert, or for commands other than of joints.
    """

    def __init__(self, simulation: GymSimulation, kind: str) -> None:
        spec = simulation.spec
        if not spec.expert:
            raise ConfigError(f'environment {spec.name} has no scripted expert; those with one '
                              f'name it under `expert`. Experts: {", ".join(EXPERTS)}')
        if spec.expert not in EXPERTS:
            raise unknown_name('expert', spec.expert, EXPERTS)
        if kind != 'joint_position':
            raise ConfigError(f'the expert of {spec.name} commands joint positions; command types '
                              'that carry them: joint_trajectory, commands')
        self._simulation = simulation
        self._make = EXPERTS[spec.expert]
        self._episode: tuple[int, int] | None = None

    def answer(self, status: TaskStatus, joints: JointState) -> np.ndarray | None:
        """
        Say what to command at a tick.

        :param status: where the episode stands.
        :param joints: the joints at that tick.
        :return: the command's action vector, or None for staying put: the episode is over.
        """
        if status.done:
            return None
        if (status.episode, status.seed) != self._episode:
            self._episode = (status.episode, status.seed)
            self._expert = self._make(self._simulation, status.seed)
        return self._expert.act()

    def tool(self, position: np.ndarray) -> np.ndarray:
        """
        Refuse: there is not one tool.

        :raises SimulationError: always.
        """
        return self._simulation.kinematics().forward(position)
