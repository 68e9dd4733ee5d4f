# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a Gymnasium environment becomes a robot with cameras: ``config/environments/<name>.yaml``.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
import importlib
import math
from pathlib import Path
from typing import Any
from typing import TYPE_CHECKING

import numpy as np
import yaml

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.paths import config_names
from vaa_ros.core.paths import share_dir
from vaa_ros.core.records import from_mapping
from vaa_ros.core.robot import RobotSpec

if TYPE_CHECKING:
    import gymnasium

RENDER = 'render'
"""Source of a camera whose pictures come from the environment's ``render()``, when asked for."""

WHOLE = '.'
"""Path of an observation that is no dictionary."""

ACTIONS = ('joint_position',)
FOLDER = 'environments'


@dataclass(frozen=True)
class SuccessRule:
    """
    When the task is done; one of the first two is given.

    :param info: key of the step's info that is true then.
    :param reward: the step's reward is at least this much then.
    :param sticky: once is enough, and ends the episode; else it has to hold at the end.
    """

    info: str = ''
    reward: float | None = None
    sticky: bool = True

    def __post_init__(self) -> None:
        if bool(self.info) == (self.reward is not None):
            raise ValueError('give either info (a key) or reward (a number)')


@dataclass(frozen=True)
class EnvironmentSpec:
    """
    One environment, and what in it is what.

    A joint is ``scale * value + offset`` of the environment's value, in state and action alike.

    :param name: the name of its file.
    :param env: Gymnasium's id.
    :param robot: name of the robot in ``config/robots``.
    :param joints: the robot's joints in the order of the state and action vectors.
    :param cameras: camera key to a path in the observation such as ``pixels/top``, or ``render``.
    :param state: path of the positions in the observation; ``.`` for all of it.
    :param success: when the task is done.
    :param control_rate_hz: environment steps a second of its own time [Hz].
    :param max_steps: steps after which an episode ends.
    :param instruction: the task in words.
    :param velocity: path of the velocities, or empty: they are taken from the positions.
    :param action: what an action is; only absolute ``joint_position``.
    :param module: Python module that registers the environment, imported before it is made.
    :param kwargs: arguments of the environment.
    :param scale: joint to factor, where it is not 1.
    :param offset: joint to offset [rad or m], where it is not 0.
    :param expert: name of the scripted expert, or empty.
    """

    name: str
    env: str
    robot: str
    joints: tuple[str, ...]
    cameras: Mapping[str, str]
    state: str
    success: SuccessRule
    control_rate_hz: float
    max_steps: int
    instruction: str
    velocity: str = ''
    action: str = 'joint_position'
    module: str = ''
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    scale: Mapping[str, float] = field(default_factory=dict)
    offset: Mapping[str, float] = field(default_factory=dict)
    expert: str = ''

    def __post_init__(self) -> None:
        object.__setattr__(self, 'joints', tuple(self.joints))
        if ':' in self.env:
            raise ValueError(f'env is {self.env!r}; name the module under `module`')
        if self.action not in ACTIONS:
            raise ValueError(f'action is {self.action!r}, expected one of {ACTIONS}')
        if not (0 < self.control_rate_hz < math.inf and self.max_steps > 0):
            raise ValueError(f'control_rate_hz is {self.control_rate_hz} and max_steps '
                             f'{self.max_steps}, expected positive numbers')
        if not self.cameras:
            raise ValueError('cameras are empty, expected at least one')
        for key, values in (('scale', self.scale), ('offset', self.offset)):
            for joint, value in values.items():
                if joint not in self.joints:
                    raise ValueError(f'{key} of {joint!r}, which is not one of the joints '
                                     f'{", ".join(self.joints)}')
                if not math.isfinite(value) or (key == 'scale' and value == 0):
                    raise ValueError(f'{key} of {joint} is {value}, expected a finite number'
                                     + (' other than 0' if key == 'scale' else ''))

    @property
    def max_time_s(self) -> float:
        """
        Give the time limit of an episode [s].
        """
        return self.max_steps / self.control_rate_hz


def environment_names() -> list[str]:
    """
    List the environments in ``config/environments``.
    """
    return config_names(FOLDER)


def load_environment(name: str) -> EnvironmentSpec:
    """
    Load an environment by name or by the path of its YAML file.

    :param name: a name in ``config/environments``, or a path that ends in ``.yaml``.
    :return: the environment.
    :raises ConfigError: naming the file and the key that is wrong; for an unknown name it lists
        those that exist.
    """
    path = Path(name)
    if path.suffix != '.yaml':
        if name not in environment_names():
            raise unknown_name('environment', name, environment_names())
        path = share_dir() / 'config' / FOLDER / f'{name}.yaml'
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ConfigError(f'cannot read the environment file {path}: {problem}') from problem
    if not isinstance(values, dict):
        raise ConfigError(f'{path}: expected a mapping of keys')
    plain: dict[str, Any] = {'name': path.stem, **values}
    if 'success' in plain:
        plain['success'] = from_mapping(SuccessRule, plain['success'], f'{path}: success')
    return from_mapping(EnvironmentSpec, plain, str(path))


def check_joints(spec: EnvironmentSpec, robot: RobotSpec) -> None:
    """
    Make sure that the vectors hold every joint of the robot once.

    :raises ConfigError: naming the joints that are missing, unknown or there twice.
    """
    if sorted(spec.joints) != sorted(robot.joint_names):
        raise ConfigError(f'environment {spec.name}: joints are {", ".join(spec.joints)}; '
                          f'expected each joint of robot {robot.name} once: '
                          f'{", ".join(robot.joint_names)}')


def make_environment(spec: EnvironmentSpec, allowed: str = '') -> gymnasium.Env:
    """
    Import the module and make the environment.

    The module is code that runs with all rights of the caller, so it is imported only where a
    person has allowed it by name; modules of vaa_ros need no leave.

    :param spec: the environment.
    :param allowed: module that may be imported.
    :return: the environment.
    :raises ConfigError: if the module is not allowed or cannot be imported, or the environment
        is unknown or refuses its arguments.
    """
    import gymnasium
    if spec.module:
        if spec.module.split('.')[0] != 'vaa_ros' and spec.module != allowed:
            raise ConfigError(
                f'environment {spec.name}: its module {spec.module!r} is code that would run; '
                f'if you trust it, allow it by name: --allow-module {spec.module}, or parameter '
                f'allow_module of sim_arm. Allowed: {allowed or "none"}')
        try:
            importlib.import_module(spec.module)
        except ImportError as problem:
            raise ConfigError(f'environment {spec.name}: cannot import {spec.module}: {problem}. '
                              'Install what it needs (doc/environments.md says how for gym-aloha)'
                              ) from problem
    kwargs = dict(spec.kwargs)
    if RENDER in spec.cameras.values():
        kwargs.setdefault('render_mode', 'rgb_array')
    if spec.env not in gymnasium.registry:
        raise unknown_name('Gymnasium environment', spec.env, sorted(gymnasium.registry))
    try:
        return gymnasium.make(spec.env, max_episode_steps=spec.max_steps,
                              disable_env_checker=True, **kwargs)
    except (gymnasium.error.Error, TypeError, ValueError, AssertionError) as problem:
        raise ConfigError(f'environment {spec.name}: {spec.env} refuses its arguments {kwargs}: '
                          f'{problem}') from problem


def look_up(observation: Any, path: str, where: str) -> Any:
    """
    Find a part of an observation.

    :param observation: what the environment gave.
    :param path: keys with slashes in between; ``.`` for all of it.
    :param where: the environment and key, for errors.
    :return: the part.
    :raises ConfigError: if it is not there; lists what is.
    """
    part = observation
    for key in [] if path == WHOLE else path.split('/'):
        if not isinstance(part, Mapping) or key not in part:
            raise ConfigError(f'{where}: no {path!r} in the observation, which has: '
                              f'{", ".join(contents(observation))}')
        part = part[key]
    return part


def contents(observation: Any, path: str = '') -> list[str]:
    """
    List the paths of an observation with shapes and types.
    """
    if isinstance(observation, Mapping):
        return [line for key, part in observation.items()
                for line in contents(part, f'{path}/{key}' if path else str(key))]
    array = np.asarray(observation)
    return [f'{path or WHOLE} {array.shape} {array.dtype}']
