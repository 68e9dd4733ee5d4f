# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The names of the tasks and of their Gymnasium environments.
"""
from __future__ import annotations

ENV_IDS = {
    'reach': 'vaa_ros/Reach-v0',
    'push': 'vaa_ros/Push-v0',
    'pick_place': 'vaa_ros/PickPlace-v0',
    'sort': 'vaa_ros/Sort-v0',
    'pick_place_narrow': 'vaa_ros/PickPlaceNarrow-v0',
    'pick_place_moved': 'vaa_ros/PickPlaceMoved-v0',
    'insert': 'vaa_ros/Insert-v0',
}
"""Task name -> Gymnasium environment id."""

TASK_NAMES = tuple(ENV_IDS)


def register_envs() -> None:
    """
    Register every task with Gymnasium, where Gymnasium is installed; twice does no harm.
    """
    try:
        import gymnasium
    except ImportError:  # The simulator node needs no Gymnasium.
        return
    for task, env_id in ENV_IDS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(
                env_id, entry_point='vaa_ros.sim.env:ArmEnv', kwargs={'task': task})
