# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Small bags for tests.
"""
from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from vaa_ros.core.types import JointState
from vaa_ros.recording import messages
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata

START_NS = 1_700_000_000_000_000_000
PERIOD_NS = 33_333_333
TOPICS = {'/front/image_raw': messages.IMAGE, '/joint_states': messages.JOINT_STATE,
          '/joint_trajectory': messages.JOINT_TRAJECTORY}
METADATA = EpisodeMetadata(task='reach', instruction='touch it', seed=3, robot='vaa_arm',
                           command_type='joint_trajectory', started_ns=START_NS,
                           vaa_version='0.0.0')


def picture(index: int, height: int = 24, width: int = 32) -> np.ndarray:
    return np.random.default_rng(index).integers(0, 256, (height, width, 3), dtype=np.uint8)


def stream(frames: int, height: int = 24, width: int = 32) -> Iterator[tuple[str, int, bytes]]:
    """(topic, log time, CDR bytes) of some frames, joint states and commands."""
    for index in range(frames):
        stamp_ns = START_NS + index * PERIOD_NS
        state = JointState(stamp_ns, ('joint_1', 'gripper'), [0.1 * index, 0.02])
        yield '/front/image_raw', stamp_ns, messages.image(
            picture(index, height, width), stamp_ns, 'front')
        yield '/joint_states', stamp_ns + 1, messages.joint_state(state)
        yield '/joint_trajectory', stamp_ns + 2, messages.joint_trajectory(
            state.names, state.position, 1 / 30)


def write_bag(folder: Path, frames: int = 20, compression: str = 'zstd',
              metadata: EpisodeMetadata = METADATA) -> Path:
    with BagWriter(folder, TOPICS, metadata, compression) as writer:
        for topic, log_ns, data in stream(frames):
            writer.write(topic, log_ns, data)
        return writer.close(replace(writer.metadata, success=True))
