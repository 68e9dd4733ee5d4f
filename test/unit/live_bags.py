# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A run with a real arm whose recordings are written by hand: the policy node's traces among them.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from pathlib import Path

from learning_bags import LOG_NS
from learning_bags import LOG_TICK_NS
from learning_bags import make_bag
from learning_bags import METADATA
from learning_bags import START_NS
from learning_bags import Stream
from learning_bags import TICK_NS
from learning_samples import arm_spec
from learning_samples import TINY
from learning_samples import write_dataset
import torch

from vaa_ros.alignment.config import LossConfig
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning import checkpoint
from vaa_ros.learning.config import TrainConfig
from vaa_ros.learning.live_policy import LivePolicy
from vaa_ros.recording import messages

TRACE = '/policy/trace'


def small_arm_spec() -> PolicySpec:
    """The simulated arm, small pictures, short chunks."""
    spec = arm_spec()
    return replace(spec, task='reach', chunk_length=6, embedding_size=TINY.embedding_size,
                   cameras=tuple(CameraSpec(key, 32, 24) for key in spec.camera_keys))


def write_arm_base(folder: Path, spec: PolicySpec | None = None) -> Path:
    """Write the run folder of an untrained policy of the simulated arm, and its dataset."""
    spec = spec or small_arm_spec()
    data = write_dataset(folder / 'data', spec)
    torch.manual_seed(0)
    policy = AlignedPolicy(spec, TINY, LossConfig())
    with torch.no_grad():
        for weights in policy.decoder.parameters():
            weights.mul_(0.1)
    joints = len(spec.joints)
    # Arm joints relative to where they are, the gripper where it is when open.
    mean = torch.zeros(joints)
    mean[-1] = spec.joints[-1].upper
    policy.space.set_statistics(torch.zeros(joints), torch.ones(joints), mean,
                                torch.tensor([0.05] * (joints - 1) + [1e-3]))
    run = folder / 'base'
    run.mkdir()
    checkpoint.save(run, TrainConfig(model=TINY), spec, {
        'averaged': policy.state_dict(), 'dataset': str(data), 'dataset_hash': 'd', 'metrics': {},
        'calibration': {}, 'step': 0, 'elapsed_s': 0.0, 'vaa_version': ''})
    return run


def trace(tick: int, policy: str, moving: bool = True) -> tuple[str, int, bytes]:
    """What the policy node says of a command."""
    told = {'moving': moving, 'policy': policy, 'observation_ns': START_NS + tick * TICK_NS}
    return TRACE, LOG_NS + tick * LOG_TICK_NS + 10, messages.serialize(
        messages.STRING, {'data': json.dumps(told)})


def live_bag(path: Path, ran: LivePolicy, success: bool | None = True, frames: int = 20,
             moved: Sequence[int] | None = None, other: Sequence[int] = (), sha256: str = '',
             aborted: str = '', change: Stream = (), leave_out: Sequence[str] = ()) -> Path:
    """
    Write an episode that a policy acted.

    :param moved: ticks at which it moved the arm; None for all.
    :param other: ticks at which another one did.
    :param sha256: of the policy that was loaded; '' for its own.
    :param change: more messages.
    """
    moved = range(frames) if moved is None else moved
    told = [trace(tick, ran.name, tick in moved) for tick in range(frames) if tick not in other]
    told += [trace(tick, 'other') for tick in other]
    metadata = replace(METADATA, aborted=aborted, active_policy={
        'name': ran.name, 'path': str(ran.path), 'sha256': sha256 or ran.sha256})
    kinds = {topic: messages.STRING for topic, _, _ in (*told, *change)}
    return make_bag(path, frames=frames, success=success, metadata=metadata, leave_out=leave_out,
                    change=lambda stream: [*stream, *told, *change], more_topics=kinds)
