# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Where a training run computes: device, precision, compiled or not, alone or with other processes.

The only file that imports Hugging Face Accelerate, which reads what ``torchrun`` says and wraps
the model for it. The mathematics of a batch that is shared by several processes is in
:mod:`vaa_ros.alignment.ranks`.
"""
from __future__ import annotations

from collections.abc import Mapping
import os

from accelerate import Accelerator
from accelerate.state import AcceleratorState
import torch
from torch import nn

from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.errors import ConfigError
from vaa_ros.learning import machine
from vaa_ros.learning.config import TrainConfig


class Engine:
    """
    Where one process of a training run computes, and what it shares with the others.

    :param config: the training configuration.
    :raises ConfigError: if the processes cannot share the batch evenly.
    """

    def __init__(self, config: TrainConfig) -> None:
        gpu = torch.cuda.is_available()
        self.half = config.precision == 'bfloat16' or (
            config.precision == 'auto' and machine.has_bfloat16(gpu))
        # Accelerate keeps the settings of the run before in this process.
        AcceleratorState._reset_state()
        self._accelerator = Accelerator(
            cpu=not gpu, mixed_precision='no',
            dynamo_backend='inductor' if config.compile else 'no')
        self.device: torch.device = self._accelerator.device
        self.rank, self.count = self._accelerator.process_index, self._accelerator.num_processes
        if config.batch_size % self.count or config.batch_size < 2 * self.count:
            raise ConfigError(
                f'batch_size {config.batch_size} cannot be shared by {self.count} processes: it '
                f'is the size of the whole batch; set it to a multiple of {self.count}, at least '
                f'{2 * self.count}')
        on_this_machine = int(os.environ.get('LOCAL_WORLD_SIZE', 1))
        self.threads = machine.prepare(
            config.threads or max(1, machine.cores() // on_this_machine))

    @property
    def main(self) -> bool:
        """
        Tell whether this process writes and talks.
        """
        return self.rank == 0

    def share(self, size: int) -> slice:
        """
        Give the rows of a whole batch that are this process's.

        :param size: rows of the whole batch.
        """
        own = size // self.count
        return slice(self.rank * own, (self.rank + 1) * own)

    def wrap(self, policy: AlignedPolicy) -> nn.Module:
        """
        Give the model to call in training; its parameters are those of the policy.

        :param policy: the policy, on :attr:`device`.
        """
        for eye in policy.eyes.values():
            eye.half = self.half
        return self._accelerator.prepare_model(policy)

    def chance(self) -> dict[str, torch.Tensor]:
        """
        Give the state of torch's random numbers, which is the same in all processes.
        """
        states = {'rng': torch.get_rng_state()}
        if self.device.type == 'cuda':
            states['rng_gpu'] = torch.cuda.get_rng_state(self.device)
        return states

    def set_chance(self, states: Mapping[str, torch.Tensor]) -> None:
        """
        Go on with the random numbers of :meth:`chance`.

        :raises KeyError: if they are not there; those of a GPU may be missing.
        """
        torch.set_rng_state(states['rng'])
        if self.device.type == 'cuda' and 'rng_gpu' in states:
            torch.cuda.set_rng_state(states['rng_gpu'], self.device)

    def wait(self) -> None:
        """
        Wait until all processes are here.
        """
        self._accelerator.wait_for_everyone()

    def agree(self, part: float, stop: bool) -> tuple[float, bool]:
        """
        Let all processes go on, or end, at the same step.

        :param part: how much of the training is done by this process's clock, 0 to 1.
        :param stop: whether this process was asked to stop.
        :return: the part by the clock of the first process, and whether any was asked to stop.
        """
        if self.count == 1:
            return part, stop
        own = torch.tensor([part if self.main else 0.0, float(stop)], dtype=torch.float64,
                           device=self.device)
        part, stops = self._accelerator.reduce(own, 'sum').tolist()
        return part, stops > 0

    def means(self, sums: dict[str, torch.Tensor], count: int) -> dict[str, float]:
        """
        Average figures over batches and processes.

        :param sums: names to sums over ``count`` batches.
        :param count: how many.
        :return: names to means.
        """
        values = torch.stack([torch.as_tensor(value, device=self.device).float()
                              for value in sums.values()]) / count
        values = self._accelerator.reduce(values, 'mean')
        return dict(zip(sums, values.tolist(), strict=True))

    def end(self) -> None:
        """
        Part from the other processes.
        """
        self.wait()
        self._accelerator.end_training()
