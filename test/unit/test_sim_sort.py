# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The task whose goal is an instruction.
"""
from __future__ import annotations

import hashlib

import gymnasium
import numpy as np
import pytest

from vaa_ros.core.errors import InstructionError
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.simulation import Simulation
from vaa_ros.sim.tasks import make_task
from vaa_ros.sim.tasks import SORT_CUBES
from vaa_ros.sim.tasks import sort_goal
from vaa_ros.sim.tasks import SORT_INSTRUCTIONS
from vaa_ros.sim.tasks import SORT_TRAYS
from vaa_ros.sim.tasks import TASKS

RED_LEFT = 'put the red cube in the left tray'


class Scene:
    """
    Three cubes beside each other and two trays, with some of it changed.
    """

    def __init__(self, instruction: str = RED_LEFT, speed: float = 0.0, opening: float = 0.09,
                 **places: tuple[float, float, float]) -> None:
        self.instruction = instruction
        self._speed, self._opening = speed, opening
        self._places = {'cube_red': (0.3, 0.0, 0.02), 'cube_green': (0.4, 0.0, 0.02),
                        'cube_blue': (0.3, -0.1, 0.02), 'tray_left': (0.38, 0.22, 0.0),
                        'tray_right': (0.38, -0.26, 0.0), **places}

    def object_pose(self, name: str) -> np.ndarray:
        return np.array([*self._places[name], 1.0, 0.0, 0.0, 0.0])

    def object_speed(self, name: str) -> float:
        return self._speed

    def gripper_opening(self) -> float:
        return self._opening


LEFT, RIGHT = (0.38, 0.22, 0.025), (0.38, -0.26, 0.025)


def done(scene: Scene) -> bool:
    return TASKS['sort'].rule(scene)


@pytest.mark.parametrize(('scene', 'expected'), [
    (Scene(cube_red=LEFT), True),
    (Scene(), False),
    (Scene(cube_red=RIGHT), False),
    (Scene(cube_green=LEFT), False),
    (Scene(cube_red=LEFT, cube_green=RIGHT), False),
    (Scene(cube_red=LEFT, cube_green=(0.40, 0.25, 0.025)), False),
    (Scene(cube_red=(0.38, 0.22, 0.06)), False),
    (Scene(cube_red=LEFT, speed=0.2), False),
    (Scene(cube_red=LEFT, opening=0.04), False),
    (Scene(cube_red=(0.38, 0.22 - 0.070, 0.025)), False),
    (Scene('put the blue cube in the right tray', cube_blue=RIGHT), True),
    (Scene('put the blue cube in the right tray', cube_red=LEFT), False),
])
def test_rule(scene: Scene, expected: bool) -> None:
    assert done(scene) is expected


def test_every_instruction_names_another_goal() -> None:
    goals = [sort_goal(each) for each in SORT_INSTRUCTIONS]
    assert len(set(goals)) == len(SORT_CUBES) * len(SORT_TRAYS) == 6
    assert sort_goal(RED_LEFT) == ('cube_red', 'tray_left')


def test_starts_leave_room_for_the_gripper_and_ask_for_everything() -> None:
    task, asked = make_task('sort'), set()
    for seed in range(500):
        start = task.sample(np.random.default_rng(seed))
        asked.add(start.instruction)
        cubes = [start.poses[name] for name in SORT_CUBES]
        for index, one in enumerate(cubes):
            for other in cubes[index + 1:]:
                gap = np.abs(one[:2] - other[:2])
                assert gap[0] > 0.075 or gap[1] > 0.105
            assert start.poses['tray_left'][1] - 0.075 - one[1] > 0.045
            assert one[1] - start.poses['tray_right'][1] - 0.075 > 0.045
    assert asked == set(SORT_INSTRUCTIONS)


def test_another_instruction_is_judged_by_itself() -> None:
    simulation, expert = Simulation('sort'), make_expert('sort', 3)
    simulation.reset(3)
    other = next(each for each in SORT_INSTRUCTIONS if each != simulation.instruction)
    simulation.set_instruction(other.upper() + '!')
    assert simulation.instruction == other
    while not simulation.done():
        simulation.set_targets(expert.act(ExpertInput(
            simulation.time_s, simulation.joint_position, simulation.objects(),
            simulation.instruction)))
        simulation.step()
    assert simulation.success()
    cube, tray = sort_goal(other)
    gap = simulation.object_pose(cube)[:2] - simulation.object_pose(tray)[:2]
    assert np.abs(gap).max() < 0.069
    simulation.reset(3)
    assert simulation.instruction != other


def test_an_unknown_instruction_is_refused_with_those_that_are_known() -> None:
    simulation = Simulation('sort')
    before = simulation.instruction
    with pytest.raises(InstructionError) as error:
        simulation.set_instruction('put the red cube on the moon')
    assert all(each in str(error.value) for each in SORT_INSTRUCTIONS)
    assert simulation.instruction == before
    expert = make_expert('sort', 0)
    with pytest.raises(InstructionError, match='left tray'):
        expert.act(ExpertInput(0.0, simulation.joint_position, simulation.objects()))


def test_the_environment_takes_an_instruction() -> None:
    env = gymnasium.make('vaa_ros/Sort-v0', image_size=(24, 32))
    _, info = env.reset(seed=1, options={'instruction': RED_LEFT})
    assert info['instruction'] == RED_LEFT
    _, info = env.reset(seed=1)
    assert info['instruction'] == make_task('sort').sample(np.random.default_rng(1)).instruction
    env.close()


@pytest.mark.parametrize(('task', 'expected'), [
    ('reach', '084e9d233ab838c5'), ('push', '44e1302cac7774fa'),
    ('pick_place', 'be0e85ba46f71410')])
def test_the_other_tasks_begin_as_ever(task: str, expected: str) -> None:
    digest = hashlib.sha256()
    for seed in range(5):
        start = make_task(task).sample(np.random.default_rng(seed))
        values = [*start.poses.values(), start.joint_noise, *start.appearance.colours.values(),
                  start.appearance.light_direction]
        digest.update(np.round(np.concatenate(values), 9).tobytes())
        assert start.instruction is None and len(make_task(task).instructions) == 1
    assert digest.hexdigest()[:16] == expected
