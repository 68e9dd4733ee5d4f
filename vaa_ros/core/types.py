# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What flows between the parts: joint states, observations and action chunks.

All are frozen, and joint states and action chunks make their arrays read-only, so that a value
may be shared by threads. The pictures of an observation are not copied: do not write to them.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

import numpy as np

NANOSECONDS = 1_000_000_000


def frozen_array(values: object, dtype: object) -> np.ndarray:
    """
    Give ``values`` as a read-only array.

    :param values: anything that numpy makes an array of.
    :param dtype: the element type wanted.
    :return: the same data, not writable through this reference.
    """
    array = np.asarray(values, dtype=dtype).view()
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class JointState:
    """
    Joint positions at one instant.

    :param stamp_ns: capture time [ns].
    :param names: joint names, in the order of the arrays.
    :param position: positions (n,) [rad or m].
    :param velocity: velocities (n,) [rad/s or m/s], or None where not measured.
    """

    stamp_ns: int
    names: tuple[str, ...]
    position: np.ndarray
    velocity: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'names', tuple(self.names))
        for name in ('position', 'velocity'):
            value = getattr(self, name)
            if value is None:
                continue
            value = frozen_array(value, np.float64)
            if value.shape != (len(self.names),):
                raise ValueError(f'{name} has shape {value.shape}, expected '
                                 f'({len(self.names)},) to match the joint names')
            object.__setattr__(self, name, value)


@dataclass(frozen=True, eq=False)
class Past:
    """
    The frames before an observation, of the same episode.

    :param first_ns: stamp of the episode's first frame, kept or not [ns].
    :param frames: stamps [ns] and pictures by camera key of the last frames, oldest first.
    """

    first_ns: int
    frames: tuple[tuple[int, Mapping[str, np.ndarray]], ...]


@dataclass(frozen=True, eq=False)
class Observation:
    """
    What a policy sees at one instant.

    :param stamp_ns: capture time of the reference (first) camera [ns].
    :param images: one rgb picture a camera key, (H, W, 3) uint8, at policy size.
    :param state: joint positions in spec order (S,) float32 [rad or m].
    :param past: the frames before, for policies that see some of them, or None where they are
        not known.
    :param instruction: what is asked for, empty for nothing.
    :param sources: stamps of what it was made of, by camera key and ``joint_states`` [ns]; empty
        where they are not known.
    """

    stamp_ns: int
    images: Mapping[str, np.ndarray]
    state: np.ndarray
    past: Past | None = None
    instruction: str = ''
    sources: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ActionChunk:
    """
    A short sequence of actions for one observation.

    ``actions[i]`` is the command to issue at ``stamp_ns + i * dt_s``.

    :param stamp_ns: stamp of the observation that it answers [ns].
    :param actions: commands (T, D) float32 in physical units.
    :param dt_s: time between two actions [s].
    :param scale: the policy's own error scale (T, D) in the same units, or None.
    :param z_vision: unit embedding of the scene (E,), or None.
    :param z_action: unit embedding of ``actions`` (E,), or None.
    """

    stamp_ns: int
    actions: np.ndarray
    dt_s: float
    scale: np.ndarray | None = None
    z_vision: np.ndarray | None = None
    z_action: np.ndarray | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, 'actions', frozen_array(self.actions, np.float32))
        if self.actions.ndim != 2 or self.actions.shape[0] == 0:
            raise ValueError(f'actions have shape {self.actions.shape}, expected (T, D), T >= 1')
        if not self.dt_s > 0:
            raise ValueError(f'dt_s is {self.dt_s}, expected a positive time in seconds')

    @property
    def alignment(self) -> float:
        """
        Cosine between the scene and the predicted actions in the shared space.

        :return: a value in [-1, 1], or NaN for a policy without embeddings.
        """
        if self.z_vision is None or self.z_action is None:
            return float('nan')
        return float(np.dot(self.z_vision, self.z_action))
