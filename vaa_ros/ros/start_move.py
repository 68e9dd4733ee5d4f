# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The service ``~/go_to_start``: brings the arm to its start pose, gently, through the gate.
"""
from __future__ import annotations

from collections.abc import Callable
import time
from typing import Any

import numpy as np
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from std_srvs.srv import Trigger

from vaa_ros.core.control_setup import DEADMAN_AGE_S
from vaa_ros.core.control_setup import DEADMAN_TOPIC
from vaa_ros.core.control_setup import JOINTS_TOPIC
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.gate import PAUSED
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.inference import Answers
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.start_policy import StartPolicy
from vaa_ros.ros.background import in_background
from vaa_ros.ros.control_thread import ControlThread
from vaa_ros.ros.start_action import action_type
from vaa_ros.ros.start_action import StartAction

POLL_S = 0.05
ENDING = 'the node ends'
OWNER = 'the way to the start pose'
STILL_S = 5.0
"""How long the gate may hold the arm before the move is given up [s]."""


class StartMove:
    """
    Takes the place of the policy while the arm goes to its start pose.

    Where the robot names a ``trajectory_action`` and ``control_msgs`` is installed, the arm's own
    controller goes there as one goal, while the policy is paused and silent. Otherwise the way is
    commanded like a policy's, through the gate. The request ends a pause that stood before it, and
    one that comes later ends the move. The arm is paused after both, so that nothing moves on by
    itself; what holds the arm ends or holds this move too.

    :param node: the node that offers the service.
    :param robot: the robot.
    :param spec: gives the spec of the loaded policy.
    :param thread: gives the thread that commands the arm, or None while the node is not active.
    :param pause: pauses the policy as a person does, until a person ends that.
    :param joints: gives the newest joint positions in the robot's order, None while unknown.
    """

    def __init__(
        self, node: Node, robot: RobotSpec, spec: Callable[[], PolicySpec],
        thread: Callable[[], ControlThread | None], pause: Callable[[], Any],
        joints: Callable[[], np.ndarray | None],
    ) -> None:
        self._node = node
        self._robot = robot
        self._spec = spec
        self._thread = thread
        self._pause = pause
        self._joints = joints
        self._moving: StartPolicy | None = None
        self._busy = self._ending = False
        self._action: StartAction | None = None
        if robot.trajectory_action and action_type() is not None:
            self._action = StartAction(node, robot)
        # A callback that waits would keep a shared group from hearing a stop.
        node.create_service(Trigger, '~/go_to_start', self._on_start,
                            callback_group=MutuallyExclusiveCallbackGroup())

    def at_work(self, policy: Answers) -> Answers:
        """
        Give the policy that answers now.

        :param policy: the one that is loaded.
        :return: that one, or the way to the start pose.
        """
        return self._moving or policy

    @property
    def under_way(self) -> bool:
        """
        Tell whether the arm is on its way by commands, which are none of the policy.
        """
        return self._moving is not None

    def give_up(self) -> bool:
        """
        Hold the arm where it is on its way, for good.

        :return: whether nothing moves it any more; until then the node has to be spun.
        """
        first, self._ending = not self._ending, True
        if self._busy and first:
            self._pause()
        return not self._busy and (self._action is None or self._action.cancels.confirmed)

    async def _on_start(self, _: Trigger.Request, response: Trigger.Response) -> Any:
        if self._busy or self._ending:
            response.message = ENDING if self._ending else (
                'the arm is on its way to the start pose already')
            return response
        try:
            way = self._begin()
        except VaaError as error:
            response.message = str(error)
            return response
        self._busy = True
        try:
            response.success, response.message = await in_background(
                self._node, lambda: self._move(way))
        finally:
            self._busy = False
        return response

    def _begin(self) -> StartPolicy | None:
        """
        Take the place of whoever paused: a pause that comes from now on ends the move.

        :return: the way, None where the controller knows it.
        :raises VaaError: if the arm cannot go there.
        """
        thread = self._thread()
        if thread is None:
            raise RosError('the node is not active: activate it first')
        if self._node.get_parameter('dry_run').value:
            raise RosError('a dry run moves nothing: set dry_run to false')
        way = None if self._action else StartPolicy(self._spec(), self._robot, self._speed)
        thread.pause(True, OWNER)
        return way

    @property
    def _speed(self) -> float:
        return self._node.get_parameter('start_speed').value

    def _move(self, way: StartPolicy | None) -> str:
        thread = self._thread()
        try:
            if thread is None or not thread.settled():
                raise RosError('the control thread did not answer')
            if way is None:
                self._go_by_action()
            else:
                self._moving = way
                thread.pause(False, OWNER)
                self._wait(way)
        finally:
            self._pause()
            self._moving = None
        return (f'the arm is at the start pose of {self._robot.name}, paused; ~/pause '
                '(data: false) lets the policy go on')

    def _go_by_action(self) -> None:
        start, trouble = self._joints(), self._trouble()
        if trouble or start is None:
            raise RosError(trouble or 'no joint states came with pictures yet')
        self._action.go(start, self._speed, self._trouble)

    def _trouble(self) -> str:
        """
        Say why the controller has to stop, which knows nothing of the policy's gate.
        """
        thread = self._thread()
        if ended := self._ended(thread):
            return ended
        decision, ages_s = thread.decision, thread.ages_s()
        if decision.state != PAUSED:
            return f'{decision.state}: {decision.reason}'
        watched = {JOINTS_TOPIC: self._node.get_parameter('max_joint_age_s').value}
        if self._node.get_parameter('deadman').value:
            watched[DEADMAN_TOPIC] = DEADMAN_AGE_S
        late = [f'{topic}: nothing for {limit:g} s' for topic, limit in watched.items()
                if ages_s.get(topic) is None or ages_s[topic] > limit]
        return ', '.join(late)

    def _ended(self, thread: ControlThread | None) -> str:
        """
        Say why the move is over, nothing while it is not.
        """
        if self._ending:
            return ENDING
        if thread is None:
            return 'the node is not active any more'
        return '' if thread.paused_by in ('', OWNER) else f'paused by {thread.paused_by}'

    def _wait(self, way: StartPolicy) -> None:
        still_s = over_s = None
        while not way.arrived:
            time.sleep(POLL_S)
            thread, now_s = self._thread(), time.monotonic()
            over_s = (over_s or now_s) if way.over else None
            if over_s is not None and now_s - over_s > STILL_S:
                raise RosError(
                    f'the arm does not come to the start pose of {self._robot.name}: a joint '
                    f'stays {way.left:.1f} times as far from it as counts as there')
            if ended := self._ended(thread):
                raise RosError(f'the way to the start pose was given up: {ended}')
            decision = thread.decision
            if decision.may_move:
                still_s = None
                continue
            still_s = now_s if still_s is None else still_s
            if decision.state == STOPPED or now_s - still_s > STILL_S:
                raise RosError(f'the arm does not move: {decision.state}: {decision.reason}')
