# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The precision task, and the gripper that opens less.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.limited_motion import LimitedMotion
from vaa_ros.core.limits import SafetyLimits
from vaa_ros.core.safety import CommandLimiter
from vaa_ros.sim.dressing import place
from vaa_ros.sim.expert import CONTROL_DT_S
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.insert import HOLE_WIDTH
from vaa_ros.sim.insert import lower_end
from vaa_ros.sim.insert import PEG_HALF_LENGTH
from vaa_ros.sim.insert import PEG_WIDTH
from vaa_ros.sim.insert import SOCKET_HEIGHT
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.tasks import TASKS


class Scene:
    """
    A peg in the hole, with some of it changed.
    """

    def __init__(self, peg: tuple[float, float, float] = (0.40, -0.2, PEG_HALF_LENGTH),
                 turn: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0), opening: float = 0.09,
                 speed: float = 0.0) -> None:
        self._poses = {'peg': np.array([*peg, *turn]),
                       'socket': np.array([0.40, -0.2, 0.0, 1.0, 0.0, 0.0, 0.0])}
        self._opening, self._speed = opening, speed

    def object_pose(self, name: str) -> np.ndarray:
        return self._poses[name]

    def object_speed(self, name: str) -> float:
        return self._speed

    def gripper_opening(self) -> float:
        return self._opening


HALF = np.sqrt(0.5)


@pytest.mark.parametrize(('scene', 'expected'), [
    (Scene(), True),
    (Scene(turn=(0.0, 1.0, 0.0, 0.0)), True),                       # upside down is a peg, too
    (Scene((0.40, -0.2, PEG_HALF_LENGTH + 0.009)), True),
    (Scene((0.40, -0.2, PEG_HALF_LENGTH + 0.011)), False),          # not deep enough
    (Scene((0.404, -0.2, PEG_HALF_LENGTH)), False),                 # beside the hole
    (Scene((0.40, -0.2, SOCKET_HEIGHT + 0.014), (HALF, HALF, 0, 0)), False),  # lies on the block
    (Scene(opening=0.04), False),                                   # still held
    (Scene(speed=0.1), False),
])
def test_rule(scene: Scene, expected: bool) -> None:
    assert TASKS['insert'].rule(scene) is expected


@pytest.fixture(scope='module')
def insert() -> Simulation:
    """
    Give one simulation of the task; tests reset it.
    """
    return Simulation('insert')


def test_the_hole_is_as_much_wider_as_is_said(insert: Simulation) -> None:
    model = insert._model
    assert model.geom('peg').size.tolist() == [PEG_WIDTH / 2] * 2 + [PEG_HALF_LENGTH]
    for index, axis in ((1, 0), (2, 0), (3, 1), (4, 1)):
        wall = model.geom(f'socket_wall_{index}')
        assert abs(wall.pos[axis]) - wall.size[axis] == pytest.approx(HOLE_WIDTH / 2)
    assert 0.002 <= HOLE_WIDTH - PEG_WIDTH <= 0.003


@pytest.mark.parametrize(('aside', 'turn_deg', 'falls_in'), [
    (0.0, 0.0, True), (0.001, 3.0, True), (0.004, 0.0, True),
    (0.008, 0.0, False), (0.0, 40.0, False)])
def test_only_what_fits_falls_in(insert: Simulation, aside: float, turn_deg: float,
                                 falls_in: bool) -> None:
    insert.reset(4)
    socket = insert.object_pose('socket')
    yaw = 2 * np.arctan2(socket[6], socket[3])
    pose = socket.copy()
    pose[:2] += aside * np.array([np.cos(yaw), np.sin(yaw)])
    pose[2] = SOCKET_HEIGHT + PEG_HALF_LENGTH + 0.002
    half = (yaw + np.deg2rad(turn_deg)) / 2
    pose[3:] = np.cos(half), 0.0, 0.0, np.sin(half)
    place(insert._model, insert._data, insert._bodies['peg'], pose)
    insert.step(1.0)
    assert insert.success() is falls_in
    assert bool(lower_end(insert.object_pose('peg'))[2] < 0.002) is falls_in


def test_friction_alone_holds_the_peg(insert: Simulation) -> None:
    # The only constraint between bodies is the one that moves both fingers alike.
    assert insert._model.neq == 1
    expert = make_expert('insert', 0)
    insert.reset(0)
    while insert.object_pose('peg')[2] < 0.08:
        insert.set_targets(expert.act(_look(insert)))
        insert.step()
    target = insert.setpoint
    target[6] = 0.09
    insert.set_targets(target)
    insert.step(1.0)
    assert insert.object_pose('peg')[2] < 0.04


@pytest.mark.parametrize('task', ['insert', 'pick_place_narrow', 'pick_place_moved'])
def test_the_expert_does_it_inside_the_limits(task: str) -> None:
    simulation, expert = Simulation(task), make_expert(task, 0)
    motion = LimitedMotion(
        CommandLimiter(SafetyLimits.from_robot(simulation.robot), 'joint_position'))
    for seed in (101, 102):
        simulation.reset(seed)
        expert.reset(seed)
        motion.release()
        while not simulation.done():
            limited = motion.move(expert.act(_look(simulation)), simulation.joint_position,
                                  CONTROL_DT_S)
            simulation.set_targets(limited.command)
            simulation.step()
        assert simulation.success(), f'seed {seed}'


def test_a_narrow_gripper_cannot_be_opened_farther() -> None:
    narrow = Simulation('pick_place_narrow')
    for offset in (0.0, 0.05):
        narrow.perturb(np.append(np.zeros(6), offset), 1.0)
        narrow.set_targets(np.array(narrow.robot.home))  # which opens the gripper to 9 cm
        narrow.step(1.0)
        assert narrow.gripper_opening() == pytest.approx(0.056, abs=1e-3)


def test_a_moved_tray_is_on_either_side_and_clear_of_the_cube() -> None:
    sides = []
    for seed in range(200):
        poses = TASKS['pick_place_moved'].sample(np.random.default_rng(seed)).poses
        gap = poses['tray'][1] - poses['cube'][1]
        sides.append(gap > 0)
        assert abs(gap) > 0.075 + 0.055  # half a tray, a finger and half the open gripper
    assert 0.35 < np.mean(sides) < 0.65


def _look(simulation: Simulation) -> ExpertInput:
    return ExpertInput(simulation.time_s, simulation.joint_position, simulation.objects(),
                       simulation.instruction)
