# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Reading a dataset folder: memory-mapped frames, and the action chunk that follows each one.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
import functools
import json
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.errors import SpecError
from vaa_ros.core.history import earlier_frames
from vaa_ros.core.history import PRESENT
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.core.types import Past
from vaa_ros.learning.unshown import unshown_steps

DESCRIPTION = 'dataset.json'
DATASET_VERSION = 1
ARRAYS = ('state', 'action', 'stamp', 'episode')
TRAIN, HELD_OUT = 'train', 'held_out'
SMALLEST_SCALE = 1e-4
"""Spread below which an element counts as constant [rad, m, m/s or rad/s]."""


@dataclass(frozen=True, eq=False)
class Statistics:
    """
    What normalisation needs, over the training episodes.

    :param state_mean: (S,).
    :param state_scale: (S,).
    :param action_mean: (T, D), of chunks relative as the model takes them.
    :param action_scale: (T, D).
    """

    state_mean: np.ndarray
    state_scale: np.ndarray
    action_mean: np.ndarray
    action_scale: np.ndarray


class Frames:
    """
    A dataset folder, its pictures left on disk and mapped.

    :param folder: the dataset folder.
    :raises DatasetError: if it is missing, malformed or empty.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.description = read_description(self.folder)
        try:
            self.spec = PolicySpec.from_dict(self.description['spec'],
                                             f'{self.folder / DESCRIPTION}: spec')
        except SpecError as problem:
            raise DatasetError(str(problem)) from problem
        self.state = self._load('state')
        self.action = self._load('action')
        self.stamp = self._load('stamp')
        self.episode = self._load('episode')
        self.images = {key: self._load(f'images_{key}') for key in self.spec.camera_keys}
        self._check()
        self.chunk_index, self.chunk_mask = chunk_table(
            np.asarray(self.stamp), np.asarray(self.episode), self.spec.dt_s,
            self.spec.chunk_length)

    def __len__(self) -> int:
        return len(self.state)

    @property
    def episodes(self) -> list[dict[str, Any]]:
        """
        Give the description of each episode.
        """
        return self.description['episodes']

    @functools.cached_property
    def instruction(self) -> np.ndarray:
        """
        Give the place of each frame's instruction among those of the spec (N,) int64.

        :raises DatasetError: if there are several, and an episode has none of them.
        """
        if not self.spec.conditioned:
            return np.zeros(len(self), np.int64)
        places = []
        for item in self.episodes:
            try:
                places.append(instruction_index(item['instruction'], self.spec.instructions))
            except InstructionError as problem:
                raise DatasetError(f'{self.folder}: the episode of {item["bag"]} says '
                                   f'{item["instruction"]!r}: {problem}. Leave it out, or give '
                                   'its instruction when it is recorded') from problem
        return np.array(places, np.int64)[np.asarray(self.episode)]

    def to_train_with(self) -> Frames:
        """
        Refuse to train for what no episode shows: an instruction, or steps of a chunk.

        :return: the dataset itself.
        :raises DatasetError: if there is such a thing; names it.
        """
        rows = self.split(TRAIN)
        unshown = unshown_steps(np.asarray(self.stamp)[rows], np.asarray(self.episode)[rows],
                                self.chunk_mask[rows], self.spec)
        if unshown:
            raise DatasetError(f'{self.folder}: {unshown}')
        if not self.spec.conditioned:
            return self
        shown = set(self.instruction[rows])
        missing = [text for place, text in enumerate(self.spec.instructions)
                   if place not in shown]
        if missing:
            raise DatasetError(f'{self.folder} has no episode to train with for '
                               f'{", ".join(map(repr, missing))}: all are held out. Change their '
                               'split (`vaa data annotate`), or leave them out')
        return self

    def split(self, name: str) -> np.ndarray:
        """
        Give the frames of the episodes of a split, in order.

        :param name: ``train`` or ``held_out``.
        :return: frame indices (n,).
        """
        chosen = [index for index, item in enumerate(self.episodes) if item['split'] == name]
        return np.flatnonzero(np.isin(self.episode, chosen))

    def chunks(self, frames: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """
        Give the demonstrated action chunks of frames.

        :param frames: frame indices (n,).
        :return: actions (n, T, D) float32, padded with the last real one, and mask (n, T).
        """
        return self.action[self.chunk_index[frames]], self.chunk_mask[frames]

    def history(self, spec: PolicySpec) -> np.ndarray:
        """
        Find what a policy sees at each frame, by the rule of :mod:`vaa_ros.core.history`.

        :param spec: the policy.
        :return: frame indices (N, observation_history), each frame itself first.
        """
        stamp, count = np.asarray(self.stamp), len(self)
        table = np.repeat(np.arange(count)[:, None], spec.observation_history, axis=1)
        edges = np.flatnonzero(np.diff(self.episode)) + 1
        for start, stop in zip([0, *edges], [*edges, count], strict=True):
            times = stamp[start:stop]
            found = earlier_frames(times, times[0], times, spec)
            table[start:stop, 1:] = np.where(
                found == PRESENT, table[start:stop, 1:], start + found)
        return table

    def observation(self, frame: int, history: np.ndarray) -> Observation:
        """
        Give a frame as a running policy gets it.

        :param frame: its index.
        :param history: what :meth:`history` gave for the policy.
        :return: the observation, with the earlier frames that the policy sees.
        """
        def images(index: int) -> dict[str, np.ndarray]:
            return {key: np.ascontiguousarray(values[index])
                    for key, values in self.images.items()}

        first = int(np.argmax(self.episode == self.episode[frame]))
        before = tuple((int(self.stamp[index]), images(index))
                       for index in sorted(set(history[frame].tolist()) - {int(frame)}))
        asked = self.spec.instructions[self.instruction[frame]] if self.spec.instructions else ''
        return Observation(int(self.stamp[frame]), images(frame),
                           np.ascontiguousarray(self.state[frame]),
                           Past(int(self.stamp[first]), before), asked)

    def statistics(self, frames: np.ndarray, select: np.ndarray) -> Statistics:
        """
        Measure what normalisation needs.

        :param frames: the frames to measure (n,).
        :param select: the matrix (S, D) of the relative elements, see ``ActionSpace``.
        :return: the statistics.
        """
        state = self.state[frames]
        actions, mask = self.chunks(frames)
        relative = actions - (state @ select)[:, None, :]
        weight = mask[..., None] / np.maximum(mask.sum(0), 1.0)[:, None]
        mean = (relative * weight).sum(0)
        scale = np.sqrt((np.square(relative - mean) * weight).sum(0))
        # The first steps of a chunk hardly differ from the state; weighing them by their own
        # tiny spread alone would make the noise of the servo look like a message.
        scale = np.maximum(scale, 0.1 * scale.max(0, keepdims=True))
        return Statistics(
            state.mean(0), np.maximum(state.std(0), SMALLEST_SCALE), mean.astype(np.float32),
            np.maximum(scale, SMALLEST_SCALE).astype(np.float32))

    def _load(self, name: str) -> np.ndarray:
        path = self.folder / f'{name}.npy'
        try:
            return np.load(path, mmap_mode='r' if name.startswith('images_') else None,
                           allow_pickle=False)
        except (OSError, ValueError) as problem:
            raise DatasetError(f'cannot read {path}: {problem}. Make the dataset again with '
                               '`vaa dataset`') from problem

    def _check(self) -> None:
        count, spec = len(self.state), self.spec
        shapes = {'state': (count, len(spec.joints)), 'action': (count, len(spec.action.names)),
                  'stamp': (count,), 'episode': (count,)}
        found = {name: getattr(self, name) for name in shapes}
        for camera in spec.cameras:
            name = f'images_{camera.key}'
            shapes[name] = (count, camera.height, camera.width, 3)
            found[name] = self.images[camera.key]
        for name, shape in shapes.items():
            if found[name].shape != shape:
                raise DatasetError(f'{self.folder / name}.npy has shape {found[name].shape}, '
                                   f'expected {shape}; make the dataset again')
        if count == 0 or not self.episodes:
            raise DatasetError(f'dataset {self.folder} is empty')
        if not 0 <= int(self.episode.min()) <= int(self.episode.max()) < len(self.episodes):
            raise DatasetError(f'{self.folder}/episode.npy names episodes that '
                               f'{DESCRIPTION} does not list ({len(self.episodes)})')
        if not (np.isfinite(self.state).all() and np.isfinite(self.action).all()):
            raise DatasetError(f'dataset {self.folder} has states or actions that are not finite')


def recording_of(item: Mapping[str, Any]) -> tuple[str, int | None]:
    """
    Tell which recording an episode was taken from.

    :param item: what a dataset tells of the episode.
    :return: hash of its source and, where one source holds many recordings (LeRobot), its number
        in there.
    """
    return item['sha256'], item.get('part')


def taken_together(item: Mapping[str, Any]) -> str:
    """
    Tell which episodes look alike, so that they belong on one side of a split.

    :param item: what a dataset tells of the episode.
    :return: the name of their recording, also where an import holds each of them for one of its
        own: then that of the recording that was exported.
    """
    return item.get('cut_from') or recording_name(item)


def recording_names(item: Mapping[str, Any]) -> tuple[str, str]:
    """
    Give both names of the recording that an episode was taken from: here, and before an import.
    """
    return recording_name(item), taken_together(item)


def recording_name(item: Mapping[str, Any]) -> str:
    """
    Name the recording that an episode was taken from: its hash, and number where there is one.
    """
    sha256, part = recording_of(item)
    return sha256 if part is None else f'{sha256}/{part}'


def identity(item: Mapping[str, Any]) -> str:
    """
    Tell what makes an episode the same as another: its recording, and where it lies in it.
    """
    return str((recording_of(item), item.get('cut'), item.get('seed'), item['frames']))


def read_description(folder: Path) -> dict[str, Any]:
    """
    Read the ``dataset.json`` of a dataset folder.

    :param folder: the dataset folder.
    :return: its content.
    :raises DatasetError: if it is missing or not what this version writes.
    """
    path = folder / DESCRIPTION
    if not path.is_file():
        raise DatasetError(f'{folder} is no dataset: it has no {DESCRIPTION}. Make one with '
                           '`vaa dataset BAGS --out FOLDER`')
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError) as problem:
        raise DatasetError(f'cannot read {path}: {problem}') from problem
    version = values.get('version') if isinstance(values, dict) else None
    if version != DATASET_VERSION:
        raise DatasetError(f'{path}: version {version}, this vaa_ros reads {DATASET_VERSION}; '
                           'make the dataset again')
    for key in ('spec', 'episodes'):
        if key not in values:
            raise DatasetError(f'{path}: missing key {key}. Found: {", ".join(values)}')
    return values


def chunk_table(
    stamp: np.ndarray, episode: np.ndarray, dt_s: float, length: int,
) -> tuple[np.ndarray, np.ndarray]:
    """
    Find, for each frame and step of its chunk, the frame whose action is due then.

    Frames are matched by time, so cameras may be faster or slower than control and may have
    gaps: a step with no frame within half a step is masked.

    :param stamp: stamps (N,), rising within an episode [ns].
    :param episode: episode of each frame (N,), in contiguous runs.
    :param dt_s: time between two actions [s].
    :param length: steps of a chunk.
    :return: frame indices (N, T) int32, masked steps holding the last real one, and the mask
        (N, T) float32.
    """
    count = len(stamp)
    index = np.zeros((count, length), np.int32)
    mask = np.zeros((count, length), np.float32)
    offsets = np.round(np.arange(length) * dt_s * NANOSECONDS).astype(np.int64)
    half = round(dt_s * NANOSECONDS / 2)
    edges = np.flatnonzero(np.diff(episode)) + 1
    for start, stop in zip([0, *edges], [*edges, count], strict=True):
        times = stamp[start:stop]
        wanted = times[:, None] + offsets
        right = np.searchsorted(times, wanted).clip(0, len(times) - 1)
        left = (right - 1).clip(0)
        nearest = np.where(np.abs(times[left] - wanted) < np.abs(times[right] - wanted),
                           left, right)
        real = np.abs(times[nearest] - wanted) <= half
        real[:, 0] = True
        steps = np.where(real, np.arange(length), 0)
        last_real = np.maximum.accumulate(steps, axis=1)
        index[start:stop] = start + np.take_along_axis(nearest, last_real, axis=1)
        mask[start:stop] = real
    return index, mask
