# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is in a dataset: how long its episodes are, what is told of them, and where its values lie.
"""
from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import recording_of

TOLD = ('split', 'task', 'instruction', 'success', 'verdict', 'operator', 'policy', 'clock')
NEAR = 0.01
"""Part of the range of a joint that counts as at its limit."""


def episode_seconds(frames: Frames) -> np.ndarray:
    """
    Measure each episode, from its first to its last frame (E,) [s].
    """
    stamp, episode = np.asarray(frames.stamp), np.asarray(frames.episode)
    return np.array([np.ptp(stamp[episode == number])
                     for number in range(len(frames.episodes))]) / NANOSECONDS


def dataset_figures(frames: Frames) -> dict[str, Any]:
    """
    Measure a dataset.

    :param frames: the dataset.
    :return: ``all``: figures of the whole; ``told``: how often each thing is told of an episode;
        ``elements``: ranges of each element of states and actions, and how often a joint is
        within 1 % of its limits.
    """
    seconds = episode_seconds(frames)
    figures = {
        'episodes': len(frames.episodes), 'frames': len(frames),
        'recordings': len(set(map(recording_of, frames.episodes))),
        'length [s]': float(seconds.sum()), 'shortest [s]': float(seconds.min()),
        'median [s]': float(np.median(seconds)), 'longest [s]': float(seconds.max()),
        'frames per second': float((len(frames) - len(seconds)) / max(seconds.sum(), 1e-9))}
    told = [{'told': name, 'value': value, 'episodes': count}
            for name in TOLD
            for value, count in Counter(str(item[name]) for item in frames.episodes
                                        if item.get(name) not in (None, '')).most_common()]
    return {'all': figures, 'told': told, 'elements': elements(frames)}


def elements(frames: Frames) -> list[dict[str, Any]]:
    """
    Measure each element of states and actions.
    """
    spec, rows = frames.spec, []
    limits = {joint.name: (joint.lower, joint.upper) for joint in spec.joints}
    for kind, names, values in (('state', spec.joint_names, frames.state),
                                ('action', spec.action.names, frames.action)):
        for name, column in zip(names, np.asarray(values).T, strict=True):
            at_limit = None
            if name in limits:
                low, high = limits[name]
                slack = NEAR * (high - low)
                at_limit = float(((column < low + slack) | (column > high - slack)).mean())
            rows.append({'of': kind, 'element': name, 'mean': float(column.mean()),
                         'std': float(column.std()), 'min': float(column.min()),
                         'max': float(column.max()), 'at limit': at_limit})
    return rows
