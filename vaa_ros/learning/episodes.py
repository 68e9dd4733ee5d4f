# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The streams of one bag to observations and the action of each.

Observations come from the same code as in the live path. The action of a frame is the first
command issued for it or after it. Commands that carry the stamp of the observation they answer
(lockstep, ``stamp_commands``) are matched by stamp; others by arrival: the first command that the
recorder received after the frame.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.sync import ObservationSync
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.bag_streams import stamps_agree
from vaa_ros.learning.timed import Timed

MAX_DELAY_S = 0.1
"""Longest time from a frame to its command; later ones are not an answer to it [s]."""


@dataclass
class Episode:
    """
    One episode as arrays.

    :param observations: what was seen, in order.
    :param actions: what was commanded (n, D).
    :param dropped: pictures of the reference camera that gave no observation or action, by reason.
    """

    observations: list[Observation]
    actions: np.ndarray
    dropped: Mapping[str, int]


def make_episode(streams: BagStreams, spec: PolicySpec, max_skew_s: float = 0.016) -> Episode:
    """
    Build the observations of an episode, and find the action of each.

    :param streams: the bag's streams.
    :param spec: what the policy sees and does.
    :param max_skew_s: largest distance in time of two cameras' frames [s].
    :return: the episode.
    """
    observations = observe(streams, spec, max_skew_s)
    actions = match_actions(streams, observations, spec)
    silent = np.isnan(actions).all(1) if len(actions) else np.zeros(0, bool)
    # A command or gripper that is not there at all falls back on the measured joints.
    for action, observation in zip(actions, observations, strict=True):
        fill_missing(action, observation, spec)
    usable = np.isfinite(actions).all(1) if len(actions) else np.zeros(0, bool)
    kept = [item for item, good in zip(observations, usable, strict=True) if good]
    dropped = {
        'no joint state, or no picture of another camera, fits them':
            len(streams.pictures[spec.cameras[0].key]) - len(observations),
        f'no command follows within {MAX_DELAY_S} s': int(silent.sum()),
        'their command leaves elements out': int((~usable & ~silent).sum())}
    return Episode(kept, actions[usable], {
        reason: count for reason, count in dropped.items() if count > 0})


def observe(streams: BagStreams, spec: PolicySpec,
            max_skew_s: float = 0.016) -> list[Observation]:
    """
    Build every observation of an episode, in order.

    Messages are taken in the order of their stamps, joints before pictures: what the live path
    pairs does not depend on the order of arrival either.

    :param streams: the bag's streams.
    :param spec: what the policy sees.
    :param max_skew_s: largest distance in time of two cameras' frames [s].
    :return: the observations.
    """
    sync = ObservationSync(spec, max_skew_s)
    events: list[tuple[int, int, str, Any]] = [
        (item.value.stamp_ns, 0, '', item.value) for item in streams.joints]
    for order, camera in enumerate(spec.cameras, start=1):
        events += [(item.stamp_ns or item.log_ns, order, camera.key, item.value)
                   for item in streams.pictures[camera.key]]
    observations: list[Observation] = []
    for stamp_ns, order, key, value in sorted(events, key=lambda event: event[:2]):
        if order == 0:
            sync.push_joints(value)
            continue
        sync.push_image(key, stamp_ns, value)
        latest = sync.latest()
        if latest is not None and (not observations or latest is not observations[-1]):
            observations.append(latest)
    return observations


def match_actions(streams: BagStreams, observations: Sequence[Observation],
                  spec: PolicySpec) -> np.ndarray:
    """
    Find the command of each observation: the first one issued for it or after it.

    :param streams: the bag's streams.
    :param observations: the observations in order.
    :param spec: what the policy does.
    :return: actions (n, D); rows of NaN where no command follows within 0.1 s.
    """
    by_stamp = stamps_agree(streams.commands, streams.pictures)
    times = np.array([item.stamp_ns for item in observations], np.int64)
    if not by_stamp:
        times = arrivals(streams, observations)
    issued = command_times(streams.commands, by_stamp)
    order = np.argsort(issued, kind='stable')
    place = np.searchsorted(issued[order], times)
    actions = np.full((len(observations), len(spec.action.names)), np.nan)
    for row, index in enumerate(place):
        if index < len(order):
            chosen = order[index]
            if issued[chosen] - times[row] <= MAX_DELAY_S * NANOSECONDS:
                actions[row] = streams.commands[chosen].value
                set_gripper(actions[row], streams, streams.commands[chosen], spec)
    return actions


def command_times(items: Sequence[Timed], by_stamp: bool) -> np.ndarray:
    """
    Give when each command was issued, by stamp or by arrival (n,) [ns].
    """
    return np.array([item.stamp_ns if by_stamp else item.log_ns for item in items], np.int64)


def arrivals(streams: BagStreams, observations: Sequence[Observation]) -> np.ndarray:
    """
    Give when each observation reached the recorder (n,) [ns].

    That is the earliest arrival of a message with its stamp: a small joint state overtakes the
    picture, and the answer to both may overtake the picture, too.
    """
    earliest: dict[int, int] = {}
    for item in (*next(iter(streams.pictures.values())), *streams.joints):
        stamp_ns = item.stamp_ns or item.log_ns
        earliest[stamp_ns] = min(item.log_ns, earliest.get(stamp_ns, item.log_ns))
    return np.array([earliest[item.stamp_ns] for item in observations], np.int64)


def set_gripper(action: np.ndarray, streams: BagStreams, command: Timed,
                spec: PolicySpec) -> None:
    """
    Put the gripper opening that was commanded together with a command into its action.
    """
    name = 'gripper' if 'gripper' in spec.action.names else streams.gripper_joint
    if name not in spec.action.names or not streams.gripper:
        return
    element = spec.action.names.index(name)
    if np.isfinite(action[element]):
        return
    by_stamp = bool(command.stamp_ns) and all(item.stamp_ns for item in streams.gripper)
    times = command_times(streams.gripper, by_stamp)
    now = command.stamp_ns if by_stamp else command.log_ns
    # Published in the same tick, just before or just after: the nearest one, else the last.
    nearest = int(np.argmin(np.abs(times - now)))
    if abs(times[nearest] - now) > spec.dt_s * NANOSECONDS / 2:
        earlier = np.flatnonzero(times <= now)
        if not len(earlier):
            return
        nearest = int(earlier[-1])
    action[element] = streams.gripper[nearest].value[0]


def fill_missing(action: np.ndarray, observation: Observation, spec: PolicySpec) -> None:
    """
    Where a command leaves single joints out, command them to stay where they are measured.
    """
    missing = np.isnan(action)
    if missing.all():
        return
    for element in np.flatnonzero(missing):
        name = spec.action.names[element]
        if name in spec.joint_names:
            action[element] = observation.state[spec.joint_names.index(name)]


def note_rate(streams: BagStreams, rate_hz: float, notes: list[str]) -> None:
    """
    Note, once, that a bag was recorded at another rate than its actions are to have.

    :param streams: the bag's streams.
    :param rate_hz: rate of actions [Hz].
    :param notes: what was noted so far; the note is added.
    """
    recorded = streams.metadata.spec.get('control_rate_hz') if streams.metadata else None
    if not recorded or recorded == rate_hz:
        return
    note = (f'recorded at {recorded:g} Hz, actions of a chunk are at {rate_hz:g} Hz: '
            f'--rate {recorded:g} takes the same')
    if note not in notes:
        notes.append(note)
