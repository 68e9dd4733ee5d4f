# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The action encoder: type, parameters, timing, padding.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from learning_samples import arm_spec
from learning_samples import TINY
from learning_samples import tiny_config
from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import pytest
import torch

from vaa_ros.alignment.action_encoder import ActionEncoder
from vaa_ros.alignment.action_encoder import CLOSE
from vaa_ros.alignment.action_encoder import HOLD
from vaa_ros.alignment.action_encoder import OPEN
from vaa_ros.alignment.action_encoder import sinusoids
from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.learning.checkpoint import load_policy
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.probe import LinearProbe
from vaa_ros.learning.train import train


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


def test_a_gripper_that_holds_is_no_event_however_steps_are_normalised(monkeypatch):
    policy = AlignedPolicy(tiny_spec(), TINY, LossConfig())
    mean, scale = torch.zeros(6, 3), torch.full((6, 3), 0.04)
    mean[:, 2] = torch.linspace(0.06, 0.04, 6)  # as where episodes last for a second or two
    scale[:, 2] = torch.linspace(0.04, 0.03, 6)
    policy.space.set_statistics(torch.zeros(3), torch.ones(3), mean, scale)
    actions = torch.zeros(2, 6, 3)
    actions[..., 2] = 0.1
    actions[1, 3:, 2] = 0.05
    found, real = [], policy.action_encoder.events
    monkeypatch.setattr(policy.action_encoder, 'events',
                        lambda chunk: found.append(real(chunk)) or found[-1])
    policy.embed_chunk(policy.space.normal_chunk(actions, torch.zeros(2, 3)))
    assert found[0].tolist() == [[HOLD] * 6, [HOLD] * 3 + [CLOSE] + [HOLD] * 2]


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


def write_varied(folder: Path) -> Path:
    """Joint 1 goes up and down, the gripper opens and closes, as chance has it."""
    write_dataset(folder, episodes=60, frames=40, held_out=20)
    state, action = np.load(folder / 'state.npy'), np.load(folder / 'action.npy')
    random = np.random.default_rng(1)
    joint, left, held = 0.0, 0, 0
    for row in range(len(action)):
        if not left:
            left, speed = random.integers(6, 12), random.choice([-1, 1]) * random.uniform(.02, .05)
        if not held:
            held, opening = random.integers(6, 12), random.choice([0.0, 0.1])
        left, held = left - 1, held - 1
        speed = -speed if abs(joint + speed) > 0.2 else speed
        state[row, 0], action[row, 2] = joint, opening
        joint += speed
        action[row, 0] = joint
    np.save(folder / 'state.npy', state)
    np.save(folder / 'action.npy', action)
    return folder


def read_off(policy: AlignedPolicy, frames: Frames) -> dict[str, float]:
    """Share of unseen chunks whose type and order a linear map reads off z_action."""
    seen: dict[str, list[np.ndarray]] = {}
    for split in ('train', 'held_out'):
        rows = frames.split(split)
        actions, mask = frames.chunks(rows)
        whole = mask.all(1)
        chunk = policy.space.normal_chunk(torch.from_numpy(actions[whole]),
                                          torch.from_numpy(frames.state[rows[whole]]))
        # The same positions in the other order, the gripper as it was.
        turned = torch.cat((chunk[..., :2].flip(1), chunk[..., 2:]), -1)
        ours, theirs = (policy.embed_chunk(each).double().numpy() for each in (chunk, turned))
        opened = actions[whole][..., 2] > 0.05
        changes = (np.diff(opened, axis=1) != 0).sum(1)
        kind = np.eye(4)[2 * (changes > 0) + opened[:, 0]][changes <= 1]
        steps = np.sign(np.diff(actions[whole][..., 0], axis=1))
        one_way = np.abs(steps.sum(1)) == steps.shape[1]
        rising = np.eye(2)[(steps[one_way, 0] > 0).astype(int)]
        seen[split] = [ours[changes <= 1], kind, np.concatenate((ours[one_way], theirs[one_way])),
                       np.concatenate((rising, 1 - rising))]
    found = {}
    for name, place in (('type', 0), ('order', 2)):
        (x, y), (unseen, wanted) = (seen[split][place:place + 2] for split in seen)
        guess = LinearProbe(x, y, 1e-3)(unseen)
        found[name] = float((guess.argmax(1) == wanted.argmax(1)).mean())
    return found


@torch.no_grad()
def test_the_embedding_alone_tells_type_and_order_of_unseen_chunks(tmp_path):
    frames = Frames(write_varied(tmp_path / 'data'))
    model = replace(TINY, relative=False, action_width=48, action_layers=2, action_heads=4,
                    embedding_size=24)
    with torch.enable_grad():
        train(tiny_config(steps=200, model=model, loss=LossConfig(reconstruct=1.0)),
              frames.folder, tmp_path / 'run', progress=False)
    policy, _, _ = load_policy(tmp_path / 'run')
    found = read_off(policy, frames)
    # Measured with three seeds: type 1.00; order 0.86, 0.91, 0.88; without times 0.52 to 0.53.
    assert found['type'] > 0.95 and found['order'] > 0.8
    policy.action_encoder.times.zero_()
    assert read_off(policy, frames)['order'] < 0.6
