# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Teach an exported policy which scenes it knows: statistics of what it saw, into its own file.

The frames come from a dataset, or from episodes that the policy does in the simulator. Half of the
episodes say what is usual, the others how far usual scenes stray from that, since the first would
flatter themselves. The network in the file stays as it is, bit for bit.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import os
from pathlib import Path

import numpy as np

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ExportError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.familiarity import METADATA_KEY
from vaa_ros.core.familiarity import Smoother
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.evaluate import Rollout
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.frames import taken_together
from vaa_ros.learning.frames import TRAIN
from vaa_ros.learning.held_out import check_fits
from vaa_ros.learning.looks import look_at_dataset
from vaa_ros.learning.looks import look_at_rollouts
from vaa_ros.learning.looks import Looks
from vaa_ros.learning.validate import spread
from vaa_ros.policies.base import Policy
from vaa_ros.policies.onnx_file import with_metadata
from vaa_ros.policies.onnx_policy import OnnxPolicy

SMALLEST_COLOUR = 0.5
SMALLEST_SPREAD = 1e-3
"""Spread below which a colour (0 to 255), or an embedding or joint, counts as constant."""

LEVEL = 0.95
"""Quantile of the smoothed score above which peaks are looked at."""

GAP = 15
"""Frames below a level that end a peak: what the watch waits for before it goes on."""

HARDLY_ANY = 5e-4
"""Share of a picture that may have any hue, so that the first pixels of one are nothing new."""

QUANTILES = 101
MOST_FRAMES = 8000
LEAST_EPISODES = 4
ENOUGH_EPISODES = 10
"""Held-out episodes that need no others beside them to say how far usual scenes stray."""


def smooth(scores: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """
    Smooth scores as the watch does, each episode anew.

    :param scores: scores (N,).
    :param episode: number of the episode (N,), in contiguous runs.
    :return: smoothed scores (N,), NaN at the beginnings.
    """
    smoother, smoothed = Smoother(), np.empty(len(scores))
    for index, score in enumerate(scores):
        if index and episode[index] != episode[index - 1]:
            smoother.reset()
        smoothed[index] = smoother.add(float(score))
    return smoothed


def peaks(smoothed: np.ndarray, episode: np.ndarray, level: float, gap: int = GAP) -> np.ndarray:
    """
    Find the peaks above a level; what is nearer than a gap is one peak.

    :param smoothed: smoothed scores (N,), NaN where there is none.
    :param episode: number of the episode (N,), in contiguous runs.
    :param level: the level.
    :param gap: frames below the level that end a peak.
    :return: the highest value of each (P,).
    """
    found: list[float] = []
    last = -1
    for index in np.flatnonzero(smoothed > level):
        if found and index - last <= gap and episode[index] == episode[last]:
            found[-1] = max(found[-1], smoothed[index])
        else:
            found.append(smoothed[index])
        last = index
    return np.array(found)


def tail(smoothed: np.ndarray, episode: np.ndarray, rate_hz: float) -> tuple[float, float, float]:
    """
    Measure how high clean episodes reach.

    :param smoothed: smoothed scores of clean frames (N,).
    :param episode: number of the episode (N,), in contiguous runs.
    :param rate_hz: frames a second.
    :return: a level, the mean excess of the peaks above it, and how many there are an hour.
    """
    known = smoothed[~np.isnan(smoothed)]
    level = float(np.quantile(known, LEVEL))
    high = peaks(smoothed, episode, level)
    hours = len(smoothed) / rate_hz / 3600
    return level, float(np.mean(high - level)) if len(high) else 0.0, len(high) / hours


def whiten(features: np.ndarray, shrinkage: float,
           smallest: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """
    Find what makes features uncorrelated and of unit variance.

    :param features: (N, F).
    :param shrinkage: share of independence mixed into their correlations, so that no direction
        counts as if it never varied.
    :param smallest: least spread that is believed (F,).
    :return: their mean (F,), and the matrix (F, F) for what is left without it.
    """
    features = features.astype(np.float64)
    mean = features.mean(0)
    deviation = np.maximum(features.std(0), smallest)
    normal = (features - mean) / deviation
    correlation = (1 - shrinkage) * (normal.T @ normal) / len(normal)
    correlation[np.diag_indices_from(correlation)] += shrinkage
    return mean, np.linalg.solve(np.linalg.cholesky(correlation), np.diag(1 / deviation))


def fit_view(usual: np.ndarray, other: np.ndarray, episode: np.ndarray, shrinkage: float,
             smallest: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
    """
    Whiten one view, scaled so that usual frames of other episodes stay below 1.

    :param usual: frames that say what is usual (N, F).
    :param other: frames of other episodes (M, F).
    :param episode: their episodes (M,).
    :param shrinkage: see :func:`whiten`.
    :param smallest: see :func:`whiten`.
    :return: mean (F,) and matrix (F, F), as they will be read again.
    """
    mean, whitening = whiten(usual, shrinkage, smallest)
    distance = np.linalg.norm((other - mean) @ whitening.T, axis=1)
    whitening /= np.nanquantile(smooth(distance, episode), LEVEL)
    return mean.astype('<f4'), whitening.astype('<f4')


def most_hues(usual: np.ndarray) -> np.ndarray:
    """
    Give the most that there usually is of each hue.

    Of a few episodes: so what a hue's neighbours had counts for it, too.

    :param usual: hues of usual frames (N, HUES C).
    :return: shares (HUES C,), above 0.
    """
    most = usual.max(0).reshape(-1, HUES)
    beside = np.maximum(np.roll(most, 1, 1), np.roll(most, -1, 1))
    return (np.maximum(most, beside) + HARDLY_ANY).astype('<f4').ravel()


def fit(usual: Looks, other: Looks, spec: PolicySpec, source: str) -> Familiarity:
    """
    Measure which scenes a policy knows.

    :param usual: frames that say what is usual.
    :param other: frames of other episodes, which say how far usual scenes stray.
    :param spec: the policy's spec.
    :param source: where the episodes came from, in words.
    :return: the statistics.
    :raises ModelError: if the other frames are too few to say that.
    """
    least = np.full(usual.parts.shape[1], SMALLEST_COLOUR)
    least[usual.parts.shape[1] - usual.z_vision.shape[1] - len(spec.joints):] = SMALLEST_SPREAD
    arrays = (*fit_view(usual.whole, other.whole, other.episode, 0.01, SMALLEST_COLOUR),
              *fit_view(usual.parts, other.parts, other.episode, 0.1, least),
              most_hues(usual.hues))
    known = Familiarity(spec.camera_keys, *arrays, np.array([0.0, 1.0]), 0.0, 0.0, 0.0, 0, 0,
                        source)
    smoothed = smooth(scores(known, other), other.episode)
    quantiles = np.quantile(smoothed[~np.isnan(smoothed)], np.linspace(0, 1, QUANTILES))
    level, excess, rate = tail(smoothed, other.episode, spec.control_rate_hz)
    judges = len(np.unique(other.episode))
    minutes = len(other.episode) / spec.control_rate_hz / 60
    if rate == 0:
        raise ModelError(f'{judges} episodes of {minutes:.2f} minutes in all are too little to '
                         'say how far usual scenes stray; give more')
    return Familiarity(spec.camera_keys, *arrays, quantiles, level, excess, rate,
                       len(usual.episode) + len(other.episode),
                       len(np.unique(usual.episode)) + judges,
                       f'{source}; limit from {judges} of them, {minutes:.1f} minutes')


def scores(known: Familiarity, looks: Looks) -> np.ndarray:
    """
    Score frames as the watch does (N,).
    """
    return np.array([max(known.distances(*each))
                     for each in zip(looks.whole, looks.parts, looks.hues, strict=True)])


def fit_rollouts(policy: Policy, task: str, seeds: Sequence[int],
                 done: Callable[[Rollout], object] = lambda rollout: None) -> Familiarity:
    """
    Measure which scenes a policy knows, on episodes that it does in the simulator.

    Those that it fails are left out: what it sees when it is lost is nothing usual.

    :param policy: the policy.
    :param task: name of the task.
    :param seeds: one episode each, at least four.
    :param done: told of each episode.
    :return: the statistics.
    :raises ModelError: for fewer successes, or a policy without embeddings.
    """
    if len(seeds) < LEAST_EPISODES:
        raise ModelError(f'{len(seeds)} episodes are too few to calibrate with; give at least '
                         f'{LEAST_EPISODES}')
    won: list[bool] = []

    def take(rollout: Rollout) -> None:
        won.append(rollout.success)
        done(rollout)

    looks = look_at_rollouts(policy, task, seeds, done=take)
    if sum(won) < LEAST_EPISODES:
        raise ModelError(f'the policy did {sum(won)} of {len(won)} episodes of {task}, and what '
                         f'it sees when it fails is not usual: at least {LEAST_EPISODES} '
                         'successes are needed. Give more seeds, or demonstrations (--data)')
    usual, other = looks.select(np.array(won)[looks.episode]).halves()
    return fit(usual, other, policy.spec, f'{sum(won)} of {len(won)} own episodes of {task}, '
               f'seeds {min(seeds)} to {max(seeds)}')


def fit_dataset(policy: Policy, dataset: str | Path) -> Familiarity:
    """
    Measure which scenes a policy knows, on the demonstrations of a dataset.

    The held-out ones say how far usual scenes stray; where they are few, every second recording
    of those to train with does so, too.

    :param policy: the policy.
    :param dataset: the dataset folder.
    :return: the statistics.
    :raises DatasetError: if it cannot be read, does not fit or has too few episodes.
    :raises ModelError: if they are too short.
    """
    frames = Frames(dataset)
    check_fits(policy.spec, frames)
    usual, other = ([number for number, item in enumerate(frames.episodes)
                     if item['split'] == name] for name in (TRAIN, HELD_OUT))
    if len(frames.episodes) < LEAST_EPISODES or not usual:
        raise DatasetError(f'{dataset} has {len(frames.episodes)} episodes, {len(usual)} of them '
                           f'to train with; expected at least {LEAST_EPISODES} and 1')
    if len(other) < ENOUGH_EPISODES:
        usual, more = every_second(frames, usual)
        other = sorted([*other, *more])
    where = np.asarray(frames.episode)
    return fit(look_at_dataset(policy, frames, spread(
        np.flatnonzero(np.isin(where, usual)), MOST_FRAMES)),
        look_at_dataset(policy, frames, np.flatnonzero(np.isin(where, other))), policy.spec,
        f'{len(frames.episodes)} demonstrations of {Path(dataset).name}')


def every_second(frames: Frames, episodes: Sequence[int]) -> tuple[list[int], list[int]]:
    """
    Divide episodes by every second recording; of a single one by every second episode.

    :param frames: the dataset.
    :param episodes: their numbers.
    :return: numbers of both halves.
    """
    whole = [taken_together(frames.episodes[number]) for number in episodes]
    place = {name: turn for turn, name in enumerate(dict.fromkeys(whole))}
    turns = [place[name] for name in whole] if len(place) > 1 else range(len(episodes))
    first, second = ([number for number, turn in zip(episodes, turns, strict=True)
                      if turn % 2 == half] for half in (0, 1))
    return first, second


def store(model: str | Path, known: Familiarity, output: str | Path) -> int:
    """
    Write a model with statistics of the scenes that it knows; the file appears whole or not.

    :param model: the ``.onnx`` file.
    :param known: the statistics.
    :param output: the file to write, which may be the same.
    :return: the size of the new file [bytes].
    :raises ExportError: if it cannot be written or used.
    """
    path = Path(output)
    partial = path.with_name(f'.{path.stem}.partial.onnx')
    try:
        partial.write_bytes(with_metadata(Path(model).read_bytes(), METADATA_KEY,
                                          known.to_json()))
        OnnxPolicy(partial)
        os.replace(partial, path)
        return path.stat().st_size
    except OSError as problem:
        raise ExportError(f'cannot write {path}: {problem}') from problem
    except ModelError as problem:
        raise ExportError(f'{path}: not written: {problem}') from problem
    finally:
        partial.unlink(missing_ok=True)
