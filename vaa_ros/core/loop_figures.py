# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the control loop counts and measures.
"""
from __future__ import annotations

from dataclasses import dataclass
from dataclasses import field
import math

from vaa_ros.core.latency import LatencyStats
from vaa_ros.core.latency import summary_values


@dataclass
class LoopFigures:
    """
    What the loop counted since the node was configured.

    :param control_ticks: commands sent while running.
    :param missed_ticks: commands that are missing between two that were sent.
    :param coasted_ticks: commands sent without a new observation, along the present chunk.
    :param clamped: commands that the safety limits changed.
    :param clamped_in_a_row: how many of them came one after the other until now.
    :param refused: commands that the safety limits refused.
    :param late_answers: answers that did not come within the deadline.
    :param failures: answers of the policy that could not be used.
    :param alignment: cosine of scene and actions of the newest chunk.
    :param confidence: share of calibration frames that were as unusual as the present one.
    :param alarms: how often the scene watch slowed the arm.
    :param holds: how often the scene watch held it.
    :param repeated_pictures: how often the picture that repeats most came again bit by bit.
    :param latency: observation stamp to command published [ms].
    :param inference: time of one inference [ms].
    """

    control_ticks: int = 0
    missed_ticks: int = 0
    coasted_ticks: int = 0
    clamped: int = 0
    clamped_in_a_row: int = 0
    refused: int = 0
    late_answers: int = 0
    failures: int = 0
    alignment: float = math.nan
    confidence: float = math.nan
    alarms: int = 0
    holds: int = 0
    repeated_pictures: int = 0
    latency: LatencyStats = field(default_factory=LatencyStats)
    inference: LatencyStats = field(default_factory=LatencyStats)

    def values(self) -> dict[str, object]:
        """
        Give the figures as flat names and numbers.
        """
        flat: dict[str, object] = {
            name: getattr(self, name) for name in (
                'control_ticks', 'missed_ticks', 'coasted_ticks', 'clamped',
                'clamped_in_a_row', 'refused', 'late_answers', 'failures', 'alignment',
                'confidence', 'alarms', 'holds', 'repeated_pictures')}
        for name in ('latency', 'inference'):
            flat.update(summary_values(name, getattr(self, name)))
        return flat
