# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the tasks: what is drawn, and when an episode counts as done.
"""
from __future__ import annotations

import re

import numpy as np
import pytest

from vaa_ros.core.errors import VaaError
from vaa_ros.sim import TASK_NAMES
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.tasks import make_task
from vaa_ros.sim.tasks import TASKS


class Scene:
    """
    A scene put together by a test.
    """

    def __init__(self, poses: dict[str, tuple[float, float, float]], speed: float = 0.0,
                 opening: float = 0.09, tool: tuple[float, float, float] = (0, 0, 0)) -> None:
        self._poses = poses
        self._speed = speed
        self._opening = opening
        self._tool = tool

    def object_pose(self, name: str) -> np.ndarray:
        """
        Give an upright pose.
        """
        return np.array([*self._poses[name], 1.0, 0.0, 0.0, 0.0])

    def object_speed(self, name: str) -> float:
        """
        Give the one speed.
        """
        return self._speed

    def tool_pose(self) -> np.ndarray:
        """
        Give the tool's pose.
        """
        return np.array([*self._tool, 0.0, 0.0, 1.0, 0.0])

    def gripper_opening(self) -> float:
        """
        Give the opening.
        """
        return self._opening


TRAY = (0.38, -0.24, 0.0)


@pytest.mark.parametrize(('cube', 'speed', 'opening', 'expected'), [
    ((0.38, -0.24, 0.025), 0.0, 0.09, True),
    ((0.44, -0.18, 0.025), 0.0, 0.09, True),
    ((0.38, -0.16, 0.025), 0.0, 0.09, False),   # beside the tray
    ((0.46, -0.24, 0.025), 0.0, 0.09, False),
    ((0.38, -0.24, 0.060), 0.0, 0.09, False),   # over the tray
    ((0.38, -0.24, 0.025), 0.2, 0.09, False),   # still moving
    ((0.38, -0.24, 0.025), 0.0, 0.04, False),   # still in the gripper
    ((np.nan, -0.24, 0.025), 0.0, 0.09, False),
])
def test_pick_place_rule(cube: tuple, speed: float, opening: float, expected: bool) -> None:
    scene = Scene({'cube': cube, 'tray': TRAY}, speed, opening)
    assert TASKS['pick_place'].rule(scene) is expected


@pytest.mark.parametrize(('block', 'speed', 'expected'), [
    ((0.48, 0.0, 0.025), 0.0, True),
    ((0.48, 0.039, 0.025), 0.0, True),
    ((0.48, 0.041, 0.025), 0.0, False),
    ((0.48, 0.0, 0.050), 0.0, False),
    ((0.48, 0.0, 0.025), 0.1, False),
])
def test_push_rule(block: tuple, speed: float, expected: bool) -> None:
    scene = Scene({'block': block, 'zone': (0.48, 0.0, 0.0)}, speed)
    assert TASKS['push'].rule(scene) is expected


@pytest.mark.parametrize(('gap', 'expected'), [(0.0, True), (0.019, True), (0.021, False)])
def test_reach_rule(gap: float, expected: bool) -> None:
    scene = Scene({'target': (0.4, 0.1, 0.1)}, tool=(0.4, 0.1 + gap, 0.1))
    assert TASKS['reach'].rule(scene) is expected


def test_rule_has_to_hold_for_its_settle_time() -> None:
    simulation = Simulation('reach')
    simulation.reset(0)
    home = simulation.tool_pose()[:3]
    simulation._data.mocap_pos[0] = home  # the target comes to the tool
    simulation.step(0.1)
    assert not simulation.success()
    simulation.step(0.2)
    assert simulation.success() and simulation.done()
    simulation._data.mocap_pos[0] = home + 1.0
    simulation.step(0.1)
    assert simulation.success()  # done is done


def test_doing_nothing_is_no_success() -> None:
    for task in TASK_NAMES:
        simulation = Simulation(task)
        for seed in range(3):
            simulation.reset(seed)
            simulation.step(3.0)
            assert not simulation.success()


@pytest.mark.parametrize('task', TASK_NAMES)
def test_starts_are_possible(task: str) -> None:
    for seed in range(200):
        start = make_task(task).sample(np.random.default_rng(seed))
        assert set(start.poses) == set(make_task(task).objects)
        for pose in start.poses.values():
            assert pose.shape == (7,) and np.all(np.isfinite(pose))
            assert np.hypot(*pose[:2]) < 0.56
        assert all(0.0 <= channel <= 1.0 for colour in start.appearance.colours.values()
                   for channel in colour)
        if task in ('pick_place', 'pick_place_narrow'):
            gap = start.poses['cube'][1] - start.poses['tray'][1]
            assert gap > 0.075 + 0.029, 'cube in the tray at the start'


def test_every_rule_is_written_down() -> None:
    for task in TASKS.values():
        assert len(task.rule.__doc__.strip()) > 40
        said = ' '.join(task.rule.__doc__.split())
        assert re.search(rf'held for {task.settle_s:g} s without a break', said), task.name


@pytest.mark.parametrize(('breaks', 'done'), [(False, True), (True, False)])
def test_a_break_starts_the_settle_time_anew(breaks: bool, done: bool) -> None:
    simulation = Simulation('reach')
    simulation.reset(0)
    home = simulation.tool_pose()[:3]
    for step in range(3):
        away = 1.0 if breaks and step == 1 else 0.0
        simulation._data.mocap_pos[0] = home + away
        simulation.step(0.01 if step == 1 else 0.15)
    assert simulation.success() is done


def test_unknown_task_lists_the_tasks() -> None:
    with pytest.raises(VaaError) as error:
        make_task('fold')
    assert all(name in str(error.value) for name in TASK_NAMES)
