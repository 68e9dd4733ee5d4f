# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Datasets merged, split, filtered and annotated: the very frames, and whole episodes alone.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

import cv2
from learning_bags import make_bag
from learning_bags import METADATA
import numpy as np
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.dataset_edit import halves
from vaa_ros.learning.dataset_edit import numbers
from vaa_ros.learning.dataset_figures import dataset_figures
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.lerobot_export import export_dataset
from vaa_ros.learning.lerobot_import import import_dataset

OPTIONS = DatasetOptions(size=(16, 12), chunk_length=4, held_out=0.3)


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> Path:
    """A dataset of five episodes, and one of two of them and a sixth."""
    folder = tmp_path_factory.mktemp('data')
    for seed in range(6):
        make_bag(folder / 'bags' / f'episode_00000{seed}', seed=seed, frames=10 + seed,
                 metadata=replace(METADATA, operator='ann' if seed % 2 else 'bob', verdict={
                     'judgement': ('keep', 'look', '')[seed % 3]} if seed % 3 < 2 else {}))
    bags = sorted((folder / 'bags').iterdir())
    build_dataset(bags[:5], folder / 'five', OPTIONS)
    build_dataset(bags[3:], folder / 'three', OPTIONS)
    build_dataset(bags, folder / 'six', OPTIONS)
    return folder


def seeds(folder: Path) -> list[int]:
    return [item['seed'] for item in Frames(folder).episodes]


def data(*arguments: object) -> int:
    return main(['data', *map(str, arguments)])


def same_frames(one: Frames, other: Frames) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in
               ('state', 'action', 'stamp', 'episode')) and all(
        np.array_equal(one.images[key], other.images[key]) for key in one.images)


def test_merging_gives_what_all_bags_at_once_would(made, tmp_path, capsys):
    assert data('merge', made / 'five', made / 'three', '--out', tmp_path / 'all') == 0
    assert '2 episodes were there twice' in capsys.readouterr().out
    merged, wanted = Frames(tmp_path / 'all'), Frames(made / 'six')
    assert same_frames(merged, wanted)
    told, expected = dict(merged.spec.provenance), dict(wanted.spec.provenance)
    # Each part keeps what it held out.
    assert len(told.pop('held_out_recordings')) == len(expected.pop('held_out_recordings')) == 2
    assert told == expected
    assert merged.description['normalisation'] == wanted.description['normalisation']


def test_what_does_not_fit_together_is_named(made, tmp_path, capsys):
    build_dataset(made / 'bags', tmp_path / 'other', replace(OPTIONS, control_rate_hz=20.0))
    assert data('merge', made / 'five', tmp_path / 'other', '--out', tmp_path / 'all') == 2
    said = capsys.readouterr().err
    assert 'control_rate_hz: 30.0 and 20.0' in said and str(tmp_path / 'other') in said
    assert not (tmp_path / 'all').exists()


def test_splitting_divides_recordings_and_loses_none(made, tmp_path):
    arguments = ('split', made / 'six', '--fraction', 0.5, '--out', tmp_path / 'a', '--rest',
                 tmp_path / 'b')
    assert data(*arguments) == 0
    one, other = seeds(tmp_path / 'a'), seeds(tmp_path / 'b')
    assert len(one) == len(other) == 3 and sorted(one + other) == list(range(6))
    frames = Frames(made / 'six')
    frames.episodes[1]['sha256'] = frames.episodes[4]['sha256']
    for seed in range(20):
        first, rest = halves(frames, 0.5, seed)
        assert (1 in first) == (4 in first) and sorted(first + rest) == list(range(6))
    with pytest.raises(DatasetError, match='leaves one half empty'):
        halves(frames, 0.01, 0)


def test_each_episode_of_a_lerobot_import_is_a_recording_of_its_own(tmp_path, capsys):
    bags = [make_bag(tmp_path / 'bags' / f'episode_00000{seed}', seed=0, frames=10)
            for seed in range(4)]
    build_dataset(bags, tmp_path / 'ours', OPTIONS)
    lerobot = export_dataset(tmp_path / 'ours', tmp_path / 'lerobot').folder
    import_dataset(lerobot, tmp_path / 'there', OPTIONS)
    assert data('merge', tmp_path / 'there', tmp_path / 'there', '--out', tmp_path / 'all') == 0
    assert '4 episodes were there twice' in capsys.readouterr().out
    assert same_frames(Frames(tmp_path / 'all'), Frames(tmp_path / 'there'))
    first, rest = halves(Frames(tmp_path / 'all'), 0.5, 1)
    assert len(first) == len(rest) == 2
    assert dataset_figures(Frames(tmp_path / 'all'))['all']['recordings'] == 4


@pytest.mark.parametrize(('options', 'wanted'), [
    (('--verdict', 'keep'), [0, 3]), (('--verdict', 'keep,look'), [0, 1, 3, 4]),
    (('--verdict', 'none'), [2, 5]), (('--operator', 'ann'), [1, 3, 5]),
    (('--operator', 'ann', '--verdict', 'look'), [1]), (('--success', 'yes'), list(range(6)))])
def test_filtering_takes_the_episodes_of_which_it_is_told(made, tmp_path, options, wanted):
    assert data('filter', made / 'six', *options, '--out', tmp_path / 'some') == 0
    assert seeds(tmp_path / 'some') == wanted
    frames, all_frames = Frames(tmp_path / 'some'), Frames(made / 'six')
    rows = np.isin(all_frames.episode, wanted)
    assert np.array_equal(frames.action, all_frames.action[rows])
    assert np.array_equal(frames.images['wrist'], all_frames.images['wrist'][rows])
    assert len(frames.spec.provenance['bags']) == len(wanted)


def test_without_any_verdict_it_says_what_to_do_instead(tmp_path, capsys):
    make_bag(tmp_path / 'bag')
    build_dataset(tmp_path / 'bag', tmp_path / 'data', OPTIONS)
    filtering = ('filter', tmp_path / 'data', '--out', tmp_path / 'some', '--verdict')
    assert data(*filtering, 'keep') == 2
    told = capsys.readouterr().err
    assert 'no episode has a verdict' in told and 'vaa data delete' in told
    assert data(*filtering, 'none') == 0


def test_deleting_in_place_needs_to_be_asked_for(made, tmp_path, capsys):
    assert data('merge', made / 'six', '--out', tmp_path / 'mine') == 0
    arguments = ('delete', tmp_path / 'mine', '--episodes', '0,2:4', '--out', tmp_path / 'mine')
    assert data(*arguments) == 2 and 'exists already' in capsys.readouterr().err
    assert len(seeds(tmp_path / 'mine')) == 6
    assert data(*arguments, '--overwrite') == 0
    assert seeds(tmp_path / 'mine') == [1, 4, 5]
    assert data('delete', tmp_path / 'mine', '--episodes', '0:3', '--out', tmp_path / 'mine',
                '--overwrite') == 2
    assert 'no episode is left' in capsys.readouterr().err
    assert seeds(tmp_path / 'mine') == [1, 4, 5]


def test_annotations_are_those_of_the_episodes_named(made, tmp_path, capsys):
    assert data('annotate', made / 'six', '--episodes', '1:3', '--instruction', 'push it',
                '--success', 'no', '--note', 'by night', '--out', tmp_path / 'told') == 0
    frames = Frames(tmp_path / 'told')
    assert [item['instruction'] for item in frames.episodes] == (
        ['touch it'] + 2 * ['push it'] + 3 * ['touch it'])
    assert [item['success'] for item in frames.episodes][:3] == [True, False, False]
    assert frames.spec.instructions == ('touch it', 'push it')
    assert same_frames(frames, Frames(made / 'six'))
    assert data('annotate', made / 'six', '--out', tmp_path / 'x') == 2
    assert 'cannot change nothing' in capsys.readouterr().err
    assert data('annotate', made / 'six', '--split', 'train', '--out', tmp_path / 'y') == 0
    assert not len(Frames(tmp_path / 'y').split('held_out'))


@pytest.mark.parametrize('text', ['6', '-1', 'x', '3:2', '0:7', '1:2:3', ''])
def test_numbers_that_name_no_episode_are_refused(made, text):
    with pytest.raises(DatasetError, match='names no episode; there are 0 to 5'):
        numbers(text, Frames(made / 'six'))


def test_statistics_come_with_pictures(made, tmp_path, capsys):
    picture, figures = tmp_path / 'p.png', tmp_path / 'f.json'
    assert data('stats', made / 'six', '--pictures', picture, '--json', figures) == 0
    found = json.loads(figures.read_text())
    frames = Frames(made / 'six')
    assert (found['all']['episodes'], found['all']['recordings']) == (6, 6)
    assert found['all']['frames per second'] == pytest.approx(30, rel=1e-3)
    assert {'told': 'operator', 'value': 'ann', 'episodes': 3} in found['told']
    row = next(row for row in found['elements'] if row['of'] == 'action')
    assert row['max'] == pytest.approx(float(frames.action[:, 0].max()))
    drawn = cv2.imread(str(picture))
    assert drawn is not None and drawn.std() > 20
    assert data('stats', made / 'six', '--pictures', tmp_path / 'p.txt') == 2
    assert 'ends in .png' in capsys.readouterr().err
