# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What one action is: its kind, and the names of its elements.
"""
from __future__ import annotations

from dataclasses import dataclass

from vaa_ros.core.robot import RobotSpec

ACTION_KINDS = ('joint_position', 'end_effector_pose', 'end_effector_twist')

COMMAND_KINDS = {
    'joint_trajectory': 'joint_position',
    'commands': 'joint_position',
    'target_pose': 'end_effector_pose',
    'delta_twist_cmds': 'end_effector_twist',
}
"""The command types of the ROS interface that carry actions, and the kind that each carries."""

VELOCITY_COMMANDS = 'velocity_commands'
SOURCE_KINDS = {**COMMAND_KINDS, VELOCITY_COMMANDS: 'joint_position'}
"""Every command type that can be sent, and the kind of action that it is made from: joint
velocities are made from the way between two positions."""

POSE_NAMES = ('x', 'y', 'z', 'qx', 'qy', 'qz', 'qw', 'gripper')
TWIST_NAMES = ('vx', 'vy', 'vz', 'wx', 'wy', 'wz', 'gripper')


@dataclass(frozen=True)
class ActionSpec:
    """
    What one action is.

    :param kind: ``joint_position`` [rad, m], ``end_effector_pose`` (x y z qx qy qz qw gripper)
        or ``end_effector_twist`` (vx vy vz wx wy wz gripper), the last two in the base frame
        [m, m/s, rad/s], the gripper as an opening [m].
    :param names: the name of each element, in order.
    """

    kind: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, 'names', tuple(self.names))
        if self.kind not in ACTION_KINDS:
            raise ValueError(f'action kind {self.kind!r}, expected one of {ACTION_KINDS}')
        if not self.names:
            raise ValueError('action names are empty')
        wanted = {'end_effector_pose': POSE_NAMES, 'end_effector_twist': TWIST_NAMES}
        if self.names != wanted.get(self.kind, self.names):
            raise ValueError(f'action names {self.names}, expected {wanted[self.kind]} for '
                             f'{self.kind}')

    @classmethod
    def for_robot(cls, kind: str, robot: RobotSpec) -> ActionSpec:
        """
        Make the action of a kind for a robot.

        :param kind: one of the action kinds.
        :param robot: the robot whose joints are commanded.
        :return: the action spec.
        """
        names = {'end_effector_pose': POSE_NAMES, 'end_effector_twist': TWIST_NAMES}
        return cls(kind, names.get(kind, robot.joint_names))
