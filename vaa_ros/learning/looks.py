# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a policy sees and answers, frame by frame, in the simulator or in a dataset.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.scene_views import views
from vaa_ros.core.scene_watch import FrozenCameras
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.evaluate import Driver
from vaa_ros.learning.evaluate import Rollout
from vaa_ros.learning.frames import Frames
from vaa_ros.policies.base import Policy
from vaa_ros.sim.disturbances import DisturbedSimulation
from vaa_ros.sim.disturbances import Plan

LINGER_S = 0.5


@dataclass(frozen=True, eq=False)
class Looks:
    """
    What a policy saw and answered, frame by frame.

    :param z_vision: embeddings of the scenes (N, E).
    :param z_action: embeddings of its answers (N, E).
    :param whole: mean colours of whole pictures (N, W), see ``core.scene_views``.
    :param parts: coarse pictures, embedding and joints (N, P).
    :param hues: how much of each picture has each hue (N, H).
    :param episode: number of the episode (N,), in contiguous runs.
    :param frozen: whether a camera was found frozen (N,).
    :param disturbed: whether something had gone wrong in front of the cameras (N,).
    """

    z_vision: np.ndarray
    z_action: np.ndarray
    whole: np.ndarray
    parts: np.ndarray
    hues: np.ndarray
    episode: np.ndarray
    frozen: np.ndarray
    disturbed: np.ndarray

    def select(self, chosen: np.ndarray) -> Looks:
        """
        Give some of the frames.

        :param chosen: a mask (N,).
        :return: those frames.
        """
        return Looks(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def halves(self) -> tuple[Looks, Looks]:
        """
        Split by whole episodes: the first, third and so on; and the others.
        """
        place = np.unique(self.episode, return_inverse=True)[1]
        return self.select(place % 2 == 0), self.select(place % 2 == 1)


class Witness:
    """
    A policy that keeps what it saw and answered.

    :param policy: the policy that answers.
    :param disturbed: tells whether something is wrong in front of the cameras.
    """

    def __init__(self, policy: Policy, disturbed: Callable[[], bool] = lambda: False) -> None:
        self._policy, self._disturbed = policy, disturbed
        self.spec: PolicySpec = policy.spec
        self._rows: list[tuple] = []
        self._episode = -1
        turning = [index for index, joint in enumerate(self.spec.joints) if joint.unit == 'rad']
        self._cameras = FrozenCameras(turning)

    def reset(self) -> None:
        """
        Begin another episode.
        """
        self._episode += 1
        self._cameras.reset()
        self._policy.reset()

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation, and keep both.

        :param observation: what is seen now.
        :return: the policy's answer.
        :raises ModelError: if the policy has no embeddings.
        """
        chunk = self._policy.infer(observation)
        if chunk.z_vision is None or chunk.z_action is None:
            raise ModelError(f'policy {self.spec.name!r} has no embeddings (outputs z_vision and '
                             'z_action); only aligned policies can be calibrated')
        pictures = [observation.images[key] for key in self.spec.camera_keys]
        self._rows.append((chunk.z_vision, chunk.z_action,
                           *views(pictures, chunk.z_vision, observation.state), self._episode,
                           bool(self._cameras.add(observation)), self._disturbed()))
        return chunk

    def looks(self) -> Looks:
        """
        Give what was kept.
        """
        return Looks(*(np.array(column) for column in zip(*self._rows, strict=True)))


def look_at_rollouts(policy: Policy, task: str, seeds: Sequence[int],
                     plan: Callable[[int], Plan] = lambda seed: Plan(linger_s=LINGER_S),
                     done: Callable[[Rollout], object] = lambda rollout: None) -> Looks:
    """
    Let a policy do episodes in the simulator and keep what it saw.

    :param policy: the policy.
    :param task: name of the task.
    :param seeds: one episode each.
    :param plan: what goes wrong in the episode of a seed.
    :param done: told of each episode.
    :return: every frame; the episodes are numbered from 0.
    :raises ModelError: if an answer of the policy cannot be used.
    :raises ConfigError: for an unknown task; lists those that exist.
    """
    simulation = DisturbedSimulation(task)
    witness = Witness(policy, lambda: simulation.disturbed)
    try:
        driver = Driver(simulation, witness)
        for seed in seeds:
            simulation.plan = plan(seed)
            done(driver.episode(seed))
    finally:
        simulation.close()
    return witness.looks()


def look_at_dataset(policy: Policy, frames: Frames, chosen: np.ndarray) -> Looks:
    """
    Show a policy the frames of a dataset.

    :param policy: the policy.
    :param frames: the dataset.
    :param chosen: frame indices (N,), rising.
    :return: what it answered.
    """
    witness, history = Witness(policy), frames.history(policy.spec)
    before = -1
    for frame in chosen:
        if frames.episode[frame] != before:
            before = frames.episode[frame]
            witness.reset()
        witness.infer(frames.observation(frame, history))
    return witness.looks()
