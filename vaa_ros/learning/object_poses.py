# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where the objects of the simulator were in recorded episodes: ground truth for probes.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import SimulationError
from vaa_ros.learning.frames import Frames
from vaa_ros.recording.bag_reader import BagReader
from vaa_ros.sim.expert_driver import TaskStatus

TOPIC = 'task_status'
MOST_APART_NS = 20_000_000
"""A pose belongs to a picture that was taken no further off [ns]."""

LEAST_MOVEMENT_M = 0.001
"""Spread below which an object stays where it is in every episode."""


def read_poses(bag: str | Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """
    Read the objects' positions that the simulated arm wrote into a recording.

    :param bag: the recording.
    :return: stamps (n,) [ns], and for each object its positions (n, 3) in the base frame [m].
    :raises BagError: if it cannot be read, or holds no ``task_status`` with objects.
    """
    with BagReader(bag) as reader:
        topics = [topic for topic in reader.topics if topic.rsplit('/', 1)[-1] == TOPIC]
        if not topics:
            raise BagError(f'{bag}: no topic ends in {TOPIC}, which holds the objects of the '
                           f'simulated arm. It has: {", ".join(sorted(reader.topics))}')
        try:
            found = [TaskStatus.from_values({item.key: item.value for item in message.values})
                     for _, _, message in reader.messages(topics[:1])]
        except SimulationError as problem:
            raise BagError(f'{bag}: {problem}') from problem
    names = sorted(set.intersection(*(set(status.objects) for status in found)))
    return (np.array([status.stamp_ns for status in found]),
            {name: np.array([status.objects[name][:3] for status in found]) for name in names})


def object_positions(frames: Frames, chosen: np.ndarray) -> tuple[np.ndarray,
                                                                  dict[str, np.ndarray]]:
    """
    Find where the objects were in frames of a dataset, from the bags that it was made of.

    Episodes whose bag is gone or holds no objects are left out.

    :param frames: the dataset.
    :param chosen: frame indices (N,).
    :return: which of ``chosen`` are known (n,), and the positions (n, 3) of each object that is
        not always at the same place [m].
    :raises BagError: where no episode is known, with the reason for the first.
    """
    known: list[np.ndarray] = []
    found: list[dict[str, np.ndarray]] = []
    problems: list[str] = []
    stamps, episode = np.asarray(frames.stamp), np.asarray(frames.episode)
    for number in np.unique(episode[chosen]):
        rows = np.flatnonzero(episode[chosen] == number)
        try:
            times, places = read_poses(frames.episodes[number]['bag'])
        except (BagError, KeyError) as problem:
            problems.append(str(problem))
            continue
        wanted = stamps[chosen[rows]]
        nearest = np.abs(times[:, None] - wanted).argmin(0)
        near = np.abs(times[nearest] - wanted) <= MOST_APART_NS
        known.append(rows[near])
        found.append({name: values[nearest[near]] for name, values in places.items()})
    if not found:
        raise BagError(f'{frames.folder}: no bag of it tells where the objects were; the first: '
                       f'{problems[0]}')
    names = set.intersection(*(set(each) for each in found))
    whole = {name: np.concatenate([each[name] for each in found]) for name in sorted(names)}
    return np.concatenate(known), {
        name: values for name, values in whole.items()
        if len(values) and values.std(0).max() > LEAST_MOVEMENT_M}
