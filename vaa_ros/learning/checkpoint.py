# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Run folders: the configuration, the state to go on from, and the log of every figure.
"""
from __future__ import annotations

from collections.abc import Mapping
import contextlib
import json
import math
import os
from pathlib import Path
from typing import Any

import torch
import yaml

from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.alignment.residual import Residual
from vaa_ros.core.errors import ModelError
from vaa_ros.core.errors import VaaError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.config import config_from_mapping
from vaa_ros.learning.config import config_to_yaml
from vaa_ros.learning.config import TrainConfig

CHECKPOINT = 'checkpoint.pt'
CONFIG = 'config.yaml'
METRICS = 'metrics.jsonl'
CHECKPOINT_VERSION = 1


def save(folder: Path, config: TrainConfig, spec: PolicySpec, state: Mapping[str, Any]) -> Path:
    """
    Write a checkpoint whole or not at all.

    :param folder: the run folder.
    :param config: the training configuration.
    :param spec: the policy's spec.
    :param state: tensors and plain values to go on from.
    :return: the file.
    :raises ModelError: if it cannot be written; the checkpoint before then stays.
    """
    path = folder / CHECKPOINT
    partial = path.with_suffix('.partial')
    try:
        torch.save({'version': CHECKPOINT_VERSION, 'config': config_to_yaml(config),
                    'spec': spec.to_json(), **state}, partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as problem:
        # torch tells a full disk as a RuntimeError with its own source lines.
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        reason = str(problem).splitlines()[0]
        raise ModelError(f'cannot write the checkpoint {path} (is the disk full?): {reason}; the '
                         'last whole checkpoint is kept, go on with --resume') from problem
    return path


def load(folder: str | Path) -> tuple[TrainConfig, PolicySpec, dict[str, Any]]:
    """
    Read a checkpoint.

    :param folder: the run folder, or the checkpoint itself.
    :return: the configuration, the spec, and the rest.
    :raises ModelError: if there is none, or it is not what this version writes.
    """
    path = Path(folder)
    path = path / CHECKPOINT if path.is_dir() else path
    if not path.is_file():
        raise ModelError(f'no checkpoint {path}; a run folder of `vaa train` holds one')
    try:
        state = torch.load(path, map_location='cpu', weights_only=True)
        version = state.pop('version')
        if version != CHECKPOINT_VERSION:
            raise ModelError(f'{path}: checkpoint version {version}, this vaa_ros reads '
                             f'{CHECKPOINT_VERSION}; train again')
        config = config_from_mapping(yaml.safe_load(state.pop('config')), f'{path}: config')
        spec = PolicySpec.from_json(state.pop('spec'), f'{path}: spec')
    except VaaError:
        raise
    except Exception as problem:
        raise ModelError(f'cannot read the checkpoint {path}: {problem}') from problem
    return config, spec, state


def load_policy(folder: str | Path) -> tuple[AlignedPolicy, TrainConfig, dict[str, Any]]:
    """
    Load the trained policy of a run: its averaged weights, in evaluation mode.

    :param folder: the run folder, or the checkpoint itself.
    :return: the policy, the configuration, and the rest of the checkpoint.
    :raises ModelError: if the checkpoint is missing or does not fit its own configuration.
    """
    config, spec, state = load(folder)
    policy = AlignedPolicy(spec, config.model, config.loss)
    try:
        policy.load_state_dict(state['averaged'])
        if 'residual' in state:
            policy.residual = Residual.of(state['residual'])
    except (KeyError, RuntimeError) as problem:
        raise ModelError(f'the weights in {folder} do not fit their configuration: '
                         f'{problem}') from problem
    return policy.eval(), config, state


class MetricLog:
    """
    Every figure of a run, to ``metrics.jsonl`` and TensorBoard.

    What was logged after the step that is gone on from, before a run was killed, is dropped.

    :param folder: the run folder.
    :param step: the step to go on from; 0 begins anew.
    """

    def __init__(self, folder: Path, step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter
        path = folder / METRICS
        kept = [line for line in read_metrics(folder) if line['step'] <= step]
        path.write_text(''.join(json.dumps(line) + '\n' for line in kept), encoding='utf-8')
        self._file = path.open('a', encoding='utf-8')
        self._board = SummaryWriter(str(folder), purge_step=step + 1)

    def write(self, split: str, step: int, elapsed_s: float, figures: Mapping[str, float]) -> None:
        """
        Log figures.

        :param split: ``train`` or ``held_out``.
        :param step: the step that they belong to.
        :param elapsed_s: training time so far [s].
        :param figures: names to values; one that is not finite is not known, and left out.
        """
        figures = {name: value for name, value in figures.items() if math.isfinite(value)}
        line = {'split': split, 'step': step, 'elapsed_s': round(elapsed_s, 2),
                **{name: round(float(value), 6) for name, value in figures.items()}}
        self._file.write(json.dumps(line) + '\n')
        self._file.flush()
        for name, value in figures.items():
            self._board.add_scalar(f'{split}/{name}', value, step)

    def close(self) -> None:
        """
        Close both.
        """
        self._file.close()
        self._board.close()


def read_metrics(folder: str | Path) -> list[dict[str, Any]]:
    """
    Read the figures of a run back.

    :param folder: the run folder.
    :return: one mapping a logged line, in order.
    """
    path = Path(folder) / METRICS
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding='utf-8').splitlines() if line]
