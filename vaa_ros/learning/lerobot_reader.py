# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Reading a LeRobotDataset v3.0 episode by episode, with every defect named.
"""
from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ImageError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.images import decode_compressed
from vaa_ros.learning.lerobot_layout import ACTION
from vaa_ros.learning.lerobot_layout import library
from vaa_ros.learning.lerobot_layout import STATE
from vaa_ros.learning.lerobot_layout import TASKS

EPISODE_COLUMNS = ('episode_index', 'length', 'data/chunk_index', 'data/file_index')


class LeRobotReader:
    """
    Reads one dataset.

    :param folder: the dataset.
    :param info: the content of its ``meta/info.json``.
    :raises DatasetError: if its episodes or tasks cannot be read, or are not all there.
    :raises ConfigError: if pyarrow or av are not installed.
    """

    def __init__(self, folder: Path, info: Mapping[str, Any]) -> None:
        self.folder, self._info = folder, info
        library('av')
        self._parquet = library('pyarrow.parquet')
        self._episodes = self._read_episodes()
        tasks = self._table(folder / TASKS, None)
        names = [name for name in tasks.column_names if name != 'task_index']
        if 'task_index' not in tasks.column_names or len(names) != 1:
            raise DatasetError(f'{folder / TASKS}: columns {tasks.column_names}, expected '
                               'task_index and the task')
        self._tasks = dict(zip(tasks['task_index'].to_pylist(), tasks[names[0]].to_pylist(),
                               strict=True))
        self._cached: tuple[Path, Any] | None = None

    def __len__(self) -> int:
        return len(self._episodes)

    def tasks(self, number: int) -> list[str]:
        """
        Give what was asked for in an episode, in words; every row may have its own.

        :raises DatasetError: if a task is not listed.
        """
        found = list(dict.fromkeys(self._rows(number)['task_index'].to_pylist()))
        unknown = [index for index in found if index not in self._tasks]
        if unknown:
            raise DatasetError(f'{self.folder}: episode {number} has task {unknown[0]}; {TASKS} '
                               f'lists {", ".join(map(str, self._tasks))}')
        return [str(self._tasks[index]) for index in found]

    def vectors(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """
        Read states (n, S) and actions (n, D) of an episode.

        :raises DatasetError: if rows are missing, or of another shape than told.
        """
        table = self._rows(number)
        result = []
        for name in (STATE, ACTION):
            values = table[name].to_pylist()
            size = self._info['features'][name]['shape'][0]
            try:
                array = np.array(values, dtype=np.float64).reshape(len(values), -1)
            except (TypeError, ValueError) as problem:
                raise DatasetError(f'{self.folder}: {name} of episode {number} has no numbers of '
                                   f'one shape: {problem}') from problem
            if array.shape[1] != size:
                raise DatasetError(f'{self.folder}: {name} of episode {number} has '
                                   f'{array.shape[1]} elements, info.json says {size}')
            result.append(array)
        return result[0], result[1]

    def pictures(self, number: int, key: str) -> Iterator[np.ndarray]:
        """
        Decode the pictures of an episode, one after the other, (H, W, 3) uint8 rgb.

        :raises DatasetError: if one is missing or damaged.
        """
        if self._info['features'][key]['dtype'] == 'image':
            yield from self._stored_pictures(number, key)
        else:
            yield from self._video_pictures(number, key)

    def _stored_pictures(self, number: int, key: str) -> Iterator[np.ndarray]:
        path = self._data_path(number)
        table = self._table(path, [key], [('episode_index', '==', number)])
        if len(table) != self._episodes[number]['length']:
            raise DatasetError(f'{path}: {len(table)} pictures {key} of episode {number}')
        for item in table[key].to_pylist():
            data = item.get('bytes') if isinstance(item, Mapping) else None
            if not data:
                raise DatasetError(f'{path}: {key} of episode {number} holds no bytes; only '
                                   'embedded pictures can be read')
            try:
                yield decode_compressed(data)
            except ImageError as problem:
                raise DatasetError(f'{path}: {key} of episode {number}: {problem}') from problem

    def _video_pictures(self, number: int, key: str) -> Iterator[np.ndarray]:
        av = library('av')
        episode, fps = self._episodes[number], self._info['fps']
        try:
            path = self._file('video_path', video_key=key,
                              chunk_index=episode[f'videos/{key}/chunk_index'],
                              file_index=episode[f'videos/{key}/file_index'])
            start_s = float(episode[f'videos/{key}/from_timestamp'])
        except (KeyError, TypeError) as problem:
            raise DatasetError(f'{self.folder}: no place of the video {key} of episode {number}: '
                               f'missing {problem}') from problem
        wanted, length = round(start_s * fps), episode['length']
        stop, found = wanted + length, 0
        try:
            with av.open(str(path)) as container:
                if not container.streams.video:
                    raise DatasetError(f'cannot read {path}: no video is in it')
                stream = container.streams.video[0]
                if start_s > 0:
                    container.seek(int(start_s / stream.time_base), stream=stream)
                for frame in container.decode(stream):
                    at = round(float(frame.time) * fps)
                    if at == wanted:
                        yield frame.to_ndarray(format='rgb24')
                        wanted, found = wanted + 1, found + 1
                    if wanted == stop:
                        return
        except (av.FFmpegError, OSError, TypeError, ValueError) as problem:
            raise DatasetError(f'cannot read {path}: {problem}') from problem
        raise DatasetError(f'{path}: {found} of the {length} pictures of episode {number} are '
                           'there, one a step; the file is cut off or of another rate')

    def _read_episodes(self) -> list[dict[str, Any]]:
        files = sorted((self.folder / 'meta' / 'episodes').glob('*/*.parquet'))
        if not files:
            raise DatasetError(f'{self.folder} has no meta/episodes/*/*.parquet')
        rows: list[dict[str, Any]] = []
        for path in files:
            table = self._table(path, None)
            missing = [name for name in EPISODE_COLUMNS if name not in table.column_names]
            if missing:
                raise DatasetError(f'{path}: no column {", ".join(missing)}')
            rows += table.select([name for name in table.column_names
                                  if not name.startswith('stats/')]).to_pylist()
        rows.sort(key=lambda row: row['episode_index'])
        count, frames = len(rows), sum(row['length'] for row in rows)
        told = self._info['total_episodes'], self._info['total_frames']
        numbers = [row['episode_index'] for row in rows]
        if numbers != list(range(count)) or (count, frames) != told:
            raise DatasetError(f'{self.folder}: meta/episodes lists {count} episodes with '
                               f'{frames} frames, info.json says {told[0]} with {told[1]}')
        return rows

    def _rows(self, number: int) -> Any:
        path = self._data_path(number)
        if self._cached is None or self._cached[0] != path:
            names = [STATE, ACTION, 'frame_index', 'episode_index', 'task_index']
            self._cached = path, self._table(path, names)
        table = self._cached[1]
        chosen = np.flatnonzero(table['episode_index'].to_numpy() == number)
        rows, length = table.take(chosen), self._episodes[number]['length']
        if rows['frame_index'].to_pylist() != list(range(length)):
            raise DatasetError(f'{path}: {len(rows)} rows of episode {number}, meta/episodes says '
                               f'{length}, and they must be numbered in order')
        return rows

    def _data_path(self, number: int) -> Path:
        episode = self._episodes[number]
        return self._file('data_path', chunk_index=episode['data/chunk_index'],
                          file_index=episode['data/file_index'])

    def _file(self, kind: str, **places: Any) -> Path:
        try:
            path = (self.folder / str(self._info.get(kind)).format(**places)).resolve()
        except (KeyError, IndexError, ValueError) as problem:
            raise DatasetError(f'{self.folder}: {kind} is {self._info.get(kind)!r}, which cannot '
                               f'be filled in: {problem!r}') from problem
        if not path.is_relative_to(self.folder.resolve()):
            raise DatasetError(f'{self.folder}: {kind} leads out of the folder, to {path}')
        return path

    def _table(self, path: Path, columns: Sequence[str] | None,
               filters: list[tuple[str, str, int]] | None = None) -> Any:
        # A cut-off file raises nearly anything in a parser.
        try:
            names = set(self._parquet.read_schema(path).names)
            missing = [name for name in columns or () if name not in names]
            if missing:
                raise DatasetError(f'{path}: no column {", ".join(missing)}. Found: '
                                   f'{", ".join(sorted(names))}')
            return self._parquet.read_table(
                path, columns=None if columns is None else list(columns), filters=filters)
        except VaaError:
            raise
        except Exception as problem:
            raise DatasetError(f'cannot read {path}: {problem}') from problem
