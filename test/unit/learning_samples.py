# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Small specs, models and datasets for the tests of alignment and learning.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import load_robot
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.config import OptimiserConfig
from vaa_ros.learning.config import TrainConfig

# Two threads that wait for each other on busy cores take minutes for what one does in seconds.
torch.set_num_threads(1)

TINY = ModelConfig(
    widths=(8, 16), blocks=(0, 0), keypoints=4, vision_features=16, proprio_features=8,
    action_width=16, action_layers=1, action_heads=2, embedding_size=8, decoder_width=24,
    decoder_layers=1)
HUB_TOKENS = {'image_size': 24, 'patch_size': 6, 'hidden_size': 16, 'num_hidden_layers': 1,
              'num_attention_heads': 2}
HUB_SIZES: dict[str, dict[str, Any]] = {
    'resnet': {'embedding_size': 8, 'hidden_sizes': [8, 16], 'depths': [1, 1]},
    'vit': {**HUB_TOKENS, 'intermediate_size': 32},
    'clip': {**HUB_TOKENS, 'intermediate_size': 32},
    'dinov2': {**HUB_TOKENS, 'mlp_ratio': 2},
}
JOINTS = (JointSpec('joint_1', 'rad', -2.0, 2.0, 1.0), JointSpec('joint_2', 'rad', -1.0, 1.5, 1.0),
          JointSpec('gripper', 'm', 0.0, 0.1, 0.2))


def tiny_hub_model(vision: str, **changes: Any) -> ModelConfig:
    """TINY with one of the encoders of transformers."""
    return replace(TINY, vision=vision, vision_config=HUB_SIZES[vision], **changes)


def tiny_spec(length: int = 6, cameras: tuple[str, ...] = ('front',), width: int = 32,
              height: int = 24) -> PolicySpec:
    """Two arm joints and a gripper, small pictures, short chunks."""
    return PolicySpec(
        'tiny', 'reach', 'two_joints', tuple(CameraSpec(key, width, height) for key in cameras),
        JOINTS, ActionSpec('joint_position', tuple(joint.name for joint in JOINTS)), 30.0, length)


def arm_spec(kind: str = 'joint_position') -> PolicySpec:
    """The simulated arm as the small configuration sees it."""
    robot = load_robot('vaa_arm')
    return PolicySpec('arm', 'pick_place', robot.name,
                      tuple(CameraSpec(key, 128, 96) for key in robot.cameras), robot.joints,
                      ActionSpec.for_robot(kind, robot), 30.0, 24)


def tiny_config(**changes: Any) -> TrainConfig:
    """A run of seconds."""
    config = TrainConfig(
        name='tiny', steps=40, batch_size=16, evaluations=2, threads=1, model=TINY,
        loss=LossConfig(), optimiser=OptimiserConfig(learning_rate=3e-3, ema=0.9))
    return replace(config, **changes)


def write_dataset(folder: Path, spec: PolicySpec | None = None, episodes: int = 6,
                  frames: int = 30, held_out: int = 1, seed: int = 0) -> Path:
    """
    A world that can be learned from its pictures, and only from them.

    A red square shows where joint_1 has to go, a green one where it is, a blue one how far the
    episode has come; half way through, the gripper closes.
    """
    spec = spec or tiny_spec()
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    count, (first, *_) = episodes * frames, spec.cameras
    arrays = {'state': np.zeros((count, len(spec.joints)), np.float32),
              'action': np.zeros((count, len(spec.action.names)), np.float32),
              'stamp': np.zeros(count, np.int64), 'episode': np.zeros(count, np.int32)}
    images = {camera.key: random.integers(0, 30, (count, camera.height, camera.width, 3)).astype(
        np.uint8) for camera in spec.cameras}
    for row in range(count):
        episode, index = divmod(row, frames)
        if index == 0:
            target = random.uniform(-1, 1)
            joint = random.uniform(-1, 1)
        arrays['episode'][row], arrays['stamp'][row] = episode, round(index * 1e9 / 30)
        arrays['state'][row, :2] = joint, 0.1 * index / frames
        joint += np.clip(target - joint, -0.04, 0.04)
        arrays['action'][row, :2] = joint, 0.1 * (index + 1) / frames
        arrays['action'][row, -1] = 0.1 if index < frames // 2 else 0.0
        shown = (target, float(arrays['state'][row, 0]), 2 * index / frames - 1)
        for colour, place in enumerate(shown):
            column, top = round((place + 1) / 2 * (first.width - 6)), 2 + 7 * colour
            images[first.key][row, top:top + 6, column:column + 6, colour] = 250
    for key, values in images.items():
        arrays[f'images_{key}'] = values
    for name, values in arrays.items():
        np.save(folder / f'{name}.npy', values)
    listed = [{'bag': f'episode_{i}', 'sha256': f'recording {seed} {i}', 'frames': frames,
               'task': spec.task, 'instruction': '', 'seed': i, 'success': True,
               'split': 'held_out' if i >= episodes - held_out else 'train'}
              for i in range(episodes)]
    (folder / 'dataset.json').write_text(json.dumps(
        {'version': 1, 'spec': spec.to_dict(), 'episodes': listed}))
    return folder
