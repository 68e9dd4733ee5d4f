# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run a policy on an arm: ``camera_subscriber`` and ``policy``.

The arm's own driver, controllers and cameras are started elsewhere. Both nodes read the same
model, so the pictures have the size and the crop that the policy learned from.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.substitutions import LaunchConfiguration

from vaa_ros.ros.launching import argument
from vaa_ros.ros.launching import BOOL
from vaa_ros.ros.launching import common_arguments
from vaa_ros.ros.launching import node
from vaa_ros.ros.launching import together


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([
        *common_arguments('policy'),
        argument('model_path', 'pick_place',
                 'The policy: a name in models, a path to an .onnx file, or hold.'),
        argument('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.'),
        argument('command_type', 'joint_trajectory', 'Type of the commands.',
                 ['joint_trajectory', 'commands', 'delta_twist_cmds', 'target_pose']),
        argument('command_topic', LaunchConfiguration('command_type'),
                 'Topic of the commands, such as /joint_trajectory_controller/joint_trajectory.'),
        argument('joint_states_topic', 'joint_states', 'Topic of the joint states.'),
        argument('front_image_topic', 'front/image_raw', 'Topic of the camera called front.'),
        argument('wrist_image_topic', 'wrist/image_raw', 'Topic of the camera called wrist.'),
        argument('compressed', 'false',
                 'Read the compressed images, on the topics of the cameras with /compressed.',
                 BOOL),
        argument('speed', '1.0', "Fraction of the robot's speed limits to allow, 0.01 to 1."),
        argument('autostart', 'true',
                 'Load the policy and begin to command at once; false waits for the lifecycle '
                 'services.', BOOL),
        together(
            node('camera_subscriber', {'model_path': str, 'compressed': bool},
                 remappings=[*camera_remappings('front'), *camera_remappings('wrist')]),
            node('policy', {'model_path': str, 'robot': str, 'command_type': str,
                            'speed': float, 'autostart': bool},
                 remappings=[
                     ('joint_states', LaunchConfiguration('joint_states_topic')),
                     (LaunchConfiguration('command_type'), LaunchConfiguration('command_topic')),
                 ]),
        ),
    ])


def camera_remappings(camera: str) -> list[tuple[object, object]]:
    """
    Send a camera's raw and compressed images to the topic that was asked for.
    """
    topic = LaunchConfiguration(f'{camera}_image_topic')
    return [
        (f'{camera}/image_raw', topic),
        (f'{camera}/image_raw/compressed', [topic, '/compressed']),
    ]
