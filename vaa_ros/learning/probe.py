# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Linear probes: what can be read off an embedding by a linear map (Alain and Bengio 2016).

Ridge regression in closed form, cross-validated by whole episodes: frames of one episode look
alike, so a split by frames would let a probe remember instead of read.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaa_ros.core.errors import DatasetError

FOLDS = 5
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
"""Ridge penalties to choose from, relative to the number of frames, for features of unit size."""


@dataclass(frozen=True)
class ProbeResult:
    """
    How well positions can be read off some features.

    :param name: what the features are.
    :param target: what is read off, such as the name of an object.
    :param features: how many numbers a frame has.
    :param r2: share of the variance explained, on episodes that the probe has not seen.
    :param error_m: mean distance from the true position [m].
    :param frames: frames that were probed.
    :param episodes: episodes that they are from.
    """

    name: str
    target: str
    features: int
    r2: float
    error_m: float
    frames: int
    episodes: int


def ridge(features: np.ndarray, targets: np.ndarray, penalty: float) -> np.ndarray:
    """
    Give the weights that minimise |Y - X W|^2 + penalty |W|^2.

    :param features: X (N, F).
    :param targets: Y (N, K).
    :param penalty: the penalty, above 0 where X has not full rank.
    :return: W (F, K).
    """
    gram = features.T @ features
    gram[np.diag_indices_from(gram)] += penalty
    return np.linalg.solve(gram, features.T @ targets)


class LinearProbe:
    """
    A ridge regression on features of zero mean and unit variance, with an intercept.

    :param features: (N, F).
    :param targets: (N, K).
    :param penalty: the penalty, relative to N.
    """

    def __init__(self, features: np.ndarray, targets: np.ndarray, penalty: float) -> None:
        self._middle, spread = features.mean(0), features.std(0)
        self._scale = np.where(spread > 1e-9, spread, 1.0)
        self._offset = targets.mean(0)
        self._weights = ridge(self._normal(features), targets - self._offset,
                              penalty * len(features))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """
        Read targets (n, K) off features (n, F).
        """
        return self._normal(features) @ self._weights + self._offset

    def _normal(self, features: np.ndarray) -> np.ndarray:
        return (features - self._middle) / self._scale


def probe(name: str, features: np.ndarray, targets: np.ndarray, episode: np.ndarray,
          target: str = '', folds: int = FOLDS, seed: int = 0) -> ProbeResult:
    """
    Say how well targets can be read off features, on episodes that the probe has not seen.

    Each fold is predicted by a probe of the others; its penalty is chosen on a fifth of their
    episodes.

    :param name: what the features are.
    :param features: (N, F).
    :param targets: positions (N, K) [m].
    :param episode: episode of each frame (N,).
    :param target: what the targets are.
    :param folds: folds of the cross-validation, fewer where there are not as many episodes.
    :param seed: seed of the folds.
    :return: the figures.
    :raises DatasetError: for fewer than three episodes.
    """
    names = np.unique(episode)
    if len(names) < 3:
        raise DatasetError(f'a probe needs at least 3 episodes, found {len(names)}')
    features = np.asarray(features, np.float64).reshape(len(episode), -1)
    targets = np.asarray(targets, np.float64)
    order = np.random.default_rng(seed).permutation(names)
    found = np.empty_like(targets)
    for fold in range(min(folds, len(names))):
        test = np.isin(episode, order[fold::folds])
        found[test] = _fit(features[~test], targets[~test], episode[~test])(features[test])
    return ProbeResult(name, target, features.shape[1], r_squared(targets, found),
                       float(np.linalg.norm(found - targets, axis=1).mean()), len(episode),
                       len(names))


def r_squared(targets: np.ndarray, found: np.ndarray) -> float:
    """
    Give the share of the variance of targets (N, K) that is explained, over all K together.

    :return: 1 for perfect, 0 for no better than the mean, NaN where nothing varies.
    """
    whole = np.square(targets - targets.mean(0)).sum()
    return float(1 - np.square(targets - found).sum() / whole) if whole > 0 else float('nan')


def _fit(features: np.ndarray, targets: np.ndarray, episode: np.ndarray) -> LinearProbe:
    """
    Fit a probe; the penalty is the one that does best on every fifth episode.
    """
    held = np.isin(episode, np.unique(episode)[::5])
    if held.all():
        return LinearProbe(features, targets, PENALTIES[0])
    errors = [np.square(LinearProbe(features[~held], targets[~held], penalty)(features[held])
                        - targets[held]).sum() for penalty in PENALTIES]
    return LinearProbe(features, targets, PENALTIES[int(np.argmin(errors))])
