# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Visual shift: other pictures, the same physics, the same again for the same seed.
"""
from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.visual_shift import CAMERA_SHIFT_M
from vaa_ros.sim.visual_shift import DISTRACTORS
from vaa_ros.sim.visual_shift import ShiftedSimulation


@pytest.fixture(scope='module')
def usual() -> Iterator[Simulation]:
    made = Simulation('pick_place', (48, 64))
    yield made
    made.close()


@pytest.fixture(scope='module')
def shifted() -> Iterator[ShiftedSimulation]:
    made = ShiftedSimulation('pick_place')
    yield made
    made.close()


def test_a_seed_always_looks_the_same(shifted: ShiftedSimulation) -> None:
    shifted.reset(5)
    first = {camera: shifted.render(camera) for camera in shifted.cameras}
    shifted.reset(6)
    assert any((shifted.render(camera) != first[camera]).any() for camera in first)
    shifted.reset(5)
    for camera, picture in first.items():
        assert np.array_equal(shifted.render(camera), picture)


def test_physics_stay_as_they_are(usual: Simulation, shifted: ShiftedSimulation) -> None:
    for simulation in (usual, shifted):
        simulation.reset(9)
        simulation.set_targets(simulation.joint_position + 0.1)
        for _ in range(10):
            simulation.step()
    assert np.array_equal(usual.joint_position, shifted.joint_position)
    for name, pose in usual.objects().items():
        assert np.array_equal(pose, shifted.object_pose(name))


def test_the_camera_is_2_cm_away_and_things_stand_apart(shifted: ShiftedSimulation) -> None:
    plain = Simulation('pick_place')
    home = plain._model.cam_pos[plain._model.camera('front').id].copy()
    plain.close()
    places = set()
    for seed in range(20):
        shifted.reset(seed)
        place = shifted._model.cam_pos[shifted._model.camera('front').id]
        assert np.linalg.norm(place - home) == pytest.approx(CAMERA_SHIFT_M)
        assert len(shifted.things) == DISTRACTORS
        places.add(tuple(place))
    assert len(places) == 20
