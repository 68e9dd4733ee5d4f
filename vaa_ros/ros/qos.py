# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Quality-of-service profiles, one for each kind of stream.

No subscription requests a deadline or liveliness: a publisher that offers none would not match,
and staleness is watched in code.
"""
from __future__ import annotations

from rclpy.duration import Duration
from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy


def _profile(reliability: ReliabilityPolicy, durability: DurabilityPolicy,
             depth: int) -> QoSProfile:
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability,
                      durability=durability)


SENSOR = _profile(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE, 1)
"""Image subscriptions: matches every camera driver, and never queues an old frame."""

JOINTS = _profile(ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE, 50)
"""joint_states subscriptions: matches every driver; deep, since frames are paired by stamp."""

COMMAND = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1)
"""Commands: must arrive, and only the newest one matters."""

COMMAND_LASTS_S = 0.2
COMMAND_OUT = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 1)
COMMAND_OUT.lifespan = Duration(nanoseconds=round(COMMAND_LASTS_S * 1e9))
"""Command publishers: what was lost is said again, but not once it is this old. Subscriptions do
not say so: they would go by the clock of another computer."""

LATCHED = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL, 1)
"""States such as the active policy: whoever joins late gets the last value."""

IMAGE_OUT = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 5)
"""Image publishers: reliable, so that recorders may ask for every frame; best effort matches."""

JOINTS_OUT = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 50)
"""joint_states publishers: reliable, so that recorders may ask for every sample."""

EVENTS = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 10)
"""Diagnostics, joystick and other small streams where a short queue is wanted."""

VISION_OUT = _profile(ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE, 2)
"""Policy-size pictures: small enough for reliable, and only the newest are of use."""
