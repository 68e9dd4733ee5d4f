# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
HDF5 files as ACT and ALOHA write them become datasets; damaged ones are refused by name.
"""
from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
import sys
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
from small_gym_env import write_files

from vaa_ros.cli.main import main
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.aloha_import import import_aloha
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.frames import Frames
from vaa_ros.sim.environment import EnvironmentSpec
from vaa_ros.sim.environment import load_environment

ROWS = 20
OPTIONS = DatasetOptions(size=(32, 24), held_out=0.0)


def pictures(number: int) -> np.ndarray:
    """Pictures whose red grows with the row and whose blue is the episode's number."""
    made = np.zeros((ROWS, 48, 64, 3), np.uint8)
    made[..., 0] = 5 * np.arange(ROWS)[:, None, None]
    made[..., 2] = 50 * number
    return made


def write(path: Path, number: int = 0, compress: bool = False, **changes: Any) -> Path:
    """Write an episode as ACT does; changes replace arrays by name, None takes one out."""
    turn = np.linspace(0.0, 0.4, ROWS) + number
    qpos = np.stack([np.linspace(0.2, 0.8, ROWS), turn, -turn / 2], axis=1)
    images: Any = pictures(number)
    if compress:
        rows = [cv2.imencode('.jpg', image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].ravel()
                for image in images]
        images = np.zeros((ROWS, max(map(len, rows))), np.uint8)
        for row, data in zip(images, rows, strict=True):
            row[:len(data)] = data
    arrays = {'observations/qpos': qpos, 'observations/qvel': np.zeros_like(qpos),
              'action': qpos + 0.01, 'observations/images/front': images, **changes}
    with h5py.File(path, 'w') as file:
        file.attrs['sim'] = True
        if compress:
            file.attrs['compress'] = True
            file['compress_len'] = np.array([[len(data) for data in rows]], np.float32)
        for name, array in arrays.items():
            if array is not None:
                chunks = (1, *array.shape[1:]) if 'images' in name and array.ndim > 1 else None
                file.create_dataset(name, data=array, chunks=chunks)
    return path


@pytest.fixture
def spec(tmp_path: Path) -> EnvironmentSpec:
    return load_environment(str(write_files(tmp_path, cameras={'front': 'render'})))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / 'act'
    folder.mkdir()
    return folder


@pytest.mark.parametrize(('compress', 'tolerance'), [(False, 0), (True, 6)])
def test_episodes_become_a_dataset(
        tmp_path: Path, source: Path, spec: EnvironmentSpec, compress: bool,
        tolerance: int) -> None:
    for number in (0, 1):
        write(source / f'episode_{number}.hdf5', number, compress)
    result = import_aloha(source, tmp_path / 'data', spec, OPTIONS)
    assert (result.episodes, result.frames) == (2, 2 * ROWS)
    frames = Frames(tmp_path / 'data')
    assert frames.spec.control_rate_hz == 20 and frames.spec.task == 'joints'
    assert frames.spec.instructions == ('turn beyond half a radian',)
    turn = np.linspace(0.0, 0.4, ROWS) + 1
    wanted = np.stack([turn, -turn / 2, 0.04 * np.linspace(0.2, 0.8, ROWS) + 0.01], axis=1)
    np.testing.assert_allclose(frames.state[ROWS:], wanted, atol=1e-6)
    np.testing.assert_allclose(frames.action[ROWS:] - frames.state[ROWS:],
                               np.tile([0.01, 0.01, 0.0004], (ROWS, 1)), atol=1e-6)
    seen = np.load(tmp_path / 'data' / 'images_front.npy').astype(int)
    assert seen.shape == (2 * ROWS, 24, 32, 3)
    assert np.abs(seen[ROWS:] - pictures(1)[:, ::2, ::2]).max() <= tolerance
    stamps = np.load(tmp_path / 'data' / 'stamp.npy')
    assert set(np.diff(stamps[:ROWS])) == {50_000_000}


def test_episodes_are_read_in_the_order_of_their_numbers(
        tmp_path: Path, source: Path, spec: EnvironmentSpec) -> None:
    for number in (10, 2, 0):
        write(source / f'episode_{number}.hdf5', number / 10)
    import_aloha(source, tmp_path / 'data', spec, OPTIONS)
    state = np.load(tmp_path / 'data' / 'state.npy')
    np.testing.assert_allclose(state[::ROWS, 0], [0.0, 0.2, 1.0], atol=1e-6)


def test_the_shipped_description_fits_what_acts_recorders_write(
        tmp_path: Path, source: Path) -> None:
    qpos, action = np.random.default_rng(0).uniform(0.1, 0.9, (2, ROWS, 14))
    with h5py.File(source / 'episode_0.hdf5', 'w') as file:
        file.attrs.update(sim=False, compress=False)
        group = file.create_group('observations')
        for key in ('top', 'left_wrist', 'right_wrist'):
            group.create_dataset(f'images/{key}', data=pictures(int(key == 'top')),
                                 chunks=(1, 48, 64, 3))
        # Theirs are float32; real arms add effort, mobile ones their base.
        for where, name, values in ((group, 'qpos', qpos), (group, 'qvel', 0 * qpos),
                                    (group, 'effort', 0 * qpos), (file, 'action', action),
                                    (file, 'base_action', 0 * qpos[:, :2])):
            where.create_dataset(name, data=values, dtype='f4')
    import_aloha(source, tmp_path / 'data', load_environment('aloha_transfer'), OPTIONS)
    frames = Frames(tmp_path / 'data')
    assert frames.spec.control_rate_hz == 50 and frames.spec.camera_keys == ('top',)
    assert frames.spec.joint_names[6] == 'left_gripper'
    for values, found in ((qpos, frames.state), (action, frames.action)):
        wanted = values.copy()
        wanted[:, [6, 13]] = 0.01844 + (0.05800 - 0.01844) * wanted[:, [6, 13]]  # [m]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    np.testing.assert_array_equal(frames.images['top'], pictures(1)[:, ::2, ::2])


def cut(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:len(data) // 2])


def no_hdf5(path: Path) -> None:
    path.write_bytes(b'PNG' * 1000)


def half_a_jpeg(path: Path) -> None:
    write(path, 1, compress=True)
    with h5py.File(path, 'a') as file:
        file['observations/images/front'][7, 200:] = 0


def no_jpeg(path: Path) -> None:
    write(path, 1, compress=True)
    with h5py.File(path, 'a') as file:
        row = np.zeros(file['observations/images/front'].shape[1], np.uint8)
        row[:4] = [1, 2, 0xff, 0xd9]
        file['observations/images/front'][7] = row


def changed(**changes: Any) -> Callable[[Path], Path]:
    return lambda path: write(path, 1, **{name.replace('__', '/'): array
                                          for name, array in changes.items()})


def infinite(rows: int = ROWS) -> np.ndarray:
    made = np.zeros((rows, 3))
    made[4, 1] = np.inf
    return made


@pytest.mark.parametrize(('damage', 'words'), [
    (cut, ['cut off']),
    (no_hdf5, ['no HDF5 file']),
    (half_a_jpeg, ['/observations/images/front row 7', 'end is missing']),
    (no_jpeg, ['/observations/images/front row 7', 'JPEG']),
    (changed(action=None), ['no array /action', 'observations/qpos']),
    (changed(observations__qpos=np.zeros((ROWS, 14))), ['(20, 14)', '(any, 3)']),
    (changed(action=np.zeros((ROWS - 1, 3))), ['/action is (19, 3)', '(20, 3)']),
    (changed(action=np.zeros((ROWS, 3), int)), ['/action', 'int64', 'floating point']),
    (changed(action=infinite()), ['/action is not finite in row 4']),
    (changed(observations__images__front=None), ['no camera', '/front', 'none']),
    (changed(observations__images__front=pictures(0)[:-1]), ['(19, 48, 64, 3)']),
    (changed(observations__images__front=pictures(0).astype(float)), ['float64', 'uint8']),
    (changed(observations__qpos=np.full((ROWS, 3), 40.0)), ['turn is 40', 'degrees']),
])
def test_a_damaged_file_is_refused_by_name_and_nothing_is_written(
        tmp_path: Path, source: Path, spec: EnvironmentSpec, damage: Callable[[Path], Any],
        words: list[str]) -> None:
    write(source / 'episode_0.hdf5')
    damage(write(source / 'episode_1.hdf5', 1))
    before = sorted(tmp_path.iterdir())
    with pytest.raises(DatasetError) as caught:
        import_aloha(source, tmp_path / 'data', spec, OPTIONS)
    for word in ['episode_1.hdf5', *words]:
        assert word in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


def test_a_folder_without_episodes_is_refused(
        tmp_path: Path, source: Path, spec: EnvironmentSpec) -> None:
    (source / 'readme.txt').touch()
    with pytest.raises(DatasetError, match='no HDF5 files.*readme.txt'):
        import_aloha(source, tmp_path / 'data', spec, OPTIONS)
    with pytest.raises(DatasetError, match='no folder'):
        import_aloha(tmp_path / 'nowhere', tmp_path / 'data', spec, OPTIONS)


def test_without_h5py_the_error_says_what_to_install(
        tmp_path: Path, source: Path, spec: EnvironmentSpec,
        monkeypatch: pytest.MonkeyPatch) -> None:
    write(source / 'episode_0.hdf5')
    monkeypatch.setitem(sys.modules, 'h5py', None)
    with pytest.raises(ConfigError, match='aloha-data'):
        import_aloha(source, tmp_path / 'data', spec, OPTIONS)


def test_the_verb_reads_them(
        tmp_path: Path, source: Path, spec: EnvironmentSpec,
        capsys: pytest.CaptureFixture[str]) -> None:
    write(source / 'episode_0.hdf5')
    out, described = tmp_path / 'data', str(tmp_path / 'joints.yaml')
    assert main(['dataset', '--from-aloha', str(source), '--out', str(out)]) != 0
    assert '--environment' in capsys.readouterr().err
    assert main(['dataset', '--from-aloha', str(source), '--environment', described,
                 '--out', str(out)]) == 0
    assert len(Frames(out)) == ROWS
