# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of the node teleop.
"""
from __future__ import annotations

from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros.parameters import Parameter

PARAMETERS = (
    Parameter('mode', 'keyboard', 'Who drives: keyboard, gamepad, spacemouse, leader (an arm that '
              'the robot follows), hand (the robot itself is led, nothing is commanded) or '
              'expert (scripted, simulated arm only).', choices=(
                  'keyboard', 'gamepad', 'spacemouse', 'leader', 'hand', 'expert'),
              read_only=True),
    Parameter('device', '', 'Gamepad and 3D mouse: empty for the topics joy and spacenav/joy; '
              'auto, or a path such as /dev/input/event5, to read the device directly (extra '
              'teleop).', read_only=True),
    Parameter('command_type', 'joint_trajectory', 'Type and topic of the commands.',
              choices=tuple(SOURCE_KINDS), read_only=True),
    Parameter('robot', 'vaa_arm', 'Robot description: a name in config/robots or a YAML '
              'file.', read_only=True),
    Parameter('control_rate_hz', 30.0, 'Rate of commands.', 'Hz', 1.0, 500.0, read_only=True),
    Parameter('task', '', 'Expert: the only task to drive; empty for any.', read_only=True),
    Parameter('seed', -1, 'Expert: seed of its style; -1 takes the seed of the episode.',
              minimum=-1, maximum=2**31 - 1),
    Parameter('lockstep', False, 'Expert: answer every tick of a simulation in lockstep once.',
              read_only=True),
    Parameter('stamp_commands', False, 'Stamp commands with the observation that they answer.',
              read_only=True),
    Parameter('wait_for_recording', False, 'Expert: drive only while is_recording (latched Bool) '
              'is true.', read_only=True),
    Parameter('speed', 0.7, 'Keyboard, gamepad and 3D mouse: fraction of the jog speeds; keys and '
              'buttons lower it further.', '', 0.05, 1.0),
    Parameter('smoothing_s', 0.05, 'Latency of the low-pass on what hands do, except letting go; '
              '0 is none.', 's', 0.0, 1.0, read_only=True),
    Parameter('joy_timeout_s', 0.3, 'Gamepad, 3D mouse and leader: let go of the arm when the '
              'newest message is older.', 's', 0.05, 5.0, read_only=True),
    Parameter('deadman', False, 'Drive only while true comes on the topic deadman (Bool), at '
              'least every 0.2 s; after that who held the arm takes hold anew. Not in lockstep.',
              read_only=True),
    Parameter('leader', '', 'Leader: how its joints become those of the robot, a name in '
              'config/leaders or a YAML file; empty for the same arm.', read_only=True),
    Parameter('leader_topics', ('leader/joint_states',), 'Leader: topics of its joint states; '
              'prefix=topic puts a prefix before the joint names.', read_only=True),
    Parameter('leader_max_gap', 0.5, 'Leader: gap of a joint above which ~/engage is refused.',
              'rad', 0.0, 6.3, read_only=True),
)
