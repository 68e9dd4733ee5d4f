# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Joint trajectories as the commands of each control period, as the arm's controller follows them.

A trajectory that comes replaces what is left of the one before (trajectory replacement of
joint_trajectory_controller), so what it would still have commanded is no demonstration.
"""
from __future__ import annotations

from typing import Any

import numpy as np

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.timed import Timed
from vaa_ros.learning.timed import vector

LONGEST_S = 60.0
"""A longer trajectory is no command of a person or policy; often a stamp was taken for a time."""


def trajectory(message: Any, joints: tuple[str, ...], dt_s: float, stamp_ns: int,
               log_ns: int) -> list[Timed]:
    """
    Step through a joint trajectory: what to command at its start and every period after it.

    :param message: a trajectory_msgs/JointTrajectory.
    :param joints: names of the robot's joints; NaN for those that it leaves out.
    :param dt_s: control period [s].
    :param stamp_ns: its stamp [ns], 0 for none.
    :param log_ns: when it was received [ns].
    :return: a command (n,) a period.
    :raises ValueError: if it holds no usable point, or its times do not rise or end too late.
    """
    names = list(message.joint_names)
    if not message.points:
        raise ValueError('a trajectory without points')
    if not set(names) & set(joints):
        raise ValueError(f'a trajectory of {", ".join(names) or "no joints"}, expected '
                         f'{", ".join(joints)}')
    points = np.stack([vector(point.positions, len(names)) for point in message.points])
    times = np.array([point.time_from_start.sec + point.time_from_start.nanosec / NANOSECONDS
                      for point in message.points])
    if times[0] < 0 or (np.diff(times) <= 0).any() or times[-1] > LONGEST_S:
        raise ValueError(f'time_from_start of {times[0]:.3f} to {times[-1]:.3f} s, expected '
                         f'times that rise from 0 or later to at most {LONGEST_S:.0f} s')
    columns = [(joints.index(name), column) for column, name in enumerate(names)
               if name in joints]
    result = []
    for tick in range(max(1, round(times[-1] / dt_s))):
        values = np.full(len(joints), np.nan)
        for place, column in columns:
            values[place] = points[0, column] if len(points) == 1 else np.interp(
                (tick + 1) * dt_s, times, points[:, column])
        later = round(tick * dt_s * NANOSECONDS)
        result.append(Timed(stamp_ns + later if stamp_ns else 0, log_ns + later, values,
                            foreseen=tick > 0))
    return result


def replace_rest(commands: list[Timed], new: list[Timed], dt_s: float) -> None:
    """
    Add the commands of a message, and drop those that the one before it would still have given.

    :param commands: commands so far; only what lies after the receipt of ``new`` is dropped.
    :param new: commands of the message that came.
    :param dt_s: control period; what is due within half of it before the message is dropped too,
        for its own tick was not over [s].
    """
    first_ns = new[0].log_ns - round(dt_s / 2 * NANOSECONDS)
    # The command a message begins with was sent, and stays: two messages in a burst are two.
    while commands and commands[-1].log_ns > first_ns and commands[-1].foreseen:
        commands.pop()
    commands.extend(new)
