# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Kinematics of the simulated arm: where the tool is, and which joints put it somewhere.
"""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import mujoco
import numpy as np

from vaa_ros.core.errors import SimulationError

ASSETS = Path(__file__).parent / 'assets'
ARM_JOINTS = tuple(f'joint_{index}' for index in range(1, 7))
TOOL_SITE = 'tool0'

_DAMPING = 0.02
_MAX_STEP_RAD = 0.3


@dataclass(frozen=True)
class InverseSolution:
    """
    What the inverse kinematics found.

    :param q: joint positions, of the size that the search started with [rad, m].
    :param position_error: distance left to the wanted position [m].
    :param angle_error: angle left to the wanted orientation [rad].
    """

    q: np.ndarray
    position_error: float
    angle_error: float


class ArmKinematics:
    """
    Forward and inverse kinematics of the arm, in the base frame.

    Poses are (7,) arrays x y z qw qx qy qz [m]. Joint arrays hold the six arm joints [rad];
    further elements, such as the gripper, are ignored and passed through. Not for use by two
    threads at once.
    """

    def __init__(self) -> None:
        self._model = mujoco.MjModel.from_xml_path(str(ASSETS / 'arm.xml'))
        self._data = mujoco.MjData(self._model)
        self._site = self._model.site(TOOL_SITE).id
        joints = [self._model.joint(name) for name in ARM_JOINTS]
        self._qpos = np.array([joint.qposadr[0] for joint in joints])
        self._dofs = np.array([joint.dofadr[0] for joint in joints])
        self.lower, self.upper = np.array([joint.range for joint in joints]).T
        self._jacobian = np.zeros((6, self._model.nv))

    def forward(self, q: np.ndarray) -> np.ndarray:
        """
        Give the pose of the tool.

        :param q: joint positions (6,) or longer [rad].
        :return: pose (7,) of tool0 in the base frame.
        """
        self._place(q)
        pose = np.empty(7)
        pose[:3] = self._data.site_xpos[self._site]
        mujoco.mju_mat2Quat(pose[3:], self._data.site_xmat[self._site])
        return pose

    def jacobian(self, q: np.ndarray) -> np.ndarray:
        """
        Give the geometric Jacobian of the tool.

        :param q: joint positions (6,) or longer [rad].
        :return: (6, 6); rows are linear then angular velocity in the base frame.
        """
        self._place(q)
        return self._site_jacobian().copy()

    def inverse(self, q_start: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """
        Find joints near ``q_start`` that put the tool at a pose, or as near as limits allow.

        :param q_start: where to search from (6,) or longer [rad].
        :param pose: wanted pose (7,) of tool0.
        :return: joint positions of the same size as ``q_start``.
        """
        return self.solve(q_start, pose).q

    def solve(self, q_start: np.ndarray, pose: np.ndarray, iterations: int = 40,
              tolerance: float = 1e-5) -> InverseSolution:
        """
        Do what :meth:`inverse` does, and say how near the result is.

        Damped least squares, clipped to the joint limits in every iteration.

        :param q_start: where to search from (6,) or longer [rad].
        :param pose: wanted pose (7,) of tool0.
        :param iterations: most iterations to do.
        :param tolerance: stop below this error [m and rad].
        :return: the solution.
        :raises SimulationError: if an input is not finite.
        """
        result = np.array(q_start, dtype=np.float64)
        pose = np.asarray(pose, dtype=np.float64)
        if not (np.all(np.isfinite(result)) and np.all(np.isfinite(pose))):
            raise SimulationError('inverse kinematics got a start or a pose that is not finite')
        q = np.clip(result[:6], self.lower, self.upper)
        self._place(q)
        error = self._error(pose)
        best = (float(np.linalg.norm(error)), q, error)
        for _ in range(iterations):
            if best[0] < tolerance:
                break
            jacobian = self._site_jacobian()
            # Damping that fades with the error keeps singular poses calm and convergence quick.
            damping = min(_DAMPING, float(error @ error)) * np.eye(6)
            step = jacobian.T @ np.linalg.solve(jacobian @ jacobian.T + damping, error)
            step *= min(1.0, _MAX_STEP_RAD / max(float(np.abs(step).max()), 1e-12))
            q = np.clip(q + step, self.lower, self.upper)
            self._place(q)
            error = self._error(pose)
            size = float(np.linalg.norm(error))
            if size < best[0]:
                best = (size, q, error)
        result[:6] = best[1]
        return InverseSolution(result, float(np.linalg.norm(best[2][:3])),
                               float(np.linalg.norm(best[2][3:])))

    def _place(self, q: np.ndarray) -> None:
        self._data.qpos[self._qpos] = np.asarray(q)[:6]
        mujoco.mj_kinematics(self._model, self._data)

    def _site_jacobian(self) -> np.ndarray:
        mujoco.mj_comPos(self._model, self._data)
        mujoco.mj_jacSite(self._model, self._data, self._jacobian[:3], self._jacobian[3:],
                          self._site)
        return self._jacobian[:, self._dofs]

    def _error(self, pose: np.ndarray) -> np.ndarray:
        error = np.empty(6)
        error[:3] = pose[:3] - self._data.site_xpos[self._site]
        here = np.empty(4)
        mujoco.mju_mat2Quat(here, self._data.site_xmat[self._site])
        error[3:] = rotation_between(here, pose[3:])
        return error


def rotation_between(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """
    Give the rotation that turns one orientation into another.

    :param start: quaternion (4,) w x y z.
    :param end: quaternion (4,) w x y z.
    :return: rotation vector (3,) in the base frame, at most pi long [rad].
    """
    inverse = np.empty(4)
    product = np.empty(4)
    vector = np.empty(3)
    mujoco.mju_negQuat(inverse, np.asarray(start, dtype=np.float64))
    mujoco.mju_mulQuat(product, np.asarray(end, dtype=np.float64), inverse)
    mujoco.mju_quat2Vel(vector, product, 1.0)
    return vector
