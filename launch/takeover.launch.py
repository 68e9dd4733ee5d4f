# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run a policy that a person may take over from, and record who drove.

``policy`` and ``teleop`` publish on ``policy/`` and ``teleop/``; ``command_mux`` alone commands
the arm. Whoever holds the deadman button drives at once; after it is let go the policy goes on
when ``/command_mux/resume`` is called. Episodes begin and end by the services of
``teleop_recorder``; ``vaa dataset --only corrections`` learns from what the person did.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch_ros.parameter_descriptions import ParameterValue

from vaa_ros.ros.launch_topics import arm_remappings
from vaa_ros.ros.launch_topics import camera_remappings
from vaa_ros.ros.launch_topics import source_remappings
from vaa_ros.ros.launch_topics import topic_arguments
from vaa_ros.ros.launching import argument
from vaa_ros.ros.launching import BOOL
from vaa_ros.ros.launching import description
from vaa_ros.ros.launching import device_arguments
from vaa_ros.ros.launching import DISK_PATIENCE
from vaa_ros.ros.launching import OurNode
from vaa_ros.ros.launching import SESSION
from vaa_ros.ros.launching import session_arguments


def generate_launch_description() -> LaunchDescription:
    return description([
        *driver_arguments(),
        *episode_arguments(),
    ], [
        OurNode('sim_arm', {'task': str, 'robot': str},
                remappings=[*arm_remappings(), *camera_remappings()],
                condition=IfCondition(LaunchConfiguration('simulation'))),
        OurNode('joy_node', {}, package='joy',
                condition=IfCondition(LaunchConfiguration('joy'))),
        OurNode('camera_subscriber', {'model_path': str, 'compressed': bool},
                remappings=camera_remappings()),
        OurNode('policy', {'model_path': str, 'robot': str, 'command_type': str,
                           'speed': float, 'deadman': bool},
                remappings=source_remappings('policy')),
        OurNode('teleop', {'mode': str, 'robot': str, 'command_type': str, 'device': str,
                           'leader': str, 'deadman': bool},
                remappings=source_remappings('teleop'),
                condition=IfCondition(LaunchConfiguration('teleop'))),
        OurNode('command_mux', {'robot': str, 'command_type': str, 'control_rate_hz': float},
                remappings=arm_remappings()),
        OurNode('guard', {'robot': str, 'command_type': str},
                {'commanding_topic': 'command_mux/commanding'}, arm_remappings(),
                condition=IfCondition(LaunchConfiguration('guard'))),
        OurNode('teleop_recorder',
                {'robot': str, 'command_type': str, 'compressed': bool, 'output_dir': str,
                 'task': str, 'instruction': str, 'operator': str, 'control_rate_hz': float,
                 **SESSION},
                {'policy': ParameterValue(LaunchConfiguration('model_path'), value_type=str)},
                [*arm_remappings(), *camera_remappings()],
                condition=IfCondition(LaunchConfiguration('record')), **DISK_PATIENCE),
    ])


def driver_arguments() -> list:
    """
    Declare who drives what.
    """
    return [
        argument('model_path', 'pick_place',
                 'The policy: a name in models, a path to an .onnx file, or hold.'),
        argument('simulation', 'false', 'Start the simulated arm too.', BOOL),
        argument('teleop', 'true', 'Start teleop; false where you run it yourself, with its '
                 'commands remapped to teleop/.', BOOL),
        argument('mode', 'gamepad', 'What the person takes over with; a leader arm by its service '
                 '/teleop/engage.', ['gamepad', 'spacemouse', 'leader']),
        *device_arguments(),
        argument('deadman', 'false',
                 'The arm moves, whoever drives it, only while true comes on the topic deadman.',
                 BOOL),
        argument('joy', 'false', 'Start joy_node of the package joy too, which reads the gamepad.',
                 BOOL),
        argument('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.'),
        argument('command_type', 'joint_trajectory', 'Type of the commands.',
                 ['joint_trajectory', 'commands', 'delta_twist_cmds', 'target_pose']),
        *topic_arguments('the commands, sent by the mux and recorded'),
        argument('control_rate_hz', '30.0', 'Rate of the commands in Hz.'),
        argument('compressed', 'false',
                 'Read and record the compressed images, on the topics of the cameras with '
                 '/compressed.', BOOL),
        argument('speed', '1.0', "Fraction of the robot's speed limits that the policy may use, "
                 '0.01 to 1.'),
        argument('guard', 'true',
                 'Start a guard too, which stops the arm when the mux process was killed or is '
                 'stuck.', BOOL),
    ]


def episode_arguments() -> list:
    """
    Declare what is written and where.
    """
    return [
        argument('record', 'true', 'Start teleop_recorder too.', BOOL),
        argument('output_dir', 'episodes', 'Folder of the episodes; made if need be.'),
        argument('task', 'pick_place', 'Task, for the metadata and the simulated arm.'),
        argument('instruction', '', 'What the arm is asked to do, in words, for the metadata.'),
        argument('operator', '', 'Who takes over, for the metadata.'),
        *session_arguments(),
    ]
