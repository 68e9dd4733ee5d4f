# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How unlike the known scenes a scene is, and how sure that makes the policy.

A policy judges its own actions kindly in any scene, and its embedding leaves out what did not
matter for acting, so neither the cosine of both nor the embedding alone tells an unknown scene.
What does is how far three views of a frame (:mod:`vaa_ros.core.scene_views`) are from those of
calibration episodes: of colours and of places the Mahalanobis distance (arXiv 1807.03888), of hues
how many times as much there is of one as there ever was.

One frame says little: the score that is judged is the third largest of the last five. Its share
among the calibration frames is the confidence. How high it may become before it is an alarm
follows from the rate of false alarms that a person accepts: peaks above a high level are taken to
have exponential excesses (peaks over threshold, Pickands 1975), which reaches beyond the longest
recording.

The statistics travel in the ONNX file as JSON under the metadata key ``vaa_familiarity``.
"""
from __future__ import annotations

import base64
import binascii
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
import json
import math
from typing import Any

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.scene_views import views
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import frozen_array
from vaa_ros.core.types import Observation

METADATA_KEY = 'vaa_familiarity'
VERSION = 2
WINDOW = 5
NEEDED = 3
"""A score counts when this many of the last :data:`WINDOW` frames reach it."""

MAX_FEATURES = 2048
ARRAYS = ('whole_mean', 'whole_whitening', 'parts_mean', 'parts_whitening')
KEYS = ('version', 'cameras', *ARRAYS, 'hues_most', 'quantiles', 'peak_level', 'peak_excess',
        'peaks_per_hour', 'frames', 'episodes', 'source')


class Smoother:
    """
    Takes the :data:`NEEDED`-th largest of the last :data:`WINDOW` scores.

    One wild frame cannot raise it, and one good frame cannot lower it.
    """

    def __init__(self) -> None:
        self._scores: deque[float] = deque(maxlen=WINDOW)

    def reset(self) -> None:
        """
        Forget every score.
        """
        self._scores.clear()

    def add(self, score: float) -> float:
        """
        Take in a score.

        :param score: the newest; NaN counts as infinitely unlike.
        :return: the smoothed score, NaN before there are enough.
        """
        self._scores.append(math.inf if math.isnan(score) else score)
        if len(self._scores) < NEEDED:
            return math.nan
        return sorted(self._scores, reverse=True)[NEEDED - 1]


@dataclass(frozen=True, eq=False)
class Familiarity:
    """
    What scenes a policy knows: statistics of calibration episodes.

    :param cameras: keys of the cameras, in order.
    :param whole_mean: mean of the first view, see :func:`~vaa_ros.core.scene_views.views` (W,).
    :param whole_whitening: matrix (W, W) that makes what is left of it uncorrelated, its length
        about 1 at the edge of the usual.
    :param parts_mean: mean of the second view (P,).
    :param parts_whitening: the same for it (P, P).
    :param hues_most: the most that there usually is of each hue, the third view (HUES C,), above
        0.
    :param quantiles: smoothed scores of calibration frames at equal steps of probability (Q,).
    :param peak_level: level above which calibration episodes had peaks.
    :param peak_excess: mean height of the peaks above it.
    :param peaks_per_hour: how often there was a peak.
    :param frames: calibration frames behind these figures.
    :param episodes: calibration episodes behind them.
    :param source: where the episodes came from.
    """

    cameras: tuple[str, ...]
    whole_mean: np.ndarray
    whole_whitening: np.ndarray
    parts_mean: np.ndarray
    parts_whitening: np.ndarray
    hues_most: np.ndarray
    quantiles: np.ndarray
    peak_level: float
    peak_excess: float
    peaks_per_hour: float
    frames: int
    episodes: int
    source: str

    def __post_init__(self) -> None:
        object.__setattr__(self, 'cameras', tuple(self.cameras))
        for name in (*ARRAYS, 'hues_most', 'quantiles'):
            object.__setattr__(self, name, frozen_array(getattr(self, name), np.float64))
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f'{name} is not finite')
        for mean, matrix in ((self.whole_mean, self.whole_whitening),
                             (self.parts_mean, self.parts_whitening)):
            size = len(mean) if mean.ndim == 1 else 0
            if not 1 <= size <= MAX_FEATURES or matrix.shape != (size, size):
                raise ValueError(f'mean {mean.shape} and whitening {matrix.shape}, expected (F,) '
                                 f'and (F, F), F 1 to {MAX_FEATURES}')
        if self.hues_most.shape != (HUES * len(self.cameras),) or (self.hues_most <= 0).any():
            raise ValueError(f'hues_most {self.hues_most.shape}, expected {HUES} numbers above 0 '
                             'for each camera')
        if self.quantiles.ndim != 1 or len(self.quantiles) < 2 or (
                np.diff(self.quantiles) < 0).any():
            raise ValueError('quantiles are no rising list of two or more')
        for name in ('peak_level', 'peak_excess', 'peaks_per_hour'):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f'{name} is {getattr(self, name)}, expected 0 or more')

    def score(self, observation: Observation, z_vision: np.ndarray) -> float:
        """
        Say how unlike the known scenes one frame is.

        :param observation: the pictures and joint positions.
        :param z_vision: embedding of the scene (E,).
        :return: the distance of the view that is further off; up to about 1 is usual.
        """
        return float(np.max(self.distances(*views(
            [observation.images[key] for key in self.cameras], z_vision, observation.state))))

    def distances(self, whole: np.ndarray, parts: np.ndarray,
                  hues: np.ndarray) -> tuple[float, float, float]:
        """
        Give the distance of each view.

        :param whole: the first view (W,).
        :param parts: the second view (P,).
        :param hues: the third view (HUES C,).
        :return: the distances, NaN where a view is.
        """
        # In float64, so that no machine comes to another side of the limit.
        return (float(np.linalg.norm(self.whole_whitening @ (whole - self.whole_mean))),
                float(np.linalg.norm(self.parts_whitening @ (parts - self.parts_mean))),
                float(np.max(hues.astype(np.float64) / self.hues_most)))

    def confidence(self, smoothed: float) -> float:
        """
        Say what share of calibration frames was at least as unlike the others.

        :param smoothed: a smoothed score.
        :return: 1 for the most usual scene to 0 for one more unusual than every calibration
            frame; NaN for NaN.
        """
        if math.isnan(smoothed):
            return math.nan
        places = np.linspace(1.0, 0.0, len(self.quantiles))
        # Among equal quantiles the last: beyond them lies what is left.
        index = int(np.searchsorted(self.quantiles, smoothed, side='right'))
        if index in (0, len(places)):
            return 1.0 if index == 0 else 0.0
        low, high = self.quantiles[index - 1], self.quantiles[index]
        share = (smoothed - low) / (high - low)
        return float(places[index - 1] + share * (places[index] - places[index - 1]))

    def threshold(self, false_alarms_per_hour: float) -> float:
        """
        Give the smoothed score that clean episodes exceed this often.

        :param false_alarms_per_hour: the rate accepted, above 0; where it is higher than that of
            the peaks themselves, their level is the answer.
        :return: the limit.
        """
        if not 0 < false_alarms_per_hour < math.inf:
            raise ValueError(f'false alarms an hour are {false_alarms_per_hour}, expected a '
                             'number above 0')
        share = self.peaks_per_hour / false_alarms_per_hour
        return self.peak_level + self.peak_excess * math.log(max(share, 1.0))

    def check_spec(self, spec: PolicySpec, where: str) -> None:
        """
        Refuse statistics of another policy.

        :param spec: the policy's spec.
        :param where: the file's name, for errors.
        :raises ModelError: naming what differs.
        """
        pictures = [np.zeros((camera.height, camera.width, 3), np.uint8)
                    for camera in spec.cameras]
        whole, parts, _ = views(
            pictures, np.zeros(spec.embedding_size), np.zeros(len(spec.joints)))
        ours = (self.cameras, len(self.whole_mean), len(self.parts_mean))
        if ours != (spec.camera_keys, len(whole), len(parts)):
            raise ModelError(f'{where}: {METADATA_KEY} is for cameras {", ".join(self.cameras)} '
                             f'with {ours[1]} and {ours[2]} features, the policy has '
                             f'{", ".join(spec.camera_keys)} with {len(whole)} and {len(parts)}; '
                             'run `vaa calibrate` again')

    def to_json(self) -> str:
        """
        Give the statistics as JSON, arrays in base64.
        """
        values = {name: getattr(self, name) for name in KEYS if name != 'version'}
        for name in (*ARRAYS, 'hues_most'):
            values[name] = base64.b64encode(values[name].astype('<f4').tobytes()).decode()
        values['quantiles'] = [float(f'{value:.6g}') for value in self.quantiles]
        return json.dumps({'version': VERSION, **values}, allow_nan=False)

    @classmethod
    def from_json(cls, text: str, where: str) -> Familiarity:
        """
        Read statistics.

        :param text: what :meth:`to_json` gave.
        :param where: the file's name, for errors.
        :return: the statistics.
        :raises ModelError: if it is not that.
        """
        try:
            values = json.loads(text)
            check_keys(values)
            values = {name: values[name] for name in KEYS if name != 'version'}
            values['hues_most'] = decode(values['hues_most'])
            for view in ('whole', 'parts'):
                mean = decode(values[f'{view}_mean'])
                matrix = decode(values[f'{view}_whitening'])
                # Of another size it cannot be brought into shape, which is a ValueError.
                values[f'{view}_mean'] = mean
                values[f'{view}_whitening'] = matrix.reshape(mean.size, mean.size)
            return cls(**values)
        except (ValueError, TypeError, RecursionError, binascii.Error) as problem:
            raise ModelError(f'{where}: {METADATA_KEY} cannot be read: {problem}; run '
                             '`vaa calibrate` again') from problem


def check_keys(values: Any) -> None:
    """
    Refuse a mapping that is not of this version.

    :param values: what was read.
    :raises ValueError: saying what was found.
    """
    if not isinstance(values, Mapping):
        raise ValueError(f'found {type(values).__name__}, expected a mapping')
    if values.get('version') != VERSION:
        raise ValueError(f'version {values.get("version")!r}, this vaa_ros reads {VERSION}')
    missing = [name for name in KEYS if name not in values]
    if missing:
        raise ValueError(f'missing {", ".join(missing)}')


def decode(text: object) -> np.ndarray:
    """
    Read an array of float32 from base64, (n,).

    :param text: the text.
    :return: the array.
    :raises ValueError: if it is not that.
    """
    if not isinstance(text, str):
        raise ValueError(f'an array is {type(text).__name__}, expected base64 text')
    return np.frombuffer(base64.b64decode(text, validate=True), dtype='<f4')
