# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A 3D mouse: its puck moves the tool in all six directions, and lets go when it springs back.
"""
from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np

from vaa_ros.core.teleop_mapping import DEAD_ZONE
from vaa_ros.core.teleop_mapping import Jog

LET_GO_S = 0.25
"""How long the puck may rest between two motions and still have hold of the arm [s]."""

SPACEMOUSE_HELP = """\
  puck          tool: pushed forwards, left, up; turned about the same axes
  left button   close the gripper
  right button  open the gripper
  The arm is let go when puck and buttons rest for a quarter of a second."""


class SpaceMouseJog:
    """
    Axes and buttons of ``spacenav/joy``: x y z roll pitch yaw, left and right button.

    :param timeout_s: how old the newest message may be [s].
    """

    speed = 1.0

    def __init__(self, timeout_s: float = 0.3) -> None:
        self._timeout_s = timeout_s
        self._jog = Jog()
        self._at_s = self._moved_s = -math.inf

    def update(self, axes: Sequence[float], buttons: Sequence[int], now_s: float) -> None:
        """
        Take a Joy message.

        :param axes: deflections, -1 to 1 (6,).
        :param buttons: 1 where pressed.
        :param now_s: the present [s].
        """
        values = np.zeros(6)
        values[:len(axes[:6])] = axes[:6]
        values = np.where(np.isfinite(values), np.clip(values, -1.0, 1.0), 0.0)
        size = np.maximum(np.abs(values) - DEAD_ZONE, 0.0) / (1.0 - DEAD_ZONE)
        tool = np.copysign(size, values) * (size > 0)
        pressed = [bool(index < len(buttons) and buttons[index]) for index in range(2)]
        if tool.any() or any(pressed):
            self._moved_s = now_s
        self._jog = Jog(tool, {}, float(pressed[1]) - float(pressed[0]), False, True)
        # Last: another thread may ask meanwhile, and what was old stays so until it is replaced.
        self._at_s = now_s

    def jog(self, now_s: float) -> Jog:
        """
        Give what the mouse asks for now.

        :param now_s: the present [s].
        :return: the jog; not engaged when it rests, or its newest message is too old.
        """
        fresh = now_s - self._at_s <= self._timeout_s and now_s - self._moved_s <= LET_GO_S
        return self._jog if fresh else Jog()
