# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The service ``~/go_to_start``: brings the arm to its start pose, gently, through the gate.
"""
from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

from rclpy.node import Node
from std_srvs.srv import Trigger

from vaa_ros.core.control_loop import Answers
from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.start_policy import StartPolicy
from vaa_ros.ros.background import in_background
from vaa_ros.ros.control_thread import ControlThread

POLL_S = 0.05
STILL_S = 5.0
"""How long the gate may hold the arm before the move is given up [s]."""


class StartMove:
    """
    Takes the place of the policy while the arm goes to its start pose.

    A pause is lifted for the move and stands after it, so that nothing moves on by itself;
    everything else that holds the arm holds this move too.

    :param node: the node that offers the service.
    :param robot: the robot.
    :param spec: gives the spec of the loaded policy.
    :param thread: gives the thread that commands the arm, or None while the node is not active.
    :param pause: pauses or goes on, and says whether that took effect.
    """

    def __init__(
        self, node: Node, robot: RobotSpec, spec: Callable[[], PolicySpec],
        thread: Callable[[], ControlThread | None], pause: Callable[[bool], bool],
    ) -> None:
        self._node = node
        self._robot = robot
        self._spec = spec
        self._thread = thread
        self._pause = pause
        self._moving: StartPolicy | None = None
        self._busy = False
        node.create_service(Trigger, '~/go_to_start', self._on_start)

    def at_work(self, policy: Answers) -> Answers:
        """
        Give the policy that answers now.

        :param policy: the one that is loaded.
        :return: that one, or the way to the start pose.
        """
        return self._moving or policy

    async def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        if self._busy:
            response.message = 'the arm is on its way to the start pose already'
            return response
        self._busy = True
        try:
            response.success, response.message = await in_background(self._node, self._move)
        finally:
            self._busy = False
        return response

    def _move(self) -> str:
        if self._thread() is None:
            raise RosError('the node is not active: activate it first')
        way = StartPolicy(self._spec(), self._robot,
                          self._node.get_parameter('start_speed').value)
        if not self._pause(True):
            raise RosError('the control thread did not answer')
        try:
            self._moving = way
            self._pause(False)
            self._wait(way)
        finally:
            self._pause(True)
            self._moving = None
        return (f'the arm is at the start pose of {self._robot.name}, paused; ~/pause '
                '(data: false) lets the policy go on')

    def _wait(self, way: StartPolicy) -> None:
        still_s = None
        while not way.arrived:
            time.sleep(POLL_S)
            thread, now_s = self._thread(), time.monotonic()
            if thread is None:
                raise RosError('the node was deactivated on the way to the start pose')
            decision = thread.decision
            if decision.may_move:
                still_s = None
                continue
            still_s = now_s if still_s is None else still_s
            if now_s - still_s > STILL_S:
                raise RosError(f'the arm does not move: {decision.state}: {decision.reason}')
