# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Tests of the Gymnasium environment.
"""
from __future__ import annotations

import gymnasium
from gymnasium.utils.env_checker import check_env
import numpy as np
import pytest

from vaa_ros.core.errors import SimulationError
from vaa_ros.core.errors import VaaError
from vaa_ros.sim import ENV_IDS
from vaa_ros.sim.env import ArmEnv
from vaa_ros.sim.expert import ExpertInput
from vaa_ros.sim.expert import make_expert

SMALL = (48, 64)


@pytest.mark.filterwarnings('ignore:.*Box action spaces.*')
@pytest.mark.parametrize('env_id', ENV_IDS.values())
def test_passes_the_checker(env_id: str) -> None:
    env = gymnasium.make(env_id, render_mode='rgb_array', image_size=SMALL)
    check_env(env.unwrapped)
    env.close()


def test_expert_succeeds_through_the_environment() -> None:
    env = gymnasium.make('vaa_ros/Reach-v0', image_size=SMALL)
    expert = make_expert('reach', 11)
    seen, info = env.reset(seed=11)
    rewards, terminated, truncated = 0.0, False, False
    while not (terminated or truncated):
        action = expert.act(ExpertInput(info['time_s'], seen['joint_position'],
                                        info['objects']))
        seen, reward, terminated, truncated, info = env.step(action.astype(np.float32))
        rewards += reward
    assert terminated and not truncated and info['success'] and rewards == 1.0
    assert info['instruction'] and info['seed'] == 11
    env.close()


def test_time_limit_truncates() -> None:
    env = ArmEnv('reach', image_size=SMALL)
    seen, _ = env.reset(seed=0)
    env.simulation.step(env.simulation.max_time_s - 1 / 30)
    _, reward, terminated, truncated, info = env.step(seen['joint_position'])
    assert truncated and not terminated and reward == 0.0 and not info['success']
    env.close()


def test_without_a_seed_the_next_episode_is_drawn() -> None:
    env = ArmEnv('reach', image_size=SMALL)
    env.reset(seed=7)
    drawn = [env.reset()[1]['seed'] for _ in range(2)]
    assert drawn[0] != drawn[1]
    env.reset(seed=7)
    assert [env.reset()[1]['seed'] for _ in range(2)] == drawn
    env.close()


def test_bad_input_is_refused() -> None:
    with pytest.raises(VaaError, match='rgb_array'):
        ArmEnv('reach', render_mode='human')
    with pytest.raises(VaaError, match='pick_place'):
        ArmEnv('stack')
    env = ArmEnv('reach', image_size=SMALL)
    env.reset(seed=0)
    for bad in (np.full(7, np.nan), np.zeros(6)):
        with pytest.raises(SimulationError, match='7 finite'):
            env.step(bad)
    env.close()
