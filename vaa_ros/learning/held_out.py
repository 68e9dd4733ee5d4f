# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An exported policy against demonstrations that it has not seen: action error and retrieval.
"""
from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.export import ENCODER_KEY
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.frames import recording_names
from vaa_ros.learning.train import dataset_hash
from vaa_ros.learning.validate import Answers
from vaa_ros.learning.validate import judge
from vaa_ros.learning.validate import spread
from vaa_ros.policies.onnx_file import inspect_model
from vaa_ros.policies.onnx_file import read_model_bytes
from vaa_ros.policies.onnx_policy import make_session
from vaa_ros.policies.onnx_policy import OnnxPolicy

MOST_FRAMES = 2048
DATASET = 'dataset_sha256'
"""What a policy's provenance calls the hash of the dataset that it was trained with."""
IMPROVED_ON = 'improved_on'
"""What it calls where the demonstrations come from that it was improved with later."""


def evaluate_held_out(model: str | Path, dataset: str | Path) -> dict[str, float]:
    """
    Measure an exported policy on held-out demonstrations.

    Episodes of recordings that the policy was trained with are left out.

    :param model: the ``.onnx`` file.
    :param dataset: the dataset folder.
    :return: action errors and accuracy, retrieval and the quality of the space; ``nll`` only for
        the Laplace decoder, whose whole density the file gives out.
    :raises ModelError: if the file is no policy, or holds no action encoder.
    :raises DatasetError: if the dataset cannot be read, is of another kind, or has no episode
        for this.
    """
    path = Path(model)
    policy = OnnxPolicy(path)
    encoder = load_encoder(path)
    frames = Frames(dataset)
    chosen = unseen_frames(policy, frames)
    return judge(ask(policy, encoder, frames, spread(chosen, MOST_FRAMES)), policy.spec)


def unseen_frames(policy: OnnxPolicy, frames: Frames) -> np.ndarray:
    """
    Give the frames of a dataset that a policy has not been trained with.

    :param policy: the policy.
    :param frames: the dataset.
    :return: frame indices (n,), at least two.
    :raises DatasetError: if the dataset is of another shape, or there are none.
    """
    check_fits(policy.spec, frames)
    trained = trained_with(policy.spec, frames)
    chosen = np.flatnonzero(~trained[np.asarray(frames.episode)])
    if len(chosen) < 2:
        raise DatasetError(f'policy {policy.spec.name!r} was trained with the recordings of '
                           f'{trained.sum()} of the {len(trained)} episodes of {frames.folder}, '
                           'and the others have no two frames; give a dataset of other episodes')
    return chosen


def trained_with(spec: PolicySpec, frames: Frames) -> np.ndarray:
    """
    Tell with which episodes of a dataset a policy was trained, however the dataset was made.

    :param spec: the policy's spec; its provenance lists the recordings that it comes from, and
        those of them that were held out.
    :param frames: the dataset.
    :return: for each episode, whether its recording was among them (E,).
    """
    return learned_from(spec.provenance, frames) | learned_from(
        spec.provenance.get(IMPROVED_ON) or {}, frames)


def learned_from(told: Mapping[str, Any], frames: Frames) -> np.ndarray:
    """
    Tell for each episode of a dataset whether something learned from it (E,).

    :param told: where that comes from.
    :param frames: the dataset.
    """
    if dataset_hash(frames) == told.get(DATASET):
        return np.array([item['split'] != HELD_OUT for item in frames.episodes])
    known = {sha256 for sha256 in told.get('bags') or () if sha256}
    held_out = set(told.get('held_out_recordings') or ())
    return np.array([any(name.partition('/')[0] in known and name not in held_out
                         for name in recording_names(item)) for item in frames.episodes])


def load_encoder(path: Path) -> object:
    """
    Load the action encoder that an exported policy carries.

    :param path: the ``.onnx`` file.
    :return: an ONNX Runtime session.
    :raises ModelError: if there is none, or it is damaged.
    """
    metadata = inspect_model(read_model_bytes(path), str(path)).metadata
    if ENCODER_KEY not in metadata:
        raise ModelError(f'{path}: holds no action encoder (metadata key {ENCODER_KEY!r}); '
                         'export the policy again')
    where = f'{path}: {ENCODER_KEY}'
    try:
        data = base64.b64decode(metadata[ENCODER_KEY], validate=True)
    except binascii.Error as problem:
        raise ModelError(f'{where}: not base64: {problem}') from problem
    inspect_model(data, where).check(where)
    return make_session(data, 1, where)


def check_fits(spec: PolicySpec, frames: Frames) -> None:
    """
    Refuse a dataset of another shape than the policy's.

    :param spec: the policy.
    :param frames: the dataset.
    :raises DatasetError: naming each field that differs.
    """
    differences = []
    for name in ('cameras', 'joint_names', 'action', 'control_rate_hz', 'chunk_length'):
        ours, theirs = getattr(spec, name), getattr(frames.spec, name)
        if ours != theirs:
            differences.append(f'{name}: policy {ours}, dataset {theirs}')
    if differences:
        raise DatasetError(f'{frames.folder} does not fit policy {spec.name!r}: '
                           + '; '.join(differences))


def ask(policy: OnnxPolicy, encoder: object, frames: Frames, chosen: np.ndarray) -> Answers:
    """
    Ask an exported policy about frames.

    :param policy: the policy.
    :param encoder: its action encoder.
    :param frames: the dataset.
    :param chosen: frame indices (N,).
    :return: its answers.
    """
    spec = policy.spec
    actions, mask = frames.chunks(chosen)
    chunks, z_action = [], []
    history = frames.history(spec)
    for row, frame in enumerate(chosen):
        observation = frames.observation(frame, history)
        chunks.append(policy.infer(observation))
        z_action.append(encoder.run(['z_action'], {
            'actions': actions[row:row + 1], 'mask': mask[row:row + 1],
            'state': observation.state[None]})[0])
    predicted = torch.from_numpy(np.stack([chunk.actions for chunk in chunks]))
    unit = torch.tensor(spec.normalisation['action_scale'], dtype=torch.float32)
    scale = torch.from_numpy(np.stack([chunk.scale for chunk in chunks])) / unit
    actual, real = torch.from_numpy(actions), torch.from_numpy(mask)
    middle = torch.tensor(spec.normalisation['action_mean'], dtype=torch.float32)
    relative = (actual - start_of(spec, frames.state[chosen]) - middle) / unit
    error = (predicted - actual).abs() / unit
    weight = real.unsqueeze(-1).expand_as(error)
    # One chunk and its scale are the whole density of this decoder alone.
    laplace = spec.provenance.get('decoder', 'laplace') == 'laplace'
    nll = torch.log(2 * scale) + error / scale
    return Answers(
        predicted, actual, real, relative,
        torch.from_numpy(np.stack([chunk.z_vision for chunk in chunks])),
        torch.from_numpy(np.concatenate(z_action)),
        torch.from_numpy(np.stack([chunk.z_action for chunk in chunks])),
        float((nll * weight).sum() / weight.sum()) if laplace else None,
        float((error * weight).sum() / weight.sum()), np.asarray(frames.episode[chosen]))


def start_of(spec: PolicySpec, state: np.ndarray) -> torch.Tensor:
    """
    Give where the relative elements of chunks start from, 0 for absolute ones.

    :param spec: the policy.
    :param state: joint states (N, S).
    :return: (N, 1, D) in physical units.
    """
    start = np.zeros((len(state), 1, len(spec.action.names)), np.float32)
    for element, joint in enumerate(spec.normalisation['relative']):
        if joint >= 0:
            start[:, 0, element] = state[:, joint]
    return torch.from_numpy(start)
