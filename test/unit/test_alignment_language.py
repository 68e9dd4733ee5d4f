# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A policy that knows several instructions: the same scene, another instruction, another action.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.model import Batch
from vaa_ros.alignment.text_encoder import Steering
from vaa_ros.alignment.text_encoder import TextEncoder
from vaa_ros.core.errors import InstructionError
from vaa_ros.core.instructions import distinct
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.instructions import words
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import JointSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation
from vaa_ros.learning.export import export_policy
from vaa_ros.policies.onnx_policy import OnnxPolicy

KNOWN = ('go left', 'go right')
STEPS = 4
JOINT = JointSpec('a', 'rad', -1.0, 1.0, 1.0)
SPEC = PolicySpec(
    'mover', 'move', 'r', (CameraSpec('front', 32, 32),), (JOINT,),
    ActionSpec('joint_position', ('a',)), 30.0, STEPS, instructions=KNOWN, embedding_size=8)
CONFIG = ModelConfig(widths=(8, 16), blocks=(0, 0), keypoints=4, vision_features=16,
                     proprio_features=8, action_width=16, action_layers=1, action_heads=2,
                     embedding_size=8, decoder_width=32, decoder_layers=1, text_features=8,
                     crop=1.0)
COUNT = 16


def batch(seed: int) -> Batch:
    """
    The same grey picture for both instructions; left is -0.5, right is +0.5.
    """
    generator = torch.Generator().manual_seed(seed)
    asked = torch.arange(COUNT) % 2
    pictures = 0.05 * torch.randn(COUNT, 3, 32, 32, generator=generator)
    actions = (asked - 0.5).view(-1, 1, 1).repeat(1, STEPS, 1)
    actions = actions + 0.01 * torch.randn(COUNT, STEPS, 1, generator=generator)
    return Batch({'front': pictures}, {}, torch.zeros(COUNT, 1), actions,
                 torch.ones(COUNT, STEPS), instruction=asked)


@pytest.fixture(scope='module')
def trained() -> AlignedPolicy:
    """
    A policy after a few seconds of training.
    """
    torch.manual_seed(0)
    policy = AlignedPolicy(SPEC, CONFIG, LossConfig())
    policy.space.set_statistics(torch.zeros(1), torch.ones(1), torch.zeros(STEPS, 1),
                                torch.full((STEPS, 1), 0.5))
    optimiser = torch.optim.AdamW(policy.parameters(), lr=5e-3)
    for step in range(120):
        optimiser.zero_grad()
        loss, _ = policy(batch(step))
        loss.backward()
        optimiser.step()
    return policy.eval()


def test_an_instruction_changes_what_the_exported_policy_does(
    trained: AlignedPolicy, tmp_path: Path,
) -> None:
    spec = replace(SPEC, normalisation={'action_scale': [[0.5]] * STEPS})
    result = export_policy(trained, spec, tmp_path / 'mover.onnx')
    assert result.parity < 1e-5
    policy = OnnxPolicy(result.path)
    grey = {'front': np.full((32, 32, 3), 127, np.uint8)}

    def answer(text: str) -> np.ndarray:
        return policy.infer(Observation(0, grey, np.zeros(1, np.float32), instruction=text))

    left, right = answer('go left'), answer('go right')
    assert left.actions.mean() < -0.4 and right.actions.mean() > 0.4
    assert not np.allclose(left.z_vision, right.z_vision), 'the space knows what is asked for'
    again = answer('  GO   Left. ')
    assert np.array_equal(again.actions, left.actions)
    with pytest.raises(InstructionError, match='go left; go right'):
        answer('go up')
    with pytest.raises(InstructionError, match='waiting for an instruction; known: go left'):
        answer('')


def test_every_instruction_is_nearest_to_its_own_actions(trained: AlignedPolicy) -> None:
    made = batch(999)
    with torch.no_grad():
        _, z_vision = trained.see(made.pictures, text=trained.read(made.instruction))
        z_action = trained.embed_chunk(trained.space.normal_chunk(made.actions, made.state))
    nearest = (z_vision @ z_action.T).argmax(1)
    assert torch.equal(made.instruction[nearest], made.instruction)


def test_a_batch_without_instructions_is_refused(trained: AlignedPolicy) -> None:
    with pytest.raises(ValueError, match='several instructions'):
        trained(replace(batch(0), instruction=None))


@pytest.mark.parametrize('known', [(), ('go left',)])
def test_a_policy_that_knows_one_instruction_has_no_text_part(known: tuple[str, ...]) -> None:
    plain = AlignedPolicy(replace(SPEC, instructions=known), CONFIG, LossConfig())
    assert plain.text is None
    assert not [name for name in plain.state_dict()
                if 'steering' in name or name.startswith('text.')]
    assert plain(batch(0))[0].isfinite()


def test_gradients_reach_the_words() -> None:
    policy = AlignedPolicy(SPEC, CONFIG, LossConfig())
    for module in policy.modules():
        if isinstance(module, Steering):
            torch.nn.init.normal_(module.change.weight, std=0.1)
    policy(batch(0))[0].backward()
    for name, parameter in policy.named_parameters():
        if name.startswith('text.') or 'steering' in name:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_order_of_words_counts() -> None:
    torch.manual_seed(1)
    encoder = TextEncoder(('red on blue', 'blue on red', 'red'), 8)
    first, second, short = encoder.table()
    assert not torch.allclose(first, second)
    # Padding after a short instruction changes nothing.
    alone = TextEncoder(('red on blue', 'blue on red', 'red'), 8)
    alone.load_state_dict(encoder.state_dict())
    assert torch.allclose(alone(torch.tensor([2]))[0], short)
    step, _ = encoder.reader(encoder.embedding(encoder.tokens[2:, :1]))
    assert torch.allclose(step[0, 0], short, atol=1e-6)


def test_steering_begins_as_no_change_and_follows_its_formula() -> None:
    steering, features = Steering(4, 3), torch.randn(2, 3, 5, 5)
    text = torch.randn(2, 4)
    assert torch.equal(steering(features, text), features)
    torch.nn.init.normal_(steering.change.weight)
    change = text @ steering.change.weight.T
    expected = features * (1 + change[:, :3, None, None]) + change[:, 3:, None, None]
    assert torch.allclose(steering(features, text), expected, atol=1e-6)


@pytest.mark.parametrize(('text', 'expected'), [
    ('Put the RED cube\tin the left tray!', ('put', 'the', 'red', 'cube', 'in', 'the', 'left',
                                             'tray')),
    ('', ()), (' ... ', ()), ('ｐｕｔ', ('put',)), ("don't", ("don't",)),
])
def test_words(text: str, expected: tuple[str, ...]) -> None:
    assert words(text) == expected


def test_the_first_that_fits_is_meant() -> None:
    assert instruction_index('B!', ('a', 'b', 'B')) == 1
    assert distinct(['Red cube', '', 'blue cube', 'red  CUBE.']) == ('Red cube', 'blue cube')
