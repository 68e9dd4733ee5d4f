# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The last seconds of a running arm, kept in memory and written down when something happened.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
import re
import shutil
from typing import Any

from vaa_ros.core.errors import BagError
from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata


@dataclass(frozen=True)
class Kept:
    """
    A message as it came.

    :param topic: its topic.
    :param log_ns: when it was received [ns].
    :param data: serialised (CDR).
    :param sent_ns: when it was sent [ns].
    """

    topic: str
    log_ns: int
    data: bytes
    sent_ns: int


class FlightMemory:
    """
    Keeps the messages of the last seconds.

    :param seconds: how far back [s].
    :param max_bytes: most that is kept; beyond it the oldest go first [bytes].
    """

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._reach_ns = round(seconds * NANOSECONDS)
        self._max_bytes = max_bytes
        self._kept: deque[Kept] = deque()
        self.bytes = 0
        """How much is kept [bytes]."""
        self.short = 0
        """Messages that had to go early because there was no room."""

    def add(self, message: Kept) -> None:
        """
        Keep a message, and let go of what is too old or too much.

        :param message: the newest message.
        """
        self._kept.append(message)
        self.bytes += len(message.data)
        while self._kept and self._kept[0].log_ns < message.log_ns - self._reach_ns:
            self._drop()
        while self.bytes > self._max_bytes:
            self._drop()
            self.short += 1

    def forget(self, topic: str) -> None:
        """
        Let go of what is kept of a topic: what comes now is of another type.

        :param topic: the topic.
        """
        self._kept = deque(message for message in self._kept if message.topic != topic)
        self.bytes = sum(len(message.data) for message in self._kept)

    def messages(self, latched: Mapping[str, tuple[bytes, int]]) -> list[Kept]:
        """
        Give what is kept, in the order in which it came.

        :param latched: the last message of each latched topic with its time of sending [ns]; one
            that is older than everything kept comes first.
        :return: the messages.
        """
        kept = list(self._kept)
        if not kept:
            return []
        known = {message.topic for message in kept}
        first_ns = kept[0].log_ns
        return [Kept(topic, first_ns, data, sent_ns)
                for topic, (data, sent_ns) in latched.items() if topic not in known] + kept

    def _drop(self) -> None:
        self.bytes -= len(self._kept.popleft().data)


def flight_dir(output_dir: Path, when: datetime, reason: str) -> Path:
    """
    Name a flight by when it was and why it was kept.

    :param output_dir: folder of the flights.
    :param when: the time.
    :param reason: why.
    :return: a path that does not exist.
    """
    words = '_'.join(re.findall(r'[a-z0-9]+', reason.lower())[:5]) or 'flight'
    base = output_dir / f'flight_{when:%Y%m%d_%H%M%S}_{words}'
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f'{base.name}_{number}')
    return path


def write_flight(path: Path, messages: Sequence[Kept], types: Mapping[str, str],
                 metadata: EpisodeMetadata, min_free_bytes: int,
                 qos: Mapping[str, Sequence[dict[str, Any]]] | None = None) -> Path:
    """
    Write kept messages as a bag; it has its name only when it is whole.

    :param path: folder of the bag; must not exist.
    :param messages: what was kept.
    :param types: message type of every topic.
    :param metadata: what is known of it.
    :param min_free_bytes: free disk space below which nothing is written [bytes].
    :param qos: QoS profiles that the publishers of each topic offered.
    :return: the bag.
    :raises BagError: if there is nothing to write or no room for it.
    """
    if not messages:
        raise BagError(f'{path}: not written, no message came yet')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(path.parent).free
    except OSError as error:
        raise BagError(f'cannot write to {path.parent}: {error}') from error
    if free < min_free_bytes:
        raise BagError(f'{path}: not written, {free / 1e9:.1f} GB are free on the disk and '
                       f'{min_free_bytes / 1e9:.1f} GB must be; delete flights or lower '
                       'min_free_gb')
    wanted = {topic: types[topic] for topic in dict.fromkeys(each.topic for each in messages)}
    with BagWriter(path, wanted, metadata, qos={
            topic: profiles for topic, profiles in (qos or {}).items() if topic in wanted}) as bag:
        for message in messages:
            bag.write(message.topic, message.log_ns, message.data, message.sent_ns)
        return bag.close()
