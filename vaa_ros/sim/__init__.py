# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A simulated arm in MuJoCo: tasks, a scripted expert and Gymnasium environments, without ROS.

Importing this package picks a picture backend for MuJoCo, registers the environments with
Gymnasium and does nothing else; MuJoCo itself is imported by the modules that use it.
"""
from __future__ import annotations

from vaa_ros.sim.backend import choose_backend
from vaa_ros.sim.registry import ENV_IDS
from vaa_ros.sim.registry import register_envs
from vaa_ros.sim.registry import TASK_NAMES

__all__ = ['ENV_IDS', 'TASK_NAMES', 'choose_backend', 'register_envs']

choose_backend()
register_envs()
