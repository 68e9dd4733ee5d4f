# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Everything by which a person stops a node: the topic e_stop and the service ~/e_stop.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
import math
import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vaa_ros.core.command_guard import STOPPED
from vaa_ros.ros.command_publisher import GUARD
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.publishers import GID_BYTES
from vaa_ros.ros.publishers import publisher_of
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR

SERVICE, SILENCE = b'service', b'silence'
NO_PUBLISHER = {SERVICE, SILENCE, b''}
"""Who presses without being a publisher that could be gone."""
SAME_IDENTITIES = 'rmw_fastrtps'
"""Middlewares of such names identify a publisher in a message as in the graph."""
UNNAMED = 'one that the graph does not show'
LOOKS = 10
"""How often to look for a silence, or for who is gone, while that may last."""
GONE_S = 5.0
"""How long the press of a publisher counts that the graph does not show any more [s]."""


@dataclass
class Press:
    """
    What is known of one who presses.

    :param name: full name of the publisher's node; nothing while the graph did not show it.
    :param gone_s: since when the graph shows it no more [s].
    """

    name: str = ''
    gone_s: float | None = None

    def text(self) -> str:
        """
        Say who it is.
        """
        if self.gone_s is not None:
            gone_s = time.monotonic() - self.gone_s
            return (f'{self.name or UNNAMED}, gone for {gone_s:.1f} s: its press counts for '
                    f'{GONE_S:g} s')
        return self.name or f'{UNNAMED}: release it there, or start this node anew if it is gone'


class EmergencyStop:
    """
    Collects who presses the stop. It is pressed while any of them does.

    Each publisher releases its own press alone. One that is gone, such as a command line, cannot
    release any more: after :data:`GONE_S`, for a button may only be out of reach, its press ends
    with the next word of another one, or with a reset. Where the middleware identifies publishers
    otherwise in messages than in the graph (Cyclone DDS), nobody is known to be gone, and a press
    ends with its release alone. Where rclpy does not tell who sent a message (Jazzy), the release
    of any publisher ends the press of all.

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
        self.forgotten = ''
        """What the last :meth:`release` says of presses that ended for their publisher is gone."""
        self._pressed_by: dict[bytes, Press] = {}
        self._forgotten: list[str] = []
        self._same_identities = get_rmw_implementation_identifier().startswith(SAME_IDENTITIES)
        self._guard = f'{node.get_namespace().rstrip("/")}/{GUARD}'
        self._guard_stopped = False
        self._silent_s, self._word_s = silent_s, -math.inf
        node.create_timer(GONE_S / LOOKS, self._look,
                          clock=Clock(clock_type=ClockType.STEADY_TIME))
        if silent_s > 0:
            self._pressed_by[SILENCE] = Press()
            self.latched = True
            node.create_timer(silent_s / LOOKS, self._listen,
                              clock=Clock(clock_type=ClockType.STEADY_TIME))
        # A subscription that asks for the last value never matches a volatile publisher, and one
        # that is reliable none that makes its best effort.
        self._heard = [node.create_subscription(Bool, 'e_stop', self._on_topic, qos)
                       for qos in (LATCHED, EVENTS, SENSOR)]
        # Who pressed is not told by every middleware, nor by every rclpy.
        node.create_subscription(DiagnosticStatus, f'{GUARD}/status', self._on_guard, LATCHED)
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
        names, self._forgotten = ', '.join(self._forgotten), []
        self.forgotten = names and f'; the press of {names} was forgotten, which is gone'
        if SERVICE in self._pressed_by:
            self._set(SERVICE, False)
        self.taken_over = False
        self._tell(self.pressed)
        self.latched = self.pressed
        who = [press.text() for source, press in self._pressed_by.items() if source != SILENCE]
        left = [f'{len(who)} publisher{"s" * (len(who) > 1)} of {self.topic}: '
                f'{"; ".join(who)}'] * bool(who)
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
        if not publisher:
            if not message.data:
                for source in self._pressed_by.keys() - {SERVICE}:
                    self._set(source, False)
            publisher = self._only()
        if message.data and not self.taken_over:
            self.taken_over = self._by_guard(publisher)
        self._set(publisher, message.data)

    def _on_guard(self, status: DiagnosticStatus) -> None:
        self._guard_stopped = status_values(status).get('state') == STOPPED
        if self.pressed and not self.taken_over and self._by_guard(b''):
            self.taken_over = True
            self._tell(True)

    def _by_guard(self, publisher: bytes) -> bool:
        """
        Tell whether the guard presses: as the publisher, or, who is not known, by its status.
        """
        there = self._publishers()
        if publisher in there:
            return there[publisher] == self._guard
        return self._guard_stopped and self._guard in there.values()

    def _only(self) -> bytes:
        """
        Give the identity of who alone can have sent a message, none where several can.
        """
        there = self._publishers()
        if len(there) > 1 and not self._guard_stopped:
            there = {gid: name for gid, name in there.items() if name != self._guard}
        return next(iter(there)) if len(there) == 1 else b''

    def _listen(self) -> None:
        silent_s = time.monotonic() - self._word_s
        if silent_s > self._silent_s and SILENCE not in self._pressed_by:
            self._node.get_logger().error(f'nobody said anything on {self.topic} for '
                                          f'{silent_s:.2f} s: that counts as a press')
            self._set(SILENCE, True)

    def _look(self) -> None:
        """
        Look who of those who press is there.
        """
        pressed_by = self._pressed_by.keys() - NO_PUBLISHER
        there = self._publishers() if pressed_by else {}
        for source in pressed_by:
            press = self._pressed_by[source]
            if source in there:
                press.name, press.gone_s = there[source], None
            elif press.gone_s is None and (press.name or self._same_identities):
                press.gone_s = time.monotonic()

    def _publishers(self) -> dict[bytes, str]:
        return {bytes(info.endpoint_gid)[:GID_BYTES]:
                f'{info.node_namespace.rstrip("/")}/{info.node_name}'
                for info in self._node.get_publishers_info_by_topic(self.topic)}

    def _forget_the_gone(self) -> None:
        self._look()
        for source, press in list(self._pressed_by.items()):
            if press.gone_s is not None and time.monotonic() - press.gone_s >= GONE_S:
                del self._pressed_by[source]
                self._forgotten.append(press.name or UNNAMED)
                self._node.get_logger().warning(
                    f'the press of {self._forgotten[-1]} on {self.topic} is forgotten: its '
                    f'publisher is gone for more than {GONE_S:g} s')

    def _on_service(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._set(SERVICE, True)
        response.success, response.message = True, f'stopped; {self._reset} lets it go on'
        return response

    def _set(self, source: bytes, pressed: bool) -> None:
        new = pressed and source not in self._pressed_by
        if new:
            self._pressed_by[source] = Press()
        elif not pressed:
            self._pressed_by.pop(source, None)
        self.latched |= pressed
        self._tell(self.pressed)
        if new:  # every press is heard by more than one subscription
            self._look()
            self._node.get_logger().error(
                'emergency stop: holding until released' + (self._reset and f' and {self._reset}'))
