# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of the node teleop.
"""
from __future__ import annotations

from vaa_ros.core.spec import SOURCE_KINDS
from vaa_ros.ros.parameters import Parameter

PARAMETERS = (
    Parameter('mode', 'keyboard', 'Who drives: keyboard, gamepad (sensor_msgs/Joy) or expert '
              '(scripted, simulated arm only).', choices=('keyboard', 'gamepad', 'expert'),
              read_only=True),
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
    Parameter('speed', 0.7, 'Keyboard and gamepad: fraction of the jog speeds.', '', 0.05, 1.0,
              read_only=True),
    Parameter('joy_timeout_s', 0.3, 'Gamepad: let go of the arm when its newest message is '
              'older.', 's', 0.05, 5.0, read_only=True),
)
