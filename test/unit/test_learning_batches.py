# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Batches: which frames, which crop, which colours, and from which thread.
"""
from __future__ import annotations

import threading

from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import pytest
import torch

from vaa_ros.learning.batches import BatchStream
from vaa_ros.learning.batches import colour_draw
from vaa_ros.learning.batches import epoch_order
from vaa_ros.learning.batches import gather
from vaa_ros.learning.batches import RawBatch
from vaa_ros.learning.batches import to_batch
from vaa_ros.learning.config import AugmentConfig
from vaa_ros.learning.frames import Frames


@pytest.fixture
def frames(tmp_path) -> Frames:
    return Frames(write_dataset(tmp_path / 'data', tiny_spec(cameras=('front', 'wrist'))))


@pytest.mark.parametrize('together', [1, 2, 4, 7])
def test_an_epoch_has_every_frame_once(together):
    frames = np.arange(100, 200)
    episode = np.repeat([0, 1, 2], [31, 2, 67])
    order = epoch_order(frames, episode, together, np.random.default_rng(0))
    assert sorted(order.tolist()) == frames.tolist()


def test_frames_of_one_episode_in_a_batch_are_far_apart():
    episode = np.repeat(np.arange(10), 80)
    order = epoch_order(np.arange(800), episode, 4, np.random.default_rng(0)).reshape(-1, 4)
    assert (episode[order] == episode[order][:, :1]).all()
    gaps = np.abs(np.diff(np.sort(order, axis=1), axis=1))
    assert gaps.min() >= 20


def test_the_centre_crop_is_the_middle(frames):
    raw = gather(frames, np.array([3, 8]), 0.75)
    assert raw.pictures['front'].shape == (2, 18, 24, 3)
    assert np.array_equal(raw.pictures['wrist'][1], frames.images['wrist'][8, 3:21, 4:28])
    assert not raw.shifts['front'].any()


def test_a_random_crop_says_where_it_lies(frames):
    raw = gather(frames, np.full(200, 5), 0.75, np.random.default_rng(0))
    lefts = set()
    for picture, (x, y) in zip(raw.pictures['front'], raw.shifts['front'], strict=True):
        left, top = round(x * 24 / 2) + 4, round(y * 18 / 2) + 3
        lefts.add(left)
        assert np.array_equal(picture, frames.images['front'][5, top:top + 18, left:left + 24])
    assert lefts == set(range(9))


def test_pictures_without_variation_are_as_the_exported_graph_makes_them(frames):
    batch = to_batch(gather(frames, np.array([0, 1]), 1.0))
    wanted = torch.from_numpy(np.array(frames.images['front'][:2])).permute(0, 3, 1, 2)
    assert torch.equal(batch.pictures['front'], wanted.float() / 127.5 - 1)
    assert batch.pictures['front'].is_contiguous(memory_format=torch.channels_last)


def test_colours_vary_a_sample_and_stay_in_bounds(frames):
    augment = AugmentConfig(brightness=0.1, contrast=0.2, colour=0.1)
    raw = gather(frames, np.full(64, 5), 1.0)
    pictures = to_batch(raw, augment, torch.Generator().manual_seed(0)).pictures['front']
    means = pictures.mean((2, 3))
    assert means.std(0).min() > 0.01
    assert pictures.abs().max() < 1.2 * 1.1 + 0.2 + 1e-5
    gain, offset = colour_draw(1000, AugmentConfig(0.0, 0.0, 0.0), None)
    assert torch.allclose(gain * 127.5 + offset, torch.zeros(1000, 3, 1, 1), atol=1e-6)


def test_the_stream_gives_whole_batches_and_ends_with_its_thread(frames):
    before = threading.active_count()
    with BatchStream(frames, frames.split('train'), 0.9, 32, 2, seed=0) as stream:
        seen = [raw for raw, _ in zip(stream, range(12), strict=False)]
    assert all(raw.state.shape == (32, 3) for raw in seen)
    assert stream.waited_s > 0
    assert threading.active_count() == before


def test_frames_say_where_they_come_from(frames):
    raw = gather(frames, np.array([3, 64]), 1.0)
    batch = to_batch(raw)
    assert batch.episode.tolist() == [0, 2]
    assert batch.stamp.tolist() == [round(3e9 / 30), round(4e9 / 30)]
    assert batch.stamp.dtype == torch.int64


def stream_of(frames: Frames, count: int, **changes: int) -> list[RawBatch]:
    """The first batches of a stream; an epoch has 150 frames, no multiple of a batch."""
    options = {'batch_size': 16, 'together': 2, 'seed': 5, **changes}
    with BatchStream(frames, frames.split('train'), 0.9, **options) as stream:
        return [raw for raw, _ in zip(stream, range(count), strict=False)]


def test_a_batch_follows_from_the_seed_and_its_number(frames):
    whole = stream_of(frames, 24)
    for first in (1, 9, 10, 19):
        for raw, later in zip(whole[first:], stream_of(frames, 24 - first, first=first),
                              strict=True):
            assert np.array_equal(raw.state, later.state)
            assert np.array_equal(raw.pictures['wrist'], later.pictures['wrist'])
    assert not np.array_equal(whole[0].state, stream_of(frames, 1, seed=6)[0].state)
    stamps = [(int(e), int(t)) for raw in whole for e, t in zip(raw.episode, raw.stamp,
                                                                 strict=True)]
    assert len(set(stamps[:150])) == len(set(stamps[150:300])) == 150
    assert stamps[:150] != stamps[150:300]


def test_trouble_in_the_thread_reaches_the_trainer(frames):
    chosen = np.arange(1000, 1100)  # beyond the dataset
    with pytest.raises(IndexError), \
            BatchStream(frames, chosen, 0.9, 16, 2, seed=0) as stream:
        next(iter(stream))
