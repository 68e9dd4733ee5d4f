# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teleoperation by a device that jogs: keyboard, gamepad or 3D mouse.
"""
from __future__ import annotations

import time
from typing import Any

import numpy as np
from rclpy.clock import Clock
from rclpy.clock import ClockType

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.jogging import JogSession
from vaa_ros.core.jogging import JogTarget
from vaa_ros.core.smoothing import JogSmoother
from vaa_ros.core.teleop_mapping import Jog
from vaa_ros.ros.jog_devices import open_gamepad
from vaa_ros.ros.jog_devices import open_keyboard
from vaa_ros.ros.jog_devices import open_spacemouse
from vaa_ros.ros.measured_joints import MeasuredJoints

HOLDS_ON_RELEASE = 3


class JogMode:
    """
    A person steers a target; a timer sends it at the control rate while the arm is held.

    :param node: the node to send through.
    :raises ConfigError: in lockstep, which has no pace of its own.
    """

    def __init__(self, node: Any) -> None:
        if node.value('lockstep'):
            raise ConfigError(f'mode {node.value("mode")} needs real time: set lockstep to false')
        self._node = node
        kinematics = node.kinematics()
        self._session = JogSession(JogTarget(
            node.robot, node.commands.kind, kinematics, node.value('speed')))
        robot, kind = node.robot, node.commands.kind
        joints = () if kinematics is None and kind != 'joint_position' else tuple(
            index for index, name in enumerate(robot.joint_names) if name != robot.gripper)
        self._smoother = JogSmoother(node.value('smoothing_s'), len(robot.joints))
        self._measured = MeasuredJoints(node, node.robot, node.trouble)
        self._last_s = time.monotonic()
        self._holds = 0
        opened = {'keyboard': open_keyboard, 'spacemouse': open_spacemouse}
        mode = node.value('mode')
        self._device = opened[mode](node) if mode in opened else open_gamepad(
            node, joints, kinematics is not None or kind != 'joint_position')
        self.device = self._device.name
        node.create_timer(node.period_s, self._tick,
                          clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def speed(self) -> float:
        """
        Give the fraction of the jog speeds in force.
        """
        return self._node.value('speed') * self._device.speed

    @property
    def moves(self) -> str:
        """
        Say what the person moves: ``tool`` or ``joints``.
        """
        return self._device.moves

    @property
    def measured(self) -> np.ndarray | None:
        """
        Give the newest joint positions (n,).
        """
        return self._measured.position

    def stop(self) -> None:
        """
        Give the device back.
        """
        self._device.stop()

    def _tick(self) -> None:
        now_s = time.monotonic()
        dt_s = min(max(now_s - self._last_s, 1e-3), 2 * self._node.period_s)
        self._last_s = now_s
        try:
            self._step(now_s, dt_s)
        except VaaError as error:
            self._node.trouble(str(error))
            self._release()

    def _step(self, now_s: float, dt_s: float) -> None:
        session, commands, measured = self._session, self._node.commands, self._measured
        session.target.speed = self._node.value('speed')
        jog = self._device.jog(now_s)
        barred = self._node.bars(jog.engaged)
        if barred and jog.engaged:
            self._node.trouble(barred)
            jog = Jog()
        jog = self._smoother.step(jog, dt_s)
        wanted = session.step(jog, measured.position, now_s - measured.at_s, dt_s)
        if wanted is None:
            self._release()
            return
        start = None
        if session.starting:
            at = measured.position
            start = commands.measured(at, session.target.tool_at(at))
        commands.send(wanted, start, dt_s)
        self._node.set_active(True)
        self._holds = HOLDS_ON_RELEASE

    def _release(self) -> None:
        if self._holds > 0 or self._node.commands.coasting:
            self._holds = max(self._holds - 1, 0)
            self._node.commands.hold(dt_s=self._node.period_s)
        if self._holds == 0 and not self._node.commands.coasting:
            self._node.set_active(False)
