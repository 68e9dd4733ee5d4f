# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which nodes a name in a parameter file means: to us, who read it before ROS does, and to ROS.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import rclpy

from vaa_ros.ros.params_file import fits


@pytest.mark.parametrize(('name', 'node', 'meant'), [
    ('/**', '/policy', True),
    ('/**', '/a/left/policy', True),
    ('/**/**', '/policy', True),
    ('/**/policy', '/policy', True),
    ('/**/policy', '/a/left/policy', True),
    ('/**/policy', '/left/guard', False),
    ('/**/**/policy', '/policy', True),
    ('/**/left/policy', '/a/left/policy', True),
    ('/**/left/policy', '/policy', False),
    ('/*', '/policy', True),
    ('/*', '/left/policy', False),
    ('/*/policy', '/left/policy', True),
    ('/*/policy', '/policy', False),
    ('/*/policy', '/a/left/policy', False),
    ('/policy', '/policy', True),
    ('/policy', '/left/policy', False),
    ('/policy', '/policy2', False),
    ('/left/policy', '/left/policy', True),
    ('/left/policy', '/policy', False),
])
def test_a_name_means_to_us_what_it_means_to_ros(name: str, node: str, meant: bool,
                                                 tmp_path: Path, ros_domain: int) -> None:
    path = tmp_path / 'mine.yaml'
    path.write_text(f"'{name}':\n  ros__parameters:\n    here: true\n", encoding='utf-8')
    place, _, own = node.rpartition('/')
    context = rclpy.Context()
    rclpy.init(args=['test', '--ros-args', '--params-file', str(path),
                     '-r', f'__ns:={place or "/"}'], context=context)
    try:
        known = rclpy.create_node(own, context=context, start_parameter_services=False)
        assert known.declare_parameter('here', False).value is meant
    finally:
        rclpy.shutdown(context=context)
    assert fits(name, node) is meant
