# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What LeRobotDataset v3.0 looks like on disk, as far as vaa_ros reads and writes it.

Rows of all episodes are in ``data``, pictures in ``videos`` (MP4) or in the rows (PNG, JPEG), and
``meta`` says which row and which second of a video belongs to which episode. The rate is constant:
the time of a frame is its number in its episode divided by the rate.
"""
from __future__ import annotations

from collections.abc import Mapping
import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import DatasetError

VERSION = 'v3.0'
INFO = 'meta/info.json'
STATS = 'meta/stats.json'
TASKS = 'meta/tasks.parquet'
OURS = 'meta/vaa_ros.json'
"""What the format has no place for: our spec, and what is known of the episodes."""

FILE = 'chunk-{chunk_index:03d}/file-{file_index:03d}'
EPISODES_PATH = f'meta/episodes/{FILE}.parquet'
DATA_PATH = f'data/{FILE}.parquet'
VIDEO_PATH = f'videos/{{video_key}}/{FILE}.mp4'

STATE, ACTION, IMAGES = 'observation.state', 'action', 'observation.images.'
COUNTERS = {'timestamp': 'float32', 'frame_index': 'int64', 'episode_index': 'int64',
            'index': 'int64', 'task_index': 'int64'}
"""Columns that every data file has, and their types."""


def library(name: str) -> ModuleType:
    """
    Load a library that only LeRobot datasets need.

    :param name: ``pyarrow.parquet``, ``pyarrow`` or ``av``.
    :return: the module.
    :raises ConfigError: if it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as problem:
        raise ConfigError(f'LeRobot datasets need {name.split(".")[0]}, which cannot be loaded '
                          f"({problem}). Install it with: pip install -e '.[lerobot]'") \
            from problem


def read_json(path: Path) -> dict[str, Any]:
    """
    Read a mapping.

    :param path: a JSON file.
    :return: its content.
    :raises DatasetError: if it is missing, cut off, or no mapping.
    """
    try:
        values = json.loads(path.read_text(encoding='utf-8'))
    except (OSError, ValueError, RecursionError) as problem:
        raise DatasetError(f'cannot read {path}: {problem}') from problem
    if not isinstance(values, dict):
        raise DatasetError(f'{path}: found {type(values).__name__}, expected a mapping')
    return values


def read_info(folder: Path) -> dict[str, Any]:
    """
    Read ``meta/info.json``.

    :param folder: a LeRobot dataset.
    :return: its content, checked as far as reading depends on it.
    :raises DatasetError: if it is missing, of another version, or malformed.
    """
    path = folder / INFO
    if not path.is_file():
        raise DatasetError(f'{folder} is no LeRobot dataset: it has no {INFO}')
    info = read_json(path)
    version = str(info.get('codebase_version'))
    if not version.startswith('v3.'):
        raise DatasetError(f'{path}: codebase_version {version}, this vaa_ros reads {VERSION}; '
                           "convert it with LeRobot's own tool first")
    for key, kind in (('features', Mapping), ('fps', (int, float)), ('total_episodes', int),
                      ('total_frames', int), ('data_path', str)):
        if not isinstance(info.get(key), kind) or isinstance(info[key], bool):
            raise DatasetError(f'{path}: {key} is {info.get(key)!r}, which cannot be used. '
                               f'Found: {", ".join(info)}')
    if not 0 < info['fps'] <= 1000:
        raise DatasetError(f'{path}: fps is {info["fps"]}, expected 0 to 1000')
    for name, feature in info['features'].items():
        if not isinstance(feature, Mapping) or not isinstance(feature.get('dtype'), str) \
                or not isinstance(feature.get('shape'), list):
            raise DatasetError(f'{path}: feature {name} has no dtype or shape')
    missing = [name for name in (STATE, ACTION) if name not in info['features']]
    if missing:
        raise DatasetError(f'{path}: no feature {", ".join(missing)}. Found: '
                           f'{", ".join(info["features"])}')
    return info
