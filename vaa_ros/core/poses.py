# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Poses and twists as plain arrays: x y z qx qy qz qw, and vx vy vz wx wy wz in the same frame.
"""
from __future__ import annotations

import math

import numpy as np


def move_pose(pose: np.ndarray, twist: np.ndarray, dt_s: float) -> np.ndarray:
    """
    Move a pose with a twist given in the base frame.

    :param pose: x y z [m] qx qy qz qw (7,).
    :param twist: vx vy vz [m/s] wx wy wz [rad/s] (6,).
    :param dt_s: for how long [s].
    :return: the pose after that time (7,).
    """
    turn = np.asarray(twist[3:], dtype=np.float64) * dt_s
    angle = float(np.linalg.norm(turn))
    half = angle / 2.0
    x, y, z = turn * (math.sin(half) / angle if angle > 1e-12 else 0.5)
    w = math.cos(half)
    ax, ay, az, aw = pose[3:]
    rotated = np.array([
        w * ax + x * aw + y * az - z * ay,
        w * ay - x * az + y * aw + z * ax,
        w * az + x * ay - y * ax + z * aw,
        w * aw - x * ax - y * ay - z * az,
    ])
    return np.concatenate([pose[:3] + np.asarray(twist[:3]) * dt_s,
                           rotated / np.linalg.norm(rotated)])


def pose_difference(start: np.ndarray, end: np.ndarray, dt_s: float) -> np.ndarray:
    """
    Give the twist that moves one pose to another; the inverse of :func:`move_pose`.

    :param start: x y z [m] qx qy qz qw (7,).
    :param end: the pose to come to (7,).
    :param dt_s: in how much time [s].
    :return: vx vy vz [m/s] wx wy wz [rad/s] (6,) in the base frame.
    """
    ax, ay, az, aw = end[3:]
    bx, by, bz, bw = -start[3], -start[4], -start[5], start[6]
    vector = np.array([
        aw * bx + ax * bw + ay * bz - az * by,
        aw * by - ax * bz + ay * bw + az * bx,
        aw * bz + ax * by - ay * bx + az * bw,
    ])
    scalar = aw * bw - ax * bx - ay * by - az * bz
    if scalar < 0:
        vector, scalar = -vector, -scalar
    length = float(np.linalg.norm(vector))
    angle = 2.0 * math.atan2(length, scalar)
    turn = vector * (angle / length if length > 1e-12 else 2.0)
    return np.concatenate([end[:3] - start[:3], turn]) / dt_s
