# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Everything that unseen demonstrations tell about an exported policy, from its file alone.

Action errors, retrieval, the quality of the space, probes for what its embedding knows, a map of
it, and what it finds for some moments.
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from vaa_ros.alignment.embedding import chunk_distances
from vaa_ros.alignment.metrics import errors_along
from vaa_ros.alignment.metrics import NEAR
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import identity
from vaa_ros.learning.held_out import ask
from vaa_ros.learning.held_out import MOST_FRAMES
from vaa_ros.learning.held_out import start_of
from vaa_ros.learning.held_out import unseen_frames
from vaa_ros.learning.neighbours import Bank
from vaa_ros.learning.object_poses import object_positions
from vaa_ros.learning.probe import probe
from vaa_ros.learning.probe import ProbeResult
from vaa_ros.learning.validate import Answers
from vaa_ros.learning.validate import judge
from vaa_ros.learning.validate import spread
from vaa_ros.policies.onnx_policy import OnnxPolicy

MAP_FRAMES = 500
MOMENTS = 6
NEAREST = 3
MOST_BAGS = 128
"""Episodes whose recordings are opened for the probes; each takes a moment."""

PIXELS = (16, 12)
"""Width and height of the pictures that the baseline probe reads."""


@dataclass(frozen=True, eq=False)
class EmbeddingMap:
    """
    The shared space in two dimensions: its two directions of most variance (PCA).

    :param vision: scenes (N, 2).
    :param action: their chunks (N, 2).
    :param progress: how far the episode has come at each, 0 to 1 (N,).
    :param explained: share of the variance along each direction (2,).
    """

    vision: np.ndarray
    action: np.ndarray
    progress: np.ndarray
    explained: np.ndarray


@dataclass(frozen=True, eq=False)
class Neighbour:
    """
    A demonstrated moment that was found for a scene.

    :param episode: name of the recording.
    :param time_s: time since its first frame [s].
    :param similarity: cosine of the scene asked about and the chunk demonstrated here.
    :param near: whether the chunk is within the tolerance of the right one.
    :param picture: what was seen here, cameras side by side (H, W, 3) uint8.
    :param chunk: what was done here (T, D), as :class:`Bank` holds it.
    """

    episode: str
    time_s: float
    similarity: float
    near: bool
    picture: np.ndarray
    chunk: np.ndarray


@dataclass(frozen=True, eq=False)
class Moment:
    """
    An unseen moment, and the demonstrations whose chunks are nearest to its scene.

    :param episode: name of the recording.
    :param time_s: time since its first frame [s].
    :param picture: what was seen, cameras side by side (H, W, 3) uint8.
    :param chunk: what was done (T, D), as :class:`Bank` holds it.
    :param predicted: what the policy would have done (T, D), likewise.
    :param similarity: cosine of scene and the chunk that was really done.
    :param neighbours: the nearest demonstrations, each of another episode.
    """

    episode: str
    time_s: float
    picture: np.ndarray
    chunk: np.ndarray
    predicted: np.ndarray
    similarity: float
    neighbours: tuple[Neighbour, ...]


@dataclass(frozen=True, eq=False)
class Study:
    """
    What unseen demonstrations tell about a policy.

    :param dataset: the dataset folder.
    :param frames: frames that the policy was asked about.
    :param episodes: episodes that they are from.
    :param figures: what ``judge`` gives.
    :param along: errors along the chunk, see ``errors_along``.
    :param probes: what can be read off; empty with ``probe_problem``.
    :param probe_problem: why nothing was probed.
    :param space: the map.
    :param moments: what is found for some moments.
    :param bank: which demonstrations these were looked up in.
    :param action_names: names of the action elements.
    """

    dataset: Path
    frames: int
    episodes: int
    figures: dict[str, float]
    along: dict[str, list[float]]
    probes: tuple[ProbeResult, ...]
    probe_problem: str
    space: EmbeddingMap
    moments: tuple[Moment, ...]
    bank: str
    action_names: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """
        Give the figures for machines; pictures and the map are left out.
        """
        return {
            'dataset': self.dataset, 'frames': self.frames, 'episodes': self.episodes,
            **self.figures, 'along_chunk': self.along,
            'probes': [asdict(each) for each in self.probes],
            **({'probe_problem': self.probe_problem} if self.probe_problem else {}),
            'map_explained': self.space.explained.tolist(), 'bank': self.bank,
            'moments': [
                {'episode': moment.episode, 'time_s': moment.time_s,
                 'similarity': moment.similarity, 'nearest': [
                     {'episode': each.episode, 'time_s': each.time_s,
                      'similarity': each.similarity, 'near_enough': each.near}
                     for each in moment.neighbours]}
                for moment in self.moments]}


def study(policy: OnnxPolicy, encoder: object, dataset: str | Path, bank: Bank | None = None,
          say: Callable[[str], object] = lambda what: None) -> Study:
    """
    Ask an exported policy about demonstrations that it has not seen.

    :param policy: the policy.
    :param encoder: its action encoder, see ``held_out.load_encoder``.
    :param dataset: the dataset folder; episodes of recordings that the policy was trained with
        are left out.
    :param bank: demonstrations to look up neighbours in; None takes the other unseen episodes.
    :param say: told what is done next.
    :return: what came of it.
    :raises DatasetError: if the dataset cannot be read, is of another kind, or has no episode
        for this.
    """
    frames = Frames(dataset)
    unseen = unseen_frames(policy, frames)
    chosen = spread(unseen, MOST_FRAMES)
    count = len(np.unique(np.asarray(frames.episode)[unseen]))
    say(f'asking about {len(chosen)} frames of {count} unseen episodes, of '
        f'{len(frames.episodes)} in {dataset}')
    found = ask(policy, encoder, frames, chosen)
    say('probing')
    probes, problem = probe_positions(frames, chosen, found)
    asked = Bank(frames, chosen, found.z_vision.numpy(), found.z_action.numpy(),
                 found.actual.numpy() - start_of(policy.spec, frames.state[chosen]).numpy())
    names = policy.spec.action.names
    return Study(
        Path(dataset), len(chosen), len(np.unique(found.episode)), judge(found, policy.spec),
        errors_along(policy.spec, found.predicted, found.actual, found.mask), probes, problem,
        map_space(asked.z_vision, asked.z_action, progress(frames, chosen)),
        look_up(asked, found, policy, asked if bank is None else bank),
        'the other unseen episodes' if bank is None else str(bank.frames.folder), names)


def probe_positions(frames: Frames, chosen: np.ndarray,
                    found: Answers) -> tuple[tuple[ProbeResult, ...], str]:
    """
    Read the positions of the simulator's objects off ``z_vision``, pixels and joints.

    :param frames: the dataset.
    :param chosen: frame indices (N,).
    :param found: what the policy said about them.
    :return: the probes, and why there are none.
    """
    some = np.flatnonzero(np.isin(found.episode, spread(np.unique(found.episode), MOST_BAGS)))
    try:
        known, positions = object_positions(frames, chosen[some])
        known = some[known]
        rows = chosen[known]
        pixels = np.concatenate([small_pictures(values, rows)
                                 for values in frames.images.values()], axis=1)
        read = {'z_vision': found.z_vision.numpy()[known],
                f'pixels, {PIXELS[0]} x {PIXELS[1]} a camera': pixels,
                'joint state': frames.state[rows]}
        return tuple(probe(name, features, values, found.episode[known], target)
                     for target, values in positions.items()
                     for name, features in read.items()), ''
    except (BagError, DatasetError) as problem:
        return (), str(problem)


def small_pictures(pictures: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """
    Shrink pictures (M, H, W, 3) by averaging: (N, 3 * pixels), 0 to 1.
    """
    return np.stack([cv2.resize(pictures[row], PIXELS, interpolation=cv2.INTER_AREA).ravel()
                     for row in rows]).astype(np.float64) / 255


def progress(frames: Frames, chosen: np.ndarray) -> np.ndarray:
    """
    Tell how far the episode has come at frames: 0 at its first to 1 at its last (N,).
    """
    episode = np.asarray(frames.episode)
    starts = np.searchsorted(episode, episode[chosen], side='left')
    ends = np.searchsorted(episode, episode[chosen], side='right')
    return (chosen - starts) / np.maximum(ends - starts - 1, 1)


def map_space(z_vision: np.ndarray, z_action: np.ndarray,
              how_far: np.ndarray) -> EmbeddingMap:
    """
    Lay the space out in two dimensions, by principal components of both sides together.

    :param z_vision: scenes (N, E).
    :param z_action: their chunks (N, E).
    :param how_far: progress in the episode (N,).
    :return: the map, of at most ``MAP_FRAMES`` of them.
    """
    both = np.concatenate((z_vision, z_action)).astype(np.float64)
    middle = both.mean(0)
    _, sizes, axes = np.linalg.svd(both - middle, full_matrices=False)
    shown = spread(np.arange(len(z_vision)), MAP_FRAMES)
    explained = np.square(sizes) / max(np.square(sizes).sum(), 1e-30)
    return EmbeddingMap((z_vision[shown] - middle) @ axes[:2].T,
                        (z_action[shown] - middle) @ axes[:2].T, how_far[shown], explained[:2])


def look_up(asked: Bank, found: Answers, policy: OnnxPolicy, bank: Bank,
            count: int = MOMENTS) -> tuple[Moment, ...]:
    """
    Look up what was demonstrated in the scenes most like some unseen moments.

    :param asked: the unseen frames.
    :param found: what the policy said about them.
    :param policy: the policy.
    :param bank: the demonstrations.
    :param count: how many moments, each of another episode and further on in it.
    :return: the moments.
    """
    how_far, episode = progress(asked.frames, asked.chosen), asked.episode
    names = spread(np.unique(episode), count)
    tolerance = near_distance(found)
    moments = []
    for place, name in enumerate(names):
        rows = np.flatnonzero(episode == name)
        row = int(rows[np.abs(how_far[rows] - (place + 0.5) / len(names)).argmin()])
        state = asked.frames.state[asked.chosen[row]][None]
        predicted = found.predicted[row].numpy() - start_of(policy.spec, state).numpy()[0]
        unit = np.array(policy.spec.normalisation['action_scale'], np.float32)
        moments.append(Moment(
            *describe(asked, row), asked.chunks[row], predicted,
            float(asked.z_vision[row] @ asked.z_action[row]),
            nearest(asked, row, bank, unit, tolerance)))
    return tuple(moments)


def nearest(asked: Bank, row: int, bank: Bank, unit: np.ndarray,
            tolerance: float) -> tuple[Neighbour, ...]:
    """
    Find the demonstrations whose chunks are nearest to a scene, the best of each episode.

    :param asked: the unseen frames.
    :param row: which of them.
    :param bank: the demonstrations; the episode asked about is left out of them.
    :param unit: scale of the action elements (T, D).
    :param tolerance: mean absolute difference, in these units, that is near enough.
    :return: the nearest.
    """
    cosine, taken = bank.z_action @ asked.z_vision[row], []
    episode = bank.episode
    own = identity(asked.frames.episodes[asked.episode[row]])
    found: list[Neighbour] = []
    for place in np.argsort(-cosine, kind='stable'):
        if episode[place] in taken or identity(bank.frames.episodes[episode[place]]) == own:
            continue
        taken.append(episode[place])
        distance = np.abs((bank.chunks[place] - asked.chunks[row]) / unit).mean()
        found.append(Neighbour(
            *describe(bank, int(place))[:2], float(cosine[place]), bool(distance <= tolerance),
            describe(bank, int(place))[2], bank.chunks[place]))
        if len(found) == NEAREST:
            break
    return tuple(found)


def near_distance(found: Answers) -> float:
    """
    Give the 5 % quantile of the distances of demonstrated chunks, in normal units.
    """
    some = spread(np.arange(len(found.relative)), MAP_FRAMES)
    distances = chunk_distances(found.relative[some])
    others = distances[~torch.eye(len(distances), dtype=torch.bool)]
    return float(torch.quantile(others, NEAR))


def describe(bank: Bank, row: int) -> tuple[str, float, np.ndarray]:
    """
    Give the episode's name, the time in it [s] and the pictures side by side of a moment.
    """
    frames, frame = bank.frames, int(bank.chosen[row])
    episode = np.asarray(frames.episode)
    first = int(np.searchsorted(episode, episode[frame], side='left'))
    pictures = [np.array(values[frame]) for values in frames.images.values()]
    rows = min(picture.shape[0] for picture in pictures)
    return (Path(frames.episodes[episode[frame]]['bag']).name,
            float(frames.stamp[frame] - frames.stamp[first]) / NANOSECONDS,
            np.concatenate([picture[:rows] for picture in pictures], axis=1))
