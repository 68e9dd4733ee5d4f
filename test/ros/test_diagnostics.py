# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Statuses on /diagnostics.
"""
from __future__ import annotations

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.parameter import Parameter
from ros_harness import Harness

from vaa_ros.ros.diagnostics import DiagnosticsPublisher
from vaa_ros.ros.diagnostics import ERROR
from vaa_ros.ros.diagnostics import OK
from vaa_ros.ros.diagnostics import status_values
from vaa_ros.ros.diagnostics import WARN
from vaa_ros.ros.qos import EVENTS


def test_statuses_come_with_values_even_when_simulated_time_stands(ros: Harness) -> None:
    ros.node.set_parameters([Parameter('use_sim_time', value=True)])
    publisher = DiagnosticsPublisher(ros.node, 'input', lambda: (
        OK, 'fine', {'age_s': 0.123456789, 'count': 3, 'on': True}), period_s=0.05)
    publisher.add('output', lambda: (WARN, 'slow', {}))
    publisher.add('bug', lambda: 1 / 0)
    got = ros.collect(DiagnosticArray, '/diagnostics', EVENTS).wait(3)[-1]
    assert [(status.name, status.level, status.message) for status in got.status] == [
        ('test_node: input', OK, 'fine'), ('test_node: output', WARN, 'slow'),
        ('test_node: bug', ERROR, 'diagnostics failed: division by zero')]
    assert status_values(got.status[0]) == {'age_s': '0.123457', 'count': '3', 'on': 'true'}
