# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Physical units and back.
"""
from __future__ import annotations

from learning_samples import arm_spec
from learning_samples import tiny_spec
import pytest
import torch

from vaa_ros.alignment.action_space import ActionSpace
from vaa_ros.alignment.action_space import relative_elements


def filled_space(relative: bool = True) -> ActionSpace:
    space = ActionSpace(tiny_spec(), relative)
    torch.manual_seed(1)
    space.set_statistics(torch.randn(3), torch.rand(3) + 0.1, torch.randn(6, 3),
                         torch.rand(6, 3) + 0.1)
    return space


@pytest.mark.parametrize('relative', [True, False])
def test_there_and_back_gives_the_same_actions(relative):
    space = filled_space(relative)
    actions, state = torch.randn(4, 6, 3), torch.randn(4, 3)
    there = space.normal_chunk(actions, state)
    assert torch.allclose(space.physical_chunk(there, state), actions, atol=1e-5)


def test_arm_joints_are_relative_and_the_gripper_is_not():
    space = ActionSpace(tiny_spec())
    state = torch.tensor([[0.5, -0.25, 0.07]])
    actions = torch.tensor([[[0.6, -0.25, 0.02]] * 6])
    assert space.relative_chunk(actions, state)[0, 0].tolist() == pytest.approx([0.1, 0.0, 0.02])


def test_only_joint_positions_can_be_relative():
    assert relative_elements(arm_spec()) == [0, 1, 2, 3, 4, 5, -1]
    assert relative_elements(arm_spec(), relative=False) == [-1] * 7
    assert relative_elements(arm_spec('end_effector_pose')) == [-1] * 8
    assert relative_elements(arm_spec('end_effector_twist')) == [-1] * 7


def test_statistics_are_part_of_the_weights():
    space, other = filled_space(), ActionSpace(tiny_spec())
    other.load_state_dict(space.state_dict())
    assert torch.equal(other.action_mean, space.action_mean)
    assert torch.equal(other.state_scale, space.state_scale)
