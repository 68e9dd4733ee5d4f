# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The robot's box for its end effector, where the commands are joint positions.
"""
from __future__ import annotations

from typing import Protocol

import numpy as np

TOLERANCE_M = 0.005
"""How far a command may put the end effector outside: joints lead along curves, boxes are flat."""


class Solution(Protocol):
    """What inverse kinematics found: joint positions, and the distance that is left [m]."""

    q: np.ndarray
    position_error: float


class Kinematics(Protocol):
    """Forward and inverse kinematics; poses are x y z qw qx qy qz (7,) in the base frame."""

    def forward(self, q: np.ndarray) -> np.ndarray:
        """
        Give the pose of the end effector.
        """

    def solve(self, q_start: np.ndarray, pose: np.ndarray) -> Solution:
        """
        Find joints near ``q_start`` that put the end effector at a pose.
        """


class Workspace:
    """
    Keeps the end effector of an arm that is told joint positions inside a box.

    :param kinematics: of the arm.
    :param lower: lowest corner (3,) in the base frame [m].
    :param upper: highest corner (3,) [m].
    """

    def __init__(self, kinematics: Kinematics, lower: np.ndarray, upper: np.ndarray) -> None:
        self._kinematics = kinematics
        self._lower, self._upper = np.asarray(lower), np.asarray(upper)

    def led_inside(self, wish: np.ndarray) -> np.ndarray:
        """
        Bring a wish inside: the same orientation, at the nearest point of the box.

        :param wish: joint positions (n,), finite [rad or m].
        :return: the wish itself where it is inside, or where no joints were found for that.
        """
        pose = self._kinematics.forward(wish)
        inside = np.clip(pose[:3], self._lower, self._upper)
        if np.array_equal(inside, pose[:3]):
            return wish
        found = self._kinematics.solve(wish, np.concatenate([inside, pose[3:]]))
        return found.q if found.position_error < TOLERANCE_M else wish

    def refusal(self, previous: np.ndarray, command: np.ndarray) -> str:
        """
        Tell why a command may not be sent: it leads out of the box, or further out.

        :param previous: the last command, or where the arm is (n,).
        :param command: the command (n,).
        :return: why, or nothing.
        """
        there = self._kinematics.forward(command)[:3]
        if self._outside(there).max() <= TOLERANCE_M:
            return ''
        here = self._kinematics.forward(previous)[:3]
        if self._outside(there).max() <= self._outside(here).max():
            return ''
        axis = int(self._outside(there).argmax())
        return (f'the end effector would leave the workspace: {"xyz"[axis]} {there[axis]:.3f} m, '
                f'expected {self._lower[axis]:g} to {self._upper[axis]:g}')

    def _outside(self, point: np.ndarray) -> np.ndarray:
        return np.maximum(self._lower - point, point - self._upper)
