# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
LeRobotDataset v3.0 to a dataset of ours.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace
import math
from pathlib import Path
from typing import Any

import numpy as np

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.images import fit_image
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.core.types import Observation
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.dataset import Builder
from vaa_ros.learning.dataset import DatasetOptions
from vaa_ros.learning.dataset_result import DatasetResult
from vaa_ros.learning.episodes import Episode
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.frames import taken_together
from vaa_ros.learning.lerobot_layout import ACTION
from vaa_ros.learning.lerobot_layout import IMAGES
from vaa_ros.learning.lerobot_layout import INFO
from vaa_ros.learning.lerobot_layout import OURS
from vaa_ros.learning.lerobot_layout import read_info
from vaa_ros.learning.lerobot_layout import read_json
from vaa_ros.learning.lerobot_layout import STATE
from vaa_ros.learning.lerobot_reader import LeRobotReader
from vaa_ros.learning.plain_bags import Take
from vaa_ros.learning.whole_folder import whole_folder
from vaa_ros.recording.episode import EpisodeMetadata

FIRST_NS = NANOSECONDS
"""Stamp of the first frame of every episode [ns]; the format has no other clock."""
OUTSIDE = 0.05
"""Part of a joint's range by which its positions may leave it: limits are rarely exact."""


@dataclass(frozen=True)
class Columns:
    """
    How vectors of a LeRobot dataset become ours.

    :param state: column of each joint of the robot in the state.
    :param action: column of each element of the action.
    :param state_scale: factor of each joint.
    :param action_scale: factor of each element.
    """

    state: list[int]
    action: list[int]
    state_scale: np.ndarray
    action_scale: np.ndarray


def import_dataset(source: str | Path, output: str | Path, options: DatasetOptions | None = None,
                   degrees: bool = False, overwrite: bool = False,
                   on_episode: Callable[[int, int, Path], None] | None = None) -> DatasetResult:
    """
    Make a dataset folder from a LeRobotDataset v3.0; it appears whole or not at all.

    What :func:`export_dataset` wrote beside the format is used, else the robot's description.

    :param source: the LeRobot dataset.
    :param output: the folder to write.
    :param options: robot, cameras, size of the pictures, part that is held out.
    :param degrees: angles are in degrees; not for what vaa_ros exported.
    :param overwrite: replace an existing dataset.
    :param on_episode: called before each episode with its number, their count and the source.
    :return: what came of it.
    :raises DatasetError: if it is malformed or cut off, or does not fit the robot.
    :raises ConfigError: if pyarrow or av are not installed.
    """
    source, target, options = Path(source), Path(output), options or DatasetOptions()
    info = read_info(source)
    ours = read_json(source / OURS) if (source / OURS).is_file() else {}
    spec = PolicySpec.from_dict(ours['spec'], str(source / OURS)) if 'spec' in ours else None
    reader = LeRobotReader(source, info)
    options = replace(options, control_rate_hz=float(info['fps']))
    with whole_folder(target, DESCRIPTION if overwrite else None) as partial:
        builder = Builder(options, partial, [])
        if spec is not None:
            spec.check_robot(builder.robot)
            builder.spec, builder.cameras = spec, spec.cameras
        else:
            builder.cameras = cameras_of(source, info, options, builder.robot)
        columns = find_columns(source / INFO, info, builder.robot, spec, degrees)
        command_type = str(ours.get('command_type') or 'joint_trajectory')
        facts = ours.get('episodes') or []
        for number in range(len(reader)):
            if on_episode is not None:
                on_episode(number, len(reader), source)
            tasks = reader.tasks(number)
            if len(tasks) > 1:
                builder.skipped.append((source, f'episode {number} has several tasks, one can be '
                                        f'learned from: {"; ".join(tasks)}'))
                continue
            streams = BagStreams(metadata_of(tasks[0], options, builder, facts, number),
                                 command_type, {})
            wanted = builder.spec_for(source, streams.metadata, command_type)
            episode = read_episode(reader, number, wanted, columns)
            if spec is None:
                check_limits(source, episode, builder.robot)
            known = facts[number] if number < len(facts) else {}
            builder.keep(source, episode, Take(streams), wanted, number,
                         taken_together(known) if 'sha256' in known else '')
        return builder.finish(target)


def cameras_of(source: Path, info: Mapping[str, Any], options: DatasetOptions,
               robot: RobotSpec) -> tuple[CameraSpec, ...]:
    """
    Choose the cameras: those asked for, else all; the robot's reference camera first.

    :raises DatasetError: if one is not there, or there is none.
    """
    there = [name.removeprefix(IMAGES) for name, feature in info['features'].items()
             if feature['dtype'] in ('video', 'image') and name.startswith(IMAGES)]
    wanted = list(options.cameras or sorted(
        there, key=lambda key: robot.cameras.index(key) if key in robot.cameras else 99))
    missing = [key for key in wanted if key not in there]
    if missing or not wanted:
        raise DatasetError(f'{source}: no camera {IMAGES}{", ".join(missing) or "..."}. Found: '
                           f'{", ".join(there) or "none"}')
    return tuple(CameraSpec(key, *options.size) for key in wanted)


def find_columns(path: Path, info: Mapping[str, Any], robot: RobotSpec, spec: PolicySpec | None,
                 degrees: bool) -> Columns:
    """
    Find the robot's joints in the vectors, by name or, without names, by order.

    :raises DatasetError: if the names are others; lists both.
    """
    wanted = {STATE: robot.joint_names,
              ACTION: spec.action.names if spec is not None else robot.joint_names}
    found = {}
    for name, elements in wanted.items():
        feature = info['features'][name]
        names = feature.get('names')
        if isinstance(names, Mapping):  # such as {motors: [...]}
            names = next(iter(names.values()), None)
        size = feature['shape'][0] if len(feature['shape']) == 1 else -1
        plain = [str(item).removesuffix('.pos') for item in names or []]
        if plain and set(elements) <= set(plain) and len(plain) == size:
            found[name] = [plain.index(element) for element in elements]
        elif not plain and size == len(elements):
            found[name] = list(range(size))
        else:
            raise DatasetError(f'{path}: {name} is {plain or "without names"} of shape '
                               f'{feature["shape"]}, robot {robot.name} has {list(elements)}; '
                               'give a robot description with these names: --robot FILE.yaml')
    turn = [math.pi / 180 if degrees and joint.unit == 'rad' else 1.0 for joint in robot.joints]
    if degrees and spec is not None:
        raise DatasetError(f'{path.parent}: exported by vaa_ros, which writes rad and m, never '
                           'degrees')
    action = np.ones(len(found[ACTION])) if spec is not None else np.array(turn)
    return Columns(found[STATE], found[ACTION], np.array(turn), action)


def metadata_of(task: str, options: DatasetOptions, builder: Builder,
                facts: list[Mapping[str, Any]], number: int) -> EpisodeMetadata:
    """
    Tell what is known of an episode.
    """
    mine = facts[number] if number < len(facts) else {}
    name = builder.spec.task if builder.spec is not None else options.task or ''
    return EpisodeMetadata(task=name, instruction=str(mine.get('instruction', task)),
                           robot=builder.robot.name, seed=mine.get('seed'),
                           success=mine.get('success'))


def read_episode(reader: LeRobotReader, number: int, spec: PolicySpec,
                 columns: Columns) -> Episode:
    """
    Read the frames of an episode.

    :raises DatasetError: if rows or pictures are missing or cannot be used.
    """
    state, action = reader.vectors(number)
    state = state[:, columns.state] * columns.state_scale
    action = action[:, columns.action] * columns.action_scale
    if not (np.isfinite(state).all() and np.isfinite(action).all()):
        raise DatasetError(f'{reader.folder}: episode {number} has values that are not finite')
    pictures = {camera.key: [fit_image(rgb, camera)
                             for rgb in reader.pictures(number, IMAGES + camera.key)]
                for camera in spec.cameras}
    observations = [
        Observation(FIRST_NS + round(row * NANOSECONDS * spec.dt_s),
                    {key: items[row] for key, items in pictures.items()},
                    state[row].astype(np.float32))
        for row in range(len(state))]
    return Episode(observations, action, {})


def check_limits(source: Path, episode: Episode, robot: RobotSpec) -> None:
    """
    Refuse positions that cannot be this robot's, such as degrees or percent.

    :raises DatasetError: naming the joint, what was found and its limits.
    """
    positions = np.stack([item.state for item in episode.observations])
    for joint, column in zip(robot.joints, positions.T, strict=True):
        slack = OUTSIDE * (joint.upper - joint.lower)
        low, high = float(column.min()), float(column.max())
        if low < joint.lower - slack or high > joint.upper + slack:
            raise DatasetError(
                f'{source}: {joint.name} is {low:.4g} to {high:.4g}, outside the limits of '
                f'{robot.name}: {joint.lower} to {joint.upper} {joint.unit}. Are its angles in '
                'degrees (--degrees), or is it another robot?')
