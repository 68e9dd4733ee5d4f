# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Datasets that LeRobot itself wrote become ours; cut off or incomplete, they are refused by name.
"""
from __future__ import annotations

import json
from pathlib import Path
import shutil
import wave

from lerobot_fixture import action_degrees
from lerobot_fixture import degrees
from lerobot_fixture import FPS
from lerobot_fixture import HEIGHT
from lerobot_fixture import LENGTHS
from lerobot_fixture import MOTORS
from lerobot_fixture import pictures
from lerobot_fixture import TASKS
from lerobot_fixture import WIDTH
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.lerobot_export import export_dataset
from vaa_ros.learning.lerobot_import import import_dataset

WRITTEN = Path(__file__).parents[1] / 'data' / 'lerobot'
READ = [path.relative_to(WRITTEN) for path in sorted(WRITTEN.rglob('*'))
        if path.suffix in ('.parquet', '.mp4') or path.name == 'info.json']
OPTIONS = DatasetOptions(robot='so101', size=(WIDTH, HEIGHT), chunk_length=4, held_out=0.0)
EPISODES = range(len(LENGTHS))


def read(source: Path, out: Path) -> Frames:
    """Import one of the two; the one with videos is in degrees."""
    import_dataset(source, out, OPTIONS, degrees=source.name == 'video')
    return Frames(out)


@pytest.fixture(params=['video', 'pictures'])
def copy(request, tmp_path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(WRITTEN / request.param, tmp_path / request.param)


def test_what_lerobot_wrote_is_all_there():
    assert sorted({path.parts[0] for path in READ}) == ['pictures', 'video']
    assert len(READ) == 12
    for kind in ('video', 'pictures'):
        assert not (WRITTEN / kind / 'meta/vaa_ros.json').exists()


@pytest.mark.parametrize(('kind', 'tolerance'), [('video', 8.0), ('pictures', 0.0)])
def test_joints_pictures_tasks_and_times_are_those_that_were_recorded(kind, tolerance, tmp_path):
    frames = read(WRITTEN / kind, tmp_path / 'data')
    assert frames.spec.joint_names == frames.spec.action.names == MOTORS
    assert frames.spec.control_rate_hz == FPS
    assert frames.episode.tolist() == np.repeat(EPISODES, LENGTHS).tolist()
    assert [item['instruction'] for item in frames.episodes] == list(TASKS)
    assert frames.state == pytest.approx(
        np.radians(np.concatenate([degrees(number) for number in EPISODES])), abs=1e-6)
    assert frames.action == pytest.approx(
        np.radians(np.concatenate([action_degrees(number) for number in EPISODES])), abs=1e-6)

    rows = pa.concat_tables([pq.read_table(path, columns=['timestamp']) for path in sorted(
        (WRITTEN / kind / 'data').rglob('*.parquet'))])
    first = np.concatenate([[0], np.cumsum(LENGTHS)[:-1]])
    passed_s = (frames.stamp - np.repeat(frames.stamp[first], LENGTHS)) / 1e9
    assert passed_s == pytest.approx(rows['timestamp'].to_numpy(), abs=1e-6)

    recorded = np.concatenate([pictures(number) for number in EPISODES]).astype(float)
    away = np.abs(frames.images['front'][:, None] - recorded[None]).mean((2, 3, 4))
    assert away.diagonal().max() <= tolerance  # of 255; the one before or after is 20 away
    assert away.argmin(1).tolist() == list(range(len(frames)))


@pytest.mark.parametrize('path', READ, ids=str)
@pytest.mark.parametrize('damage', ['missing', 'half', 'end'])
def test_a_missing_or_cut_off_file_is_refused_by_name(path, damage, tmp_path):
    source = shutil.copytree(WRITTEN / path.parts[0], tmp_path / path.parts[0])
    file, data = tmp_path / path, (WRITTEN / path).read_bytes()
    file.unlink()
    if damage != 'missing':
        file.write_bytes(data[:len(data) // 2 if damage == 'half' else -120])
    gone = damage == 'missing' and 'episodes' in path.parts
    with pytest.raises(DatasetError) as caught:
        read(source, tmp_path / 'data')
    assert ('no meta/episodes' if gone else str(Path(*path.parts[1:]))) in str(caught.value)
    assert not (tmp_path / 'data').exists()


def test_a_video_with_too_few_pictures_is_refused_by_name(tmp_path):
    source = shutil.copytree(WRITTEN / 'video', tmp_path / 'video')
    first, second = sorted(source.rglob('*.mp4'))
    shutil.copy(second, first)  # ten pictures where there were seventeen
    with pytest.raises(DatasetError, match=f'{first.name}: 2 of the 9 pictures of episode 1 are'):
        read(source, tmp_path / 'data')


def test_a_file_without_a_video_is_refused_by_name(tmp_path):
    source = shutil.copytree(WRITTEN / 'video', tmp_path / 'video')
    file = next(iter(sorted(source.rglob('*.mp4'))))
    with wave.open(str(file), 'wb') as sound:
        sound.setparams((1, 2, 8000, 0, 'NONE', ''))
        sound.writeframes(bytes(1600))
    with pytest.raises(DatasetError, match=f'{file.name}: no video is in it'):
        read(source, tmp_path / 'data')


def test_degrees_are_not_taken_for_radians(tmp_path):
    with pytest.raises(DatasetError, match='shoulder_pan is -20 to -13, outs.*so101.*--degrees'):
        import_dataset(WRITTEN / 'video', tmp_path / 'data', OPTIONS)


def test_an_episode_with_several_tasks_is_left_out_by_name(copy, tmp_path):
    for path in (copy / 'data').rglob('*.parquet'):
        table = pq.read_table(path)
        columns = {name: table[name].to_numpy().copy() for name in table.column_names
                   if name.endswith('_index')}
        asked = columns['task_index']
        asked[(columns['episode_index'] == 1) & (columns['frame_index'] > 5)] = 0
        place = table.column_names.index('task_index')
        pq.write_table(table.set_column(place, 'task_index', pa.array(asked)), path)
    result = import_dataset(copy, tmp_path / 'data', OPTIONS, degrees=copy.name == 'video')
    assert result.episodes == 2
    assert [item['part'] for item in Frames(tmp_path / 'data').episodes] == [0, 2]
    assert result.skipped == [(copy, 'episode 1 has several tasks, one can be learned from: '
                               'push the cube away; put the red cube in the tray')]


def test_what_is_exported_has_the_columns_and_statistics_of_lerobot(tmp_path):
    read(WRITTEN / 'pictures', tmp_path / 'data')
    ours = export_dataset(tmp_path / 'data', tmp_path / 'lerobot').folder
    theirs = WRITTEN / 'video'
    for path in ('data/chunk-000/file-000.parquet', 'meta/episodes/chunk-000/file-000.parquet'):
        made, wanted = pq.read_schema(ours / path), pq.read_schema(theirs / path)
        assert {field.name: field.type for field in made} == {
            field.name: field.type for field in wanted}
    made, wanted = (json.loads((folder / 'meta/stats.json').read_text())
                    for folder in (ours, theirs))
    assert set(made) == set(wanted)
    for name, values in wanted.items():
        for what in ('min', 'max', 'mean', 'std', 'count'):
            if what == 'std' and 'images' in name:
                continue  # LeRobot squares bytes without widening them
            expected = np.array(values[what])
            if name in ('observation.state', 'action') and what != 'count':
                expected = np.radians(expected)
            assert np.array(made[name][what]) == pytest.approx(expected, abs=1e-5), (name, what)


def test_the_verb_reads_them(tmp_path, capsys):
    assert main(['dataset', '--from-lerobot', str(WRITTEN / 'video'), '--degrees',
                 '--robot', 'so101', '--out', str(tmp_path / 'data')]) == 0
    assert '27' in capsys.readouterr().out
    assert len(Frames(tmp_path / 'data')) == 27
