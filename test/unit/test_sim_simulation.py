# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the simulated arm.
"""
from __future__ import annotations

import mujoco
import numpy as np
import pytest

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.spec import load_robot
from vaa_ros.sim import rendering
from vaa_ros.sim import TASK_NAMES
from vaa_ros.sim.kinematics import ASSETS
from vaa_ros.sim.simulation import CONTROL_HZ
from vaa_ros.sim.simulation import PHYSICS_HZ
from vaa_ros.sim.simulation import Simulation

SMALL = (48, 64)


@pytest.fixture(scope='module')
def sim() -> Simulation:
    """
    Give one pick_place simulation; tests reset it.
    """
    simulation = Simulation('pick_place', SMALL)
    yield simulation
    simulation.close()


def drive(sim: Simulation, seed: int, ticks: int = 30) -> tuple[np.ndarray, ...]:
    """
    Do an episode of random commands and give everything that can be seen of it.
    """
    sim.reset(seed)
    rng = np.random.default_rng(1)
    for _ in range(ticks):
        target = sim.setpoint + rng.uniform(-0.05, 0.05, 7)
        target[1] += 0.03
        sim.set_targets(target)
        sim.step()
    poses = np.concatenate(list(sim.objects().values()))
    return (sim.joint_position, sim.joint_velocity, poses, sim.render('front'),
            sim.render('wrist'))


@pytest.mark.parametrize('task', TASK_NAMES)
def test_same_seed_is_the_same_episode_bit_for_bit(task: str) -> None:
    first, second = Simulation(task, SMALL), Simulation(task, SMALL)
    wanted = drive(first, 5)
    drive(second, 6)  # what happened before a reset must not matter
    for mine, theirs in zip(wanted, drive(second, 5), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    first.close()
    second.close()


@pytest.mark.parametrize('task', TASK_NAMES)
def test_other_seeds_are_other_episodes(task: str) -> None:
    sim = Simulation(task, SMALL)
    seen = []
    for seed in (1, 2):
        sim.reset(seed)
        seen.append((sim.joint_position, np.concatenate(list(sim.objects().values())),
                     sim.render('front')))
    for one, other in zip(*seen, strict=True):
        assert not np.array_equal(one, other)
    sim.close()


def test_looking_changes_nothing(sim: Simulation) -> None:
    blind = drive(sim, 3)[:3]
    sim.reset(3)
    rng = np.random.default_rng(1)
    for _ in range(30):
        sim.render('wrist')
        sim.tool_pose()
        target = sim.setpoint + rng.uniform(-0.05, 0.05, 7)
        target[1] += 0.03
        sim.set_targets(target)
        for _ in range(10):
            sim.advance(2)
    poses = np.concatenate(list(sim.objects().values()))
    for one, other in zip(blind, (sim.joint_position, sim.joint_velocity, poses), strict=True):
        np.testing.assert_array_equal(one, other)


def test_model_agrees_with_the_robot_description(sim: Simulation) -> None:
    model = mujoco.MjModel.from_xml_path(str(ASSETS / 'arm.xml'))
    robot = load_robot('vaa_arm')
    assert [model.actuator(i).name for i in range(model.nu)] == list(robot.joint_names)
    for joint in robot.joints:
        np.testing.assert_allclose(model.actuator(joint.name).ctrlrange,
                                   [joint.lower, joint.upper])
        if joint.unit == 'rad':
            np.testing.assert_allclose(model.joint(joint.name).range,
                                       [joint.lower, joint.upper])
    assert model.opt.timestep == pytest.approx(1.0 / PHYSICS_HZ, abs=1e-12)
    assert PHYSICS_HZ % CONTROL_HZ == 0 and PHYSICS_HZ % 100 == 0
    assert set(robot.cameras) == set(sim.cameras)


def test_servos_follow_closely(sim: Simulation) -> None:
    sim.reset(0)
    start = sim.joint_position
    worst = 0.0
    for tick in range(45):
        phase = 0.5 - 0.5 * np.cos(np.pi * (tick + 1) / 45)
        target = start + phase * np.array([0.6, 0.2, -0.2, 0.3, 0.3, -0.4, -0.05])
        sim.set_targets(target)
        sim.step()
        worst = max(worst, float(np.abs(sim.joint_position - target)[:6].max()))
    assert worst < 0.01
    sim.step(0.3)
    np.testing.assert_allclose(sim.joint_position, target, atol=2e-3)


def test_targets_beyond_the_limits_stop_at_the_limits(sim: Simulation) -> None:
    sim.reset(0)
    sim.set_targets(np.full(7, 50.0) * [1, -1, 0, 0, 0, 0, 1] + sim.setpoint)
    sim.step(3.0)
    robot = load_robot('vaa_arm')
    upper = np.array([joint.upper for joint in robot.joints])
    lower = np.array([joint.lower for joint in robot.joints])
    assert np.all(sim.setpoint <= upper) and np.all(sim.setpoint >= lower)
    assert np.all(sim.joint_position <= upper + 0.02)
    assert np.all(sim.joint_position >= lower - 0.02)


def test_a_leap_is_slowed_to_the_speed_limit(sim: Simulation) -> None:
    sim.reset(0)
    start = sim.joint_position
    sim.set_targets(start + [2.0, 0, 0, 0, 0, 0, 0])
    sim.step()
    assert abs(sim.setpoint[0] - start[0]) <= 2.5 / CONTROL_HZ + 1e-9


@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_targets_that_are_not_finite_are_refused(sim: Simulation, bad: float) -> None:
    sim.reset(0)
    before = sim.setpoint
    target = before.copy()
    target[3] = bad
    with pytest.raises(SimulationError, match='finite'):
        sim.set_targets(target)
    with pytest.raises(SimulationError, match='finite'):
        sim.perturb(np.full(7, bad))
    with pytest.raises(SimulationError, match='shape'):
        sim.set_targets(np.zeros(6))
    sim.step()
    np.testing.assert_array_equal(sim.setpoint, before)


def test_push_moves_the_arm_and_passes(sim: Simulation) -> None:
    sim.reset(0)
    start = sim.joint_position
    sim.perturb(np.array([0.1, 0, 0, 0, 0, 0, 0]), 0.2)
    sim.step(0.2)
    assert sim.joint_position[0] - start[0] > 0.05
    sim.step(0.5)
    np.testing.assert_allclose(sim.joint_position, start, atol=2e-3)


def test_time_counts_in_whole_steps(sim: Simulation) -> None:
    sim.reset(0)
    for _ in range(30):
        sim.step(1 / 30)
    assert sim.time_ns == 1_000_000_000
    assert sim.time_s == 1.0
    assert sim.steps == PHYSICS_HZ


def test_time_limit(sim: Simulation) -> None:
    sim.reset(0)
    sim.step(sim.max_time_s - 0.1)
    assert not sim.done()
    sim.step(0.1)
    assert sim.timed_out() and sim.done() and not sim.success()
    sim.reset(0)
    assert not sim.done()


def test_unknown_names_list_what_exists(sim: Simulation) -> None:
    with pytest.raises(VaaError, match='reach.*') as error:
        Simulation('pick_plaec')
    assert all(name in str(error.value) for name in TASK_NAMES)
    with pytest.raises(VaaError, match='front, wrist'):
        sim.render('frnt')
    with pytest.raises(VaaError, match='vaa_arm'):
        Simulation('reach', robot='vaa_amr')
    with pytest.raises(SimulationError, match='seed'):
        sim.reset(-1)


def test_pictures_have_the_size_asked_for(sim: Simulation) -> None:
    sim.reset(0)
    for camera in sim.cameras:
        picture = sim.render(camera)
        assert picture.shape == (*SMALL, 3) and picture.dtype == np.uint8
        assert picture.std() > 10


def test_objects_show_in_both_pictures(sim: Simulation) -> None:
    sim.reset(1)
    for camera in sim.cameras:
        red, green, blue = np.moveaxis(sim.render(camera).astype(int), -1, 0)
        assert np.count_nonzero((red > 100) & (red > 2 * blue)) > 5, f'no cube in {camera}'
        assert np.count_nonzero((blue > 100) & (blue > 2 * red)) > 20, f'no tray in {camera}'


def test_no_backend_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError('no display')
    monkeypatch.setattr(rendering.mujoco, 'Renderer', fail)
    simulation = Simulation('reach', SMALL)
    simulation.step()  # physics needs no pictures
    with pytest.raises(SimulationError, match='libegl1 libgl1 libosmesa6'):
        simulation.render('front')
