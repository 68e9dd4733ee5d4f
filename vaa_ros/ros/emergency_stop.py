# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Everything by which a person stops a node: the topic e_stop and the service ~/e_stop.
"""
from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.node import Node
from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED

SERVICE = 'service'


class EmergencyStop:
    """
    Collects who presses the stop. It is pressed while any of them does.

    :param node: the node that is to stop.
    :param tell: told whether it is pressed, at every change of a source.
    :param reset: the service that calls :meth:`release`; empty for a node that goes on by itself,
        and then has no ``~/e_stop``.
    """

    def __init__(self, node: Node, tell: Callable[[bool], None],
                 reset: str = '~/reset_policy') -> None:
        self._node, self._tell, self._reset = node, tell, reset
        self._pressed_by: set[str] = set()
        # A subscription that asks for the last value never matches a volatile publisher.
        for kind, qos in (('latched', LATCHED), ('volatile', EVENTS)):
            node.create_subscription(Bool, 'e_stop', partial(self._on_topic, kind), qos)
        if reset:
            node.create_service(Trigger, '~/e_stop', self._on_service)

    @property
    def pressed(self) -> bool:
        """
        Tell whether anybody presses it.
        """
        return bool(self._pressed_by)

    def release(self) -> str:
        """
        Release what was pressed by the service; a topic is released by who pressed it.

        :return: who still presses it, or nothing.
        """
        if SERVICE in self._pressed_by:
            self._set(SERVICE, False)
        return ', '.join(f'{kind} publisher' for kind in sorted(self._pressed_by))

    def _on_topic(self, kind: str, message: Bool) -> None:
        self._set(kind, message.data)

    def _on_service(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._set(SERVICE, True)
        response.success, response.message = True, f'stopped; {self._reset} lets it go on'
        return response

    def _set(self, source: str, pressed: bool) -> None:
        (self._pressed_by.add if pressed else self._pressed_by.discard)(source)
        self._tell(self.pressed)
        if pressed:
            self._node.get_logger().error(
                'emergency stop: holding until released' + (self._reset and f' and {self._reset}'))
