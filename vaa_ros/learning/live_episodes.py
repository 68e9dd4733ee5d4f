# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A recorded episode of a policy that explored, as what there is to learn from it.

What the policy saw is built by the code that built it live, and what its residual did follows
from that and from the weights of the episode: nothing of it has to be recorded.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
import json
from pathlib import Path

import numpy as np
import torch

from vaa_ros.alignment.graphs import SeenGraph
from vaa_ros.alignment.model import AlignedPolicy
from vaa_ros.core.errors import BagError
from vaa_ros.core.errors import EpisodeError
from vaa_ros.core.history import seen_frames
from vaa_ros.core.instructions import instruction_index
from vaa_ros.core.robot import RobotSpec
from vaa_ros.core.spec import COMMAND_KINDS
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation
from vaa_ros.learning.bag_streams import BagStreams
from vaa_ros.learning.bag_streams import collect
from vaa_ros.learning.bag_topics import find_command_type
from vaa_ros.learning.bag_topics import find_topics
from vaa_ros.learning.bag_topics import topics_of
from vaa_ros.learning.corrections import corrections
from vaa_ros.learning.corrections import STRING
from vaa_ros.learning.dataset import FEWEST_FRAMES
from vaa_ros.learning.episodes import fill_missing
from vaa_ros.learning.episodes import match_actions
from vaa_ros.learning.episodes import observe
from vaa_ros.learning.live_policy import LivePolicy
from vaa_ros.learning.rollouts import Episode
from vaa_ros.learning.rollouts import Job
from vaa_ros.recording.bag_reader import BagReader

TRACE = 'policy/trace'
BATCH = 32


def read_episode(path: Path, ran: LivePolicy, frozen: AlignedPolicy, robot: RobotSpec, job: Job,
                 max_skew_s: float = 0.016) -> Episode:
    """
    Read an episode of a policy.

    :param path: the bag that teleop_recorder wrote.
    :param ran: the policy that has to have run.
    :param frozen: the policy below its residual.
    :param robot: the robot.
    :param job: what was asked for.
    :param max_skew_s: largest distance in time of two cameras' frames, as in the node [s].
    :return: the episode, with the operator's verdict; the ticks at which the arm was held are not
        in it.
    :raises BagError: if the bag cannot be read, or lacks a topic.
    :raises EpisodeError: if the policy did not act it, not alone, or hardly at all.
    """
    spec = frozen.spec
    with BagReader(path) as bag:
        check_origin(bag, ran, spec.dt_s)
        moved = moving_frames(bag, ran)
        command_type = executed_type(bag, spec)
        roles = find_topics(bag, robot, spec.cameras, command_type)
        streams = collect(bag, roles, command_type or '', robot, spec.cameras, spec.dt_s)
        success, instruction = bag.metadata.success, asked_for(bag)
    observations = [replace(item, instruction=instruction)
                    for item in observe(streams, spec, max_skew_s) if item.stamp_ns in moved]
    if len(observations) < FEWEST_FRAMES:
        raise EpisodeError(f'{path}: {len(observations)} observations moved the arm, at least '
                           f'{FEWEST_FRAMES} are needed{worst(streams)}')
    seen, actions = look(frozen, observations)
    residual = ran.residual
    with torch.no_grad():
        normal = residual.normal(torch.from_numpy(seen))
        action = residual.act(normal).numpy()
    meant = actions[:, 0] + action * residual.bound.numpy()
    return Episode(job, seen, action, executed(streams, observations, spec, meant),
                   np.stack([item.state for item in observations]),
                   np.array([item.stamp_ns for item in observations]), bool(success), 0)


def executed_type(bag: BagReader, spec: PolicySpec) -> str | None:
    """
    Tell on which command topic actions as the policy gives them were recorded; None for none.
    """
    try:
        found = find_command_type(bag)
    except BagError:
        return None
    return found if COMMAND_KINDS[found] == spec.action.kind else None


def executed(streams: BagStreams, observations: Sequence[Observation], spec: PolicySpec,
             meant: np.ndarray) -> np.ndarray:
    """
    Give what the arm was told at each observation (N, D).

    :param streams: the bag's streams.
    :param observations: what was seen.
    :param spec: what the policy does.
    :param meant: what the policy meant (N, D); it stands where nothing of its kind was recorded.
    """
    if not streams.commands:
        return meant.astype(np.float32)
    told = match_actions(streams, observations, spec)
    for action, observation in zip(told, observations, strict=True):
        fill_missing(action, observation, spec)
    return np.where(np.isfinite(told).all(1)[:, None], told, meant).astype(np.float32)


def check_origin(bag: BagReader, ran: LivePolicy, dt_s: float) -> None:
    """
    Make sure that an episode is whole, judged, and of a policy.

    :raises EpisodeError: saying why it is not.
    """
    known = bag.metadata
    if known is None:
        raise EpisodeError(f'{bag.path}: teleop_recorder did not record it')
    if known.aborted:
        raise EpisodeError(f'{bag.path}: it was broken off: {known.aborted}')
    if known.discarded:
        raise EpisodeError(f'{bag.path}: it was thrown away')
    if known.active_policy.get('sha256') != ran.sha256:
        raise EpisodeError(f'{bag.path}: the policy '
                           f'{known.active_policy.get("name") or "of nobody"} was loaded, not '
                           f'{ran.name}')
    if known.success is None:
        raise EpisodeError(f'{bag.path}: nobody said whether it was a success')
    if corrections(bag, dt_s):
        raise EpisodeError(f'{bag.path}: a person took over')


def moving_frames(bag: BagReader, ran: LivePolicy) -> set[int]:
    """
    Find the observations that a policy moved the arm by.

    :return: their stamps [ns].
    :raises EpisodeError: if nothing tells, or another policy moved it, too.
    """
    topics = topics_of(bag, TRACE, (STRING,))
    if not topics:
        raise EpisodeError(f'{bag.path}: no message on {TRACE}, so nothing says what moved the '
                           'arm; leave it among the extra_topics of teleop_recorder')
    stamps = set()
    for _, _, message in bag.messages(topics):
        try:
            told = json.loads(message.data)
            moving, policy, stamp_ns = (told[name] for name in ('moving', 'policy',
                                                                'observation_ns'))
        except (KeyError, TypeError, ValueError) as problem:
            raise EpisodeError(f'{bag.path}: {TRACE} cannot be read: {problem!r}') from problem
        if moving:
            if policy != ran.name:
                raise EpisodeError(f'{bag.path}: the policy {policy} moved the arm, too')
            stamps.add(stamp_ns)
    return stamps


def asked_for(bag: BagReader) -> str:
    """
    Give the instruction of an episode: of its metadata, else what was said on the topic.
    """
    said = bag.metadata.instruction
    topics = topics_of(bag, 'instruction', (STRING,))
    if not said and topics:
        said = [message.data for _, _, message in bag.messages(topics)][-1]
    return said


def worst(streams: BagStreams) -> str:
    """
    Name what most often kept messages from being used, '' for nothing.
    """
    return ''.join(f'; {reason}' for reason, _ in streams.bad.most_common(1))


@torch.no_grad()
def look(policy: AlignedPolicy,
         observations: Sequence[Observation]) -> tuple[np.ndarray, np.ndarray]:
    """
    Look at observations through the eyes of a frozen policy.

    :param policy: the policy.
    :param observations: what it saw.
    :return: what its residual sees (N, V), not standardised, and its own chunks (N, T, D),
        physical.
    :raises InstructionError: if it does not know what was asked for.
    """
    spec, graph = policy.spec, SeenGraph(policy).eval()
    seen, actions = [], []
    for start in range(0, len(observations), BATCH):
        part = observations[start:start + BATCH]
        frames = [seen_frames(spec, item) for item in part]
        inputs = [torch.from_numpy(np.stack([each[age][key] for each in frames]))
                  for key in spec.camera_keys for age in range(spec.observation_history)]
        inputs.append(torch.from_numpy(np.stack([item.state for item in part])))
        if spec.conditioned:
            inputs.append(torch.tensor([instruction_index(item.instruction, spec.instructions)
                                        for item in part]))
        for kept, values in zip((actions, seen), graph(*inputs), strict=True):
            kept.append(values.numpy())
    return np.concatenate(seen), np.concatenate(actions)
