# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The arm controller on a gantry, whose first three joints are x, y and z, and on the real arm.
"""
from __future__ import annotations

from dataclasses import dataclass
import math

import numpy as np
import pytest

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.robot import RobotSpec
from vaa_ros.sim.arm_controller import ArmController
from vaa_ros.sim.arm_controller import whole_steps
from vaa_ros.sim.setpoints import SetpointRamp

PERIOD_S = 1 / 30
STEP_S = 1 / 600
NAMES = ('x', 'y', 'z', 'gripper')
DOWN = [1.0, 0.0, 0.0, 0.0]
ROBOT = RobotSpec(
    'gantry', (*(JointSpec(name, 'm', -0.9, 0.9, 1.0) for name in NAMES[:3]),
               JointSpec('gripper', 'm', 0.0, 0.1, 0.3)), (0.0, 0.0, 0.0, 0.1), ('front',),
    'gripper')


@dataclass
class Solution:
    """What the gantry's inverse kinematics found."""

    q: np.ndarray
    position_error: float
    angle_error: float = 0.0


class Gantry:
    """A plant without physics, and its own kinematics; reaches 1 m."""

    robot = ROBOT

    def __init__(self) -> None:
        limits = np.array([(j.lower, j.upper, j.velocity) for j in ROBOT.joints]).T
        self._ramp = SetpointRamp(*limits, STEP_S)
        self._ramp.reset(np.array(ROBOT.home))
        self.steps = 0
        self.pushed: list[np.ndarray] = []
        self.set_trajectory = self._ramp.follow
        self.perturb = self.pushed.append

    @property
    def setpoint(self) -> np.ndarray:
        return self._ramp.position.copy()

    @property
    def time_s(self) -> float:
        return self.steps * STEP_S

    def forward(self, joints: np.ndarray) -> np.ndarray:
        return np.array([*joints[:3], 0.0, 1.0, 0.0, 0.0])

    def solve(self, start: np.ndarray, pose: np.ndarray) -> Solution:
        assert pose[3:] == pytest.approx([0, 1, 0, 0]), 'w comes first'
        inside = np.clip(pose[:3], -1.0, 1.0)
        return Solution(np.array([*inside, start[3]]), float(np.abs(inside - pose[:3]).max()))

    def run(self, arm: ArmController, seconds: float) -> np.ndarray:
        """Give the setpoints of every 10 ms of a time, (k, n)."""
        track = []
        for _ in range(round(seconds * 100)):
            arm.update()
            for _ in range(6):
                self._ramp.advance()
                self.steps += 1
            track.append(self.setpoint)
        return np.array(track)


@pytest.fixture
def plant() -> Gantry:
    return Gantry()


@pytest.fixture
def arm(plant: Gantry) -> ArmController:
    return ArmController(plant, plant, PERIOD_S)


def test_a_trajectory_in_another_joint_order(arm: ArmController, plant: Gantry) -> None:
    arm.follow(NAMES[::-1], np.array([[0.1, 0, 0, 0.05], [0.1, 0, 0, 0.0]]),
               np.array([0.1, 0.2]))
    track = plant.run(arm, 0.3)
    assert track[9, 0] == pytest.approx(0.05)
    assert track[14, 0] == pytest.approx(0.025)
    assert track[-1] == pytest.approx([0, 0, 0, 0.1])


@pytest.mark.parametrize(('names', 'points', 'times', 'word'), [
    (NAMES[:3], [[0, 0, 0]], [0.1], 'expected each of'),
    (('x', 'y', 'z', 'q'), [[0, 0, 0, 0]], [0.1], 'expected each of'),
    ((), [[]], [0.1], 'expected each of'),
    (NAMES, [[0, 0, 0]], [0.1], 'shape'),
    (NAMES, [[0, 0, math.nan, 0]], [0.1], 'not finite'),
    (NAMES, [[0, 0, math.inf, 0]], [0.1], 'not finite'),
    (NAMES, [[0, 0, 0, 0]], [-0.1], 'grow'),
    (NAMES, [[0, 0, 0, 0]], [math.nan], 'finite'),
    (NAMES, [[0, 0, 0, 0], [0, 0, 0, 0]], [0.1, 0.1], 'grow'),
    (NAMES, np.zeros((0, 4)), [], 'shape'),
])
def test_bad_trajectories_are_refused_and_change_nothing(
    arm: ArmController, plant: Gantry, names: tuple, points: list, times: list, word: str,
) -> None:
    arm.follow(NAMES, np.array([[0.02, 0, 0, 0.1]]), np.array([PERIOD_S]))
    with pytest.raises(SimulationError, match=word):
        arm.follow(names, np.array(points), np.array(times))
    assert plant.run(arm, 0.05)[-1, 0] == pytest.approx(0.02)


def test_times_of_messages_are_put_back_on_the_steps_they_meant() -> None:
    times_s = np.array([0.033333333, 0.0666666667, 0.05, 0.0341])
    assert whole_steps(times_s).tolist() == [1 / 30, 40 / 600, 0.05, 0.0341]


def test_positions_step_no_faster_than_the_joint_can(arm: ArmController, plant: Gantry) -> None:
    arm.move_to([0.1, 5.0, 0, 0.1])
    track = plant.run(arm, 1.5)
    assert np.abs(np.diff(track[:, 0])).max() <= 0.01 + 1e-9
    assert track[-1] == pytest.approx([0.1, 0.9, 0, 0.1])


def test_positions_of_the_wrong_length_are_refused(arm: ArmController) -> None:
    for bad in ([0.1], [0.1] * 5, [math.nan] * 4):
        with pytest.raises(SimulationError):
            arm.move_to(bad)


def test_a_pose_is_reached_and_a_far_one_takes_its_time(
    arm: ArmController, plant: Gantry,
) -> None:
    arm.reach([0.5, 0, 0.01, *DOWN], 'base_link')
    track = plant.run(arm, 0.6)
    assert track[-1, :3] == pytest.approx([0.5, 0, 0.01])
    assert track[24, :3] == pytest.approx([0.25, 0, 0.005])


@pytest.mark.parametrize(('pose', 'frame', 'word'), [
    ([0.5, 0, 0, *DOWN], 'tool0', 'frame'),
    ([2.0, 0, 0, *DOWN], 'base_link', 'cannot reach'),
    ([0.5, 0, 0, 0, 0, 0, 0], 'base_link', 'length'),
    ([0.5, 0, math.nan, *DOWN], 'base_link', 'finite'),
])
def test_bad_poses_are_refused(arm: ArmController, pose: list, frame: str, word: str) -> None:
    with pytest.raises(SimulationError, match=word):
        arm.reach(pose, frame)


def test_a_twist_moves_the_tool_and_ends_by_itself(arm: ArmController, plant: Gantry) -> None:
    arm.drive([0.1, 0, 0, 0, 0, 0], 'base_link')
    track = plant.run(arm, 1.0)
    assert track[9, 0] == pytest.approx(0.01)
    assert track[-1, 0] == pytest.approx(0.02)
    assert track[-1, 0] == track[30, 0]


def test_repeated_twists_go_on_without_a_stop(arm: ArmController, plant: Gantry) -> None:
    for _ in range(30):
        arm.drive([0.1, 0, 0, 0, 0, 0], '')
        last = plant.run(arm, 0.03)[-1]
    assert last[0] == pytest.approx(0.09)


def test_a_twist_out_of_reach_stays_near_the_limit(arm: ArmController, plant: Gantry) -> None:
    for _ in range(60):
        arm.drive([0, 1.0, 0, 0, 0, 0], 'base_link')
        last = plant.run(arm, 0.03)[-1]
    assert last[1] == pytest.approx(0.9)
    arm.drive([0, -0.5, 0, 0, 0, 0], 'base_link')
    assert plant.run(arm, 0.2)[-1, 1] < 0.85


def test_bad_twists_are_refused(arm: ArmController) -> None:
    with pytest.raises(SimulationError, match='finite'):
        arm.drive([math.nan, 0, 0, 0, 0, 0], 'base_link')
    with pytest.raises(SimulationError, match='frame'):
        arm.drive([0.0] * 6, 'world')


def test_the_gripper_moves_beside_a_twist(arm: ArmController, plant: Gantry) -> None:
    arm.drive([0.1, 0, 0, 0, 0, 0], 'base_link')
    arm.open_gripper([0.02])
    track = plant.run(arm, 0.5)
    assert track[-1, 3] == pytest.approx(0.02)
    assert np.abs(np.diff(track[:, 3])).max() <= 0.003 + 1e-9
    assert track[-1, 0] == pytest.approx(0.02)


def test_the_gripper_moves_beside_a_pose(arm: ArmController, plant: Gantry) -> None:
    arm.reach([0.3, 0, 0, *DOWN], '')
    plant.run(arm, 0.05)
    arm.open_gripper([0.0])
    assert plant.run(arm, 0.5)[-1] == pytest.approx([0.3, 0, 0, 0.0])


def test_bad_openings_are_refused(arm: ArmController) -> None:
    for bad in ([], [0.1, 0.1], [math.nan]):
        with pytest.raises(SimulationError):
            arm.open_gripper(bad)


def test_a_push_is_handed_on_or_refused(arm: ArmController, plant: Gantry) -> None:
    arm.perturb([0.05, 0, 0, 0])
    assert plant.pushed[0] == pytest.approx([0.05, 0, 0, 0])
    with pytest.raises(SimulationError):
        arm.perturb([math.nan] * 4)
    assert len(plant.pushed) == 1


def test_hold_stops_a_motion_under_way(arm: ArmController, plant: Gantry) -> None:
    arm.reach([0.5, 0, 0, *DOWN], '')
    there = plant.run(arm, 0.1)[-1]
    arm.hold()
    assert plant.run(arm, 0.5)[-1] == pytest.approx(there)


def test_the_real_arm_follows_twists_and_poses() -> None:
    pytest.importorskip('mujoco')
    from vaa_ros.sim.kinematics import ArmKinematics
    from vaa_ros.sim.simulation import Simulation
    simulation = Simulation('reach')
    controller = ArmController(simulation, ArmKinematics(), PERIOD_S)
    start = simulation.tool_pose()
    for _ in range(30):
        controller.drive([0.05, 0.0, -0.05, 0.0, 0.0, 0.2], 'base_link')
        for _ in range(10):
            controller.update()
            simulation.advance(2)
    moved = simulation.tool_pose()
    assert moved[:3] - start[:3] == pytest.approx([0.05, 0.0, -0.05], abs=4e-3)
    pose = start[[0, 1, 2, 4, 5, 6, 3]]
    controller.reach(pose, 'base_link')
    simulation.advance(600)
    assert simulation.tool_pose()[:3] == pytest.approx(start[:3], abs=3e-3)
