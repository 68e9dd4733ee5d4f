# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What every policy is: a spec, a reset, and an answer to an observation.
"""
from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol
from typing import runtime_checkable

import numpy as np

from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation


@runtime_checkable
class Policy(Protocol):
    """
    Answers observations with action chunks.
    """

    @property
    def spec(self) -> PolicySpec:
        """
        Give what the policy sees and does.
        """

    def reset(self) -> None:
        """
        Forget the past: a new episode begins, or the policy is put to work.
        """

    def infer(self, observation: Observation) -> ActionChunk:
        """
        Answer one observation.

        :param observation: what is seen now.
        :return: the actions from ``observation.stamp_ns`` on.
        :raises ModelError: if the observation does not fit, or the answer must not be used.
        """


def check_observation(spec: PolicySpec, observation: Observation) -> None:
    """
    Refuse an observation that a policy was not made for.

    :param spec: what the policy sees.
    :param observation: what it was given.
    :raises ModelError: naming the camera or element that is wrong.
    """
    check_images(spec, observation.images)
    state = np.asarray(observation.state)
    wanted = (len(spec.joints),)
    if state.shape != wanted or state.dtype.kind != 'f':
        raise ModelError(f'state is {state.dtype} {state.shape}, expected float32 {wanted} for '
                         f'the joints {", ".join(spec.joint_names)}')
    if not np.isfinite(state).all():
        bad = int(np.argmin(np.isfinite(state)))
        raise ModelError(f'state is not finite: {spec.joint_names[bad]} is {state[bad]}')


def check_images(spec: PolicySpec, images: Mapping[str, np.ndarray]) -> None:
    """
    Refuse pictures that a policy was not made for.

    :param spec: what the policy sees.
    :param images: the pictures of one frame by camera key.
    :raises ModelError: naming the camera that is wrong.
    """
    for camera in spec.cameras:
        image = images.get(camera.key)
        if image is None:
            listed = ', '.join(sorted(images)) or 'none'
            raise ModelError(f'observation has no image of camera {camera.key!r}; it has: '
                             f'{listed}')
        wanted = (camera.height, camera.width, 3)
        if not isinstance(image, np.ndarray) or image.shape != wanted or image.dtype != np.uint8:
            raise ModelError(f'image of camera {camera.key!r} is '
                             f'{getattr(image, "dtype", type(image).__name__)} '
                             f'{getattr(image, "shape", "")}, expected uint8 {wanted}')


def synthetic_observations(spec: PolicySpec, seed: int = 0) -> list[Observation]:
    """
    Make observations of the right shape: black, white and noise, at different joint positions.

    :param spec: what the policy sees.
    :param seed: seed of the noise.
    :return: three observations.
    """
    random = np.random.default_rng(seed)
    lower = np.array([joint.lower for joint in spec.joints])
    upper = np.array([joint.upper for joint in spec.joints])

    def images(kind: str) -> dict[str, np.ndarray]:
        shapes = {camera.key: (camera.height, camera.width, 3) for camera in spec.cameras}
        if kind == 'noise':
            return {key: random.integers(0, 256, shape, dtype=np.uint8)
                    for key, shape in shapes.items()}
        value = 255 if kind == 'white' else 0
        return {key: np.full(shape, value, dtype=np.uint8) for key, shape in shapes.items()}

    return [
        Observation(index, images(kind), (lower + share * (upper - lower)).astype(np.float32),
                    instruction=spec.instructions[0] if spec.instructions else '')
        for index, (kind, share) in enumerate((('black', 0.5), ('white', 0.0), ('noise', 1.0)))
    ]
