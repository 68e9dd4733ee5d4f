# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the scripted expert.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.spec import load_robot
from vaa_ros.sim import TASK_NAMES
from vaa_ros.sim.dressing import place
from vaa_ros.sim.expert import Expert
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert
from vaa_ros.sim.kinematics import ArmKinematics
from vaa_ros.sim.motions import draw_style
from vaa_ros.sim.simulation import Simulation


def look(sim: Simulation) -> ExpertInput:
    """
    See what the expert may see.
    """
    return ExpertInput(sim.time_s, sim.joint_position, sim.objects(), sim.instruction)


def run(sim: Simulation, expert: Expert, seed: int) -> np.ndarray:
    """
    Do one episode.

    :return: the commands (ticks, 7).
    """
    sim.reset(seed)
    expert.reset(seed)
    commands = []
    while not sim.done():
        commands.append(expert.act(look(sim)))
        sim.set_targets(commands[-1])
        sim.step()
    return np.array(commands)


@pytest.mark.parametrize('task', TASK_NAMES)
def test_does_its_task(task: str) -> None:
    sim, expert = Simulation(task), make_expert(task, 0)
    for seed in (0, 1, 2, 13, 5000):
        commands = run(sim, expert, seed)
        assert sim.success(), f'seed {seed}'
        assert np.all(np.isfinite(commands))


def test_commands_are_smooth_and_inside_the_limits() -> None:
    sim, expert = Simulation('pick_place'), make_expert('pick_place', 0)
    robot = load_robot('vaa_arm')
    for seed in range(3):
        commands = run(sim, expert, seed)
        steps = np.abs(np.diff(commands, axis=0)) * 30
        for index, joint in enumerate(robot.joints):
            assert commands[:, index].min() >= joint.lower
            assert commands[:, index].max() <= joint.upper
            assert steps[:, index].max() < joint.velocity, joint.name


def test_same_seed_same_commands_and_other_seeds_other_styles() -> None:
    sim = Simulation('pick_place')
    first = run(sim, make_expert('pick_place', 4), 4)
    np.testing.assert_array_equal(first, run(sim, make_expert('pick_place', 9), 4))
    styles = [draw_style(np.random.default_rng(seed)) for seed in range(200)]
    speeds = [style.speed for style in styles]
    assert max(speeds) / min(speeds) > 1.4
    assert 0.02 < np.mean([style.detour is not None for style in styles]) < 0.3
    assert 0.005 < np.mean([style.near_miss for style in styles]) < 0.15


def test_goes_back_when_the_cube_is_taken_away() -> None:
    sim, expert = Simulation('pick_place'), make_expert('pick_place', 2)
    sim.reset(2)
    expert.reset(2)
    taken = False
    while not sim.done():
        if not taken and sim.object_pose('cube')[2] > 0.07:
            place(sim._model, sim._data, sim._bodies['cube'],
                  np.array([0.36, 0.10, 0.02, 1.0, 0, 0, 0]))
            taken = True
        sim.set_targets(expert.act(look(sim)))
        sim.step()
    assert taken and sim.success()


@pytest.mark.parametrize('task', TASK_NAMES)
def test_comes_back_from_pushes(task: str) -> None:
    sim, expert = Simulation(task), make_expert(task, 1)
    rng = np.random.default_rng(3)
    sim.reset(1)
    expert.reset(1)
    for tick in range(400):
        if sim.done():
            break
        if tick in (8, 45):
            sim.perturb(np.append(rng.uniform(-0.06, 0.06, 6), 0.0))
        sim.set_targets(expert.act(look(sim)))
        sim.step()
    assert sim.success()


def test_advice_for_another_driver_depends_on_the_state_alone() -> None:
    sim = Simulation('pick_place')
    sim.reset(3)
    seen = look(sim)
    fresh = make_expert('pick_place', 3)
    used = make_expert('pick_place', 3)
    for _ in range(20):
        sim.set_targets(used.act(look(sim)))
        sim.step()
    np.testing.assert_allclose(used.act(seen, following=False),
                               fresh.act(seen, following=False), atol=1e-9)


def test_tool_target_is_the_same_command() -> None:
    sim, expert = Simulation('pick_place'), make_expert('pick_place', 0)
    arm = ArmKinematics()
    sim.reset(0)
    assert expert.tool is None
    for _ in range(40):
        before = sim.joint_position
        q = expert.act(look(sim))
        np.testing.assert_allclose(arm.forward(q)[:3], expert.tool.pose[:3], atol=1e-3)
        moved = arm.forward(before)[:3] + expert.tool.twist[:3] / 30
        np.testing.assert_allclose(moved, expert.tool.pose[:3], atol=1e-9)
        assert expert.tool.gripper == q[6]
        sim.set_targets(q)
        sim.step()


def test_bad_input_is_refused() -> None:
    sim, expert = Simulation('push'), make_expert('push', 0)
    sim.reset(0)
    good = look(sim)
    with pytest.raises(SimulationError, match='7 finite'):
        expert.act(ExpertInput(0.0, np.full(7, np.nan), good.objects))
    with pytest.raises(SimulationError, match="'zone'.*block"):
        expert.act(ExpertInput(0.0, good.joint_position, {'block': good.objects['block']}))
    with pytest.raises(VaaError, match='pick_place'):
        make_expert('pick', 0)
