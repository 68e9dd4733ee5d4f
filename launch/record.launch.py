# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Record demonstrations: ``teleop`` and ``teleop_recorder``, and the simulated arm if asked for.

Episodes begin and end by service (``/teleop_recorder/start_episode``, ``stop_episode`` with the
success as data, ``discard_episode``, ``redo_episode``), by buttons of the gamepad or by a foot
pedal. A launched process has no keyboard: to drive by keys, start
with ``teleop:=false`` and run ``ros2 run vaa_ros teleop`` in a terminal of its own. For a gamepad
``joy:=true`` starts ``joy_node`` of the package ``joy``, which reads it.
"""

from __future__ import annotations

from launch import LaunchDescription
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration
from launch.substitutions import PythonExpression
from launch_ros.parameter_descriptions import ParameterValue

from vaa_ros.core.image_encoding import FORMATS
from vaa_ros.ros.launch_topics import arm_remappings
from vaa_ros.ros.launch_topics import camera_remappings
from vaa_ros.ros.launch_topics import command_type_argument
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
        *source_arguments(),
        *episode_arguments(),
    ], [
        OurNode('sim_arm', {'task': str, 'robot': str}, {'seed': scene_seed()},
                remappings=[*arm_remappings(), *camera_remappings()],
                condition=IfCondition(LaunchConfiguration('simulation'))),
        OurNode('joy_node', {}, package='joy',
                condition=IfCondition(LaunchConfiguration('joy'))),
        OurNode('teleop', {'mode': str, 'robot': str, 'command_type': str,
                           'control_rate_hz': float, 'device': str, 'leader': str,
                           'deadman': bool},
                {'wait_for_recording': True},
                remappings=[*arm_remappings(), ('task_status', 'sim_arm/task_status'),
                            ('is_recording', 'teleop_recorder/is_recording')],
                condition=IfCondition(LaunchConfiguration('teleop'))),
        OurNode('teleop_recorder',
                {'robot': str, 'command_type': str, 'compressed': bool, 'output_dir': str,
                 'task': str, 'instruction': str, 'operator': str, 'seed': int,
                 'control_rate_hz': float, 'compression': str, 'image_compression': str,
                 'jpeg_quality': int, 'autostart': bool, **SESSION},
                remappings=[*arm_remappings(), *camera_remappings()], **DISK_PATIENCE),
    ])


def scene_seed() -> ParameterValue:
    """
    Give the simulated arm the seed, or 0 where there is none.
    """
    return ParameterValue(
        PythonExpression(['max(0, ', LaunchConfiguration('seed'), ')']), value_type=int)


def source_arguments() -> list:
    """
    Declare who drives what.
    """
    return [
        argument('simulation', 'false', 'Start the simulated arm too.', BOOL),
        argument('teleop', 'true', 'Start teleop; false where you run it yourself.', BOOL),
        argument('mode', 'gamepad',
                 'Who drives: gamepad, spacemouse, leader (an arm that the robot follows), or '
                 'expert (simulated arm only).', ['gamepad', 'spacemouse', 'leader', 'expert']),
        *device_arguments(),
        argument('deadman', 'false', 'Drive only while true comes on the topic deadman.', BOOL),
        argument('joy', 'false', 'Start joy_node of the package joy too, which reads the gamepad.',
                 BOOL),
        argument('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML file.'),
        command_type_argument(),
        *topic_arguments('the commands, sent by teleop and recorded'),
        argument('control_rate_hz', '30.0', 'Rate of the commands in Hz, also for the metadata.'),
        argument('compressed', 'false', 'Record the compressed images instead of the raw ones.',
                 BOOL),
    ]


def episode_arguments() -> list:
    """
    Declare what is written and where.
    """
    return [
        argument('output_dir', 'episodes', 'Folder of the episodes; made if need be.'),
        argument('task', 'pick_place', 'Task, for the metadata and the simulated arm.'),
        argument('instruction', '', 'What the arm is asked to do, in words, for the metadata.'),
        argument('operator', '', 'Who drives the arm, for the metadata.'),
        argument('seed', '-1',
                 'Seed of the scene, for the metadata and the simulated arm; -1 for none.'),
        *session_arguments(),
        argument('compression', 'zstd', 'Compression of the bags.', ['zstd', 'none']),
        argument('image_compression', 'none', 'Store raw images as png (every pixel as it was) or '
                 'jpeg, on <topic>/compressed.', list(FORMATS)),
        argument('jpeg_quality', '95', 'Quality of jpeg, 1 to 100.'),
        argument('autostart', 'true',
                 'Make the recorder ready at once; false waits for the lifecycle services.', BOOL),
    ]
