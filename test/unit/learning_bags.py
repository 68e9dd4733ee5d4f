# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Bags with small pictures and known commands, for the tests of datasets.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from vaa_ros.core.robot import load_robot
from vaa_ros.core.types import JointState
from vaa_ros.recording import messages
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata

NAMES = load_robot('vaa_arm').joint_names
START_NS = 5_000_000_000
TICK_NS = 33_333_333
LOG_NS = 900_000_000_000
"""The recorder's clock is another one than that of the stamps."""
LOG_TICK_NS = 20_000_000
METADATA = EpisodeMetadata(task='reach', instruction='touch it', seed=0, robot='vaa_arm',
                           command_type='joint_trajectory', vaa_version='0.0.0')
Stream = list[tuple[str, int, bytes]]


def picture(seed: int, tick: int, camera: int) -> np.ndarray:
    return np.random.default_rng([seed, tick, camera]).integers(
        0, 256, (48, 64, 3), dtype=np.uint8)


def position(seed: int, tick: int) -> np.ndarray:
    return np.array([seed + 0.5 * tick / 100, 0, 0, 0, 0, 0, 0.05])


def command(seed: int, tick: int) -> np.ndarray:
    return np.array([seed + tick / 100, 0.1, 0.2, 0.3, 0.4, 0.5, 0.01 + tick / 1000])


def tick_messages(seed: int, tick: int, bad_pictures: bool = False) -> Stream:
    """One lockstep tick: joints, pictures, and the command that carries their stamp."""
    stamp_ns, log_ns = START_NS + tick * TICK_NS, LOG_NS + tick * LOG_TICK_NS
    found = [('/joint_states', log_ns, messages.joint_state(
        JointState(stamp_ns, NAMES, position(seed, tick))))]
    for index, camera in enumerate(('front', 'wrist')):
        data = messages.image(picture(seed, tick, index), stamp_ns, camera)
        if bad_pictures:
            image = messages.deserialize(messages.IMAGE, data)
            data = messages.serialize(messages.IMAGE, {
                'header': messages.header(stamp_ns, camera), 'height': 48, 'width': 64,
                'encoding': 'rgb8', 'step': 7, 'data': image.data})
        found.append((f'/{camera}/image_raw', log_ns + 1 + index, data))
    found.append(('/joint_trajectory', log_ns + 9, messages.joint_trajectory(
        NAMES, command(seed, tick), 1 / 30, stamp_ns)))
    return found


def make_bag(path: Path, seed: int = 0, frames: int = 12, success: bool | None = True,
             leave_out: Sequence[str] = (), bad_pictures: bool = False,
             metadata: EpisodeMetadata = METADATA,
             change: Callable[[Stream], Stream] = lambda stream: stream,
             more_topics: dict[str, str] | None = None) -> Path:
    """Write an episode; ``change`` may alter its messages."""
    path.parent.mkdir(parents=True, exist_ok=True)
    topics = {'/joint_states': messages.JOINT_STATE, '/front/image_raw': messages.IMAGE,
              '/wrist/image_raw': messages.IMAGE, '/joint_trajectory': messages.JOINT_TRAJECTORY,
              **(more_topics or {})}
    topics = {name: kind for name, kind in topics.items() if name not in leave_out}
    stream = [item for tick in range(frames) for item in tick_messages(seed, tick, bad_pictures)]
    with BagWriter(path, topics, replace(metadata, seed=seed)) as writer:
        for topic, log_ns, data in sorted(change(stream), key=lambda item: item[1]):
            if topic in topics:
                writer.write(topic, log_ns, data)
        return writer.close(replace(writer.metadata, success=success))
