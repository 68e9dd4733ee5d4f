# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
See a policy move the simulated arm: ``sim_arm``, ``camera_subscriber``, ``policy`` and ``guard``.

The next episode begins with ``ros2 service call /sim_arm/reset std_srvs/srv/Trigger`` after
``ros2 param set /sim_arm seed 7``. ``vaa demo`` does whole rounds of episodes and reports.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration

from vaa_ros.ros.launch_topics import command_type_argument
from vaa_ros.ros.launching import argument
from vaa_ros.ros.launching import BOOL
from vaa_ros.ros.launching import description
from vaa_ros.ros.launching import OurNode


def generate_launch_description() -> LaunchDescription:
    return description([
        argument('model_path', 'pick_place',
                 'The policy: a name in models, a path to an .onnx file, or hold.'),
        argument('task', 'pick_place', 'Task of the first episode.',
                 ['reach', 'push', 'pick_place', 'sort', 'pick_place_narrow',
                  'pick_place_moved', 'insert']),
        argument('seed', '0', 'Seed of the first episode: object poses, colours, light.'),
        argument('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.'),
        command_type_argument(),
        argument('autostart', 'true',
                 'Load the policy and begin to command at once; false waits for the lifecycle '
                 'services.', BOOL),
        argument('guard', 'true',
                 'Start a guard too, which stops the arm when the policy process was killed or is '
                 'stuck.', BOOL),
    ], [
        OurNode('sim_arm', {'task': str, 'seed': int, 'robot': str}),
        OurNode('camera_subscriber', {'model_path': str}),
        OurNode('policy', {'model_path': str, 'robot': str, 'command_type': str,
                           'autostart': bool}),
        OurNode('guard', {'robot': str, 'command_type': str},
                condition=IfCondition(LaunchConfiguration('guard'))),
    ])
