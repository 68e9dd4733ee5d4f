# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy in the expert's place: its successes become demonstrations for another one.
"""
from __future__ import annotations

import numpy as np

from vaa_ros.core.chunking import ChunkPlayer
from vaa_ros.core.control_setup import AUTO
from vaa_ros.core.control_setup import choose_ensemble
from vaa_ros.core.errors import ModelError
from vaa_ros.core.history import ObservationHistory
from vaa_ros.core.images import fit_image
from vaa_ros.core.types import JointState
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.sim.expert_driver import TaskStatus
from vaa_ros.sim.world import World


class PolicyDriver:
    """
    Answers ticks with a policy's command.

    :param world: the simulated world, which it looks at.
    :param policy: what drives.
    :param kind: the action kind that is wanted.
    :raises SpecError: if the policy was made for another robot.
    :raises ModelError: if it commands something else.
    """

    def __init__(self, world: World, policy: Policy, kind: str) -> None:
        spec = policy.spec
        spec.check_robot(world.robot)
        if spec.action.kind != kind:
            raise ModelError(f'policy {spec.name!r} commands {spec.action.kind}, and {kind} is to '
                             'be recorded; choose the command type that fits')
        self._world, self._policy = world, policy
        self._player = ChunkPlayer.for_action(
            spec.action, spec.dt_s, choose_ensemble(spec, AUTO), gripper=world.robot.gripper)
        self._history = ObservationHistory()
        self._episode: int | None = None

    def answer(self, status: TaskStatus, joints: JointState) -> np.ndarray | None:
        """
        Say what to command at a tick.

        :param status: where the episode stands.
        :param joints: the joints at that tick.
        :return: the command's action vector, or None when the episode is over.
        :raises ModelError: if an answer of the policy cannot be used.
        """
        if status.episode != self._episode:
            self._episode = status.episode
            self._player.reset()
            self._history.reset()
            self._policy.reset()
        if status.done:
            return None
        images = {camera.key: fit_image(self._world.render(camera.key), camera)
                  for camera in self._policy.spec.cameras}
        observation = self._history.add(Observation(
            status.stamp_ns, images, joints.position.astype(np.float32),
            instruction=status.instruction))
        self._player.add(self._policy.infer(observation))
        return self._player.setpoint(status.stamp_ns)

    def tool(self, joints: np.ndarray) -> np.ndarray:
        """
        Give the tool's pose (7,) x y z qx qy qz qw [m], as the expert's driver does.
        """
        return self._world.tool_pose()[[0, 1, 2, 4, 5, 6, 3]]
