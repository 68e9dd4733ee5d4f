# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
End-effector policies on arms that take joint commands alone.

The answer of a policy in poses or twists becomes joint positions, by inverse kinematics from
where the arm is, after the limits of the end effector: its box and its speeds. Everything behind
it, chunks, limits, holds and command types, works on joints as for any other policy.
"""
from __future__ import annotations

from dataclasses import replace
import math
from typing import Any

import numpy as np

from vaa_ros.core.bounding import clamp
from vaa_ros.core.bounding import rotate_toward
from vaa_ros.core.bounding import toward
from vaa_ros.core.errors import ModelError
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.poses import move_pose
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.safety import POSITION
from vaa_ros.core.safety import QUATERNION
from vaa_ros.core.safety import UNIT_TOLERANCE
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.policies.base import Policy
from vaa_ros.policies.kinematics import UrdfKinematics
from vaa_ros.policies.opening import in_joint_space

_W_LAST = [0, 1, 2, 4, 5, 6, 3]
_W_FIRST = [0, 1, 2, 6, 3, 4, 5]


class JointSpacePolicy:
    """
    A policy in poses or twists that answers with joint positions.

    What it does not say itself (its file, the scenes it knows) is that of the policy within.

    :param policy: the policy; its actions are poses or twists of the end effector.
    :param robot: the robot, which must name its URDF.
    :raises SpecError: if the policy was made for another robot or other frames.
    :raises ConfigError: if the robot has no kinematics.
    """

    def __init__(self, policy: Policy, robot: RobotSpec) -> None:
        policy.spec.check_robot(robot)
        self._policy = policy
        self._kinematics = UrdfKinematics(robot)
        self._gripper = robot.joint_names.index(robot.gripper) if robot.gripper else None
        self._limits = SafetyLimits.from_robot(robot)
        self._twists = policy.spec.action.kind == 'end_effector_twist'
        self.spec: PolicySpec = replace(
            policy.spec, action=ActionSpec.for_robot('joint_position', robot))
        self.speed_left = 1.0
        """Least part of the speed that a singularity left in the last answer, 0 to 1."""

    def __getattr__(self, name: str) -> Any:
        if name == '_policy':  # while being copied or unpickled
            raise AttributeError(name)
        return getattr(self._policy, name)

    def reset(self) -> None:
        """
        Forget the past.
        """
        self._policy.reset()

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: what is seen now; its joint positions are where the way begins.
        :return: the same way in joint positions, slower near singularities and inside the
            limits of the joints and of the end effector; the gripper's opening becomes its
            position.
        :raises ModelError: as the policy within, and for a pose that is none.
        """
        chunk = self._policy.infer(observation)
        q = np.array(observation.state, dtype=np.float64)
        tool = self._kinematics.forward(q)[_W_LAST]
        actions = np.empty((len(chunk.actions), len(q)))
        self.speed_left = 1.0
        for index, action in enumerate(chunk.actions.astype(np.float64)):
            # A twist is held for a step: the way of that step ends where the next one begins.
            wish = move_pose(tool, action[:6], chunk.dt_s) if self._twists else action[:7]
            tool = self._inside(wish, tool, chunk.dt_s)
            q, left = self._kinematics.advance(q, tool[_W_FIRST], chunk.dt_s)
            self.speed_left = min(self.speed_left, left)
            if self._twists and left < 1.0:
                tool = self._kinematics.forward(q)[_W_LAST]
            actions[index] = q
            if self._gripper is not None:
                actions[index, self._gripper] = action[-1]
        return ActionChunk(chunk.stamp_ns, actions, chunk.dt_s, None, chunk.z_vision,
                           chunk.z_action)

    def _inside(self, wish: np.ndarray, tool: np.ndarray, dt_s: float) -> np.ndarray:
        """
        Bring the next pose of the end effector inside its box and its speeds.

        One that begins outside the box is led back into it.

        :raises ModelError: for one that is no pose.
        """
        limits, found = self._limits, wish.copy()
        length = math.hypot(*wish[QUATERNION])
        if not abs(length - 1.0) <= UNIT_TOLERANCE:
            raise ModelError(f'{self.spec.name}: quaternion of length {length:.3f}, expected 1')
        if not np.isfinite(wish[POSITION]).all():
            raise ModelError(f'{self.spec.name}: position {wish[POSITION].tolist()} is not finite')
        goal = clamp(wish[POSITION], limits.workspace_lower, limits.workspace_upper)
        found[POSITION] = toward(tool[POSITION], goal, limits.linear_speed * dt_s)
        found[QUATERNION] = rotate_toward(tool[QUATERNION], wish[QUATERNION] / length,
                                          limits.angular_speed * dt_s)
        return found


def for_commands(policy: Policy, robot: RobotSpec, kind: str) -> Policy:
    """
    Give a policy whose actions can become commands of a kind.

    :param policy: the policy.
    :param robot: the robot.
    :param kind: the action kind that the commands are made from.
    :return: the policy itself, or in joint space where it has to be.
    :raises VaaError: if it has to be and the robot has no kinematics.
    """
    if in_joint_space(policy.spec, kind):
        return JointSpacePolicy(policy, robot)
    return policy
