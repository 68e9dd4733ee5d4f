# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teleoperation by arms: a leader arm that the robot follows, and the robot itself led by hand.
"""
from __future__ import annotations

from functools import partial
import time
from typing import Any

import numpy as np
from rclpy.clock import Clock
from rclpy.clock import ClockType
from sensor_msgs.msg import JointState as JointStateMsg
from std_srvs.srv import SetBool

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.leader import LeaderFollow
from vaa_ros.core.leader import load_leader
from vaa_ros.ros.measured_joints import MeasuredJoints
from vaa_ros.ros.qos import JOINTS

HOLDS_ON_RELEASE = 3
MOVING = 0.02
"""Part of its speed limit above which a joint that is led by hand moves."""
RESTS_S = 0.5
"""How long an arm that is led by hand may rest before nobody moves it any more [s]."""


class _Told:
    """What a leader said last."""

    def __init__(self) -> None:
        self.joints: dict[str, float] = {}
        self.at_s = -np.inf


def _split(entry: str) -> tuple[str, str]:
    """
    Read ``topic`` or ``prefix=topic``: the topic and the prefix.
    """
    prefix, _, topic = entry.rpartition('=')
    return topic, prefix


class LeaderMode:
    """
    The robot follows a leader arm from ``~/engage`` (true) to ``~/engage`` (false).

    :param node: the node to send through.
    :raises ConfigError: for commands that are no joint positions, or a leader that does not fit.
    """

    def __init__(self, node: Any) -> None:
        if node.commands.kind != 'joint_position':
            raise ConfigError('mode leader sends joint positions: set command_type to '
                              f'joint_trajectory or commands, not {node.value("command_type")}')
        topics = dict(_split(entry) for entry in node.value('leader_topics'))
        self.device = f'leader arm on {", ".join(topics)}'
        self.speed, self.moves = 1.0, 'joints'
        self._node = node
        self._map = load_leader(node.value('leader'), node.robot)
        self._follow = LeaderFollow(
            node.robot, node.value('leader_max_gap'), node.value('smoothing_s'))
        self._measured = MeasuredJoints(node, node.robot, node.trouble)
        self._told = {topic: _Told() for topic in topics}
        self._last_s = -np.inf
        self._holds = 0
        self._starting = False
        for topic, prefix in topics.items():
            node.create_subscription(
                JointStateMsg, topic, partial(self._on_leader, self._told[topic], prefix), JOINTS)
        node.create_service(SetBool, '~/engage', self._on_engage)
        node.create_timer(node.period_s, self._tick,
                          clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def measured(self) -> np.ndarray | None:
        """
        Give the newest joint positions (n,).
        """
        return self._measured.position

    def stop(self) -> None:
        """
        Let go of the arm.
        """
        self._follow.let_go()

    def _on_leader(self, told: _Told, prefix: str, message: JointStateMsg) -> None:
        if len(message.name) != len(message.position):
            self._node.trouble(f'leader: {len(message.name)} names for '
                               f'{len(message.position)} positions')
            return
        told.joints = {f'{prefix}{name}': position for name, position in zip(
            message.name, message.position, strict=True)}
        told.at_s = time.monotonic()

    def _leader(self) -> np.ndarray:
        """
        Give where the leader wants the arm to be (n,).

        :raises RosError: while that is not known.
        """
        measured = self._measured.fresh()
        timeout_s = self._node.value('joy_timeout_s')
        silent = [topic for topic, told in self._told.items()
                  if time.monotonic() - told.at_s > timeout_s]
        if silent:
            raise RosError(f'no fresh {", ".join(silent)} of the leader; call ~/engage to go on '
                           'when it is back')
        joints: dict[str, float] = {}
        for topic, told in self._told.items():
            both = sorted(joints.keys() & told.joints.keys())
            if both:
                raise RosError(f'{topic} tells {", ".join(both)}, and so does another topic of '
                               'leader_topics; put a prefix before its names: prefix=topic')
            joints |= told.joints
        return self._map.positions(
            list(joints), np.array(list(joints.values())), measured)

    def _on_engage(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        try:
            if request.data:
                self._begin()
                response.message = 'the arm is led to the leader and follows it then'
            else:
                self._follow.let_go()
                response.message = 'the arm holds'
            response.success = True
        except VaaError as error:
            response.success, response.message = False, str(error)
            self._node.trouble(str(error))
        return response

    def _begin(self) -> None:
        if self._follow.following:
            return
        barred = self._node.bars(False)
        if barred:
            raise RosError(barred)
        self._follow.begin(self._leader(), self._measured.position)
        self._starting = True
        self._node.set_active(True)

    def _tick(self) -> None:
        now_s = time.monotonic()
        dt_s = min(max(now_s - self._last_s, 1e-3), 2 * self._node.period_s)
        self._last_s = now_s
        barred = self._node.bars(self._follow.following)
        if barred and self._follow.following:
            self._follow.let_go()
            self._node.trouble(barred)
        if not self._follow.following:
            self._release()
            return
        try:
            start = self._measured.position if self._starting else None
            self._node.commands.send(self._follow.step(self._leader(), dt_s), start, dt_s)
            self._starting, self._holds = False, HOLDS_ON_RELEASE
        except VaaError as error:
            self._follow.let_go()
            self._node.trouble(str(error))

    def _release(self) -> None:
        if self._holds > 0:
            self._holds -= 1
            self._node.commands.hold()
        if self._holds == 0:
            self._node.set_active(False)


class HandMode:
    """
    The robot itself is led by hand: nothing is commanded, what its joints do is shown.

    ``teleop/active`` is true while somebody moves it. The arm has to be in gravity compensation,
    by its own controller.

    :param node: the node that says so.
    """

    def __init__(self, node: Any) -> None:
        self.device = 'the arm itself'
        self.speed, self.moves = 1.0, 'joints'
        self._node = node
        self._measured = MeasuredJoints(node, node.robot, node.trouble)
        self._before: tuple[float, np.ndarray] | None = None
        self._moved_s = -np.inf
        self._least = MOVING * np.array([joint.velocity for joint in node.robot.joints])
        node.create_timer(0.1, self._look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def measured(self) -> np.ndarray | None:
        """
        Give the newest joint positions (n,).
        """
        return self._measured.position

    def stop(self) -> None:
        """
        Do nothing: nothing was commanded.
        """

    def _look(self) -> None:
        position, at_s = self._measured.position, self._measured.at_s
        if position is not None and (self._before is None or at_s > self._before[0]):
            if self._before is not None:
                speed = np.abs(position - self._before[1]) / (at_s - self._before[0])
                if (speed > self._least).any():
                    self._moved_s = at_s
            self._before = at_s, position
        self._node.set_active(time.monotonic() - self._moved_s < RESTS_S)
