# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Physical units to the numbers that the network works with, and back.

Arm joints are taken relative to the joint state that they start from, the gripper is not: an
opening means the same wherever the arm is.
"""
from __future__ import annotations

import torch
from torch import nn

from vaa_ros.core.spec import PolicySpec


def relative_elements(spec: PolicySpec, relative: bool = True) -> list[int]:
    """
    Tell which action elements are differences to the joint state.

    :param spec: the policy.
    :param relative: the switch of the configuration.
    :return: for each action element the index of its joint in the state, or -1 for absolute.
    """
    joints = {joint.name: index for index, joint in enumerate(spec.joints) if joint.unit == 'rad'}
    if not relative or spec.action.kind != 'joint_position':
        return [-1] * len(spec.action.names)
    return [joints.get(name, -1) for name in spec.action.names]


class ActionSpace(nn.Module):
    """
    Normalises states and action chunks with fixed statistics.

    :param spec: the policy whose state and actions these are.
    :param relative: whether arm joints are relative to the joint state.
    """

    def __init__(self, spec: PolicySpec, relative: bool = True) -> None:
        super().__init__()
        size, elements = len(spec.joints), len(spec.action.names)
        joints = relative_elements(spec, relative)
        select = torch.zeros(size, elements)
        for element, joint in enumerate(joints):
            if joint >= 0:
                select[joint, element] = 1.0
        # A matrix, not an index: action elements that are absolute get a zero column.
        self.register_buffer('select', select, persistent=False)
        self.register_buffer('state_mean', torch.zeros(size))
        self.register_buffer('state_scale', torch.ones(size))
        self.register_buffer('action_mean', torch.zeros(spec.chunk_length, elements))
        self.register_buffer('action_scale', torch.ones(spec.chunk_length, elements))

    def set_statistics(self, state_mean: torch.Tensor, state_scale: torch.Tensor,
                       action_mean: torch.Tensor, action_scale: torch.Tensor) -> None:
        """
        Set the statistics of the training set.

        :param state_mean: (S,).
        :param state_scale: (S,), positive.
        :param action_mean: (T, D), of the chunks as :meth:`relative_chunk` gives them.
        :param action_scale: (T, D), positive.
        """
        for name, value in (('state_mean', state_mean), ('state_scale', state_scale),
                            ('action_mean', action_mean), ('action_scale', action_scale)):
            buffer = getattr(self, name)
            buffer.copy_(torch.as_tensor(value, dtype=buffer.dtype).expand_as(buffer))

    def normal_state(self, state: torch.Tensor) -> torch.Tensor:
        """
        Normalise joint states (B, S) [rad or m].
        """
        return (state - self.state_mean) / self.state_scale

    def relative_chunk(self, actions: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """
        Give chunks (B, T, D) relative to their joint states (B, S), still in physical units.
        """
        return actions - (state @ self.select).unsqueeze(1)

    def normal_chunk(self, actions: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """
        Give chunks (B, T, D) as the network sees them.
        """
        return (self.relative_chunk(actions, state) - self.action_mean) / self.action_scale

    def level_chunk(self, chunk: torch.Tensor) -> torch.Tensor:
        """
        Give normalised chunks (B, T, D) in units that are the same in all steps.

        Each step is normalised by itself, so that what stays as it is along a chunk moves in
        normal units. Here it stays.
        """
        return (chunk * self.action_scale + self.action_mean) / self.action_scale.mean(0)

    def physical_chunk(self, chunk: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
        """
        Undo :meth:`normal_chunk`: absolute actions (B, T, D) in physical units.
        """
        return chunk * self.action_scale + self.action_mean + (state @ self.select).unsqueeze(1)
