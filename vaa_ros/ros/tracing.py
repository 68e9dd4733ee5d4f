# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a command came from and how long it took, for people and recordings.

``~/trace`` follows every command with its number, the command itself, the stamps of the frames
behind it and the time of every stage, as JSON: a recording joins the two by value and order.
``~/latency`` holds the histogram from capture to command and the stages.
"""
from __future__ import annotations

from collections.abc import Callable
import json
import time

from diagnostic_msgs.msg import DiagnosticStatus
import numpy as np
from rclpy.node import Node
from std_msgs.msg import String

from vaa_ros.core.control_setup import camera_topic
from vaa_ros.core.control_setup import JOINTS_TOPIC
from vaa_ros.core.latency import LatencyStats
from vaa_ros.core.latency import summary_values
from vaa_ros.core.stage_times import StageTimes
from vaa_ros.core.stage_times import Trace
from vaa_ros.core.timed_policy import Timing
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_message
from vaa_ros.ros.qos import EVENTS

EDGES_MS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
Publish = Callable[[np.ndarray, int, bool], None]


class Tracing:
    """
    Publishes the trace of every command, and the times.

    :param node: the node that speaks; destroys the publishers with :meth:`close`.
    :param reference: key of the first camera.
    :param latency: capture to command, of commands that move the arm.
    :param publish: publishes a command.
    """

    def __init__(self, node: Node, reference: str, latency: LatencyStats,
                 publish: Publish) -> None:
        self.times = StageTimes(reference)
        self.timed = Timing(self.times)
        self._node = node
        self._latency = latency
        self._publish = publish
        self._traces = node.create_publisher(String, '~/trace', EVENTS)
        self._says_latency = node.create_publisher(DiagnosticStatus, '~/latency', EVENTS)
        self._due: tuple[Trace, np.ndarray, bool, int] | None = None

    def close(self) -> None:
        """
        Give the publishers back.
        """
        self._node.destroy_publisher(self._traces)
        self._node.destroy_publisher(self._says_latency)

    def publish(self, command: np.ndarray, stamp_ns: int, moving: bool) -> None:
        """
        Publish a command, and note where it came from.

        :param command: the command.
        :param stamp_ns: stamp of the observation behind it [ns].
        :param moving: whether it moves the arm.
        """
        begin_ns = time.monotonic_ns()
        self._publish(command, stamp_ns, moving)
        trace = self.times.published(stamp_ns, moving, begin_ns, time.monotonic_ns())
        self._due = trace, command, moving, self._node.get_clock().now().nanoseconds

    def say_trace(self, policy: str, state: str) -> None:
        """
        Publish the trace of the last command, once, after it has left.

        :param policy: name of the policy at work.
        :param state: what the gate says.
        """
        due, self._due = self._due, None
        if due is None:
            return
        trace, command, moving, sent_ns = due
        told = {
            'id': trace.number, 'sent_ns': sent_ns, 'observation_ns': trace.stamp_ns,
            'frames_ns': {_topic(key): at_ns for key, at_ns in trace.sources.items()},
            'moving': moving, 'state': state, 'policy': policy, 'command': command.tolist(),
            'stages_ms': {name: round(value, 4) for name, value in trace.stages_ms.items()}}
        self._traces.publish(String(data=json.dumps(told)))

    def say_latency(self) -> None:
        """
        Publish the times.
        """
        self._says_latency.publish(status_message('policy: latency', *self.report()))

    def report(self) -> tuple[bytes, str, dict[str, object]]:
        """
        Give the times as level, text and values of a status.
        """
        latency = self._latency.summary()
        values = summary_values('capture_to_command', self._latency)
        values.update(
            (f'capture_to_command_ms le {edge}', count) for edge, count in zip(
                (*EDGES_MS, 'inf'), self._latency.cumulative((*EDGES_MS, np.inf)), strict=True))
        for stage, stats in self.times.stats.items():
            values.update(summary_values(stage, stats))
        text = (f'capture to command: median {latency.p50:.1f} ms, 99 % {latency.p99:.1f} ms'
                if latency.count else 'nothing was commanded yet')
        return OK, text, values


def _topic(key: str) -> str:
    return key if key == JOINTS_TOPIC else camera_topic(key)
