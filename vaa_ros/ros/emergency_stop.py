# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Everything by which a person stops a node: the topic e_stop and the service ~/e_stop.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
import math
import time
from typing import Any

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vaa_ros.ros.command_publisher import GUARD
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR

SERVICE, SILENCE = b'service', b'silence'
NO_PUBLISHER = {SERVICE, SILENCE, b''}
"""Who presses without being a publisher that could be gone."""
LOOKS = 10
"""How often to look for a silence while it may last."""
GID_BYTES = 16
"""Bytes of a publisher's identity that tell it from others; some middlewares append zeros."""


def publisher_of(info: Mapping[str, Any]) -> bytes:
    """
    Give the identity of the publisher of a message.

    :param info: what rclpy tells of the message.
    :return: the same bytes in every subscription; none where the middleware does not tell.
    """
    gid = info.get('publisher_gid', b'')
    return bytes(gid['data'] if isinstance(gid, dict) else gid)[:GID_BYTES]


class EmergencyStop:
    """
    Collects who presses the stop. It is pressed while any of them does.

    Each publisher releases its own press alone. One that is gone, such as a command line, cannot
    release any more: its press ends with the next word of another one, or with a reset.

    :param node: the node that is to stop.
    :param tell: told whether it is pressed, at every change of a source.
    :param reset: the service that calls :meth:`release`; empty for a node that goes on by itself,
        and then has no ``~/e_stop``.
    :param silent_s: how long the topic may be silent before that is a press, too, which the next
        word ends; it is one at the start. 0 takes no silence for a press [s].
    """

    def __init__(self, node: Node, tell: Callable[[bool], None],
                 reset: str = '~/reset_policy', silent_s: float = 0.0) -> None:
        self._node, self._tell, self._reset = node, tell, reset
        self.latched = False
        """Whether it was pressed since :meth:`release`, for whoever was not there to hear it."""
        self.taken_over = False
        """Whether the guard pressed it since then, and holds the arm in the node's place."""
        self._pressed_by: set[bytes] = set()
        self._silent_s, self._word_s = silent_s, -math.inf
        if silent_s > 0:
            self._pressed_by.add(SILENCE)
            self.latched = True
            node.create_timer(silent_s / LOOKS, self._listen,
                              clock=Clock(clock_type=ClockType.STEADY_TIME))
        # A subscription that asks for the last value never matches a volatile publisher, and one
        # that is reliable none that makes its best effort.
        self._heard = [node.create_subscription(Bool, 'e_stop', self._on_topic, qos)
                       for qos in (LATCHED, EVENTS, SENSOR)]
        if reset:
            node.create_service(Trigger, '~/e_stop', self._on_service)

    @property
    def pressed(self) -> bool:
        """
        Tell whether anybody presses it.
        """
        return bool(self._pressed_by)

    def repeat(self) -> None:
        """
        Tell a newcomer what happened since :meth:`release`, and whether it is pressed now.
        """
        for pressed in (self.latched, self.pressed):
            self._tell(pressed)

    def release(self) -> str:
        """
        Release what was pressed by the service; a topic is released by who pressed it.

        :return: who still presses it, or nothing.
        """
        self._forget_the_gone()
        if SERVICE in self._pressed_by:
            self._set(SERVICE, False)
        self.taken_over = False
        self._tell(self.pressed)
        self.latched = self.pressed
        count = len(self._pressed_by - {SILENCE})
        left = [f'{count} publisher{"s" * (count > 1)} of {self.topic}'] * (count > 0)
        if SILENCE in self._pressed_by:
            left.append(f'nobody publishes {self.topic}')
        return ', '.join(left)

    @property
    def topic(self) -> str:
        """
        Give the full name of the topic.
        """
        return self._heard[0].topic_name

    def _on_topic(self, message: Bool, info: dict[str, Any]) -> None:
        self._forget_the_gone()
        self._word_s = time.monotonic()
        if SILENCE in self._pressed_by:
            self._set(SILENCE, False)
        publisher = publisher_of(info)
        self.taken_over |= message.data and not self.taken_over and self._is_guard(publisher)
        self._set(publisher, message.data)

    def _is_guard(self, publisher: bytes) -> bool:
        namespace = self._node.get_namespace()
        return any(bytes(info.endpoint_gid)[:GID_BYTES] == publisher
                   and (info.node_namespace, info.node_name) == (namespace, GUARD)
                   for info in self._node.get_publishers_info_by_topic(self.topic))

    def _listen(self) -> None:
        silent_s = time.monotonic() - self._word_s
        if silent_s > self._silent_s and SILENCE not in self._pressed_by:
            self._node.get_logger().error(f'nobody said anything on {self.topic} for '
                                          f'{silent_s:.2f} s: that counts as a press')
            self._set(SILENCE, True)

    def _forget_the_gone(self) -> None:
        if not self._pressed_by - NO_PUBLISHER:
            return
        there = {bytes(publisher.endpoint_gid)[:GID_BYTES]
                 for publisher in self._node.get_publishers_info_by_topic(self.topic)}
        self._pressed_by &= there | NO_PUBLISHER

    def _on_service(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._set(SERVICE, True)
        response.success, response.message = True, f'stopped; {self._reset} lets it go on'
        return response

    def _set(self, source: str, pressed: bool) -> None:
        new = pressed and source not in self._pressed_by
        (self._pressed_by.add if pressed else self._pressed_by.discard)(source)
        self.latched |= pressed
        self._tell(self.pressed)
        if new:  # every press is heard by more than one subscription
            self._node.get_logger().error(
                'emergency stop: holding until released' + (self._reset and f' and {self._reset}'))
