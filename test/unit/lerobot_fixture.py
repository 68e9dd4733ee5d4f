# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What stands in ``test/data/lerobot``, and how the LeRobot library wrote it (see the README there).

    python test/unit/lerobot_fixture.py test/data/lerobot     # in an environment with lerobot
"""
from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
from pathlib import Path
import sys
import types

import numpy as np

FPS = 30
LENGTHS = (8, 9, 10)
TASKS = ('put the red cube in the tray', 'push the cube away', 'put the red cube in the tray')
MOTORS = ('shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll', 'gripper')
WIDTH, HEIGHT = 32, 24


def degrees(episode: int) -> np.ndarray:
    """Angles of the motors (n, 6) float32 [deg]; no two rows are the same."""
    step = np.arange(LENGTHS[episode])[:, None]
    base = np.array([-20.0, 15.0, -5.0, 30.0, 2.0, 40.0]) + 7 * episode
    return (base + step * np.array([1.0, -1.5, 2.0, 0.25, -0.5, 3.0])).astype(np.float32)


def action_degrees(episode: int) -> np.ndarray:
    """What the motors were told (n, 6) float32 [deg]."""
    return degrees(episode) + np.float32(1.25)


def pictures(episode: int) -> np.ndarray:
    """A bright bar that goes to the right, on a ground of each episode's own (n, 24, 32, 3)."""
    made = np.empty((LENGTHS[episode], HEIGHT, WIDTH, 3), np.uint8)
    made[:] = 150 - 40 * episode, 60, 30 + 50 * episode
    for row, picture in enumerate(made):
        picture[4:20, 3 * row:3 * row + 5] = 240
    return made


def write(folder: Path, kind: str) -> None:
    """
    Write one dataset with LeRobot's own class.

    :param kind: ``video``: degrees, as its SO-101 records, two episodes in an MP4 and one in
        another; or ``image``: radians, motors in another order, a parquet file an episode.
    """
    # Not imported as others are: it pins other versions, so no environment of ours has it.
    LeRobotDataset = importlib.import_module('lerobot.datasets.lerobot_dataset').LeRobotDataset
    video = kind == 'video'
    names = [f'{motor}.pos' for motor in MOTORS] if video else {'motors': list(MOTORS[::-1])}
    vector = {'dtype': 'float32', 'shape': (len(MOTORS),), 'names': names}
    dataset = LeRobotDataset.create(
        f'vaa_ros/{folder.name}', FPS, root=folder, robot_type='so101_follower',
        use_videos=video, features={
            'observation.state': vector, 'action': vector,
            'observation.images.front': {
                'dtype': kind, 'shape': (HEIGHT, WIDTH, 3),
                'names': ['height', 'width', 'channels']}})
    dataset.meta.update_chunk_settings(video_files_size_in_mb=0.003, **(
        {} if video else {'chunks_size': 2, 'data_files_size_in_mb': 0.001}))
    for episode, task in enumerate(TASKS):
        vectors = degrees(episode), action_degrees(episode)
        if not video:
            vectors = tuple(np.radians(item)[:, ::-1] for item in vectors)
        for state, action, picture in zip(*vectors, pictures(episode), strict=True):
            dataset.add_frame({'observation.state': state, 'action': action, 'task': task,
                               'observation.images.front': picture})
        dataset.save_episode()
    dataset.finalize()


def stand_in(name: str, **attributes: object) -> types.ModuleType:
    """Let a library be imported of which writing a dataset uses nothing."""
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__dict__.update(attributes)
    sys.modules[name] = module
    return module


if __name__ == '__main__':
    if importlib.util.find_spec('torchvision') is None:
        v2 = stand_in('torchvision.transforms.v2', Transform=object, functional=None)
        stand_in('torchvision', transforms=stand_in('torchvision.transforms', v2=v2))
    for called, stored in (('video', 'video'), ('pictures', 'image')):
        write(Path(sys.argv[1]) / called, stored)
