# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations by their place in the shared space: to look them up, and to act like the nearest.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.held_out import ask
from vaa_ros.learning.held_out import check_fits
from vaa_ros.learning.held_out import start_of
from vaa_ros.learning.validate import spread
from vaa_ros.policies.base import Policy
from vaa_ros.policies.onnx_policy import OnnxPolicy

MOST_FRAMES = 8192


@dataclass(frozen=True, eq=False)
class Bank:
    """
    Demonstrated moments and where they are in the shared space.

    :param frames: the dataset.
    :param chosen: frame indices in it (N,).
    :param z_vision: embeddings of the scenes (N, E).
    :param z_action: embeddings of the demonstrated chunks (N, E).
    :param chunks: the demonstrated chunks (N, T, D) in physical units, arm joints relative to the
        joint state that they start from where the policy takes them so.
    """

    frames: Frames
    chosen: np.ndarray
    z_vision: np.ndarray
    z_action: np.ndarray
    chunks: np.ndarray

    @property
    def episode(self) -> np.ndarray:
        """
        Give the episode of each moment (N,).
        """
        return np.asarray(self.frames.episode)[self.chosen]


def make_bank(policy: OnnxPolicy, encoder: object, frames: Frames,
              chosen: np.ndarray) -> Bank:
    """
    Embed demonstrated moments.

    :param policy: the policy.
    :param encoder: its action encoder, see ``held_out.load_encoder``.
    :param frames: the dataset.
    :param chosen: frame indices (n,), of which at most ``MOST_FRAMES`` are taken, evenly.
    :return: the bank.
    :raises DatasetError: if the dataset does not fit the policy.
    """
    check_fits(policy.spec, frames)
    chosen = spread(chosen, MOST_FRAMES)
    found = ask(policy, encoder, frames, chosen)
    chunks = found.actual.numpy() - start_of(policy.spec, frames.state[chosen]).numpy()
    return Bank(frames, chosen, found.z_vision.numpy(), found.z_action.numpy(), chunks)


class NeighbourPolicy:
    """
    Does what was done in the most similar scenes (Rep-only control of CLASS, Lee et al. 2025).

    The answer is the mean of the chunks of the nearest demonstrations by cosine of ``z_vision``;
    arm joints start from the present state, as the policy's own do. No action decoder has a say,
    so that success is that of the space alone.

    :param policy: the policy whose eyes are used.
    :param bank: the demonstrations.
    :param neighbours: how many nearest to average.
    :raises ConfigError: if the bank has fewer.
    """

    def __init__(self, policy: Policy, bank: Bank, neighbours: int) -> None:
        if not 1 <= neighbours <= len(bank.chosen):
            raise ConfigError(f'{neighbours} neighbours, but {bank.frames.folder} gives '
                              f'{len(bank.chosen)} demonstrated moments; choose 1 to '
                              f'{len(bank.chosen)}')
        self._policy, self._bank, self._neighbours = policy, bank, neighbours

    @property
    def spec(self) -> PolicySpec:
        """
        Give what the policy sees and does.
        """
        return self._policy.spec

    def reset(self) -> None:
        """
        Forget the past.
        """
        self._policy.reset()

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: what is seen now.
        :return: the mean of what was demonstrated in the nearest scenes.
        :raises ModelError: if the observation does not fit, or the policy has no embeddings.
        """
        own = self._policy.infer(observation)
        if own.z_vision is None:
            raise ModelError(f'policy {self.spec.name!r} has no embedding (output z_vision); only '
                             'aligned policies have neighbours')
        cosine = self._bank.z_vision @ own.z_vision
        nearest = np.argpartition(-cosine, self._neighbours - 1)[:self._neighbours]
        start = start_of(self.spec, np.asarray(observation.state, np.float32)[None]).numpy()[0]
        return ActionChunk(observation.stamp_ns, self._bank.chunks[nearest].mean(0) + start,
                           own.dt_s, z_vision=own.z_vision)
