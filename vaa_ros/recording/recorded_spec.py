# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the ``spec`` of an episode names; people may have changed it, so nothing of it is trusted.
"""
from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import math
from typing import Any

from vaa_ros.recording.episode import EpisodeMetadata


def camera_topics_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """
    Give the topic of each camera, by the ``spec`` of an episode; people may have changed it.
    """
    return _texts(spec.get('cameras'))


def topics_told(spec: Mapping[str, Any]) -> dict[str, str]:
    """
    Give the topics of ``joint_states``, ``commands`` and ``gripper``, as a ``spec`` names them.
    """
    return _texts(spec.get('topics'))


def command_topics(metadata: EpisodeMetadata, topics: Iterable[str]) -> set[str]:
    """
    Tell which topics of an episode hold commands: of the arm, or of its gripper.

    :param metadata: what is known of the episode.
    :param topics: its topics.
    """
    told = topics_told(metadata.spec)
    named = {told.get('commands'), told.get('gripper')}
    return {topic for topic in topics if topic in named
            or topic.rsplit('/', 1)[-1] == metadata.command_type}


def control_rate_hz(spec: Mapping[str, Any]) -> float:
    """
    Give the control rate that a ``spec`` names; 0 where it names none [Hz].
    """
    rate = spec.get('control_rate_hz')
    known = isinstance(rate, int | float) and math.isfinite(rate) and rate > 0
    return float(rate) if known else 0.0


def robot_name(metadata: EpisodeMetadata) -> str:
    """
    Give the name of the robot of an episode; older recorders stored the path of its file.
    """
    described = metadata.spec.get('robot')
    name = described.get('name') if isinstance(described, Mapping) else ''
    return name if isinstance(name, str) and name else metadata.robot


def _texts(values: object) -> dict[str, str]:
    told = values if isinstance(values, Mapping) else {}
    return {key: text for key, text in told.items()
            if isinstance(key, str) and isinstance(text, str) and text}
