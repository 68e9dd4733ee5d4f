# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Who sent a message, as far as rclpy tells: from ROS 2 Kilted on.
"""
from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
from typing import Any

GID_BYTES = 16
"""Bytes of a publisher's identity that tell it from others; some middlewares append zeros."""


def publisher_of(info: Mapping[str, Any]) -> bytes:
    """
    Give the identity of the publisher of a message.

    :param info: what rclpy tells of the message.
    :return: the same bytes in every subscription; none where the middleware does not tell.
    """
    gid = info.get('publisher_gid', b'')
    return identity(gid['data'] if isinstance(gid, dict) else gid)


def identity(gid: Iterable[int]) -> bytes:
    """
    Give the identity of a publisher that the graph lists, as :func:`publisher_of` does.

    :param gid: ``endpoint_gid`` of what the graph tells of it.
    """
    return bytes(gid)[:GID_BYTES]
