# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A dataset of ours to LeRobotDataset v3.0.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
import json
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.lerobot_layout import ACTION
from vaa_ros.learning.lerobot_layout import COUNTERS
from vaa_ros.learning.lerobot_layout import DATA_PATH
from vaa_ros.learning.lerobot_layout import EPISODES_PATH
from vaa_ros.learning.lerobot_layout import IMAGES
from vaa_ros.learning.lerobot_layout import INFO
from vaa_ros.learning.lerobot_layout import library
from vaa_ros.learning.lerobot_layout import OURS
from vaa_ros.learning.lerobot_layout import STATE
from vaa_ros.learning.lerobot_layout import STATS
from vaa_ros.learning.lerobot_layout import TASKS
from vaa_ros.learning.lerobot_layout import VERSION
from vaa_ros.learning.lerobot_layout import VIDEO_PATH
from vaa_ros.learning.whole_folder import whole_folder

QUANTILES = {'q01': 0.01, 'q10': 0.10, 'q50': 0.50, 'q90': 0.90, 'q99': 0.99}
PICTURES_MEASURED = 100
"""Pictures of a camera, spread evenly, that its statistics are made of."""
VIDEO_OPTIONS = {'preset': 'veryfast', 'crf': '16', 'g': '2'}
"""Nearly without loss; a key frame every second picture, since training reads at random."""


@dataclass(frozen=True)
class ExportResult:
    """
    What came of an export.

    :param folder: the LeRobot dataset.
    :param episodes: episodes in it.
    :param frames: frames in it.
    :param repeated: frames that stand for a tick without one of its own.
    :param left_out: frames for whose tick there is a later one.
    """

    folder: Path
    episodes: int
    frames: int
    repeated: int
    left_out: int


def export_dataset(source: str | Path, output: str | Path) -> ExportResult:
    """
    Write a dataset as LeRobotDataset v3.0; it appears whole or not at all.

    That format has one constant rate: every episode is put on ticks of the control rate, each with
    the newest frame until then.

    :param source: a dataset folder of ours.
    :param output: the folder to write; must not exist.
    :return: what came of it.
    :raises DatasetError: if the dataset cannot be read, or the folder cannot be written.
    :raises ConfigError: if pyarrow or av are not installed.
    """
    library('av')
    library('pyarrow')
    frames = Frames(source)
    ticks = [on_ticks(frames, number) for number in range(len(frames.episodes))]
    rows = np.concatenate(ticks)
    with whole_folder(Path(output)) as folder:
        (folder / 'meta').mkdir()
        tasks = [item.get('instruction') or item.get('task') or frames.spec.task or 'task'
                 for item in frames.episodes]
        known = list(dict.fromkeys(tasks))
        counters = counters_of(frames, ticks, [known.index(task) for task in tasks])
        write_data(folder, frames, ticks, counters)
        for key in frames.spec.camera_keys:
            write_video(folder, frames, key, rows)
        write_tasks(folder, known)
        write_episodes(folder, frames, ticks, tasks, counters)
        write_json(folder / STATS, statistics(frames, rows, counters))
        write_json(folder / INFO, information(frames, len(rows), len(known)))
        write_json(folder / OURS, {'spec': frames.spec.to_dict(), 'episodes': frames.episodes,
                                   'command_type': frames.description.get('command_type')})
    used = len(np.unique(rows))
    return ExportResult(Path(output), len(ticks), len(rows), len(rows) - used,
                        len(frames) - used)


def on_ticks(frames: Frames, number: int) -> np.ndarray:
    """
    Put an episode on ticks of the control rate.

    :param frames: the dataset.
    :param number: the episode.
    :return: for each tick the row of the newest frame until then (n,).
    """
    rows = np.flatnonzero(np.asarray(frames.episode) == number)
    seconds = (frames.stamp[rows] - frames.stamp[rows[0]]) / NANOSECONDS
    tick = np.round(seconds * frames.spec.control_rate_hz).astype(np.int64)
    return rows[np.searchsorted(tick, np.arange(tick[-1] + 1), 'right') - 1]


def counters_of(frames: Frames, ticks: list[np.ndarray],
                tasks: list[int]) -> dict[str, np.ndarray]:
    """
    Count rows, frames, episodes and tasks, each column (N,) for the rows of all episodes.
    """
    lengths = [len(rows) for rows in ticks]
    frame = np.concatenate([np.arange(length) for length in lengths])
    columns = {'timestamp': frame / frames.spec.control_rate_hz, 'frame_index': frame,
               'episode_index': np.repeat(np.arange(len(ticks)), lengths),
               'index': np.arange(len(frame)), 'task_index': np.repeat(tasks, lengths)}
    return {name: columns[name].astype(kind) for name, kind in COUNTERS.items()}


def write_data(folder: Path, frames: Frames, ticks: list[np.ndarray],
               counters: dict[str, np.ndarray]) -> None:
    """
    Write the rows, an episode a row group.
    """
    pa, pq = library('pyarrow'), library('pyarrow.parquet')
    vectors = {STATE: frames.state, ACTION: frames.action}
    schema = pa.schema([
        *(pa.field(name, vector_type(pa, values.shape[1])) for name, values in vectors.items()),
        *(pa.field(name, pa.type_for_alias(kind)) for name, kind in COUNTERS.items())])
    path = folder / DATA_PATH.format(chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    first = 0
    with pq.ParquetWriter(path, schema) as writer:
        for rows in ticks:
            columns = {name: vector_array(pa, values[rows]) for name, values in vectors.items()}
            columns |= {name: pa.array(values[first:first + len(rows)])
                        for name, values in counters.items()}
            writer.write_table(pa.table(columns, schema=schema))
            first += len(rows)


def vector_type(pa: Any, size: int) -> Any:
    """
    Give the Arrow type of a vector; that of one element is a plain number.
    """
    return pa.float32() if size == 1 else pa.list_(pa.float32(), size)


def vector_array(pa: Any, values: np.ndarray) -> Any:
    """
    Give vectors (n, D) as an Arrow array.
    """
    flat = pa.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return flat if values.shape[1] == 1 else pa.FixedSizeListArray.from_arrays(
        flat, values.shape[1])


def write_video(folder: Path, frames: Frames, key: str, rows: np.ndarray) -> None:
    """
    Write the pictures of a camera, all episodes in one MP4 (H.264).
    """
    av = library('av')
    path = folder / VIDEO_PATH.format(video_key=IMAGES + key, chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    camera = frames.spec.camera(key)
    rate = Fraction(frames.spec.control_rate_hz).limit_denominator(1001)
    with av.open(str(path), 'w', format='mp4', options={'movflags': 'faststart'}) as container:
        stream = container.add_stream('libx264', rate=rate, options=VIDEO_OPTIONS)
        stream.width, stream.height = camera.width, camera.height
        stream.pix_fmt = pixel_format(camera.width, camera.height)
        for row in rows:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frames.images[key][row]),
                                                 format='rgb24')
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def pixel_format(width: int, height: int) -> str:
    """
    Choose the pixel format: the usual one halves the colours, which odd sizes do not allow.
    """
    return 'yuv420p' if width % 2 == height % 2 == 0 else 'yuv444p'


def write_tasks(folder: Path, tasks: list[str]) -> None:
    """
    Write the tasks as pandas does, whose index LeRobot looks them up in.
    """
    pa, pq = library('pyarrow'), library('pyarrow.parquet')
    columns = [{'name': name, 'field_name': name, 'pandas_type': kind, 'numpy_type': numpy_type,
                'metadata': None} for name, kind, numpy_type in (
                    ('task_index', 'int64', 'int64'), ('task', 'unicode', 'object'))]
    pandas = {'index_columns': ['task'], 'column_indexes': [], 'columns': columns,
              'creator': {'library': 'pyarrow', 'version': pa.__version__},
              'pandas_version': '2.0.0'}
    table = pa.table({'task_index': pa.array(range(len(tasks)), pa.int64()),
                      'task': pa.array(tasks, pa.string())})
    pq.write_table(table.replace_schema_metadata({'pandas': json.dumps(pandas)}), folder / TASKS)


def write_episodes(folder: Path, frames: Frames, ticks: list[np.ndarray],
                   tasks: list[str], counters: dict[str, np.ndarray]) -> None:
    """
    Write where each episode lies, and its statistics.
    """
    pa, pq = library('pyarrow'), library('pyarrow.parquet')
    rows, first = [], 0
    rate = frames.spec.control_rate_hz
    for number, chosen in enumerate(ticks):
        last = first + len(chosen)
        row: dict[str, Any] = {
            'episode_index': number, 'tasks': [tasks[number]], 'length': len(chosen),
            'dataset_from_index': first, 'dataset_to_index': last,
            'data/chunk_index': 0, 'data/file_index': 0,
            'meta/episodes/chunk_index': 0, 'meta/episodes/file_index': 0}
        for key in frames.spec.camera_keys:
            row |= {f'videos/{IMAGES}{key}/{name}': value for name, value in (
                ('chunk_index', 0), ('file_index', 0), ('from_timestamp', first / rate),
                ('to_timestamp', last / rate))}
        mine = {name: values[first:last] for name, values in counters.items()}
        for name, values in statistics(frames, chosen, mine).items():
            row |= {f'stats/{name}/{what}': value for what, value in values.items()}
        rows.append(row)
        first = last
    path = folder / EPISODES_PATH.format(chunk_index=0, file_index=0)
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)


def statistics(frames: Frames, rows: np.ndarray,
               counters: dict[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """
    Measure rows: least, greatest, mean, spread, count and quantiles of every feature.

    LeRobot cannot add episodes to a dataset without those of the counters.

    :param frames: the dataset.
    :param rows: the rows (n,).
    :param counters: the other columns of these rows, each (n,).
    :return: what LeRobot keeps of each feature; colours as fractions (3, 1, 1).
    """
    result = {name: measured(values[rows].astype(np.float64))
              for name, values in ((STATE, frames.state), (ACTION, frames.action))}
    result |= {name: measured(values[:, None]) for name, values in counters.items()}
    some = rows[np.unique(np.linspace(0, len(rows) - 1, PICTURES_MEASURED).round().astype(int))]
    for key in frames.spec.camera_keys:
        colours = np.stack([frames.images[key][row] for row in some]).reshape(-1, 3) / 255.0
        found = measured(colours)
        result[IMAGES + key] = {
            name: [len(some)] if name == 'count' else [[[value]] for value in values]
            for name, values in found.items()}
    return result


def measured(values: np.ndarray) -> dict[str, list[float]]:
    """
    Measure each column of (n, D).
    """
    quantiles = np.quantile(values, list(QUANTILES.values()), axis=0)
    return {'min': values.min(0).tolist(), 'max': values.max(0).tolist(),
            'mean': values.mean(0).tolist(), 'std': values.std(0).tolist(),
            'count': [len(values)],
            **{name: row.tolist() for name, row in zip(QUANTILES, quantiles, strict=True)}}


def information(frames: Frames, count: int, tasks: int) -> dict[str, Any]:
    """
    Give the content of ``meta/info.json``.
    """
    spec, episodes = frames.spec, len(frames.episodes)
    rate = spec.control_rate_hz
    fps = int(rate) if float(rate).is_integer() else rate
    return {
        'codebase_version': VERSION, 'robot_type': spec.robot, 'total_episodes': episodes,
        'total_frames': count, 'total_tasks': tasks, 'chunks_size': 1000,
        'data_files_size_in_mb': 100, 'video_files_size_in_mb': 500, 'fps': fps,
        'splits': {'train': f'0:{episodes}'}, 'data_path': DATA_PATH, 'video_path': VIDEO_PATH,
        'features': dict(features(frames, fps))}


def features(frames: Frames, fps: float) -> Iterator[tuple[str, dict[str, Any]]]:
    """
    Describe every feature.
    """
    spec = frames.spec
    for name, names in ((STATE, spec.joint_names), (ACTION, spec.action.names)):
        yield name, {'dtype': 'float32', 'shape': [len(names)], 'names': list(names)}
    for camera in spec.cameras:
        yield IMAGES + camera.key, {
            'dtype': 'video', 'shape': [camera.height, camera.width, 3],
            'names': ['height', 'width', 'channels'],
            'info': {'video.height': camera.height, 'video.width': camera.width,
                     'video.codec': 'h264', 'video.channels': 3, 'video.fps': fps,
                     'video.pix_fmt': pixel_format(camera.width, camera.height),
                     'video.is_depth_map': False, 'has_audio': False}}
    for name, kind in COUNTERS.items():
        yield name, {'dtype': kind, 'shape': [1], 'names': None}


def write_json(path: Path, values: dict[str, Any]) -> None:
    """
    Write a mapping as JSON.
    """
    path.write_text(json.dumps(values, indent=2, ensure_ascii=False), encoding='utf-8')
