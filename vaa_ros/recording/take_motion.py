# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How the arm of an episode moved, and whether it did what it was told.
"""
from __future__ import annotations

from collections.abc import Sequence
import math

import numpy as np

from vaa_ros.core.robot import RobotSpec
from vaa_ros.recording.messages import FLOAT64_ARRAY
from vaa_ros.recording.take import Stream
from vaa_ros.recording.take_times import Figures
from vaa_ros.recording.take_times import rate_hz
from vaa_ros.recording.take_times import STEADY_MESSAGES
from vaa_ros.recording.take_times import TakeClock

STILL = 0.02
"""Speed below which a joint is said to stand still [rad/s or m/s]."""
AT_LIMIT = 0.002
"""Share of a joint's range that counts as being at its limit."""
TOLD = 0.1
"""Way that commands, or the arm, must go before they are compared [rad or m]."""
MOST_DELAY_S = 0.6
_FOLLOWED_HZ = 9.0
"""Rate of commands below which the way between them is not known [Hz]."""
_GRID_HZ = 100.0
_WINDOW = 20  # of the grid: longer than the noise of encoders
_JERK_HZ = 50.0
_IDLE_HZ = 10.0


def motion(joints: Stream | None, commands: Stream | None, robot: RobotSpec | None,
           clock: TakeClock) -> Figures:
    """
    Work out how the arm moved.

    :param joints: the joint states; None where there are none.
    :param commands: commands that are joint positions; None where there are none.
    :param robot: what the robot is; None where it is not known.
    :param clock: the time of the take.
    :return: value by joint, or ``arm``, by figure.
    """
    figures: Figures = {'idle_s': {}, 'saturation_share': {}, 'moved_share': {},
                        'follow_share': {}, 'delay_ms': {}, 'jerk': {}}
    if commands is not None and robot is not None:
        figures['saturation_share'] = _saturation(commands, robot)
    if joints is None or len(joints.rows) < STEADY_MESSAGES:
        return figures
    gripper = None if robot is None else robot.gripper
    times, values = clock.joints_s, joints.positions()
    idle = _sampled(times, values, _grid(times[0], times[-1], _IDLE_HZ))
    still = np.abs(np.diff(idle, axis=0)).max(axis=1, initial=0.0) * _IDLE_HZ < STILL
    figures['idle_s']['arm'] = max((end - start for start, end in runs(still)),
                                   default=0) / _IDLE_HZ
    arm = [name for name in joints.names if name != gripper]
    columns = [joints.names.index(name) for name in arm]
    smooth = _sampled(times, values[:, columns], _grid(times[0], times[-1], _JERK_HZ))
    figures['jerk'] = dict(zip(arm, _jerk(smooth), strict=True))
    if commands is not None:
        named = command_names(commands, robot)
        shared = [name for name in named if name in arm]
        told = commands.positions()[:, [named.index(name) for name in shared]]
        done = values[:, [joints.names.index(name) for name in shared]]
        told_s = clock.place(commands.arrivals_ns()[np.array(commands.rows, dtype=np.int64)])
        figures['moved_share'] = dict(_moved(shared, told_s, told, times, done))
        agreement, delay_s = _following(told_s, told, times, done)
        # Between rare commands, and in small motions, nobody knows what was meant.
        if max(np.ptp(told, axis=0).max(initial=0.0), np.ptp(done, axis=0).max(initial=0.0)
               ) >= TOLD and rate_hz(told_s) >= _FOLLOWED_HZ and not math.isnan(agreement):
            figures['follow_share']['arm'] = agreement
        if agreement > 0.5:
            figures['delay_ms']['arm'] = delay_s * 1000
    return figures


def command_names(commands: Stream, robot: RobotSpec | None) -> tuple[str, ...]:
    """
    Give the joints of commands; an array names none and has the robot's order.

    :param commands: joint trajectories or arrays.
    :param robot: the robot; None where it is not known.
    :return: the joints; empty for an array that does not fit the robot.
    """
    if commands.msgtype != FLOAT64_ARRAY:
        return commands.names
    if robot is None or len(robot.commanded_joints) != len(commands.names):
        return ()
    return robot.commanded_joints


def unnamed_share(topic: str, names: Sequence[str], robot: RobotSpec) -> dict[str, float]:
    """
    Give the share of the arm's joints that the messages of a topic do not name.

    :param topic: its name.
    :param names: the joints that they name.
    :param robot: what the robot is.
    :return: the share by topic, with what is named instead.
    """
    arm = {joint.name for joint in robot.joints if joint.name != robot.gripper}
    share = len(arm - set(names)) / len(arm) if arm else 0.0
    others = [name for name in names if name not in robot.joint_names]
    return {f'{topic} ({", ".join(others)})' if share and others else topic: share}


def runs(flags: np.ndarray) -> list[tuple[int, int]]:
    """
    Give (first, last + 1) of every stretch of true.

    :param flags: (N,) bool.
    """
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _saturation(commands: Stream, robot: RobotSpec) -> dict[str, float]:
    """Give the share of commands at or beyond a limit; a gripper lives at its limits."""
    values = commands.positions()
    shares = {}
    known = {joint.name: joint for joint in robot.joints if joint.name != robot.gripper}
    for index, name in enumerate(command_names(commands, robot)):
        if name in known:
            margin = AT_LIMIT * (known[name].upper - known[name].lower)
            at_limit = ((values[:, index] <= known[name].lower + margin)
                        | (values[:, index] >= known[name].upper - margin))
            shares[name] = float(at_limit.mean())
    return shares


def _grid(first_s: float, last_s: float, rate: float) -> np.ndarray:
    return np.arange(first_s, last_s, 1 / rate)


def _sampled(times_s: np.ndarray, values: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Give positions (T, J) at the times of a grid, between the messages by straight lines."""
    columns = [np.interp(grid, times_s, column) for column in values.T]
    return np.stack(columns, axis=1) if columns else np.zeros((len(grid), 0))


def _jerk(positions: np.ndarray) -> list[float]:
    """Give the root mean square of the third derivative of each joint, (T, J) at 50 Hz."""
    if len(positions) < STEADY_MESSAGES:
        return [0.0] * positions.shape[1]
    window = np.ones(3) / 3  # encoders step
    columns = [np.convolve(column, window, 'valid') for column in positions.T]
    smooth = np.stack(columns, axis=1) if columns else positions[2:]
    jerk = np.diff(smooth, n=3, axis=0) * _JERK_HZ ** 3
    return [float(value) for value in np.sqrt(np.mean(jerk ** 2, axis=0))]


def _moved(names: Sequence[str], told_s: np.ndarray, told: np.ndarray, done_s: np.ndarray,
           done: np.ndarray) -> list[tuple[str, float]]:
    """Give how much of the way that was commanded each joint went, where it was much."""
    # What is commanded at the very end has no time to be done.
    told = told[(told_s >= done_s[0]) & (told_s <= done_s[-1] - MOST_DELAY_S)]
    if not len(told):
        return []
    wanted, went = np.ptp(told, axis=0), np.ptp(done, axis=0)
    return [(name, float(went[index] / wanted[index])) for index, name in enumerate(names)
            if wanted[index] > TOLD]


def _following(told_s: np.ndarray, told: np.ndarray, done_s: np.ndarray,
               done: np.ndarray) -> tuple[float, float]:
    """
    Compare the motion with that of the commands, at the delay at which both agree best.

    :return: how well they agree, 1 at best, and the delay [s]; NaN where the take is too short.
    """
    span = max(done_s[0], told_s[0]), min(done_s[-1], told_s[-1])
    lags = round(MOST_DELAY_S * _GRID_HZ)
    grid = _grid(*span, _GRID_HZ)
    if not told.shape[1] or len(grid) < 4 * lags:
        return math.nan, math.nan
    wanted, moved = _sampled(told_s, told, grid), _sampled(done_s, done, grid)
    wanted, moved = wanted[_WINDOW:] - wanted[:-_WINDOW], moved[_WINDOW:] - moved[:-_WINDOW]
    count = len(wanted) - lags
    scores = []
    for lag in range(lags):
        one, other = wanted[:count], moved[lag:lag + count]
        norm = math.sqrt(float((one ** 2).sum() * (other ** 2).sum()))
        scores.append(float((one * other).sum()) / norm if norm > 1e-9 else 0.0)
    best = int(np.argmax(scores))
    return max(scores[best], 0.0), best / _GRID_HZ
