# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Statuses on /diagnostics, one message a second, from plain functions."""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticArray
from diagnostic_msgs.msg import DiagnosticStatus
from diagnostic_msgs.msg import KeyValue
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.node import Node

from vaa_ros.ros.qos import EVENTS

OK = DiagnosticStatus.OK
WARN = DiagnosticStatus.WARN
ERROR = DiagnosticStatus.ERROR
STALE = DiagnosticStatus.STALE

Report = Callable[[], 'tuple[bytes, str, Mapping[str, object]]']
"""Gives (level, message, values)."""


def status_message(name: str, level: bytes, message: str,
                   values: Mapping[str, object] | None = None,
                   hardware_id: str = '') -> DiagnosticStatus:
    """
    Make a DiagnosticStatus.

    :param name: what the status is about, ``node: part``.
    :param level: OK, WARN, ERROR or STALE.
    :param message: one line for a person.
    :param values: figures; floats are written with 6 significant digits.
    :param hardware_id: the device, if any.
    :return: the message.
    """
    return DiagnosticStatus(
        name=name, level=level, message=message, hardware_id=hardware_id,
        values=[KeyValue(key=key, value=_text(value)) for key, value in (values or {}).items()])


def status_values(status: DiagnosticStatus) -> dict[str, str]:
    """
    Give the values of a DiagnosticStatus as a dictionary.

    :param status: the message.
    :return: its keys and values.
    """
    return {item.key: item.value for item in status.values}


class DiagnosticsPublisher:
    """
    Publishes the statuses of one node on the absolute topic /diagnostics.

    The timer runs on steady time, so that a paused simulation clock does not silence it.

    :param node: the node that speaks.
    :param name: name of the first status, shown as ``<node>: <name>``.
    :param report: function that gives it, or None to add statuses later.
    :param period_s: time between messages [s].
    """

    def __init__(self, node: Node, name: str = '', report: Report | None = None,
                 period_s: float = 1.0) -> None:
        self._node = node
        self._reports: dict[str, Report] = {}
        self._publisher = node.create_publisher(DiagnosticArray, '/diagnostics', EVENTS)
        self._timer = node.create_timer(
            period_s, self.publish, callback_group=MutuallyExclusiveCallbackGroup(),
            clock=Clock(clock_type=ClockType.STEADY_TIME))
        if report is not None:
            self.add(name, report)

    def add(self, name: str, report: Report) -> None:
        """
        Add a status, or replace the one of that name.

        :param name: shown as ``<node>: <name>``.
        :param report: gives (level, message, values); called from the executor's thread.
        """
        self._reports[name] = report

    def remove(self, *names: str) -> None:
        """
        Remove statuses; those that are not there do no harm.

        :param names: their names.
        """
        for name in names:
            self._reports.pop(name, None)

    def publish(self) -> None:
        """Publish every status now, besides the regular ones."""
        message = DiagnosticArray()
        message.header.stamp = self._node.get_clock().now().to_msg()
        owner = self._node.get_fully_qualified_name().lstrip('/')
        for name, report in list(self._reports.items()):
            try:
                level, text, values = report()
            except Exception as error:
                level, text, values = ERROR, f'diagnostics failed: {error}', {}
            message.status.append(
                status_message(f'{owner}: {name}' if name else owner, level, text, values))
        self._publisher.publish(message)


def _text(value: object) -> str:
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, float):
        return f'{value:.6g}'
    return str(value)
