# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A step of the chunk that nobody showed is no step to learn.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from learning_samples import tiny_config
from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import pytest

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.frames import chunk_table
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.train import train
from vaa_ros.learning.unshown import unshown_steps


def told(every: float, frames: int, length: int, jitter: float = 0.0) -> str:
    """What is said of five episodes whose frames are so many ticks of 30 Hz apart."""
    ticks = every * np.arange(frames) + np.random.default_rng(0).uniform(-jitter, jitter, frames)
    stamp = np.tile(np.round(ticks * 1e9 / 30).astype(np.int64), 5)
    episode = np.repeat(np.arange(5), frames)
    spec: PolicySpec = replace(tiny_spec(), chunk_length=length)
    return unshown_steps(stamp, episode, chunk_table(stamp, episode, spec.dt_s, length)[1], spec)


@pytest.mark.parametrize('every', [0.5, 1.0, 1.04])
def test_frames_at_the_rate_of_the_arm_or_faster_show_every_step(every):
    assert told(every, 60, 24, 0.2 * every) == ''


@pytest.mark.parametrize('every, rate', [(2.0, '15'), (3.0, '10')])
def test_a_slow_camera_is_told_with_the_rate_that_helps(every, rate):
    assert told(every, 60, 24).endswith(f'frames come at {rate} Hz, actions at 30 Hz. Make the '
                                        f'dataset with --rate {rate}')
    assert told(every, 5, 24).endswith(f'--rate {rate}')


def test_short_episodes_are_told_with_the_chunk_that_helps():
    assert told(1.0, 8, 8) == ''
    assert told(1.0, 8, 24).startswith('16 of the 24 steps')
    assert told(1.0, 8, 24).endswith('Make the dataset with --chunk 8, or less')


def test_a_policy_is_not_trained_to_make_actions_up(tmp_path):
    data: Path = write_dataset(tmp_path / 'data', episodes=8, frames=60)
    stamp = np.load(data / 'stamp.npy')
    assert Frames(data).to_train_with()
    np.save(data / 'stamp.npy', 3 * stamp)
    with pytest.raises(DatasetError, match='data: 4 of the 6 steps .* with --rate 10'):
        train(tiny_config(), data, tmp_path / 'run', progress=False)
    assert not (tmp_path / 'run').exists()
