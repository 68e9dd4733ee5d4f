# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Limits for a robot whose file does not give them: on by default, and gentle.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vaa_ros.core.robot import RobotSpec

FULL_SPEED_S = 0.2
"""Time from standstill to full speed [s], and to a stop: 5 rad/s^2 for each rad/s, the most that
the shipped files of real arms have (1 to 5). With less an arm would stop late."""
STEP_S = 0.1
"""Longest time between two commands that is counted [s]: a step is never more than full speed for
so long, whatever the rate."""


def with_default_limits(robot: RobotSpec, values: Mapping[str, Any]) -> RobotSpec:
    """
    Fill in the limits of acceleration and step that a robot file does not give.

    A file that wants none of them says so: ``.inf``.

    :param robot: the robot of the file, with the limits of its URDF.
    :param values: the mapping of the file.
    :return: the robot; its ``defaults`` name what was filled in.
    """
    filled: list[str] = []

    def missing(keys: Mapping[str, Any], key: str, owner: str = '') -> bool:
        if key not in keys:
            filled.append(f'{owner}{key}')
        return key not in keys

    joints = tuple(
        replace(joint,
                acceleration=joint.velocity / FULL_SPEED_S
                if missing(keys, 'acceleration', f'{joint.name} ') else joint.acceleration,
                step=joint.velocity * STEP_S
                if missing(keys, 'step', f'{joint.name} ') else joint.step)
        for joint, keys in zip(robot.joints, values['joints'], strict=True))
    tool = (robot.tool_speed / FULL_SPEED_S if missing(values, 'tool_acceleration')
            else robot.tool_acceleration)
    if 'tool_speed' not in values:
        filled.append('tool_speed')
    return replace(robot, joints=joints, tool_acceleration=tool, defaults=tuple(filled))


def defaults_text(robot: RobotSpec) -> str:
    """
    Name the limits that a robot's file does not give.

    :param robot: the robot.
    :return: such as ``acceleration of wrist, step of all joints``; empty for none.
    """
    parts = []
    for key in ('acceleration', 'step'):
        names = [joint.name for joint in robot.joints if f'{joint.name} {key}' in robot.defaults]
        if names:
            parts.append(f'{key} of ' + ('all joints' if len(names) == len(robot.joints)
                                         else ' and '.join(names)))
    return ', '.join([*parts, *(name for name in robot.defaults if name.startswith('tool_'))])
