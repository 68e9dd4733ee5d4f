# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Datasets out of datasets: merged, split, filtered, annotated; always episode by episode.

What is written is a dataset of its own, whole or not there; the sources stay as they are.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.blending import align_signs
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.dataset_files import describe
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.frames import identity
from vaa_ros.learning.frames import taken_together
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.npy_stream import NpyStream
from vaa_ros.learning.whole_folder import whole_folder

CHANGEABLE = ('instruction', 'success', 'note', 'split')
UNJUDGED = 'none'
"""Stands for the verdict of an episode that nobody judged."""


@dataclass(frozen=True)
class Chosen:
    """
    Some episodes of a dataset.

    :param frames: the dataset.
    :param episodes: their numbers, in the order wanted.
    """

    frames: Frames
    episodes: Sequence[int]


def write_chosen(parts: Sequence[Chosen], target: Path, overwrite: bool = False,
                 changes: Mapping[str, Any] | None = None,
                 changed: Sequence[int] | None = None) -> Frames:
    """
    Write episodes as a dataset.

    :param parts: the episodes.
    :param target: the folder to write; may be that of a part, with ``overwrite``.
    :param overwrite: replace an existing dataset.
    :param changes: what is told otherwise of episodes, by name (:data:`CHANGEABLE`).
    :param changed: places of the episodes that are changed; None for all.
    :return: the new dataset.
    :raises DatasetError: if there is no episode, the parts do not fit together, or the folder
        cannot be written.
    """
    check_fit([part.frames for part in parts])
    first = parts[0].frames
    episodes: list[dict[str, Any]] = []
    with whole_folder(target, DESCRIPTION if overwrite else None) as partial:
        streams: dict[str, NpyStream] = {}
        reference = first.action[0, 3:7].copy()
        for part in parts:
            arrays = {'state': part.frames.state, 'action': part.frames.action,
                      'stamp': part.frames.stamp, 'episode': part.frames.episode,
                      **{f'images_{key}': item for key, item in part.frames.images.items()}}
            for number in part.episodes:
                rows = np.flatnonzero(part.frames.episode == number)
                for name, array in arrays.items():
                    values = np.array(array[rows[0]:rows[-1] + 1])
                    if name == 'episode':
                        values[:] = len(episodes)
                    elif name == 'action' and first.spec.action.kind == 'end_effector_pose':
                        align_signs(values[:, 3:7], reference)
                    if name not in streams:
                        streams[name] = NpyStream(partial / f'{name}.npy', values.dtype,
                                                  values.shape[1:])
                    streams[name].append(values)
                episodes.append(dict(part.frames.episodes[number]))
        for stream in streams.values():
            stream.close()
        if not episodes:
            raise DatasetError(f'no episode is left, nothing written to {target}')
        for place in range(len(episodes)) if changed is None else changed:
            episodes[place] |= changes or {}
        describe(partial, first.spec, first.description.get('command_type'), episodes, {
            'failed': 0, 'skipped': [], 'notes': [
                f'from {part.frames.folder}: {len(part.episodes)} of '
                f'{len(part.frames.episodes)} episodes' for part in parts]})
    return Frames(target)


def check_fit(datasets: Sequence[Frames]) -> None:
    """
    Make sure that one policy can be learned from several datasets.

    :raises DatasetError: naming each field of the spec in which they differ.
    """
    one = datasets[0]
    for other in datasets[1:]:
        wanted, found = (replace(item.spec, instructions=(), provenance={}, normalisation={})
                         for item in (one, other))
        differing = [field.name for field in fields(PolicySpec)
                     if getattr(wanted, field.name) != getattr(found, field.name)]
        if differing:
            told = '; '.join(f'{name}: {getattr(wanted, name)!r} and {getattr(found, name)!r}'
                             for name in differing)
            raise DatasetError(f'{one.folder} and {other.folder} do not fit together: {told}')


def without_doubles(datasets: Sequence[Frames]) -> tuple[list[Chosen], int]:
    """
    Choose all episodes of several datasets, those that are there twice once.

    :return: the episodes, and how many were left out.
    """
    seen: set[str] = set()
    parts, left_out = [], 0
    for frames in datasets:
        chosen = []
        for number, item in enumerate(frames.episodes):
            if identity(item) in seen:
                left_out += 1
                continue
            seen.add(identity(item))
            chosen.append(number)
        parts.append(Chosen(frames, chosen))
    return parts, left_out


def halves(frames: Frames, fraction: float, seed: int) -> tuple[list[int], list[int]]:
    """
    Divide the episodes of a dataset at random; those of one recording stay together.

    :param frames: the dataset.
    :param fraction: part of the recordings that goes to the first half, above 0 and below 1.
    :param seed: seed of the choice.
    :return: numbers of the episodes of both.
    :raises DatasetError: if there are too few recordings for that.
    """
    recordings = list(dict.fromkeys(map(taken_together, frames.episodes)))
    order = np.random.default_rng(seed).permutation(len(recordings))
    count = round(fraction * len(recordings))
    if not 0 < count < len(recordings):
        raise DatasetError(f'{frames.folder}: {fraction} of {len(recordings)} recordings leaves '
                           'one half empty; episodes of one recording are not divided')
    first = {recordings[place] for place in order[:count]}
    both: tuple[list[int], list[int]] = ([], [])
    for number, item in enumerate(frames.episodes):
        both[taken_together(item) not in first].append(number)
    return both


def told(frames: Frames, name: str) -> list[str]:
    """
    List what is told of the episodes of a dataset, each value with the number of episodes.

    :param frames: the dataset.
    :param name: ``verdict``, ``success``, ``instruction`` or ``operator``.
    """
    counted = Counter(str(item.get(name) or UNJUDGED if name == 'verdict' else item.get(name))
                      for item in frames.episodes)
    return [f'{value} ({count})' for value, count in counted.most_common()]


def matching(frames: Frames, wanted: Mapping[str, Sequence[Any]]) -> list[int]:
    """
    Find the episodes of which certain things are told.

    :param frames: the dataset.
    :param wanted: values by name; an episode must have one of each. ``none`` stands for a verdict
        where there is none.
    :return: their numbers.
    """
    return [number for number, item in enumerate(frames.episodes)
            if all((item.get(name) or UNJUDGED if name == 'verdict' else item.get(name)) in values
                   for name, values in wanted.items())]


def numbers(text: str, frames: Frames) -> list[int]:
    """
    Read numbers of episodes: ``3``, ``0:5`` (without 5), or several of them with commas.

    :param text: the numbers.
    :param frames: the dataset.
    :return: the numbers, rising.
    :raises DatasetError: if one is malformed, or there is no such episode.
    """
    found: set[int] = set()
    count = len(frames.episodes)
    for item in text.split(','):
        parts = item.strip().split(':')
        try:
            first, *stop = (int(part) for part in parts)
        except ValueError:
            first, stop = -1, [0]
        stop = stop or [first + 1]
        if len(stop) > 1 or not 0 <= first < stop[0] <= count:
            raise DatasetError(f'{frames.folder}: {item!r} names no episode; there are 0 to '
                               f'{count - 1}, expected such as 3 or 0:5 or 1,4,7:9')
        found |= set(range(first, stop[0]))
    return sorted(found)


def check_changes(changes: Mapping[str, Any]) -> None:
    """
    Make sure that these things can be told of an episode.

    :raises DatasetError: if there are none, or one cannot.
    """
    unknown = [name for name in changes if name not in CHANGEABLE]
    if unknown or not changes:
        raise DatasetError(f'cannot change {", ".join(unknown) or "nothing"}; what can be: '
                           f'{", ".join(CHANGEABLE)}')
    if changes.get('split', TRAIN) not in (TRAIN, HELD_OUT):
        raise DatasetError(f'split {changes["split"]!r}, expected {TRAIN} or {HELD_OUT}')
