# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The parameters of the node policy that say how good its inputs must be.

From half of a limit on it is told, from three quarters the arm is slowed, from the limit it holds.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any

from vaa_ros.core.input_findings import JudgeOptions
from vaa_ros.ros.parameters import Parameter

DEFAULTS = JudgeOptions()

INPUT_PARAMETERS = (
    Parameter('max_image_age_s', DEFAULTS.max_image_age_s, 'Age of a picture, by stamp or by '
              'arrival, at which the arm holds: 6 frames of a 30 Hz camera. Slower ones need '
              'more, since the arm is slowed from three quarters on.', 's', 0.01, 10.0,
              read_only=True),
    Parameter('max_joint_age_s', DEFAULTS.max_joint_age_s, 'Age of the joint states, by stamp or '
              'by arrival, at which the arm holds.', 's', 0.01, 10.0, read_only=True),
    Parameter('max_clock_skew_s', DEFAULTS.max_clock_skew_s, 'Shortest time from stamp to '
              'arrival over 2 s, or its lead, at which the arm holds: cameras need 0.02 to '
              '0.08 s, two machines without NTP are soon further apart. 0 does not judge it; so '
              'below.', 's', 0.0, 10.0, read_only=True),
    Parameter('max_clock_jump_s', DEFAULTS.max_clock_jump_s, 'How far this clock, or that of an '
              'input, may be set at once; the arm holds for 1 s then. NTP slews by 0.5 ms a '
              'second at most, so this is a step.', 's', 0.0, 10.0, read_only=True),
    Parameter('max_disorder', DEFAULTS.max_disorder, 'Share of the stamps of the last second that '
              'repeat or go back at which the arm holds: a network makes 1 %, two publishers of '
              'one topic half.', '', 0.0, 1.0, read_only=True),
    Parameter('max_blank_s', DEFAULTS.max_blank_s, 'How long a camera may show nothing but black '
              'or white before the arm holds: such a picture is as good as none.', 's', 0.0, 10.0,
              read_only=True),
    Parameter('max_joints_missing_s', DEFAULTS.max_joints_missing_s, 'How long joint states may '
              'come without a joint, or not finite, before the arm holds: half their age, since '
              'waiting does not help.', 's', 0.0, 10.0, read_only=True),
    Parameter('max_joint_speed', DEFAULTS.max_joint_speed, 'How fast a joint may be measured to '
              'move, in multiples of its speed limit; the arm holds for 1 s then. Arms overshoot '
              'their limits a little; twice as fast is an encoder that jumped.', '', 0.0, 100.0,
              read_only=True),
    Parameter('max_unpaired_s', DEFAULTS.max_unpaired_s, 'How long pictures may come that are '
              'further apart than max_skew_s, so that none is used, before the arm holds: as '
              'long as for a picture that does not come.', 's', 0.0, 10.0, read_only=True),
)


def judge_options(value: Callable[[str], Any]) -> JudgeOptions:
    """
    Read the options of the judge.

    :param value: gives the value of a parameter.
    :return: the options.
    """
    return JudgeOptions(**{field.name: value(field.name) for field in fields(JudgeOptions)})
