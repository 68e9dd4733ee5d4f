# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The scripted expert: does every task from joint positions and object poses alone.

What it does is a function of what it sees: each task is a field of tool velocities over tool and
object positions (:mod:`vaa_ros.sim.fields`), so it goes on from wherever a disturbance, a slip
or another driver left the arm. Only the smoothing of its motion and its few deliberate mistakes
have memory.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.spec import load_robot
from vaa_ros.sim.fields import FIELDS
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.kinematics import rotation_between
from vaa_ros.sim.motions import draw_style
from vaa_ros.sim.motions import Field
from vaa_ros.sim.motions import Scene
from vaa_ros.sim.tasks import make_task

CONTROL_DT_S = 1.0 / 30.0
TOOL_DOWN = np.array([0.0, 0.0, 1.0, 0.0])
"""Orientation w x y z of a tool that points straight down, the fingers closing along y."""

_ACCELERATION = 2.0        # m/s^2
_TURN_SPEED = 1.2          # rad/s
_GRIPPER_SPEED = 0.25      # m/s
_GRIPPER_LEAD = 0.03       # m that a gripper target may be away from what is measured
_LEAD = 0.012              # m that a tool target may be away from what is measured
_JOINT_SPEED_PART = 0.9    # part of the joints' speed limits that the expert uses


@dataclass(frozen=True)
class ExpertInput:
    """
    All that the expert sees.

    :param time_s: time since the start of the episode [s].
    :param joint_position: measured joints (7,) [rad, m].
    :param objects: pose (7,) x y z qw qx qy qz of every object of the task [m].
    :param instruction: what is asked for; needed where the task knows several instructions.
    """

    time_s: float
    joint_position: np.ndarray
    objects: Mapping[str, np.ndarray]
    instruction: str = ''


@dataclass(frozen=True)
class ToolTarget:
    """
    The same command as the joint targets, in tool space and the base frame.

    :param pose: pose (7,) x y z qw qx qy qz for tool0, one control step ahead [m].
    :param twist: velocity (6,) that goes there, linear then angular [m/s, rad/s].
    :param gripper: opening of the gripper [m].
    """

    pose: np.ndarray
    twist: np.ndarray
    gripper: float


class Expert:
    """
    Drives the arm through one episode of a task, to be asked 30 times a second.

    :param task: name of the task.
    :param seed: decides speed, approach and mistakes.
    :raises ConfigError: for an unknown task; lists those that exist.
    """

    def __init__(self, task: str, seed: int) -> None:
        self.task = make_task(task)
        robot = load_robot('vaa_arm')
        self._step = _JOINT_SPEED_PART * CONTROL_DT_S * np.array(
            [joint.velocity for joint in robot.joints])
        self._kinematics = ArmKinematics()
        self.reset(seed)

    def reset(self, seed: int) -> None:
        """
        Get ready for another episode.

        :param seed: decides speed, approach and mistakes.
        """
        # The second word keeps the expert's draws apart from those of the scene's seed.
        rng = np.random.default_rng([seed, 7919])
        self._field: Field = FIELDS[self.task.name](draw_style(rng))
        self._last_position: np.ndarray | None = None
        self._last_gripper = 0.0
        self._velocity = np.zeros(3)
        self.tool: ToolTarget | None = None

    def act(self, seen: ExpertInput, following: bool = True) -> np.ndarray:
        """
        Say what to command now.

        :param seen: the present state.
        :param following: False when the arm does not obey this expert, so that its answer
            starts from what is measured: advice for states that another driver visits.
        :return: joint targets (7,) to be reached one control step later [rad, m]; the same
            command in tool space is in ``tool`` afterwards.
        :raises SimulationError: if the input is not finite or an object is missing.
        :raises InstructionError: if the task knows several instructions, and this is none.
        """
        joints = self._check(seen)
        pose = self._kinematics.forward(joints)
        if self._last_position is None or not following:
            self._last_position = pose[:3]
            self._last_gripper = float(joints[6])
        motion = self._field.motion(
            Scene(pose[:3], float(joints[6]), seen.objects, seen.instruction))
        change = motion.velocity - self._velocity
        most = _ACCELERATION * CONTROL_DT_S
        if following:
            change *= min(1.0, most / max(float(np.linalg.norm(change)), 1e-9))
        self._velocity = self._velocity + change
        lead = self._last_position - pose[:3]
        lead *= min(1.0, _LEAD / max(float(np.linalg.norm(lead)), 1e-9))
        target = np.empty(7)
        target[:3] = pose[:3] + lead + self._velocity * CONTROL_DT_S
        upright = _turned(TOOL_DOWN, np.array([0.0, 0.0, motion.yaw]))
        turn = rotation_between(pose[3:], upright)
        turn *= min(1.0, _TURN_SPEED * CONTROL_DT_S / max(float(np.linalg.norm(turn)), 1e-9))
        target[3:] = _turned(pose[3:], turn)
        gripper = self._grip(float(joints[6]), motion.gripper)
        command = self._kinematics.solve(joints, target, iterations=8, tolerance=1e-4).q
        command[6] = gripper
        command[:6] = np.clip(command, joints - self._step, joints + self._step)[:6]
        self._last_position = target[:3]
        twist = np.concatenate([(target[:3] - pose[:3]), turn]) / CONTROL_DT_S
        self.tool = ToolTarget(target, twist, gripper)
        return command

    def _grip(self, measured: float, wanted: float) -> float:
        near = np.clip(self._last_gripper, measured - _GRIPPER_LEAD, measured + _GRIPPER_LEAD)
        most = _GRIPPER_SPEED * CONTROL_DT_S
        self._last_gripper = float(near + np.clip(wanted - near, -most, most))
        return self._last_gripper

    def _check(self, seen: ExpertInput) -> np.ndarray:
        joints = np.asarray(seen.joint_position, dtype=np.float64)
        if joints.shape != (7,) or not np.all(np.isfinite(joints)):
            raise SimulationError(f'joint_position is {joints}, expected 7 finite values')
        for name in self.task.objects:
            pose = seen.objects.get(name)
            if pose is None or np.shape(pose) != (7,) or not np.all(np.isfinite(pose)):
                raise SimulationError(
                    f'object {name!r} of task {self.task.name!r} has pose {pose}, expected 7 '
                    f'finite values; objects given: {", ".join(sorted(seen.objects)) or "none"}')
        if len(self.task.instructions) > 1:
            instruction_index(seen.instruction, self.task.instructions)
        return joints


def make_expert(task: str, seed: int) -> Expert:
    """
    Make the expert of a task for one episode.

    :param task: name of the task.
    :param seed: decides speed, approach and mistakes.
    :return: the expert.
    :raises ConfigError: for an unknown task; lists those that exist.
    """
    return Expert(task, seed)


def _turned(quaternion: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    angle = float(np.linalg.norm(rotation))
    if angle < 1e-12:
        return quaternion.copy()
    axis = rotation / angle
    w1, v1 = np.cos(angle / 2), np.sin(angle / 2) * axis
    w2, v2 = quaternion[0], quaternion[1:]
    turned = np.concatenate([[w1 * w2 - v1 @ v2], w1 * v2 + w2 * v1 + np.cross(v1, v2)])
    return turned / np.linalg.norm(turned)
