# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Watches what a policy sees while the arm runs: first slow, then hold, then go on.

Two things are unusual: a scene whose score is above the limit for the accepted rate of false
alarms, and a camera whose picture stays the same bit by bit while the arm moves. While something
is unusual the arm is slowed; when it still is after ``hold_after_s``, the arm holds; when nothing
was unusual for ``recover_after_s``, it goes on. Time is passed in.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.familiarity import Smoother
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation

OFF = 'off'
SURE = 'sure'
SLOWED = 'slowed'
HELD = 'held'

FROZEN_FRAMES = 6
FROZEN_TRAVEL = 0.05
"""Way of a joint [rad] during which a picture of a live camera cannot stay the same."""


@dataclass(frozen=True)
class WatchOptions:
    """
    What a person may choose about the watch.

    :param enabled: whether to watch at all.
    :param false_alarms_per_hour: how often clean running may be called unusual.
    :param slow_factor: fraction of the allowed speed while something is unusual.
    :param hold_after_s: how long it must stay unusual before the arm holds [s].
    :param recover_after_s: how long it must be usual again before the arm goes on [s].
    :param frozen_frames: how often a picture may come again bit by bit while the arm moves.
    :raises ConfigError: if an option is out of range.
    """

    enabled: bool = True
    false_alarms_per_hour: float = 0.001
    slow_factor: float = 0.2
    hold_after_s: float = 0.2
    recover_after_s: float = 0.5
    frozen_frames: int = FROZEN_FRAMES

    def __post_init__(self) -> None:
        if not 0 < self.false_alarms_per_hour < math.inf:
            raise ConfigError(f'false_alarms_per_hour is {self.false_alarms_per_hour}, expected '
                              'a number above 0')
        if not 0 < self.slow_factor <= 1:
            raise ConfigError(f'slow_factor is {self.slow_factor}, expected a fraction above 0 '
                              'and up to 1')
        if self.frozen_frames < 1:
            raise ConfigError(f'frozen_frames is {self.frozen_frames}, expected 1 or more')
        for name in ('hold_after_s', 'recover_after_s'):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f'{name} is {getattr(self, name)}, expected 0 or a time in '
                                  'seconds')


class FrozenCameras:
    """
    Finds cameras that repeat one picture under new stamps while the arm moves.

    :param joints: indices of the joints whose motion cameras must see; grippers are left out,
        because fingers may be hidden.
    :param frames: how often a picture may come again.
    """

    def __init__(self, joints: Sequence[int], frames: int = FROZEN_FRAMES) -> None:
        self._joints = list(joints)
        self._frames = frames
        self.reset()

    def reset(self) -> None:
        """
        Forget every picture.
        """
        self._seen: dict[str, tuple[np.ndarray, np.ndarray, int]] = {}

    @property
    def repeats(self) -> int:
        """
        Give how often the picture that repeats most came again until now.
        """
        return max((count for _, _, count in self._seen.values()), default=0)

    def add(self, observation: Observation) -> str:
        """
        Look at an observation.

        :param observation: the newest one.
        :return: which camera is frozen, as a sentence, or nothing.
        """
        state = np.asarray(observation.state, dtype=np.float64)[self._joints]
        problems = []
        for key, picture in observation.images.items():
            before = self._seen.get(key)
            if before is None or not np.array_equal(before[0], picture):
                self._seen[key] = (picture, state, 0)
                continue
            first, start, count = before
            self._seen[key] = (first, start, count + 1)
            travel = float(np.abs(state - start).max(initial=0.0))
            if count + 1 >= self._frames and travel > FROZEN_TRAVEL:
                problems.append(f'camera {key} is frozen: its picture has not changed while the '
                                f'arm moved {travel:.2f} rad')
        return '; '.join(problems)


class SceneWatch:
    """
    Judges each answer of a policy together with what it was about.

    :param joints: indices of the joints whose motion cameras must see.
    :param options: what was chosen.
    """

    def __init__(self, joints: Sequence[int], options: WatchOptions | None = None) -> None:
        self.options = options or WatchOptions()
        self.alarms = 0
        """How often the arm was slowed."""
        self.holds = 0
        """How often it was held."""
        self._cameras = FrozenCameras(joints, self.options.frozen_frames)
        self._smoother = Smoother()
        self.reset()

    def reset(self) -> None:
        """
        Start anew: nothing is unusual.
        """
        self.level = SURE if self.options.enabled else OFF
        self.confidence = math.nan
        self.reason = ''
        self._cameras.reset()
        self._smoother.reset()
        self._since_ns: int | None = None
        self._usual_ns: int | None = None

    @property
    def slowed(self) -> bool:
        """
        Tell whether the arm may only move slowly.
        """
        return self.level == SLOWED

    @property
    def repeats(self) -> int:
        """
        Give how often the picture that repeats most came again until now.
        """
        return self._cameras.repeats

    @property
    def problem(self) -> str:
        """
        Say why the arm must hold, or nothing.
        """
        return self.reason if self.level == HELD else ''

    def update(
        self, now_ns: int, familiarity: Familiarity | None, observation: Observation,
        chunk: ActionChunk,
    ) -> None:
        """
        Judge an answer.

        :param now_ns: a clock that does not jump [ns].
        :param familiarity: what scenes the policy knows, or None: then its confidence is unknown
            and only frozen cameras are found.
        :param observation: what the policy was asked about.
        :param chunk: its answer.
        """
        if not self.options.enabled:
            return
        unusual = self._unlike(familiarity, observation, chunk)
        frozen = self._cameras.add(observation)
        self._step(now_ns, '; '.join(text for text in (unusual, frozen) if text))

    def _unlike(self, familiarity: Familiarity | None, observation: Observation,
                chunk: ActionChunk) -> str:
        if familiarity is None or chunk.z_vision is None:
            self.confidence = math.nan
            return ''
        smoothed = self._smoother.add(familiarity.score(observation, chunk.z_vision))
        self.confidence = familiarity.confidence(smoothed)
        limit = familiarity.threshold(self.options.false_alarms_per_hour)
        # Too few frames to say compare as false, like NaN does.
        if not smoothed > limit:
            return ''
        return (f'the scene is unlike those that the policy was calibrated with: score '
                f'{smoothed:.2f}, limit {limit:.2f}')

    def _step(self, now_ns: int, unusual: str) -> None:
        if unusual:
            self._usual_ns = None
            if self._since_ns is None or now_ns < self._since_ns:
                self._since_ns = now_ns
            if self.level == SURE:
                self.level = SLOWED
                self.alarms += 1
            long_ns = round(self.options.hold_after_s * NANOSECONDS)
            if self.level == SLOWED and now_ns - self._since_ns >= long_ns:
                self.level = HELD
                self.holds += 1
            self.reason = unusual
            return
        if self.level == SURE:
            return
        if self._usual_ns is None or now_ns < self._usual_ns:
            self._usual_ns = now_ns
        usual_ns = now_ns - self._usual_ns
        wanted_ns = round(self.options.recover_after_s * NANOSECONDS)
        if usual_ns >= wanted_ns:
            self.level, self.reason = SURE, ''
            self._since_ns = self._usual_ns = None
            return
        self.reason = (f'the scene is usual again for {usual_ns / NANOSECONDS:.2f} s, going on '
                       f'after {wanted_ns / NANOSECONDS:.2f} s')
