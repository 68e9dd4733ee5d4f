# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Lets the scripted expert drive through topics: from what the arm says to commands of every kind.

Joint states and task statuses come in by themselves; they are paired by stamp, so that the
expert sees exactly the state of a tick, whichever arrives first.
"""
from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
import json

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import SimulationError
from vaa_ros.core.poses import pose_difference
from vaa_ros.core.types import JointState
from vaa_ros.sim.expert import CONTROL_DT_S
from vaa_ros.sim.expert import Expert
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.kinematics import ArmKinematics

TURN_GAIN = 0.3
JOINTS_KEPT = 64
_W_LAST = [0, 1, 2, 4, 5, 6, 3]


@dataclass(frozen=True, eq=False)
class TaskStatus:
    """
    What the expert needs of ``task_status``.

    :param stamp_ns: time of the tick [ns].
    :param task: name of the task.
    :param instruction: what is asked for.
    :param seed: seed of the episode.
    :param episode: counts the resets.
    :param time_s: time since the reset [s].
    :param done: whether the episode is over.
    :param objects: pose (7,) x y z qw qx qy qz of each object [m].
    """

    stamp_ns: int
    task: str
    instruction: str
    seed: int
    episode: int
    time_s: float
    done: bool
    objects: Mapping[str, np.ndarray]

    @classmethod
    def from_values(cls, values: Mapping[str, str]) -> TaskStatus:
        """
        Read the values of a task_status message.

        :param values: its keys and values.
        :return: the status.
        :raises SimulationError: naming what is missing or malformed.
        """
        try:
            objects = {str(name): np.array(pose, dtype=np.float64)
                       for name, pose in json.loads(values['objects']).items()}
            return cls(int(values['stamp_ns']), values['task'], values.get('instruction', ''),
                       int(values['seed']), int(values['episode']), float(values['time_s']),
                       values['done'] == 'true', objects)
        except KeyError as problem:
            raise SimulationError(f'task_status has no {problem}; it has: '
                                  f'{", ".join(values) or "nothing"}') from problem
        except (TypeError, ValueError, AttributeError) as problem:
            raise SimulationError(f'task_status is malformed: {problem}') from problem


class ExpertDriver:
    """
    Answers ticks with the expert's command; a new episode gets a new expert.

    :param kind: one of the action kinds.
    :param joint_names: the robot's joints in order.
    """

    def __init__(self, kind: str, joint_names: tuple[str, ...]) -> None:
        self._kind = kind
        self._names = joint_names
        self._kinematics = ArmKinematics()
        self._expert: Expert | None = None
        self._episode: tuple[int, str, int] | None = None
        self._target: np.ndarray | None = None
        self.new_episode = False
        """Whether the last answer was the first of an episode."""

    def answer(self, status: TaskStatus, joints: JointState) -> np.ndarray | None:
        """
        Say what to command at a tick.

        :param status: where the episode stands.
        :param joints: the joints at that tick.
        :return: the command's action vector, or None for staying put: the episode is over.
        :raises VaaError: if the joints or objects are not those of the task.
        """
        episode = (status.episode, status.task, status.seed)
        self.new_episode = episode != self._episode
        if self.new_episode:
            self._expert = make_expert(status.task, status.seed)
            self._episode = episode
            self._target = None
        if status.done:
            return None
        position = self.order(joints)
        command = self._expert.act(ExpertInput(
            status.time_s, position, status.objects, status.instruction))
        if self._kind == 'joint_position':
            return command
        tool = self._expert.tool
        pose = tool.pose[_W_LAST]
        if self._kind == 'end_effector_pose':
            return np.append(pose, tool.gripper)
        here = self.tool(position) if self._target is None else self._target
        twist = pose_difference(here, pose, CONTROL_DT_S)
        # The expert turns from the measured orientation, which lags behind the twist: the whole
        # turn at every tick would swing.
        twist[3:] = TURN_GAIN * tool.twist[3:]
        self._target = pose
        return np.append(twist, tool.gripper)

    def order(self, joints: JointState) -> np.ndarray:
        """
        Give joint positions in the robot's order (n,) [rad or m].

        :param joints: the joints in any order.
        :return: their positions.
        :raises SimulationError: if one is missing.
        """
        missing = [name for name in self._names if name not in joints.names]
        if missing:
            raise SimulationError(f'joint_states has no {", ".join(missing)}; it has '
                                  f'{", ".join(joints.names) or "no joints"}')
        return joints.position[[joints.names.index(name) for name in self._names]]

    def tool(self, position: np.ndarray) -> np.ndarray:
        """
        Give the tool's pose x y z qx qy qz qw (7,) at joint positions in the robot's order.
        """
        return self._kinematics.forward(position)[_W_LAST]


@dataclass(frozen=True, eq=False)
class ExpertAnswer:
    """
    What the expert says to one tick.

    :param stamp_ns: the tick [ns].
    :param repeat: the tick was answered before: send the same again.
    :param command: the command's action vector; None to stay put, the episode being over.
    :param start: joint positions (n,) where this is the first command of an episode, else None.
    """

    stamp_ns: int
    repeat: bool
    command: np.ndarray | None = None
    start: np.ndarray | None = None


class ExpertTicks:
    """
    Answers every task status once, as soon as the joint state of the same stamp is there.

    :param driver: asks the expert.
    :param task: the only task to drive, or an empty string for any.
    :param seed: seed of the expert's style; below 0 takes the episode's.
    """

    def __init__(self, driver: ExpertDriver, task: str = '', seed: int = -1) -> None:
        self.driver = driver
        self.seed = seed
        self.measured: np.ndarray | None = None
        """Joint positions at the tick that was answered last (n,)."""
        self._task = task
        self._joints: OrderedDict[int, JointState] = OrderedDict()
        self._pending: TaskStatus | None = None
        self._answered_ns = -1

    def push_joints(self, joints: JointState) -> ExpertAnswer | None:
        """
        Take a joint state.

        :param joints: the joints.
        :return: an answer, if this completes a tick.
        :raises VaaError: if the tick cannot be answered.
        """
        self._joints[joints.stamp_ns] = joints
        while len(self._joints) > JOINTS_KEPT:
            self._joints.popitem(last=False)
        return self._answer()

    def push_status(self, status: TaskStatus) -> ExpertAnswer | None:
        """
        Take a task status.

        :param status: where the episode stands.
        :return: an answer, if its joint state is there already.
        :raises VaaError: if the tick cannot be answered.
        """
        self._pending = status
        return self._answer()

    def skip(self) -> None:
        """
        Leave the tick that waits without an answer.
        """
        self._pending = None

    def _answer(self) -> ExpertAnswer | None:
        status = self._pending
        if status is None or status.stamp_ns not in self._joints:
            return None
        self._pending = None
        if status.stamp_ns == self._answered_ns:
            return ExpertAnswer(status.stamp_ns, True)
        if self._task and self._task != status.task:
            raise ConfigError(f'the arm does task {status.task!r}, this expert only '
                              f'{self._task!r}')
        if self.seed >= 0:
            status = replace(status, seed=self.seed)
        joints = self._joints[status.stamp_ns]
        command = self.driver.answer(status, joints)
        self._answered_ns = status.stamp_ns
        self.measured = self.driver.order(joints)
        start = self.measured if self.driver.new_episode else None
        return ExpertAnswer(status.stamp_ns, False, command, start)
