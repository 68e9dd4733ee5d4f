# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Demonstrations in the HDF5 files of ACT and ALOHA (Zhao et al., RSS 2023) to a dataset of ours.

One file an episode, ``episode_<number>.hdf5``: ``/observations/qpos`` and ``/action`` (T, n),
``/observations/images/<camera>`` (T, H, W, 3) uint8, or with the attribute ``compress``
(T, bytes) uint8, each row a JPEG with zeros behind it. Which column is which joint, in which
unit, and how many rows a second there are, the file does not say: an environment description
does.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
import re
from typing import Any
from typing import TYPE_CHECKING

import cv2
import numpy as np

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError
from vaa_ros.core.images import fit_image
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.dataset import Builder
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.dataset_result import DatasetResult
from vaa_ros.learning.episodes import Episode
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.lerobot_import import check_limits
from vaa_ros.learning.lerobot_import import FIRST_NS
from vaa_ros.learning.plain_bags import Take
from vaa_ros.learning.whole_folder import whole_folder
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.sim.environment import check_joints
from vaa_ros.sim.environment import EnvironmentSpec

if TYPE_CHECKING:
    import h5py

QPOS, ACTION, IMAGES = '/observations/qpos', '/action', '/observations/images'
SUFFIXES = ('.hdf5', '.h5')
JPEG_END = b'\xff\xd9'


def import_aloha(source: str | Path, output: str | Path, environment: EnvironmentSpec,
                 options: DatasetOptions | None = None, overwrite: bool = False,
                 on_episode: Callable[[int, int, Path], None] | None = None) -> DatasetResult:
    """
    Make a dataset folder from a folder of HDF5 episodes; it appears whole or not at all.

    Every file is checked before the first one is read.

    :param source: the folder.
    :param output: the folder to write.
    :param environment: robot, joints in the order of the columns, scale, offset, cameras, rate,
        instruction; nothing of it is run.
    :param options: task, size of the pictures, part that is held out.
    :param overwrite: replace an existing dataset.
    :param on_episode: called before each episode with its number, their count and the file.
    :return: what came of it.
    :raises DatasetError: naming the file and what is wrong with it.
    :raises ConfigError: if h5py is not installed.
    """
    source, target, options = Path(source), Path(output), options or DatasetOptions()
    options = replace(options, robot=environment.robot, task=options.task or environment.name,
                      control_rate_hz=float(environment.control_rate_hz))
    paths = find_files(source)
    with whole_folder(target, DESCRIPTION if overwrite else None) as partial:
        builder = Builder(options, partial, [])
        check_joints(environment, builder.robot)
        keys = tuple(options.cameras or environment.cameras)
        builder.cameras = tuple(CameraSpec(key, *options.size) for key in keys)
        for path in paths:
            with opened(path) as file:
                check_layout(path, file, keys, len(environment.joints))
        for number, path in enumerate(paths):
            if on_episode is not None:
                on_episode(number, len(paths), path)
            with opened(path) as file:
                episode = read_episode(path, file, builder.cameras, environment,
                                       builder.robot.joint_names)
            check_limits(path, episode, builder.robot)
            streams = BagStreams(EpisodeMetadata(
                task=options.task or '', instruction=environment.instruction,
                robot=builder.robot.name), 'joint_trajectory', {})
            builder.keep(path, episode, Take(streams), builder.spec_for(
                path, streams.metadata, streams.command_type))
        return builder.finish(target)


def find_files(source: Path) -> list[Path]:
    """
    List the episodes of a folder in the order of their numbers.

    :raises DatasetError: if there is none; says what is there.
    """
    if not source.is_dir():
        raise DatasetError(f'{source} is no folder; expected one with episode_0.hdf5 and so on')
    paths = [path for path in source.iterdir() if path.suffix in SUFFIXES]
    if not paths:
        there = sorted(path.name for path in source.iterdir())[:5]
        raise DatasetError(f'{source} holds no HDF5 files ({", ".join(SUFFIXES)}); it has: '
                           f'{", ".join(there) or "nothing"}')
    return sorted(paths, key=lambda path: [
        int(part) if part.isdigit() else part for part in re.split(r'(\d+)', path.name)])


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """
    Open an HDF5 file for reading; what cannot be read in it is refused by its name.

    :raises DatasetError: if it cannot be read: cut off, damaged, or no HDF5.
    :raises ConfigError: if h5py is not installed.
    """
    try:
        import h5py
    except ImportError as problem:
        raise ConfigError(f"HDF5 files need h5py ({problem}). Install it with: "
                          "pip install -e '.[aloha-data]'") from problem
    try:
        with h5py.File(path, 'r') as file:
            yield file
    except (OSError, RuntimeError, KeyError) as problem:
        raise DatasetError(f'{path}: cannot be read, it is cut off, damaged or no HDF5 file: '
                           f'{problem}') from problem


def check_layout(path: Path, file: h5py.File, cameras: Sequence[str], width: int) -> None:
    """
    Make sure that everything is there, and that shapes and lengths fit.

    :param path: the file, for errors.
    :param file: the same, open.
    :param cameras: the cameras wanted.
    :param width: numbers in a row of positions and actions.
    :raises DatasetError: naming what is wrong and what was found.
    """
    rows = len(_array(path, file, QPOS, (None, width), 'f'))
    _array(path, file, ACTION, (rows, width), 'f')
    there = list(file[IMAGES]) if IMAGES in file else []
    compressed = is_compressed(file)
    for key in cameras:
        if key not in there:
            raise DatasetError(f'{path}: no camera {IMAGES}/{key}. Found: '
                               f'{", ".join(there) or "none"}')
        shape = (rows, None) if compressed else (rows, None, None, 3)
        _array(path, file, f'{IMAGES}/{key}', shape, 'u')


def is_compressed(file: h5py.File) -> bool:
    """
    Say whether the pictures are JPEGs.
    """
    return bool(file.attrs.get('compress', False))


def read_episode(path: Path, file: h5py.File, cameras: Sequence[CameraSpec],
                 environment: EnvironmentSpec, joints: Sequence[str]) -> Episode:
    """
    Read the frames of an episode.

    :param path: the file, for errors.
    :param file: the same, open.
    :param cameras: the cameras and their size.
    :param environment: what the columns are.
    :param joints: the robot's joints in order.
    :return: the frames, with joints in the robot's order and units.
    :raises DatasetError: if a value is not finite or a picture cannot be decoded.
    """
    order = [environment.joints.index(name) for name in joints]
    scale = np.array([environment.scale.get(name, 1.0) for name in joints])
    offset = np.array([environment.offset.get(name, 0.0) for name in joints])
    vectors = {}
    for name in (QPOS, ACTION):
        values = np.asarray(file[name], np.float64)[:, order] * scale + offset
        if not np.isfinite(values).all():
            row = int(np.flatnonzero(~np.isfinite(values).all(1))[0])
            raise DatasetError(f'{path}: {name} is not finite in row {row}')
        vectors[name] = values
    compressed = is_compressed(file)
    observations = []
    for row, state in enumerate(vectors[QPOS].astype(np.float32)):
        images = {}
        for camera in cameras:
            name = f'{IMAGES}/{camera.key}'
            picture = file[name][row]
            if compressed:
                picture = decode(picture, f'{path}: {name} row {row}')
            images[camera.key] = fit_image(picture, camera)
        stamp_ns = FIRST_NS + round(row * NANOSECONDS / environment.control_rate_hz)
        observations.append(Observation(stamp_ns, images, state))
    return Episode(observations, vectors[ACTION], {})


def decode(row: np.ndarray, where: str) -> np.ndarray:
    """
    Decode a JPEG with zeros behind it.

    ALOHA hands its rgb arrays to OpenCV as they are and takes them back as they are, so that the
    channels keep their order.

    :param row: the bytes.
    :param where: file, camera and row, for errors.
    :return: (H, W, 3) uint8.
    :raises DatasetError: if it is no whole JPEG.
    """
    if not row.tobytes().rstrip(b'\0').endswith(JPEG_END):
        raise DatasetError(f'{where}: no whole JPEG, its end is missing')
    picture = cv2.imdecode(row, cv2.IMREAD_COLOR)
    if picture is None:
        raise DatasetError(f'{where}: cannot be decoded as JPEG')
    return picture


def _array(path: Path, file: h5py.File, name: str, shape: tuple[int | None, ...],
           kind: str) -> Any:
    """
    Give an array of a file, if it has the shape and kind; None in the shape fits anything.
    """
    found: list[str] = []
    file.visit(found.append)
    array = file.get(name)
    if not hasattr(array, 'dtype'):
        raise DatasetError(f'{path}: no array {name}. Found: {", ".join(found) or "nothing"}')
    fits = len(array.shape) == len(shape) and all(
        wanted in (None, size) for wanted, size in zip(shape, array.shape, strict=True))
    if not fits or array.dtype.kind != kind or (kind == 'u' and array.dtype.itemsize != 1):
        wanted = ', '.join('any' if size is None else str(size) for size in shape)
        types = {'f': 'floating point', 'u': 'uint8'}
        raise DatasetError(f'{path}: {name} is {array.shape} {array.dtype}, expected ({wanted}) '
                           f'{types[kind]}')
    return array
