# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Kinematics of any arm with a URDF, by Pinocchio.

The only file that imports ``pinocchio`` (``pip install pin``, or the ROS package). Meshes, masses
and collision shapes of the URDF are not read.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.urdf import is_xml

DAMPING = 0.02
MAX_STEP_RAD = 0.3
SINGULAR_SLOW = 17.0
"""Condition number of the Jacobian from which motion towards a singularity slows down."""
SINGULAR_STOP = 30.0
"""Condition number at which it stops; both are the defaults of MoveIt Servo."""


@dataclass(frozen=True)
class InverseSolution:
    """
    What the inverse kinematics found.

    :param q: joint positions, of the size that the search started with [rad or m].
    :param position_error: distance left to the wanted position [m].
    :param angle_error: angle left to the wanted orientation [rad].
    """

    q: np.ndarray
    position_error: float
    angle_error: float


class UrdfKinematics:
    """
    Forward and inverse kinematics between a robot's base frame and its end effector.

    Poses are (7,) arrays x y z qw qx qy qz [m], joint arrays hold every joint of the robot in its
    order; the gripper is passed through. Not for use by two threads at once.

    :param robot: the robot, which names its URDF.
    :raises ConfigError: without a URDF or Pinocchio, or where the URDF lacks a joint or frame.
    """

    def __init__(self, robot: RobotSpec) -> None:
        if not robot.urdf:
            raise ConfigError(f'robot {robot.name!r} names no URDF, which inverse kinematics '
                              'needs: add urdf: FILE to its robot file')
        self._pin = pin = _pinocchio()
        self.arm = np.array([index for index, name in enumerate(robot.joint_names)
                             if name != robot.gripper])
        names = [robot.joint_names[index] for index in self.arm]
        text = is_xml(robot.urdf)
        self._source = f'the URDF of {robot.name}' if text else robot.urdf
        full = (pin.buildModelFromXML if text else pin.buildModelFromUrdf)(robot.urdf)
        for name in names:
            if not full.existJointName(name):
                raise unknown_name(f'joint of {self._source}', name, list(full.names)[1:])
        others = [index for index, name in enumerate(full.names)
                  if index > 0 and name not in names]
        self._model = pin.buildReducedModel(full, others, pin.neutral(full))
        self._data = self._model.createData()
        self._judged: tuple[np.ndarray, float] | None = None
        self._joints = [self._model.joints[self._model.getJointId(name)] for name in names]
        self._columns = [joint.idx_v for joint in self._joints]
        base, self._tool = (self._frame(robot, name) for name in
                            (robot.base_frame, robot.end_effector_frame))
        pin.framesForwardKinematics(self._model, self._data, pin.neutral(self._model))
        if self._model.frames[base].parentJoint != 0:
            raise ConfigError(f'base_frame {robot.base_frame!r} of {self._source} moves with the '
                              'arm, expected a link before its first joint')
        self._to_base = self._data.oMf[base].inverse()
        self._turn = self._to_base.rotation.copy()
        limits = [robot.joints[index] for index in self.arm]
        self.lower = np.array([joint.lower for joint in limits])
        self.upper = np.array([joint.upper for joint in limits])
        self.velocity = np.array([joint.velocity for joint in limits])

    def _frame(self, robot: RobotSpec, name: str) -> int:
        if not self._model.existFrame(name):
            raise unknown_name(f'frame of {self._source}', name,
                               [frame.name for frame in self._model.frames])
        return self._model.getFrameId(name)

    def forward(self, q: np.ndarray) -> np.ndarray:
        """
        Give the pose of the end effector.

        :param q: joint positions (n,) [rad or m].
        :return: pose (7,) in the base frame.
        """
        self._place(np.asarray(q, dtype=np.float64)[self.arm])
        pose = self._pin.SE3ToXYZQUAT(self._tool_in_base())
        return pose[[0, 1, 2, 6, 3, 4, 5]]

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        """
        Give the geometric Jacobian of the end effector.

        :param q: joint positions (n,) [rad or m].
        :return: (6, arm joints); linear then angular velocity in the base frame.
        """
        self._place(np.asarray(q, dtype=np.float64)[self.arm])
        return self._jacobian()

    def condition(self, q: np.ndarray) -> float:
        """
        Give the condition number of the Jacobian: how near a singularity is.

        :param q: joint positions (n,) [rad or m].
        :return: from 1, good, to infinity, singular.
        """
        return _condition(self.jacobian(q))

    def solve(self, q_start: np.ndarray, pose: np.ndarray, iterations: int = 40,
              tolerance: float = 1e-5) -> InverseSolution:
        """
        Find joints near ``q_start`` that put the end effector at a pose, or as near as they can.

        Damped least squares, clipped to the joint limits in every iteration.

        :param q_start: where to search from (n,) [rad or m].
        :param pose: wanted pose (7,).
        :param iterations: most iterations to do.
        :param tolerance: stop below this error [m and rad].
        :return: the solution.
        :raises ConfigError: if an input is not finite.
        """
        result = np.array(q_start, dtype=np.float64)
        target = self._target(result, pose)
        q = np.clip(result[self.arm], self.lower, self.upper)
        best = (math.inf, q, np.zeros(6))
        for turn in range(iterations + 1):
            self._place(q)
            error = self._error(target)
            size = float(np.linalg.norm(error))
            if size < best[0]:
                best = (size, q, error)
            if size < tolerance or turn == iterations:
                break
            step = _damped(self._jacobian(), error)
            step *= min(1.0, MAX_STEP_RAD / max(float(np.abs(step).max()), 1e-12))
            q = np.clip(q + step, self.lower, self.upper)
        result[self.arm] = best[1]
        return InverseSolution(result, float(np.linalg.norm(best[2][:3])),
                               float(np.linalg.norm(best[2][3:])))

    def advance(self, q: np.ndarray, pose: np.ndarray, dt_s: float) -> tuple[np.ndarray, float]:
        """
        Move towards a pose for a short time, inside joint and speed limits.

        Towards a singularity it slows down from a condition number of 17 on and stops at 30; away
        from one it is free. All joints are slowed alike, so that the tool keeps its direction.

        :param q: joint positions now (n,) [rad or m].
        :param pose: where to go (7,).
        :param dt_s: the time [s].
        :return: joint positions after that time (n,), and the part of the speed that was left
            by the singularity, 0 to 1.
        :raises ConfigError: if an input is not finite.
        """
        result = np.array(q, dtype=np.float64)
        start = result[self.arm]
        wanted = self.solve(result, pose, 5, 1e-4).q[self.arm]
        way = wanted - start
        fastest = float(np.max(np.abs(way) / (self.velocity * dt_s)))
        way /= max(1.0, fastest)
        before = self._condition_at(start)
        after = self._condition_at(start + way)
        part = 1.0
        if after > before:
            part = float(np.clip((SINGULAR_STOP - after) / (SINGULAR_STOP - SINGULAR_SLOW), 0, 1))
        result[self.arm] = start + part * way
        return result, part

    def _condition_at(self, q: np.ndarray) -> float:
        # One step mostly begins where the one before ended.
        if self._judged is None or not np.array_equal(self._judged[0], q):
            self._place(q)
            self._judged = q.copy(), _condition(self._jacobian())
        return self._judged[1]

    def _target(self, q: np.ndarray, pose: np.ndarray) -> object:
        pose = np.asarray(pose, dtype=np.float64)
        if not (np.isfinite(q).all() and np.isfinite(pose).all()):
            raise ConfigError('inverse kinematics got joints or a pose that are not finite')
        target = pose[[0, 1, 2, 4, 5, 6, 3]].copy()
        target[3:] /= np.linalg.norm(target[3:])
        return self._pin.XYZQUATToSE3(target)

    def _place(self, q: np.ndarray) -> None:
        pin, configuration = self._pin, np.empty(self._model.nq)
        for joint, value in zip(self._joints, q, strict=True):
            if joint.nq == 1:
                configuration[joint.idx_q] = value
            else:  # a continuous joint is a point on the circle
                configuration[joint.idx_q:joint.idx_q + 2] = math.cos(value), math.sin(value)
        pin.computeJointJacobians(self._model, self._data, configuration)

    def _tool_in_base(self) -> object:
        return self._to_base * self._pin.updateFramePlacement(
            self._model, self._data, self._tool)

    def _jacobian(self) -> np.ndarray:
        frame = self._pin.ReferenceFrame.LOCAL_WORLD_ALIGNED
        jacobian = self._pin.getFrameJacobian(self._model, self._data, self._tool, frame)
        return np.concatenate([self._turn @ jacobian[:3],
                               self._turn @ jacobian[3:]])[:, self._columns]

    def _error(self, target: object) -> np.ndarray:
        here = self._tool_in_base()
        turn = self._pin.log3(target.rotation @ here.rotation.T)
        return np.concatenate([target.translation - here.translation, turn])


def for_workspace(robot: RobotSpec, kind: str, tell: Callable[[str], object],
                  ) -> UrdfKinematics | None:
    """
    Give what keeps the end effector inside the workspace where commands are joint positions.

    :param robot: the robot.
    :param kind: kind of the commands.
    :param tell: told why the workspace will bound nothing, where it should.
    :return: the kinematics; None where there is no need, or no way.
    """
    if kind != 'joint_position' or robot.workspace is None:
        return None
    try:
        return UrdfKinematics(robot)
    except ConfigError as problem:
        tell(f'the workspace of {robot.name} does not bound joint commands: {problem}')
        return None


def _damped(jacobian: np.ndarray, error: np.ndarray) -> np.ndarray:
    # Damping that fades with the error keeps singular poses calm and convergence quick.
    damping = min(DAMPING, float(error @ error)) * np.eye(6)
    return jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + damping + 1e-12 * np.eye(6), error)


def _condition(jacobian: np.ndarray) -> float:
    values = np.linalg.svd(jacobian, compute_uv=False)
    return float(values[0] / values[-1]) if values[-1] > 1e-12 else math.inf


def _pinocchio() -> object:
    try:
        import pinocchio
    except ImportError as error:
        raise ConfigError('inverse kinematics needs Pinocchio: pip install pin, or the ROS '
                          f'package pinocchio ({error})') from error
    return pinocchio
