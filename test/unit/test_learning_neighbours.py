# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Acting like the nearest demonstrations, against a second implementation; and where objects were.
"""
from __future__ import annotations

from dataclasses import replace
import json
from pathlib import Path

from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import pytest

from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.neighbours import Bank
from vaa_ros.learning.neighbours import NeighbourPolicy
from vaa_ros.learning.object_poses import object_positions
from vaa_ros.policies.hold_policy import HoldPolicy
from vaa_ros.recording import messages
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata

SPEC = replace(tiny_spec(), normalisation={'relative': [0, 1, -1]}, embedding_size=4)
STATE = np.array([0.5, -0.25, 0.05], np.float32)


class Eyes:
    """A policy that embeds a scene as its first pixels, and does nothing of note."""

    spec = SPEC

    def __init__(self) -> None:
        self.resets = 0

    def reset(self) -> None:
        self.resets += 1

    def infer(self, observation: Observation) -> ActionChunk:
        z = observation.images['front'].ravel()[:4].astype(np.float32)
        return ActionChunk(observation.stamp_ns, np.zeros((6, 3), np.float32), 1 / 30,
                           z_vision=z / np.linalg.norm(z))


def bank(folder: Path, count: int = 40) -> Bank:
    random = np.random.default_rng(0)
    z = random.normal(size=(count, 4)).astype(np.float32)
    frames = Frames(write_dataset(folder, SPEC))
    return Bank(frames, np.arange(count), z / np.linalg.norm(z, axis=1, keepdims=True), z,
                random.normal(size=(count, 6, 3)).astype(np.float32))


def look(values: tuple[int, ...]) -> Observation:
    picture = np.zeros((24, 32, 3), np.uint8)
    picture.ravel()[:4] = values
    return Observation(123, {'front': picture}, STATE)


@pytest.mark.parametrize('count', [1, 3, 40])
def test_it_does_what_the_nearest_did(tmp_path, count):
    known = bank(tmp_path / 'data')
    policy = NeighbourPolicy(Eyes(), known, count)
    for seen in ((200, 10, 10, 0), (0, 90, 3, 250)):
        query = np.array(seen) / np.linalg.norm(seen)
        ranked = sorted(range(40), key=lambda row: -float(np.dot(known.z_vision[row], query)))
        wanted = sum(known.chunks[row] for row in ranked[:count]) / count
        chunk = policy.infer(look(seen))
        # Arm joints go from where the arm is, the gripper to where it was.
        assert chunk.actions == pytest.approx(wanted + (0.5, -0.25, 0.0), abs=1e-5)
        assert (chunk.stamp_ns, chunk.dt_s) == (123, 1 / 30)


def test_it_is_a_policy(tmp_path):
    eyes = Eyes()
    policy = NeighbourPolicy(eyes, bank(tmp_path / 'data'), 5)
    policy.reset()
    assert policy.spec is SPEC and eyes.resets == 1


@pytest.mark.parametrize('count', [0, 41])
def test_more_neighbours_than_there_are_are_refused(tmp_path, count):
    with pytest.raises(ConfigError, match=f'{count} neighbours.*gives 40.*choose 1 to 40'):
        NeighbourPolicy(Eyes(), bank(tmp_path / 'data'), count)


def test_a_policy_without_an_embedding_has_no_neighbours(tmp_path):
    policy = NeighbourPolicy(HoldPolicy(SPEC), bank(tmp_path / 'data'), 5)
    with pytest.raises(ModelError, match='has no embedding'):
        policy.infer(look((1, 2, 3, 4)))


def status_bag(path: Path, stamps: list[int], offset: float,
               topic: str = '/sim_arm/task_status') -> Path:
    """A recording in which a cube goes along x, and a tray stays where it is."""
    with BagWriter(path, {topic: messages.DIAGNOSTIC_STATUS}, EpisodeMetadata()) as writer:
        for index, stamp in enumerate(stamps):
            objects = {'cube': [offset + index, 2.0, 3.0, 1, 0, 0, 0], 'tray': [9.0] * 7}
            writer.write(topic, stamp, messages.diagnostic_status('sim_arm: task', 'reach', {
                'task': 'reach', 'seed': '0', 'episode': '1', 'time_s': '0', 'done': 'false',
                'objects': json.dumps(objects), 'stamp_ns': str(stamp)}))
        writer.close(writer.metadata)
    return path


def with_bags(folder: Path, bags: list[Path]) -> Frames:
    data = write_dataset(folder / 'data', SPEC, episodes=len(bags), frames=10)
    path = data / 'dataset.json'
    values = json.loads(path.read_text())
    for item, bag in zip(values['episodes'], bags, strict=True):
        item['bag'] = str(bag)
    path.write_text(json.dumps(values))
    return Frames(data)


def test_objects_are_found_by_the_stamps_of_the_pictures(tmp_path):
    stamps = [round(index * 1e9 / 30) for index in range(10)]
    frames = with_bags(tmp_path, [
        status_bag(tmp_path / 'first', stamps, 0.0), tmp_path / 'gone',
        status_bag(tmp_path / 'third', stamps[:6], 100.0)])
    chosen = np.array([0, 7, 12, 21, 25, 28])  # 12: its bag is gone, 28: after the last pose
    known, positions = object_positions(frames, chosen)
    assert known.tolist() == [0, 1, 3, 4]
    assert list(positions) == ['cube']
    assert positions['cube'].tolist() == [[0, 2, 3], [7, 2, 3], [101, 2, 3], [105, 2, 3]]


def test_recordings_without_objects_are_named(tmp_path):
    stamps = [0, 33_333_333]
    frames = with_bags(tmp_path, [
        status_bag(tmp_path / 'other', stamps, 0.0, '/something'), tmp_path / 'gone'])
    with pytest.raises(BagError, match='no topic ends in task_status.*It has: /something'):
        object_positions(frames, np.arange(20))
