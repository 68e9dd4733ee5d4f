# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Topics that say at any time how it stands with an episode.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping

from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.node import Node
from std_msgs.msg import Bool

from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.qos import LATCHED


class EpisodeStatus:
    """
    Publishes ``~/episode`` and ``~/is_recording``.

    :param node: whose name it is said in.
    :param values: gives what is told; ``recording`` says whether an episode is being recorded.
    """

    def __init__(self, node: Node, values: Callable[[], Mapping[str, object]]) -> None:
        self._name, self._values = node.get_name(), values
        self._state = (OK, 'idle')
        self._episode = node.create_publisher(DiagnosticStatus, '~/episode', LATCHED)
        self._is_recording = node.create_publisher(Bool, '~/is_recording', LATCHED)

    def show(self, level: bytes, message: str) -> None:
        """
        Tell of a change.

        :param level: how bad it is.
        :param message: one line.
        """
        self._state = (level, message)
        self.refresh()

    def refresh(self) -> None:
        """Tell how it stands now."""
        values = self._values()
        self._episode.publish(status_message(f'{self._name}: episode', *self._state, values))
        self._is_recording.publish(Bool(data=bool(values['recording'])))
