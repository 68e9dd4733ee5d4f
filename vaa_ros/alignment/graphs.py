# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is deployed of a policy: uint8 pictures and raw joint states in, physical actions out.
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import crop_size


@dataclass(frozen=True, eq=False)
class Answer:
    """
    An answer of a policy with everything on the way to it.

    :param features: of the pictures (B, F).
    :param state: joint states (B, S) [rad or m].
    :param chunk: the actions, normalised (B, T, D).
    :param log_scale: log of their scale (B, T, D).
    :param z_vision: embedding of the scene (B, E).
    :param z_action: embedding of the actions (B, E).
    """

    features: torch.Tensor
    state: torch.Tensor
    chunk: torch.Tensor
    log_scale: torch.Tensor
    z_vision: torch.Tensor
    z_action: torch.Tensor

    def seen(self, policy: AlignedPolicy) -> torch.Tensor:
        """
        Give what a residual decides from (B, 2 * E + F + S + D).

        :param policy: the policy that answered.
        :return: z_vision, z_action, features, the normalised joints and the first action.
        """
        return torch.cat([self.z_vision, self.z_action, self.features,
                          policy.space.normal_state(self.state), self.chunk[:, 0]], dim=1)


class PolicyGraph(nn.Module):
    """
    The deployed graph: uint8 pictures and raw joint states in, physical actions out.

    :param policy: the trained policy.
    """

    def __init__(self, policy: AlignedPolicy) -> None:
        super().__init__()
        self.policy = policy
        self.crops = {camera.key: crop_size(camera, policy.config.crop)
                      for camera in policy.spec.cameras}
        known = None if policy.text is None else policy.text.table().detach()
        self.register_buffer('known', known, persistent=False)

    def prepare(self, key: str, picture: torch.Tensor) -> torch.Tensor:
        """
        Cut out the centre and scale to -1..1: (B, H, W, 3) uint8 to (B, 3, h, w) float.
        """
        rows, columns = self.crops[key]
        top, left = (picture.shape[1] - rows) // 2, (picture.shape[2] - columns) // 2
        picture = picture[:, top:top + rows, left:left + columns].permute(0, 3, 1, 2)
        return picture.float() / 127.5 - 1

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """
        Answer an observation.

        :param inputs: the (B, H, W, 3) uint8 pictures of each camera in spec order, its present
            one first, then the joint states (B, S) float [rad or m], then for a policy that knows
            several instructions the place of the one that is asked for (B,) int64.
        :return: actions (B, T, D) and scale (B, T, D) in physical units, z_vision (B, E),
            z_action (B, E) of these actions.
        """
        policy, answer = self.policy, self.answer(*inputs)
        chunk, z_action = answer.chunk, answer.z_action
        if policy.residual is not None:
            chunk = policy.residual(answer.seen(policy), chunk)
            z_action = policy.embed_chunk(chunk)
        actions = policy.space.physical_chunk(chunk, answer.state)
        scale = answer.log_scale.exp() * policy.space.action_scale
        return actions, scale, answer.z_vision, z_action

    def answer(self, *inputs: torch.Tensor) -> Answer:
        """
        Look at an observation, and answer it without the residual.

        :param inputs: as for :meth:`forward`.
        :return: everything on the way.
        """
        policy, text = self.policy, None
        if self.known is not None:
            *inputs, instruction = inputs
            text = self.known[instruction]
        *pictures, state = inputs
        count = policy.spec.observation_history
        looked = {}
        for place, key in enumerate(policy.spec.camera_keys):
            frames = pictures[place * count:(place + 1) * count]
            frames = frames[0] if count == 1 else torch.stack(frames, 1).flatten(0, 1)
            looked[key] = self.prepare(key, frames)
        features, z_vision = policy.see(looked, text=text)
        chunk, log_scale, z_action = policy.answer(
            policy.decide(features, z_vision, state, text), z_vision)
        return Answer(features, state, chunk, log_scale, z_vision, z_action)


class SeenGraph(PolicyGraph):
    """
    What rollouts of reinforcement learning run: the frozen policy, and what its residual sees.

    Cached, the second spares every update of the residual the pictures.
    """

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """
        Answer an observation.

        :param inputs: as for :class:`PolicyGraph`.
        :return: actions (B, T, D) in physical units, without the residual, and what the residual
            sees (B, V), see :meth:`Answer.seen`.
        """
        answer = self.answer(*inputs)
        return (self.policy.space.physical_chunk(answer.chunk, answer.state),
                answer.seen(self.policy))


class ChunkGraph(nn.Module):
    """
    The other half of the space: demonstrated actions to their embedding.

    :param policy: the trained policy.
    """

    def __init__(self, policy: AlignedPolicy) -> None:
        super().__init__()
        self.policy = policy

    def forward(self, actions: torch.Tensor, mask: torch.Tensor,
                state: torch.Tensor) -> torch.Tensor:
        """
        Embed chunks.

        :param actions: (B, T, D) physical, padded with the last real step.
        :param mask: 1 where a step is real (B, T).
        :param state: joint states (B, S).
        :return: z_action (B, E).
        """
        return self.policy.embed_chunk(self.policy.space.normal_chunk(actions, state), mask)
