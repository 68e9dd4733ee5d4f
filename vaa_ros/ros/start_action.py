# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The way to the start pose as one goal of the action ``FollowJointTrajectory``.

Only where ``control_msgs`` is installed: it has no wheel, so this module must work without.
"""
from __future__ import annotations

import array
from collections.abc import Callable
import threading
import time
from typing import Any

import numpy as np
from rclpy.action import ActionClient
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from rclpy.task import Future
from trajectory_msgs.msg import JointTrajectory

from vaa_ros.core.errors import RosError
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.start_policy import start_trajectory
from vaa_ros.ros.conversions import joint_trajectory_msg

POLL_S = 0.05
SERVER_S = 2.0
"""How long the action server may take to be found, and to answer [s]."""
EXTRA_S = 5.0
"""How much later than planned the arm may arrive [s]."""


def action_type() -> Any | None:
    """
    Give the type ``FollowJointTrajectory``, or None without ``control_msgs``.
    """
    try:
        from control_msgs.action import FollowJointTrajectory
    except ImportError:
        return None
    return FollowJointTrajectory


class StartAction:
    """
    Has a joint_trajectory_controller bring the arm to its start pose.

    Nothing of it passes the policy's gate: the caller keeps the policy silent meanwhile and says
    when to stop. The callbacks run in the executor of the node; :meth:`go` runs beside it.

    :param node: the node.
    :param robot: the robot; its ``trajectory_action`` names the action.
    """

    def __init__(self, node: Node, robot: RobotSpec) -> None:
        self._robot = robot
        self._client = ActionClient(node, action_type(), robot.trajectory_action,
                                    callback_group=MutuallyExclusiveCallbackGroup())
        self._name = node.resolve_topic_name(robot.trajectory_action)
        self.cancels = Cancels()
        """The goals that were given up."""

    def go(self, start: np.ndarray, speed: float, trouble: Callable[[], str]) -> None:
        """
        Go there, and wait until the arm is there.

        :param start: where the arm is, in the robot's order (n,) [rad or m].
        :param speed: fraction of the robot's speed limits, above 0 up to 1.
        :param trouble: says why the arm has to stop now, or nothing; asked all the time.
        :raises RosError: if the goal was not reached, and why; it is cancelled then.
        """
        if not self._client.wait_for_server(timeout_sec=SERVER_S):
            raise RosError(f'nobody serves the action {self._name}; start the controller, or '
                           'mend trajectory_action in the robot file')
        goal = action_type().Goal(trajectory=self.trajectory(start, speed))
        end_s, sent = time.monotonic() + SERVER_S, self._client.send_goal_async(goal)
        handle = wait_or_cancel(sent, lambda: trouble() or (
            '' if time.monotonic() < end_s else 'no answer'),
            lambda: self.cancels.when_accepted(sent))
        if not handle.accepted:
            raise RosError(f'{self._name} refused the goal; see the log of the controller')
        duration = goal.trajectory.points[-1].time_from_start
        late_s = time.monotonic() + duration.sec + duration.nanosec * 1e-9 + EXTRA_S
        answer = wait_or_cancel(handle.get_result_async(), lambda: trouble() or (
            '' if time.monotonic() < late_s else 'the arm is late'),
            lambda: self.cancels.cancel(handle))
        if answer.result.error_code != 0:
            raise RosError(f'{self._name} ended with error {answer.result.error_code}: '
                           f'{answer.result.error_string or "no reason given"}')

    def trajectory(self, start: np.ndarray, speed: float) -> JointTrajectory:
        """
        Make the trajectory from a pose to the start pose.

        :param start: where the arm is (n,) [rad or m].
        :param speed: fraction of the robot's speed limits.
        :return: for the joints of the arm, without a gripper of its own controller.
        """
        robot = self._robot
        limits = np.array([joint.velocity for joint in robot.joints]) * speed
        most = np.array([joint.acceleration for joint in robot.joints])
        order = [robot.joint_names.index(name) for name in robot.commanded_joints]
        step_s, positions, velocities = start_trajectory(
            np.asarray(start, dtype=np.float64)[order], np.array(robot.home)[order],
            limits[order], most[order])
        message = joint_trajectory_msg(robot.commanded_joints, positions, step_s)
        for point, velocity in zip(message.points, velocities, strict=True):
            point.velocities = array.array('d', velocity)
        return message


class Cancels:
    """
    Goals that were given up, until the controller has confirmed it.
    """

    def __init__(self) -> None:
        self._awaited: set[Future] = set()

    @property
    def confirmed(self) -> bool:
        """
        Tell whether no goal goes on that was given up.
        """
        return not self._awaited

    def when_accepted(self, sent: Future) -> None:
        """
        Cancel a goal that was not answered yet, if it is accepted after all.

        :param sent: what ``send_goal_async`` gave.
        """
        self._awaited.add(sent)
        sent.add_done_callback(self._on_answer)

    def cancel(self, handle: Any) -> None:
        """
        Cancel a goal.

        :param handle: what the controller accepted.
        """
        answer = handle.cancel_goal_async()
        self._awaited.add(answer)
        answer.add_done_callback(self._awaited.discard)

    def _on_answer(self, sent: Future) -> None:
        if not sent.cancelled() and sent.exception() is None and sent.result().accepted:
            self.cancel(sent.result())
        self._awaited.discard(sent)


def wait_or_cancel(future: Any, trouble: Callable[[], str], cancel: Callable[[], Any]) -> Any:
    """
    Wait for a future that the executor of the node completes.

    :param future: the future.
    :param trouble: says why to give up now, or nothing; asked all the time.
    :param cancel: called when it is given up.
    :return: the result.
    :raises RosError: if it was given up.
    """
    done = threading.Event()
    future.add_done_callback(lambda _: done.set())
    while not done.wait(POLL_S):
        reason = trouble()
        if reason:
            cancel()
            raise RosError(f'the way to the start pose was given up: {reason}')
    return future.result()
