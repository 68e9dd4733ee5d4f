# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How a policy is trained: ``config/train/<name>.yaml`` read strictly into frozen dataclasses.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.config import ModelConfig
from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.paths import share_dir
from vaa_ros.core.records import from_mapping
from vaa_ros.core.records import to_plain
from vaa_ros.core.spec import MAX_HISTORY
from vaa_ros.core.spec import PolicySpec

PRECISIONS = ('auto', 'float32', 'bfloat16')


@dataclass(frozen=True)
class AugmentConfig:
    """
    How training pictures are varied, each sample by its own draw.

    :param brightness: largest change of brightness, 1 being black to white.
    :param contrast: largest relative change of contrast.
    :param colour: largest relative change of each colour channel.
    """

    brightness: float = 0.1
    contrast: float = 0.15
    colour: float = 0.1

    def __post_init__(self) -> None:
        for name in ('brightness', 'contrast', 'colour'):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(f'{name} {getattr(self, name)}, expected 0 to below 1')


@dataclass(frozen=True)
class OptimiserConfig:
    """
    How the weights move.

    :param learning_rate: highest learning rate of AdamW.
    :param weight_decay: its weight decay.
    :param warmup: part of the training in which the learning rate rises.
    :param final: learning rate at the end, as a fraction of the highest (cosine).
    :param clip_norm: largest norm of the gradient.
    :param vision_rate: learning rate of a fine-tuned vision encoder, as a fraction of the others'.
    :param ema: largest decay of the averaged weights, which are the ones that are exported.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 1e-3
    warmup: float = 0.04
    final: float = 0.01
    clip_norm: float = 5.0
    vision_rate: float = 0.1
    ema: float = 0.998

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < 1:
            raise ValueError(f'learning_rate {self.learning_rate}, expected between 0 and 1')
        if self.weight_decay < 0 or self.clip_norm <= 0:
            raise ValueError(f'weight_decay {self.weight_decay} must not be negative and '
                             f'clip_norm {self.clip_norm} must be positive')
        if not 0 < self.vision_rate <= 1:
            raise ValueError(f'vision_rate {self.vision_rate}, expected above 0 and up to 1')
        if not (0 <= self.warmup < 1 and 0 <= self.final <= 1 and 0 <= self.ema < 1):
            raise ValueError(f'warmup {self.warmup}, final {self.final} and ema {self.ema} are '
                             'fractions, expected 0 to 1')


@dataclass(frozen=True)
class TrainConfig:
    """
    A training run. It ends at ``steps`` or after ``max_minutes``, whichever comes first.

    :param name: name of the policy.
    :param steps: batches to learn from.
    :param max_minutes: time limit; the learning-rate schedule is fitted to it. None is no limit.
    :param batch_size: frames in a batch, of all processes together.
    :param observation_history: frames that the policy sees, 1 to 3; 1 is the present one alone.
    :param history_stride: control ticks between two of them.
    :param frames_per_episode: frames that a batch takes from one episode, far apart in it.
    :param evaluations: how often the held-out episodes are looked at.
    :param threads: CPU threads, None for all; with several processes, of each of them.
    :param precision: ``float32``, ``bfloat16`` (mixed), or ``auto``: the latter where the
        processor computes with it.
    :param compile: whether torch.compile makes one program of the network, which takes minutes at
        the start and, on a CPU, a C++ compiler.
    :param seed: seed of weights, order and augmentation.
    :param model: sizes of the network.
    :param loss: terms of the loss.
    :param augment: variation of the pictures.
    :param optimiser: how the weights move.
    """

    name: str = 'small'
    steps: int = 10_000
    max_minutes: float | None = None
    batch_size: int = 64
    frames_per_episode: int = 2
    observation_history: int = 1
    history_stride: int = 3
    evaluations: int = 20
    threads: int | None = None
    precision: str = 'auto'
    compile: bool = False
    seed: int = 0
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f'steps {self.steps}, expected at least 1')
        if self.seed < 0:
            raise ValueError(f'seed {self.seed}, expected at least 0')
        if self.max_minutes is not None and not self.max_minutes > 0:
            raise ValueError(f'max_minutes {self.max_minutes}, expected a positive time or null')
        if self.batch_size < 2:
            raise ValueError(f'batch_size {self.batch_size}, expected at least 2: a contrastive '
                             'loss needs something to compare with')
        if not 1 <= self.frames_per_episode <= self.batch_size // 2:
            raise ValueError(f'frames_per_episode {self.frames_per_episode}, expected 1 to half '
                             f'of batch_size {self.batch_size}')
        if self.loss.hard_negatives is not None and self.frames_per_episode == 1:
            raise ValueError('frames_per_episode 1 leaves loss.hard_negatives none to count: they '
                             'are other frames of the same episode; set it to 2 or more')
        if not 1 <= self.observation_history <= MAX_HISTORY:
            raise ValueError(f'observation_history {self.observation_history}, expected 1 to '
                             f'{MAX_HISTORY}')
        if self.history_stride < 1:
            raise ValueError(f'history_stride {self.history_stride}, expected at least 1')
        if self.evaluations < 1:
            raise ValueError(f'evaluations {self.evaluations}, expected at least 1')
        if self.threads is not None and self.threads < 1:
            raise ValueError(f'threads {self.threads}, expected at least 1 or null')
        if self.precision not in PRECISIONS:
            raise ValueError(f'precision {self.precision!r}, expected one of {PRECISIONS}')


SECTIONS = {'model': ModelConfig, 'loss': LossConfig, 'augment': AugmentConfig,
            'optimiser': OptimiserConfig}


def config_from_mapping(values: Any, where: str) -> TrainConfig:
    """
    Read a training configuration from plain values.

    :param values: the mapping of a configuration file.
    :param where: the file's name, for errors.
    :return: the configuration.
    :raises ConfigError: naming the key that is wrong, and those that exist.
    """
    if not isinstance(values, dict):
        raise ConfigError(f'{where}: found {type(values).__name__}, expected a mapping of keys')
    plain = dict(values)
    for name, cls in SECTIONS.items():
        if name in plain:
            plain[name] = from_mapping(cls, plain[name] or {}, f'{where}: {name}')
    return from_mapping(TrainConfig, plain, where)


def read_config(name: str | Path) -> tuple[Any, Path]:
    """
    Read a configuration file.

    :param name: a name in ``config/train``, or a path that ends in ``.yaml``.
    :return: what is in it, and the file.
    :raises ConfigError: if there is no such file, or it is no YAML.
    """
    path = Path(name)
    if path.suffix != '.yaml':
        folder = share_dir() / 'config' / 'train'
        known = [file.stem for file in folder.glob('*.yaml')]
        if str(name) not in known:
            raise unknown_name('training configuration', name, known)
        path = folder / f'{name}.yaml'
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ConfigError(f'cannot read the training configuration {path}: {problem}') \
            from problem
    return values, path


def load_config(name: str | Path = 'small', **overrides: Any) -> TrainConfig:
    """
    Load a configuration by name or by the path of its YAML file.

    :param name: a name in ``config/train``, or a path that ends in ``.yaml``.
    :param overrides: top-level keys to replace, such as ``max_minutes``; None leaves a key.
    :return: the configuration.
    :raises ConfigError: if there is no such file, or it has a wrong key or value.
    """
    values, path = read_config(name)
    if isinstance(values, dict) and 'method' in values:
        raise ConfigError(f'{path} is for --method {values["method"]}, which was not given')
    config = config_from_mapping(values, str(path))
    given = {key: value for key, value in overrides.items() if value is not None}
    try:
        return replace(config, **given)
    except (TypeError, ValueError) as problem:
        raise ConfigError(f'{path}: {problem}') from problem


def with_history(spec: PolicySpec, config: TrainConfig) -> PolicySpec:
    """
    Let a policy see as many frames as its configuration says; the dataset stays as it is.

    :param spec: the dataset's spec.
    :param config: the configuration.
    :return: the policy's spec.
    :raises ConfigError: if the frames would reach back too far.
    """
    try:
        return replace(spec, observation_history=config.observation_history,
                       history_stride=config.history_stride)
    except ValueError as problem:
        raise ConfigError(f'training configuration {config.name}: {problem}') from problem


def config_to_yaml(config: TrainConfig) -> str:
    """
    Write a configuration as YAML that :func:`load_config` reads.

    :param config: the configuration.
    :return: the text.
    """
    return yaml.safe_dump(to_plain(config), sort_keys=False)
