# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The way to the start pose, as a policy: gate, limits and holds are those of any other.
"""
from __future__ import annotations

from dataclasses import replace

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation

REACHED = 0.02
"""How near every joint has to come [rad], or sliding joints to a tenth of it [m]."""
LEAST_POINTS, CUBIC = 4, 1.05
"""Fewest points of a way, and how much more acceleration cubic curves between them ask for."""
OFF_PATH = 0.15
"""How far a joint may be from where it should be [rad or m] before the way begins anew there."""


class StartPolicy:
    """
    Moves every joint to the robot's home in a straight line of the joints, gently.

    The speed rises and falls like a cosine; the joint with the longest way sets the time. The
    gripper goes along, and whether it comes is not asked: it may hold something.

    :param spec: the spec of the policy whose place it takes: what is seen, and the rate.
    :param robot: the robot; its home is the start pose.
    :param speed: fraction of the robot's speed limits, above 0 up to 1.
    :raises ConfigError: if the commands are not made from joint positions.
    """

    def __init__(self, spec: PolicySpec, robot: RobotSpec, speed: float) -> None:
        if spec.action.kind != 'joint_position':
            raise ConfigError(f'the start pose is one of the joints, which {spec.action.kind} '
                              'commands cannot say; use command_type joint_trajectory, commands '
                              'or velocity_commands')
        self.spec = replace(spec, name='go_to_start', embedding_size=0, observation_history=1,
                            instructions=())
        self._home = np.array(robot.home)
        self._speed = speed * np.array([joint.velocity for joint in robot.joints])
        self._acceleration = np.array([joint.acceleration for joint in robot.joints])
        self._near = np.array([np.inf if joint.name == robot.gripper else
                               REACHED if joint.unit == 'rad' else REACHED / 10
                               for joint in robot.joints])
        self.reset()

    def reset(self) -> None:
        """
        Forget where the way began.
        """
        self._start: np.ndarray | None = None
        self._start_ns = 0
        self._over = False
        self.left = np.inf
        """Largest way of a joint that is left, as a multiple of what counts as there."""

    @property
    def arrived(self) -> bool:
        """
        Tell whether the time of the way is over, and every joint was at home when last seen.
        """
        return self._over and self.left <= 1.0

    @property
    def over(self) -> bool:
        """
        Tell whether the time of the way is over, whether or not the arm is there.
        """
        return self._over

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: where the arm is.
        :return: the next part of the way.
        """
        spec, here = self.spec, np.asarray(observation.state, dtype=np.float64)
        self.left = float(np.max(np.abs(self._home - here) / self._near))
        off = self._start is None or np.abs(
            self._at(observation.stamp_ns) - here).max() > OFF_PATH
        if off:
            self._start, self._start_ns = here, observation.stamp_ns
        step_ns = spec.dt_s * NANOSECONDS
        self._over = self._part(observation.stamp_ns + round(step_ns)) >= 1.0
        # A command is where the arm is to be one period later.
        actions = np.stack([self._at(observation.stamp_ns + round((index + 1) * step_ns))
                            for index in range(spec.chunk_length)])
        return ActionChunk(observation.stamp_ns, actions, spec.dt_s)

    def _part(self, stamp_ns: int) -> float:
        """
        Give the part of the way's time that is over.
        """
        total_s = way_s(self._start, self._home, self._speed, self._acceleration)
        return min(max((stamp_ns - self._start_ns) / NANOSECONDS / total_s, 0.0), 1.0)

    def _at(self, stamp_ns: int) -> np.ndarray:
        part = self._part(stamp_ns)
        return self._start + (self._home - self._start) * (1 - np.cos(np.pi * part)) / 2


def way_s(start: np.ndarray, goal: np.ndarray, speed: np.ndarray,
          acceleration: np.ndarray) -> float:
    """
    Give the time of a way whose speed rises and falls like a cosine.

    :param start: where it begins (n,) [rad or m].
    :param goal: where it ends (n,).
    :param speed: highest speed of each joint (n,) [rad/s or m/s].
    :param acceleration: highest acceleration of each joint (n,) [rad/s^2 or m/s^2].
    :return: time [s]; the joint that needs longest sets it.
    """
    way = np.abs(goal - start)
    # The cosine is half pi times faster in the middle than on the average, and gains and loses
    # speed most at its ends.
    return max(float(np.max(way / speed)) * np.pi / 2,
               float(np.sqrt(np.max(way / acceleration) / 2)) * np.pi, 1e-3)


def start_trajectory(
    start: np.ndarray, goal: np.ndarray, speed: np.ndarray, acceleration: np.ndarray,
    step_s: float = 0.1,
) -> tuple[float, np.ndarray, np.ndarray]:
    """
    Give the same way as points for a controller that interpolates.

    :param start: where it begins (n,) [rad or m].
    :param goal: where it ends (n,).
    :param speed: highest speed of each joint (n,) [rad/s or m/s].
    :param acceleration: highest acceleration of each joint (n,) [rad/s^2 or m/s^2].
    :param step_s: longest time between two points [s].
    :return: time between two points [s]; positions (k, n); velocities (k, n), zero in the end.
    """
    way, total_s = goal - start, way_s(start, goal, speed, acceleration / CUBIC)
    count = max(int(np.ceil(total_s / step_s)), LEAST_POINTS if way.any() else 1)
    part = np.arange(1, count + 1)[:, None] / count
    positions = start + way * (1 - np.cos(np.pi * part)) / 2
    velocities = way * np.pi * np.sin(np.pi * part) / (2 * total_s)
    velocities[-1] = 0.0
    return total_s / count, positions, velocities
