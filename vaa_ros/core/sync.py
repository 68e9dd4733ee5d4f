# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Streams of pictures and joint states to observations.

The live policy and the offline dataset both build their observations here, and the choice
depends on stamps alone, never on the order of arrival: that keeps training and running the same.
"""
from __future__ import annotations

from collections import deque

import numpy as np

from vaa_ros.core.history import ObservationHistory
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import JointState
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation

FRAMES_KEPT = 8
JOINT_STATES_KEPT = 256
CLOCK_RESET_NS = NANOSECONDS
JOINTS = 'joint_states'


class ObservationSync:
    """
    Pairs the newest pictures and joint states by stamp.

    The reference is the first camera of the spec. For one of its frames, every other camera
    gives its nearest frame within ``max_skew_s``, and the joints their newest state that is not
    newer than the frame and at most ``max_joint_lag_s`` older. Keep ``max_skew_s`` below half a
    camera period, so that there is one nearest frame, whichever arrives first.

    Not thread-safe: the caller holds a lock.

    :param spec: the policy whose cameras and joints are wanted.
    :param max_skew_s: largest distance in time of two cameras' frames [s].
    :param max_joint_lag_s: largest age of the joint state at the reference frame [s].
    """

    def __init__(
        self, spec: PolicySpec, max_skew_s: float = 0.016, max_joint_lag_s: float = 0.1,
    ) -> None:
        self._spec = spec
        self._max_skew_ns = round(max_skew_s * NANOSECONDS)
        self._max_joint_lag_ns = round(max_joint_lag_s * NANOSECONDS)
        self.rejected = 0
        """Frames and states not taken: out of order, or joints missing or not finite."""
        self._joint_problem = ''
        self._history = ObservationHistory()
        self.reset()

    def reset(self) -> None:
        """
        Forget everything received so far.
        """
        self._frames: dict[str, deque[tuple[int, np.ndarray]]] = {
            key: deque(maxlen=FRAMES_KEPT) for key in self._spec.camera_keys}
        self._states: deque[tuple[int, np.ndarray]] = deque(maxlen=JOINT_STATES_KEPT)
        self._latest: Observation | None = None
        self._history.reset()

    def push_image(self, key: str, stamp_ns: int, rgb: np.ndarray) -> bool:
        """
        Take a picture.

        :param key: the camera's key.
        :param stamp_ns: its capture time [ns].
        :param rgb: the picture at policy size (H, W, 3) uint8.
        :return: whether it was new; a repeated or older stamp is not taken.
        :raises ValueError: if the size is not the policy's.
        """
        camera = self._spec.camera(key)
        if rgb.shape != (camera.height, camera.width, 3):
            raise ValueError(f'picture of {key} has shape {rgb.shape}, the policy expects '
                             f'({camera.height}, {camera.width}, 3)')
        if not self._follows(self._frames[key], stamp_ns):
            return False
        self._frames[key].append((stamp_ns, rgb))
        return True

    def in_order(self, state: JointState) -> tuple[np.ndarray | None, str]:
        """
        Give the positions of a state in the order of the spec.

        :param state: the state, in any order and with any further joints.
        :return: positions (S,) [rad or m]; or None, and why it cannot be used.
        """
        index = {name: i for i, name in enumerate(state.names)}
        absent = [name for name in self._spec.joint_names if name not in index]
        if absent:
            return None, (f'has no {", ".join(absent)}; it has '
                          f'{", ".join(state.names) or "no joints"}')
        values = state.position[[index[name] for name in self._spec.joint_names]]
        if not np.isfinite(values).all():
            return None, 'holds a position that is not finite'
        return values, ''

    def push_joints(self, state: JointState) -> bool:
        """
        Take a joint state; its joints are matched by name, others are left out.

        :param state: the state, in any order and with any further joints.
        :return: whether it was taken; :meth:`missing` tells why the last one was not.
        """
        values, problem = self.in_order(state)
        self._joint_problem = f'joint_states {problem}' if problem else ''
        if values is None:
            self.rejected += 1
            return False
        if not self._follows(self._states, state.stamp_ns):
            return False
        self._states.append((state.stamp_ns, values.astype(np.float32)))
        return True

    def latest(self, exact_joints: bool = False) -> Observation | None:
        """
        Give the newest complete observation.

        :param exact_joints: wait for the joint state that is as new as the frame (lockstep).
        :return: the observation; the same object until there is a newer one, None before the
            first.
        """
        for stamp_ns, picture in reversed(self._frames[self._spec.camera_keys[0]]):
            if self._latest is not None and stamp_ns <= self._latest.stamp_ns:
                break
            images = {self._spec.camera_keys[0]: picture}
            sources = {self._spec.camera_keys[0]: stamp_ns}
            for key in self._spec.camera_keys[1:]:
                frame = min(self._frames[key], key=lambda item: abs(item[0] - stamp_ns),
                            default=None)
                if frame is not None and abs(frame[0] - stamp_ns) <= self._max_skew_ns:
                    sources[key], images[key] = frame
            state = self._state_at(stamp_ns, exact_joints)
            if state is not None and len(images) == len(self._frames):
                sources[JOINTS], values = state
                self._latest = self._history.add(
                    Observation(stamp_ns, images, values, sources=sources))
                break
        return self._latest

    def stamps(self) -> dict[str, int | None]:
        """
        Give the newest stamp of each input.

        :return: camera keys and ``joint_states`` to their newest stamp [ns], or None.
        """
        streams = {**self._frames, JOINTS: self._states}
        return {key: stream[-1][0] if stream else None for key, stream in streams.items()}

    def unpaired(self) -> tuple[float, str]:
        """
        Say how far the newest picture of the first camera is ahead of the newest observation.

        :return: the time [s], and what is not near that picture in time.
        """
        first = self._spec.camera_keys[0]
        if self._latest is None or not self._frames[first]:
            return 0.0, ''
        newest_ns = self._frames[first][-1][0]
        reasons = []
        for key in self._spec.camera_keys[1:]:
            away_ns = min((abs(frame[0] - newest_ns) for frame in self._frames[key]), default=0)
            if away_ns > self._max_skew_ns:
                reasons.append(
                    f'cameras {first} and {key} are {away_ns / NANOSECONDS:.3f} s apart (bound '
                    f'{self._max_skew_ns / NANOSECONDS:g} s)')
        if self._state_at(newest_ns, False) is None:
            reasons.append(f'joint_states has no state within '
                           f'{self._max_joint_lag_ns / NANOSECONDS:g} s before it')
        ahead_s = (newest_ns - self._latest.stamp_ns) / NANOSECONDS
        return ahead_s, f'no observation for {ahead_s:.2f} s: {"; ".join(reasons)}'

    def missing(self) -> list[str]:
        """
        Say what keeps the first observation from being complete.

        :return: a sentence an input, empty when there is an observation.
        """
        if self._latest is not None:
            return []
        problems = [f'no picture from vision/{key} yet'
                    for key, frames in self._frames.items() if not frames]
        if self._joint_problem:
            problems.append(self._joint_problem)
        elif not self._states:
            problems.append('no joint_states yet')
        return problems or ['cameras and joint_states have no stamps in common: '
                            'check that they use the same clock']

    def _follows(self, stream: deque, stamp_ns: int) -> bool:
        """
        Tell whether a stamp may be appended; starts anew when the clock was set back.
        """
        if not stream or stamp_ns > stream[-1][0]:
            return True
        if stamp_ns < stream[-1][0] - CLOCK_RESET_NS:
            self.reset()
            return True
        self.rejected += stamp_ns < stream[-1][0]
        return False

    def _state_at(self, stamp_ns: int, exact: bool) -> tuple[int, np.ndarray] | None:
        """
        Find the joint state for a frame: its stamp and values (S,) float32, or None.
        """
        if exact and (not self._states or self._states[-1][0] < stamp_ns):
            return None
        for state_ns, values in reversed(self._states):
            if state_ns <= stamp_ns:
                near = stamp_ns - state_ns <= self._max_joint_lag_ns
                return (state_ns, values) if near else None
        return None
