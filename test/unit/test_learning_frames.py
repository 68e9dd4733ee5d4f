# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Reading dataset folders, and finding the chunk that follows a frame.
"""
from __future__ import annotations

import json

from learning_samples import write_dataset
import numpy as np
import pytest

from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.dataset_edit import Chosen
from vaa_ros.learning.dataset_edit import write_chosen
from vaa_ros.learning.dataset_files import hold_out
from vaa_ros.learning.frames import chunk_table
from vaa_ros.learning.frames import Frames

TICK_NS = 1e9 / 30


def stamps(*ticks: float) -> np.ndarray:
    return np.round(np.array(ticks) * TICK_NS).astype(np.int64)


def test_a_chunk_is_the_frames_that_follow():
    index, mask = chunk_table(stamps(*range(6)), np.zeros(6, int), 1 / 30, 3)
    assert index[:4].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 5]]
    assert mask[:4].all()


def test_the_end_of_an_episode_is_padded_with_its_last_frame_and_masked():
    index, mask = chunk_table(stamps(0, 1, 2, 0, 1), np.array([0, 0, 0, 1, 1]), 1 / 30, 3)
    assert index.tolist() == [[0, 1, 2], [1, 2, 2], [2, 2, 2], [3, 4, 4], [4, 4, 4]]
    assert mask.tolist() == [[1, 1, 1], [1, 1, 0], [1, 0, 0], [1, 1, 0], [1, 0, 0]]


def test_a_gap_is_masked_and_time_goes_on_behind_it():
    index, mask = chunk_table(stamps(0, 1, 4, 5), np.zeros(4, int), 1 / 30, 6)
    assert mask[0].tolist() == [1, 1, 0, 0, 1, 1]
    assert index[0].tolist() == [0, 1, 1, 1, 2, 3]


def test_a_faster_camera_is_stepped_through_at_the_control_rate():
    index, mask = chunk_table(stamps(*np.arange(0, 6, 0.5)), np.zeros(12, int), 1 / 30, 3)
    assert index[1].tolist() == [1, 3, 5] and mask[1].all()


def test_a_slower_camera_masks_what_it_did_not_see():
    index, mask = chunk_table(stamps(0, 2, 4, 6), np.zeros(4, int), 1 / 30, 5)
    assert mask[0].tolist() == [1, 0, 1, 0, 1]
    assert index[0][[0, 2, 4]].tolist() == [0, 1, 2]


def test_jitter_of_stamps_does_no_harm():
    random = np.random.default_rng(0)
    jittered = stamps(*(np.arange(50) + random.uniform(-0.2, 0.2, 50)))
    index, mask = chunk_table(jittered, np.zeros(50, int), 1 / 30, 8)
    assert (index[:40] == np.arange(40)[:, None] + np.arange(8)).all() and mask[:40].all()


def test_splits_and_chunks_of_a_folder(tmp_path):
    frames = Frames(write_dataset(tmp_path / 'data', episodes=3, frames=10))
    assert len(frames) == 30
    assert frames.split('train').tolist() == list(range(20))
    assert frames.split('held_out').tolist() == list(range(20, 30))
    actions, mask = frames.chunks(np.array([0, 9]))
    assert np.array_equal(actions[0], frames.action[:6])
    assert np.array_equal(actions[1], np.repeat(frames.action[9:10], 6, 0))
    assert mask.tolist() == [[1] * 6, [1, 0, 0, 0, 0, 0]]
    assert isinstance(frames.images['front'], np.memmap)


def test_statistics_leave_padding_out(tmp_path):
    frames = Frames(write_dataset(tmp_path / 'data', episodes=2, frames=12, held_out=0))
    select = np.zeros((3, 3), np.float32)
    select[0, 0] = select[1, 1] = 1
    found = frames.statistics(np.arange(12), select)
    actions, mask = frames.chunks(np.arange(12))
    real = mask[:, 3] > 0
    relative = actions[real, 3] - frames.state[:12][real] * [1, 1, 0]
    assert found.action_mean[3] == pytest.approx(relative.mean(0), abs=1e-5)
    assert found.state_scale == pytest.approx(np.maximum(frames.state[:12].std(0), 1e-4))
    assert (found.action_scale > 0).all()


def spoil(folder, what):
    description = json.loads((folder / 'dataset.json').read_text())
    if what == 'no description':
        (folder / 'dataset.json').unlink()
    elif what == 'no json':
        (folder / 'dataset.json').write_text('{')
    elif what == 'version':
        (folder / 'dataset.json').write_text(json.dumps({**description, 'version': 99}))
    elif what == 'no episodes':
        (folder / 'dataset.json').write_text(json.dumps({**description, 'episodes': []}))
    elif what == 'no spec':
        del description['spec']
        (folder / 'dataset.json').write_text(json.dumps(description))
    elif what == 'bad spec':
        description['spec']['chunk_length'] = 0
        (folder / 'dataset.json').write_text(json.dumps(description))
    elif what == 'missing':
        (folder / 'images_front.npy').unlink()
    elif what == 'cut':
        path = folder / 'images_front.npy'
        path.write_bytes(path.read_bytes()[:500])
    elif what == 'shape':
        np.save(folder / 'action.npy', np.zeros((30, 9), np.float32))
    elif what == 'nan':
        state = np.load(folder / 'state.npy')
        state[3, 1] = np.nan
        np.save(folder / 'state.npy', state)
    elif what == 'episode':
        np.save(folder / 'episode.npy', np.full(30, 7, np.int32))


@pytest.mark.parametrize('what, message', [
    ('no description', 'has no dataset.json'), ('no json', 'cannot read'),
    ('version', 'version 99'), ('no episodes', 'is empty'), ('no spec', 'missing key spec'),
    ('bad spec', 'chunk_length 0'), ('missing', 'images_front.npy'),
    ('cut', 'images_front.npy'), ('shape', r'action.npy has shape \(30, 9\)'),
    ('nan', 'not finite'), ('episode', 'episode.npy')])
def test_a_spoilt_folder_is_refused_and_says_what(what, message, tmp_path):
    folder = write_dataset(tmp_path / 'data', episodes=3, frames=10)
    spoil(folder, what)
    with pytest.raises(DatasetError, match=message):
        Frames(folder)


def test_no_folder_is_no_dataset(tmp_path):
    with pytest.raises(DatasetError, match='vaa dataset'):
        Frames(tmp_path / 'nowhere')


def test_held_out_episodes_are_spread_and_leave_no_instruction_without_any():
    def split(texts: list[str], fraction: float) -> str:
        episodes = [{'instruction': text, 'split': 'train', 'sha256': str(number)}
                    for number, text in enumerate(texts)]
        held = hold_out(episodes, fraction)
        shown = ''.join(item['split'][0] for item in episodes)
        assert shown.count('h') == held
        return shown

    assert split([''] * 10, 0.2) == 'tthtttthtt'
    assert split([''] * 10, 0.0) == 't' * 10 and split([''] * 10, 1.0).count('t') == 1
    assert split(['red', 'red', 'green'], 0.9) == 'htt'
    assert split(['red', 'Red!', 'green', 'green'], 1.0) == 'htht'


@pytest.mark.parametrize('fraction', [0.1, 0.3, 0.5, 0.9])
def test_episodes_of_one_recording_are_held_out_together(fraction):
    sizes = [1, 3, 2, 5, 1, 4]
    episodes = [{'instruction': '', 'split': 'train', 'sha256': str(number), 'cut': place}
                for number, size in enumerate(sizes) for place in range(size)]
    held = hold_out(episodes, fraction)
    splits = {item['sha256']: set() for item in episodes}
    for item in episodes:
        splits[item['sha256']].add(item['split'])
    assert all(len(found) == 1 for found in splits.values())
    chosen = [number for number, found in splits.items() if found == {'held_out'}]
    assert len(chosen) == max(1, round(fraction * len(sizes)))
    assert held == sum(sizes[int(number)] for number in chosen)


def test_of_one_recording_nothing_is_held_out():
    episodes = [{'instruction': '', 'split': 'train', 'sha256': 'a'} for _ in range(5)]
    assert hold_out(episodes, 0.5) == 0
    assert hold_out([{**item, 'part': place} for place, item in enumerate(episodes)], 0.5) == 2


def test_an_instruction_that_is_only_held_out_cannot_be_trained_for(tmp_path):
    frames = Frames(write_dataset(tmp_path / 'data', episodes=4, held_out=1))
    wanted = {'instruction': 'red'}
    write_chosen([Chosen(frames, range(4))], tmp_path / 'red', changes=wanted)
    write_chosen([Chosen(Frames(tmp_path / 'red'), range(4))], tmp_path / 'both', changes={
        'instruction': 'green'}, changed=[3])
    with pytest.raises(DatasetError, match="no episode to train with for 'green'"):
        Frames(tmp_path / 'both').to_train_with()
    Frames(tmp_path / 'red').to_train_with()
