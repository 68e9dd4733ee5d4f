# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Wait for the end of an episode for as long as it goes on, and no longer."""

from __future__ import annotations

from collections.abc import Callable
import time

from vaa_ros.cli.arm_client import ArmClient
from vaa_ros.cli.arm_client import TaskStatus
from vaa_ros.core.errors import RosError

START_TIMEOUT_S = 60.0
"""How long a node may take to start [s]; a slow disk and a cold cache need their time."""

STALL_TIMEOUT_S = 30.0
"""An episode whose clock stands still for this long [s] is given up."""


def follow(client: ArmClient, after_episode: int, why_stalled: Callable[[], str]) -> TaskStatus:
    """
    Wait until the first episode above a number is done.

    :param after_episode: number of the episode before.
    :param why_stalled: says more about an episode that does not go on.
    :return: the status that ended it.
    :raises RosError: when the episode's clock stands still, or a process died.
    """
    seen = (-1, -1.0)
    moved = time.monotonic()
    while True:
        client.check()
        status = client.task
        if status is not None and status.episode > after_episode and status.done:
            return status
        now = (status.episode, status.time_s) if status is not None else seen
        if now != seen:
            seen, moved = now, time.monotonic()
        elif time.monotonic() - moved > STALL_TIMEOUT_S:
            raise RosError(f'the episode has stood still at {seen[1]:.1f} s for '
                           f'{STALL_TIMEOUT_S:g} s: {why_stalled()}')
        time.sleep(0.01)
