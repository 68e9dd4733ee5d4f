# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A ROS domain of one's own: two demos on one machine never see each other's arm."""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Mapping
import os
import random
import shutil
import socket

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import RosError
from vaa_ros.core.paths import config_file

DOMAINS = range(20, 100)
"""Domains to choose from: up to 101 their ports lie below those Linux hands out itself."""

NEEDED_SHARED_MEMORY = 6 * 36_000_000
"""Shared memory that the node processes need with the Fast DDS profile [bytes]."""


class DomainClaim:
    """
    Holds a ROS domain until it is released or the process ends.

    The claim is an abstract Unix socket: taken in one step, gone with the process however it
    ends, no file left. A domain on which anyone else already listens is not taken either.

    :param candidates: domains to try; all of :data:`DOMAINS` in random order when left out.
    :raises RosError: when none is free.
    """

    def __init__(self, candidates: Iterable[int] | None = None) -> None:
        """Take the first free domain."""
        wanted = list(candidates) if candidates is not None else random.sample(
            DOMAINS, len(DOMAINS))
        for domain in wanted:
            claim = _claim(domain)
            if claim is None:
                continue
            if _in_use(domain):
                claim.close()
                continue
            self.domain = domain
            self._socket = claim
            return
        raise RosError(f'no free ROS domain among {min(wanted)}..{max(wanted)}; '
                       'set ROS_DOMAIN_ID to choose one yourself')

    def release(self) -> None:
        """Let others have the domain."""
        self._socket.close()


def ros_environment(domain: int) -> dict[str, str]:
    """
    Return the environment variables of node processes; what the user has set is left alone.

    :param domain: the domain, claimed or chosen by the user.
    """
    wanted = {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
    # The profile gives each process a large segment; in a container with little shared memory
    # that would fail altogether, and the pictures of the simulated arm pass without it.
    if shared_memory_bytes() >= NEEDED_SHARED_MEMORY:
        wanted['FASTDDS_DEFAULT_PROFILES_FILE'] = str(config_file('fastdds.xml'))
    added = {key: value for key, value in wanted.items() if key not in os.environ}
    return {**added, 'ROS_DOMAIN_ID': str(domain)}


def shared_memory_bytes() -> int:
    """Return the free shared memory [bytes], 0 where there is none."""
    try:
        return shutil.disk_usage('/dev/shm').free
    except OSError:
        return 0


def chosen_domain(environment: Mapping[str, str] = os.environ) -> int | None:
    """
    Return the domain the user chose with ``ROS_DOMAIN_ID``, or None.

    :raises ConfigError: when the variable is not a domain.
    """
    text = environment.get('ROS_DOMAIN_ID', '').strip()
    if not text:
        return None
    if not text.isdigit() or int(text) > 232:
        raise ConfigError(f'ROS_DOMAIN_ID is {text!r}; expected a whole number from 0 to 232')
    return int(text)


def _claim(domain: int) -> socket.socket | None:
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f'\0vaa_ros_domain_{domain}')
    except OSError:
        claim.close()
        return None
    return claim


def _in_use(domain: int) -> bool:
    # DDS gives participant p of domain d the UDP port 7400 + 250 d + 10 + 2 p.
    for participant in range(4):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(('', 7410 + 250 * domain + 2 * participant))
            except OSError:
                return True
    return False
