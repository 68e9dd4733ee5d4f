# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of the node teleop_recorder.
"""
from __future__ import annotations

from typing import Any

from rclpy.node import Node

from vaa_ros.core.episode_buttons import JOY_ACTIONS
from vaa_ros.core.image_encoding import FORMATS
from vaa_ros.core.image_encoding import NONE
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros.cues import CUES
from vaa_ros.ros.parameters import Parameter

PARAMETERS = (
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a file.',
              read_only=True),
    Parameter('cameras', (), "Cameras to record; empty for the robot's.", read_only=True),
    Parameter('compressed', False,
              'Record <camera>/image_raw/compressed instead of <camera>/image_raw.',
              read_only=True),
    Parameter('command_type', 'joint_trajectory', 'Command topic that is recorded.',
              choices=tuple(SOURCE_KINDS), read_only=True),
    Parameter('topics', (), 'Topics that every episode must have; empty for those of the cameras, '
              'joint_states and the command topic.', read_only=True),
    Parameter('extra_topics', ('sim_arm/task_status', 'instruction', 'command_source',
              'teleop/active', 'teleop/status', 'policy/trace', 'policy/status',
              'policy/confidence', 'policy/alignment', 'e_stop'),
              'Topics that are recorded too where they are published.', read_only=True),
    Parameter('output_dir', 'episodes', 'Folder of the episodes; made if need be.'),
    Parameter('task', '', 'Name of the task, for the metadata.'),
    Parameter('instruction', '', 'What the arm is asked to do, in words, for the metadata.'),
    Parameter('operator', '', 'Who drives the arm, for the metadata.'),
    Parameter('policy', '', 'The policy that drives the arm, empty for a demonstration.'),
    Parameter('seed', -1, 'Seed of the scene, for the metadata; -1 for none.', minimum=-1),
    Parameter('control_rate_hz', 0.0, 'Rate of the commands, for the metadata; 0 for unknown.',
              'Hz', 0.0, 500.0),
    Parameter('compression', 'zstd', 'Compression of those chunks of the bags that shrink.',
              choices=('zstd', 'none'), read_only=True),
    Parameter('image_compression', NONE, 'Raw images are stored as <topic>/compressed: png keeps '
              'every pixel, jpeg does not. What one cannot hold is stored raw.', choices=FORMATS,
              read_only=True),
    Parameter('jpeg_quality', 95, 'Quality of jpeg.', minimum=1, maximum=100),
    Parameter('min_free_gb', 1.0, 'Free disk space below which no episode is started, '
              'and a running one is broken off.', 'GB', 0.0, 1e6),
    Parameter('thresholds', '', 'YAML file with the thresholds of the verdict at every stop; '
              'empty for config/verdict.yaml.', read_only=True),
    Parameter('topic_wait_s', 2.0, 'Time that start_episode waits for missing topics.', 's', 0.0,
              60.0),
    Parameter('stop_wait_s', 10.0, 'Longest time that the start or the end of an episode waits '
              'for the disk; then a start or a redo is given up, and an end goes on in the '
              'background.', 's', 0.1, 600.0),
    Parameter('episodes', 0, 'Successes after which the session is done, those that the folder '
              'holds already included; 0 for no end.', minimum=0, maximum=100000),
    Parameter('instructions', (), 'What the episodes show, in turn, instead of instruction; may '
              'begin with a task, as in "sort: put the red cube left". The next one comes after '
              'a success.'),
    Parameter('countdown_s', 0.0, 'Countdown before an episode.', 's', 0.0, 60.0),
    Parameter('reset_s', 0.0, 'Time to reset the scene, after which the next episode starts by '
              'itself; 0 waits for a start.', 's', 0.0, 3600.0),
    Parameter('cues', 'bell', 'How people are told what happens; each does what those before it '
              'do. speech needs spd-say of speech-dispatcher.', choices=CUES, read_only=True),
    Parameter('discarded_max', 50, 'Discarded takes that are kept, the oldest go first; 0 for '
              'all.', minimum=0, maximum=100000),
    Parameter('discarded_max_gb', 20.0, 'Size of the discarded takes that are kept; 0 for all.',
              'GB', 0.0, 1e6),
    Parameter('joy_actions', JOY_ACTIONS, 'What buttons of the topic joy do, ACTION=NUMBER: '
              'toggle (start, stop as success), start, success, failure, discard, redo.',
              read_only=True),
    Parameter('pedal', '', 'Foot pedal, or any device with keys: a path such as '
              '/dev/input/by-id/usb-PCsensor_FootSwitch-event-kbd (extra teleop).',
              read_only=True),
    Parameter('pedal_actions', ('toggle=KEY_B', 'failure=KEY_A', 'redo=KEY_C'), 'What its keys '
              'do, ACTION=KEY.', read_only=True),
    Parameter('keys', True, 'Read keys where the node runs in a terminal.', read_only=True),
    Parameter('autostart', True, 'Configure and activate at start.', read_only=True),
)


def metadata_values(node: Node, robot: RobotSpec | None) -> dict[str, Any]:
    """
    Give what parameters tell of an episode, as its metadata names it.

    :param node: the recorder.
    :param robot: the robot, whose parameter may be the path of its file; None if it is not known.
    """
    known = {name: node.get_parameter(name).value for name in (
        'task', 'instruction', 'seed', 'operator', 'robot', 'command_type', 'policy')}
    if robot is not None:
        known['robot'] = robot.name
    return {**known, 'seed': None if known['seed'] < 0 else known['seed']}
