# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Datasets to LeRobotDataset v3.0 and back, read again by hand, and refused when they are damaged.
"""
from __future__ import annotations

from dataclasses import replace
import io
import json
from pathlib import Path
import shutil
import sys

import av
import numpy as np
from PIL import Image
from plain_sessions import flags
from plain_sessions import MOVING_TICKS
from plain_sessions import session
from plain_sessions import write_plain
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from vaa_ros.cli.main import main
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import SpecError
from vaa_ros.learning.dataset import build_dataset
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.lerobot_export import export_dataset
from vaa_ros.learning.lerobot_import import import_dataset
from vaa_ros.learning.plain_bags import PlainOptions
from vaa_ros.learning.topic_mapping import TopicMapping

OPTIONS = DatasetOptions(size=(32, 24), chunk_length=4, control_rate_hz=20.0, task='reach',
                         plain=PlainOptions(TopicMapping(instruction='touch it')))
FRONT = 'observation.images.front'


def smooth(folder: Path) -> None:
    """Put pictures into a dataset that a video keeps: a bright square that goes its way."""
    for number, key in enumerate(('front', 'wrist')):
        pictures = np.load(folder / f'images_{key}.npy')
        for row, picture in enumerate(pictures):
            picture[:] = 60 + 40 * number
            picture[4:16, row % 20:row % 20 + 12] = (200, 40 + 3 * (row % 40), 90)
        np.save(folder / f'images_{key}.npy', pictures)


@pytest.fixture(scope='module')
def data(tmp_path_factory) -> Path:
    """A dataset of two episodes."""
    folder = tmp_path_factory.mktemp('ours')
    build_dataset(write_plain(folder / 'bag', session(2) + flags(2)), folder / 'data', OPTIONS)
    smooth(folder / 'data')
    return folder / 'data'


@pytest.fixture(scope='module')
def exported(data) -> Path:
    """The same as a LeRobot dataset."""
    return export_dataset(data, data.parent / 'lerobot').folder


@pytest.fixture
def copy(exported, tmp_path) -> Path:
    """A copy that a test may damage."""
    return shutil.copytree(exported, tmp_path / 'copy')


def change_info(folder: Path, change) -> None:
    path = folder / 'meta' / 'info.json'
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def foreign(folder: Path) -> Path:
    """Make it look as if LeRobot had written it."""
    (folder / 'meta' / 'vaa_ros.json').unlink()
    return folder


def change_rows(folder: Path, **columns) -> None:
    path = folder / 'data/chunk-000/file-000.parquet'
    table = pq.read_table(path)
    for name, change in columns.items():
        place = table.column_names.index(name)
        table = table.set_column(place, name, change(table[name]))
    pq.write_table(table, path)


def test_what_is_written_is_what_the_format_says(data, exported):
    frames = Frames(data)
    count = len(frames)
    info = json.loads((exported / 'meta/info.json').read_text())
    assert (info['codebase_version'], info['fps'], info['robot_type']) == ('v3.0', 20, 'vaa_arm')
    assert (info['total_episodes'], info['total_frames'], info['total_tasks']) == (2, count, 1)
    assert info['splits'] == {'train': '0:2'}
    assert info['features']['action'] == {'dtype': 'float32', 'shape': [7],
                                          'names': list(frames.spec.action.names)}
    assert info['features'][FRONT]['shape'] == [24, 32, 3]
    assert info['features'][FRONT]['dtype'] == 'video'
    assert set(info['features']) == {
        'observation.state', 'action', FRONT, 'observation.images.wrist', 'timestamp',
        'frame_index', 'episode_index', 'index', 'task_index'}

    table = pq.read_table(exported / info['data_path'].format(chunk_index=0, file_index=0))
    assert set(table.column_names) == set(info['features']) - {FRONT, 'observation.images.wrist'}
    assert table.schema.field('action').type == pa.list_(pa.float32(), 7)
    assert np.array(table['observation.state'].to_pylist(), np.float32) == pytest.approx(
        frames.state)
    assert np.array(table['action'].to_pylist(), np.float32) == pytest.approx(frames.action)
    assert table['index'].to_pylist() == list(range(count))
    assert table['episode_index'].to_pylist() == frames.episode.tolist()
    assert table['frame_index'].to_pylist() == [*range(count // 2)] * 2
    assert np.array(table['timestamp']) == pytest.approx(np.array(table['frame_index']) / 20)
    assert pq.ParquetFile(exported / 'data/chunk-000/file-000.parquet').num_row_groups == 2


def test_tasks_and_episodes_are_found_as_lerobot_finds_them(exported):
    tasks = pq.read_table(exported / 'meta/tasks.parquet')
    assert tasks.to_pylist() == [{'task_index': 0, 'task': 'touch it'}]
    # pandas, which LeRobot reads it with, makes the index of the columns named here.
    assert json.loads(tasks.schema.metadata[b'pandas'])['index_columns'] == ['task']
    episodes = pq.read_table(exported / 'meta/episodes/chunk-000/file-000.parquet').to_pylist()
    assert [row['length'] for row in episodes] == [MOVING_TICKS] * 2
    second = episodes[1]
    assert (second['dataset_from_index'], second['dataset_to_index']) == (24, 48)
    assert second[f'videos/{FRONT}/from_timestamp'] == pytest.approx(24 / 20)
    assert second[f'videos/{FRONT}/to_timestamp'] == pytest.approx(48 / 20)
    assert second['tasks'] == ['touch it']
    assert second['stats/action/count'] == [24]


def test_the_video_holds_every_frame_at_its_time(data, exported):
    frames = Frames(data)
    with av.open(str(exported / f'videos/{FRONT}/chunk-000/file-000.mp4')) as container:
        decoded = [(frame.time, frame.to_ndarray(format='rgb24'))
                   for frame in container.decode(video=0)]
    assert [time for time, _ in decoded] == pytest.approx(np.arange(len(frames)) / 20)
    error = np.abs(np.stack([rgb for _, rgb in decoded]).astype(float) - frames.images['front'])
    assert error.mean() < 6
    # Each picture is nearer to its own frame than to any other one of its surroundings.
    shifted = np.abs(decoded[10][1].astype(float) - frames.images['front'][11])
    assert error[10].mean() < shifted.mean()


def test_pictures_of_an_odd_size_keep_it(data, tmp_path):
    build_dataset(data.parent / 'bag', tmp_path / 'data', replace(OPTIONS, size=(33, 25)))
    export_dataset(tmp_path / 'data', tmp_path / 'lerobot')
    result = import_dataset(tmp_path / 'lerobot', tmp_path / 'again')
    assert Frames(result.folder).images['wrist'].shape == (48, 25, 33, 3)


def test_statistics_are_those_of_the_values(data, exported):
    frames = Frames(data)
    stats = json.loads((exported / 'meta/stats.json').read_text())
    assert stats['action']['mean'] == pytest.approx(frames.action.mean(0), abs=1e-6)
    assert stats['action']['std'] == pytest.approx(frames.action.std(0), abs=1e-6)
    assert stats['observation.state']['q90'] == pytest.approx(
        np.quantile(frames.state, 0.9, axis=0), abs=1e-6)
    assert stats['observation.state']['count'] == [48]
    mean = np.array(stats[FRONT]['mean'])
    assert mean.shape == (3, 1, 1)
    assert mean[:, 0, 0] == pytest.approx(frames.images['front'].mean((0, 1, 2)) / 255)


def test_there_and_back_gives_the_same_dataset(data, exported, tmp_path):
    result = import_dataset(exported, tmp_path / 'again', replace(OPTIONS, size=(99, 99)))
    before, after = Frames(data), Frames(result.folder)
    for name in ('state', 'action', 'episode'):
        assert np.array_equal(getattr(before, name), getattr(after, name)), name
    assert np.array_equal(before.chunk_index, after.chunk_index)
    assert after.spec.cameras == before.spec.cameras
    assert after.spec.instructions == ('touch it',) and after.spec.task == 'reach'
    for key in before.images:
        error = np.abs(before.images[key].astype(float) - after.images[key])
        assert error.mean() < 6
    assert [item['split'] for item in after.episodes] == [
        item['split'] for item in before.episodes]


def test_gaps_and_crowds_are_put_on_ticks(data, tmp_path):
    folder = shutil.copytree(data, tmp_path / 'data')
    stamp = np.load(folder / 'stamp.npy')
    stamp[5:24] += 100_000_000   # two ticks without a frame
    stamp[30] = stamp[29] + 1    # two frames in one tick, and none in the next
    np.save(folder / 'stamp.npy', stamp)
    result = export_dataset(folder, tmp_path / 'lerobot')
    assert (result.frames, result.repeated, result.left_out) == (48 + 2, 3, 1)
    table = pq.read_table(tmp_path / 'lerobot/data/chunk-000/file-000.parquet')
    state = np.array(table['observation.state'].to_pylist())[:, 0]
    wanted = np.load(folder / 'state.npy')[:, 0]
    rows = [*range(5), 4, 4, *range(5, 29), 30, 30, *range(31, 48)]
    assert state == pytest.approx(wanted[rows])


def test_a_foreign_dataset_is_read_by_the_names_of_its_joints(copy, data, tmp_path):
    def change(info):
        for name in ('observation.state', 'action'):
            info['features'][name]['names'] = [
                f'{joint}.pos' for joint in reversed(info['features'][name]['names'])]
        action = info['features']['action']
        action['names'] = {'motors': action['names']}
    change_info(foreign(copy), change)
    change_rows(copy, **{name: lambda column: pa.array([row[::-1] for row in column.to_pylist()])
                         for name in ('observation.state', 'action')})
    import_dataset(copy, tmp_path / 'again', OPTIONS)
    before, after = Frames(data), Frames(tmp_path / 'again')
    assert after.action == pytest.approx(before.action)
    assert after.state == pytest.approx(before.state)
    assert after.spec.camera_keys == ('front', 'wrist')


def test_degrees_are_asked_for_and_turned(copy, data, tmp_path):
    turn = np.array([180 / np.pi] * 6 + [1.0])
    change_rows(foreign(copy), **{
        name: lambda column: pa.array((np.array(column.to_pylist()) * turn).tolist())
        for name in ('observation.state', 'action')})
    with pytest.raises(DatasetError, match='joint_1 is 1.146 to 27.5, outside the lim.*--degrees'):
        import_dataset(copy, tmp_path / 'again', OPTIONS)
    import_dataset(copy, tmp_path / 'again', OPTIONS, degrees=True)
    assert Frames(tmp_path / 'again').action == pytest.approx(Frames(data).action, abs=1e-5)


def test_pictures_inside_the_rows_are_read_exactly(copy, data, tmp_path):
    pictures = Frames(data).images['front']
    path = foreign(copy) / 'data/chunk-000/file-000.parquet'
    stored = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, 'png')
        stored.append({'bytes': file.getvalue(), 'path': None})
    pq.write_table(pq.read_table(path).append_column(FRONT, pa.array(stored)), path)
    change_info(copy, lambda info: info['features'][FRONT].update(dtype='image'))
    import_dataset(copy, tmp_path / 'again', replace(OPTIONS, cameras=('front',)))
    assert np.array_equal(Frames(tmp_path / 'again').images['front'], pictures)


def cut(path: str, size: int):
    return lambda folder: (folder / path).write_bytes((folder / path).read_bytes()[:size])


def drop(path: str):
    return lambda folder: (folder / path).unlink()


def info(**values):
    return lambda folder: change_info(folder, lambda found: found.update(values))


@pytest.mark.parametrize(('damage', 'problem'), [
    (drop('meta/info.json'), 'no LeRobot dataset: it has no meta/info.json'),
    (cut('meta/info.json', 40), 'cannot read .*info.json'),
    (info(codebase_version='v2.1'), 'codebase_version v2.1, this vaa_ros reads v3.0'),
    (info(fps=0), 'fps is 0'),
    (info(fps='fast'), "fps is 'fast'"),
    (info(features={}), 'no feature observation.state, action'),
    (info(features={'action': 3}), 'feature action has no dtype'),
    (info(total_frames=5), '2 episodes with 48 frames, info.json says 2 with 5'),
    (info(data_path='../../{chunk_index}/{file_index}'), 'leads out of the folder'),
    (info(data_path='data/{nonsense}'), 'cannot be filled in'),
    (drop('meta/tasks.parquet'), 'cannot read .*tasks.parquet'),
    (cut('meta/tasks.parquet', 100), 'cannot read .*tasks.parquet'),
    (cut('meta/episodes/chunk-000/file-000.parquet', 900), 'cannot read .*file-000.parquet'),
    (drop('meta/episodes/chunk-000/file-000.parquet'), 'has no meta/episodes'),
    (cut('data/chunk-000/file-000.parquet', 900), 'cannot read .*data/chunk-000'),
    (drop('data/chunk-000/file-000.parquet'), 'cannot read .*data/chunk-000'),
    (cut(f'videos/{FRONT}/chunk-000/file-000.mp4', 2000), 'file-000.mp4'),
    (cut(f'videos/{FRONT}/chunk-000/file-000.mp4', 0), 'cannot read .*file-000.mp4'),
    (drop(f'videos/{FRONT}/chunk-000/file-000.mp4'), 'cannot read .*file-000.mp4'),
    (lambda folder: change_rows(folder, frame_index=lambda column: pa.array(range(48))),
     '24 rows of episode 1, meta/episodes says 24, and they must be numbered'),
    (lambda folder: change_rows(folder, action=lambda column: pa.array([[1.0, 2.0]] * 48)),
     'action of episode 0 has 2 elements, info.json says 7'),
    (lambda folder: change_rows(folder, action=lambda column: pa.array([[np.nan] * 7] * 48)),
     'not finite'),
    (lambda folder: change_rows(folder, task_index=lambda column: pa.array([7] * 48)),
     'has task 7; meta/tasks.parquet lists 0'),
])
def test_what_is_damaged_is_named_and_nothing_is_left(copy, tmp_path, damage, problem):
    damage(copy)
    with pytest.raises(DatasetError, match=problem):
        import_dataset(copy, tmp_path / 'again', OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ['copy']


def test_a_dataset_of_another_robot_is_named(copy, tmp_path):
    with pytest.raises(DatasetError, match=r'never degrees'):
        import_dataset(copy, tmp_path / 'again', OPTIONS, degrees=True)
    path = copy / 'meta' / 'vaa_ros.json'
    ours = json.loads(path.read_text())
    ours['spec']['joints'][0]['name'] = 'elbow'
    ours['spec']['action']['names'][0] = 'elbow'
    path.write_text(json.dumps(ours))
    with pytest.raises(SpecError, match='does not fit robot'):
        import_dataset(copy, tmp_path / 'again', OPTIONS)
    change_info(foreign(copy), lambda found: found['features']['action'].update(names=['x'] * 7))
    with pytest.raises(DatasetError, match=r"action is .*'x'.*robot vaa_arm has \['joint_1'"):
        import_dataset(copy, tmp_path / 'again', OPTIONS)
    with pytest.raises(DatasetError, match='no camera observation.images.top. Found: front, wri'):
        import_dataset(copy, tmp_path / 'again', replace(OPTIONS, cameras=('top',)))


def test_a_missing_library_is_named(data, exported, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, 'pyarrow', None)
    with pytest.raises(ConfigError, match=r"need pyarrow.*pip install -e '.\[lerobot\]'"):
        export_dataset(data, tmp_path / 'lerobot')
    monkeypatch.setitem(sys.modules, 'av', None)
    with pytest.raises(ConfigError, match='need av'):
        import_dataset(exported, tmp_path / 'again', OPTIONS)
    assert not list(tmp_path.iterdir())


def test_the_verb_goes_both_ways(data, tmp_path, capsys):
    there, back = tmp_path / 'there', tmp_path / 'back'
    assert main(['dataset', str(data), '--to-lerobot', str(there),
                 '--json', str(tmp_path / 'a.json')]) == 0
    assert json.loads((tmp_path / 'a.json').read_text())['frames'] == 48
    assert main(['dataset', '--from-lerobot', str(there), '--out', str(back)]) == 0
    assert len(Frames(back)) == 48
    assert main(['dataset', str(data), '--to-lerobot', str(there)]) == 2
    assert 'exists already' in capsys.readouterr().err
    for arguments, problem in [
            (['--to-lerobot', str(there)], 'writes one dataset'),
            (['--from-lerobot', str(there)], '--out is missing'),
            (['--out', 'x'], 'say what to read'),
            ([str(data), '--from-lerobot', str(there), '--out', 'x'], 'say what to read'),
            ([str(data), '--out', 'x', '--degrees'], '--degrees goes with')]:
        assert main(['dataset', *arguments]) == 2
        assert problem in capsys.readouterr().err
