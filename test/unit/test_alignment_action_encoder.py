# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The action encoder: type, parameters, timing, padding.
"""
from __future__ import annotations

from dataclasses import replace

from learning_samples import arm_spec
from learning_samples import TINY
from learning_samples import tiny_spec
import pytest
import torch

from vaa_ros.alignment.action_encoder import ActionEncoder
from vaa_ros.alignment.action_encoder import CLOSE
from vaa_ros.alignment.action_encoder import HOLD
from vaa_ros.alignment.action_encoder import OPEN
from vaa_ros.alignment.action_encoder import sinusoids


@pytest.fixture
def encoder() -> ActionEncoder:
    torch.manual_seed(0)
    return ActionEncoder(tiny_spec(), TINY).eval()


def test_padded_steps_have_no_say(encoder):
    chunk = torch.randn(1, 6, 3)
    mask = torch.tensor([[1.0, 1, 1, 1, 0, 0]])
    other = chunk.clone()
    other[:, 4:] = 100.0
    other[:, 4:, 2] = chunk[:, 3:4, 2]  # the gripper's events too come from real steps alone
    assert torch.allclose(encoder(chunk, mask), encoder(other, mask), atol=1e-5)
    assert not torch.allclose(encoder(chunk, mask), encoder(chunk), atol=1e-3)


def test_order_in_time_matters(encoder):
    chunk = torch.randn(1, 6, 3)
    assert not torch.allclose(encoder(chunk), encoder(chunk.flip(1)), atol=1e-3)


def test_parameters_matter(encoder):
    chunk = torch.randn(1, 6, 3)
    assert not torch.allclose(encoder(chunk), encoder(chunk + 0.5), atol=1e-3)


def test_the_kind_of_command_matters():
    torch.manual_seed(0)
    joints = ActionEncoder(arm_spec(), TINY)
    twist = ActionEncoder(arm_spec('end_effector_twist'), TINY)
    twist.load_state_dict(joints.state_dict())
    chunk = torch.randn(1, 24, 7)
    assert not torch.allclose(joints(chunk), twist(chunk), atol=1e-4)


def test_the_rate_matters(encoder):
    slow = ActionEncoder(replace(tiny_spec(), control_rate_hz=10.0), TINY)
    slow.load_state_dict(encoder.state_dict())
    chunk = torch.randn(1, 6, 3)
    assert not torch.allclose(encoder(chunk), slow(chunk), atol=1e-4)


def test_gripper_events_are_found(encoder):
    opening = torch.tensor([1.0, 1.0, 0.5, -1.0, -1.0, 0.3])
    chunk = torch.zeros(1, 6, 3)
    chunk[0, :, 2] = opening
    assert encoder.events(chunk)[0].tolist() == [HOLD, HOLD, CLOSE, CLOSE, HOLD, OPEN]


def test_a_robot_without_gripper_has_no_events():
    spec = replace(tiny_spec(), joints=tiny_spec().joints[:2], action=replace(
        tiny_spec().action, names=('joint_1', 'joint_2')))
    encoder = ActionEncoder(spec, TINY)
    assert encoder.events(torch.randn(2, 6, 2)).tolist() == [[HOLD] * 6] * 2
    assert encoder(torch.randn(2, 6, 2)).shape == (2, TINY.action_width)


def test_times_are_told_apart():
    codes = sinusoids(torch.arange(24) / 30, 16)
    distances = torch.cdist(codes, codes) + torch.eye(24) * 9
    assert distances.min() > 0.1
