# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run a policy on an arm: ``camera_subscriber``, ``policy`` and ``guard``.

The arm's own driver, controllers and cameras are started elsewhere. Both nodes read the same
model, so the pictures have the size and the crop that the policy learned from.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch.substitutions import NotEqualsSubstitution
from launch_ros.parameter_descriptions import ParameterValue

from vaa_ros.ros.launch_topics import arm_remappings
from vaa_ros.ros.launch_topics import camera_remappings
from vaa_ros.ros.launch_topics import command_type_argument
from vaa_ros.ros.launch_topics import topic_arguments
from vaa_ros.ros.launching import argument
from vaa_ros.ros.launching import BOOL
from vaa_ros.ros.launching import description
from vaa_ros.ros.launching import OurNode


def generate_launch_description() -> LaunchDescription:
    return description([
        argument('model_path', 'pick_place',
                 'The policy: a name in models, a path to an .onnx file, or hold.'),
        argument('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.'),
        command_type_argument(),
        *topic_arguments(),
        argument('compressed', 'false',
                 'Read the compressed images, on the topics of the cameras with /compressed.',
                 BOOL),
        argument('control_rate_hz', '0.0',
                 "Rate of commands in Hz, up to 500; 0.0 takes the policy's own. Where it is "
                 'higher, setpoints are interpolated.'),
        argument('speed', '1.0', "Fraction of the robot's speed limits to allow, 0.01 to 1."),
        argument('autostart', 'true',
                 'Load the policy and begin to command at once; false waits for the lifecycle '
                 'services.', BOOL),
        argument('dry_run', 'false',
                 'Do everything but command the arm: what it would have commanded goes to '
                 'policy/would_command.', BOOL),
        argument('deadman', 'false',
                 'Move only while true comes on the topic deadman.', BOOL),
        argument('require_signature', 'false',
                 'Take only models that are signed by a trusted key.', BOOL),
        argument('guard', 'true',
                 'Start a guard too, which stops the arm when the policy process was killed or is '
                 'stuck.', BOOL),
        argument('flights', '', 'Folder for what the last seconds before a hold or stop looked '
                 'like, one bag each; empty keeps none.'),
    ], [
        OurNode('camera_subscriber', {'model_path': str, 'compressed': bool},
                remappings=camera_remappings()),
        OurNode('policy', {'model_path': str, 'robot': str, 'command_type': str,
                           'control_rate_hz': float, 'speed': float, 'autostart': bool,
                           'dry_run': bool, 'deadman': bool, 'require_signature': bool},
                remappings=arm_remappings()),
        OurNode('guard', {'robot': str, 'command_type': str}, remappings=arm_remappings(),
                condition=IfCondition(LaunchConfiguration('guard'))),
        OurNode('flight_recorder', {'robot': str, 'command_type': str},
                {'output_dir': ParameterValue(LaunchConfiguration('flights'), value_type=str)},
                arm_remappings(),
                condition=IfCondition(
                    NotEqualsSubstitution(LaunchConfiguration('flights'), ''))),
    ])
