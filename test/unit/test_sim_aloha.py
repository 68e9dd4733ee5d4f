# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
gym-aloha, where it is installed: in an environment of its own, since it needs an older MuJoCo.
"""
from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from vaa_ros.core.robot import load_robot
from vaa_ros.learning.demonstrations import record_demonstrations
from vaa_ros.sim.environment import environment_names
from vaa_ros.sim.environment import load_environment
from vaa_ros.sim.environment_experts import EXPERTS
from vaa_ros.sim.gym_simulation import GymSimulation

TASKS = ('aloha_transfer', 'aloha_insertion')


def test_the_shipped_files_are_good() -> None:
    assert set(TASKS) <= set(environment_names())
    for name in TASKS:
        spec = load_environment(name)
        assert spec.expert in EXPERTS
        assert spec.joints == load_robot(spec.robot).joint_names


def simulation(name: str) -> GymSimulation:
    pytest.importorskip('gym_aloha', reason='gym-aloha is not installed: see doc/environments.md')
    return GymSimulation(load_environment(name))


def test_the_robots_limits_are_the_models() -> None:
    world = simulation('aloha_transfer')
    model = world.env.unwrapped.model
    for joint in load_robot('aloha').joints:
        side, name = joint.name.split('_', 1)
        part = 'left_finger' if name == 'gripper' else name
        np.testing.assert_allclose(model.joint(f'vx300s_{side}/{part}').range,
                                   [joint.lower, joint.upper])
    np.testing.assert_allclose(world.joint_position, load_robot('aloha').home, atol=1e-6)


def test_it_moves_bit_for_bit_as_gym_aloha_does() -> None:
    world = simulation('aloha_transfer')
    import gymnasium
    own = gymnasium.make('gym_aloha/AlohaTransferCube-v0', obs_type='pixels_agent_pos',
                         disable_env_checker=True)
    world.env.reset(seed=3)
    first, _ = own.reset(seed=3)
    start = first['agent_pos']
    for step in range(3):
        action = (start + 0.02 * step).astype(np.float32)
        mine, theirs = world.env.step(action), own.step(action)
        np.testing.assert_array_equal(mine[0]['agent_pos'], theirs[0]['agent_pos'])
        assert mine[1:4] == theirs[1:4] and mine[4] == theirs[4]


@pytest.mark.parametrize('name', TASKS)
def test_the_expert_does_it(name: str) -> None:
    world = simulation(name)
    for seed in (0, 19):
        world.reset(seed)
        expert = EXPERTS[world.spec.expert](world, seed)
        while not world.done():
            world.set_trajectory(np.array([world.pace.tick_s]), expert.act()[None])
            world.advance(1)
        assert world.success(), seed


def test_a_demonstration_is_recorded(tmp_path: Path) -> None:
    simulation('aloha_transfer').close()
    done = record_demonstrations('', [1], tmp_path, environment=load_environment('aloha_transfer'))
    assert done.successes == 1
