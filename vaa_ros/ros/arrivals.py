# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Which messages of subscribed topics came for the first time, and how many never came.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from rclpy.node import Node

from vaa_ros.core.losses import SequenceLosses
from vaa_ros.core.losses import TakenOnce
from vaa_ros.ros.publishers import identity
from vaa_ros.ros.publishers import publisher_of

FIRST = 1
"""The number that a publisher gives its first message."""


class Arrivals:
    """
    Takes what the middleware tells of each message.

    :param node: a node that sees who publishes.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self._numbered = SequenceLosses()
        self._reported: Counter[str] = Counter()
        self.once = TakenOnce()
        """Where two subscriptions of one topic are read."""
        self._alone: dict[str, bytes] = {}
        """Who sends a topic that nobody else does."""
        self._before: dict[str, set[bytes]] | None = None
        """Who sent each topic when counting began."""

    @property
    def numbered(self) -> set[str]:
        """Give the topics whose messages are numbered by who sends them."""
        return self._numbered.topics

    @property
    def lost(self) -> Counter[str]:
        """Give the messages that were sent and never came, by topic."""
        # The numbers also show what a full queue of this reader overwrote, which no event tells;
        # some middlewares give no numbers. Both count the same losses.
        return self._numbered.lost | self._reported

    def begin(self, names: Sequence[str]) -> None:
        """
        Count from now on what publishers that appear send before they are heard.

        Not for latched topics, where only the last message says what is, nor where rclpy does
        not tell who sent a message (before ROS 2 Kilted).

        :param names: the topics.
        """
        self._before = {name: {identity(info.endpoint_gid) for info in
                               self._node.get_publishers_info_by_topic(name)} for name in names}

    def report(self, name: str, count: int) -> None:
        """
        Take what the middleware says is lost.

        :param name: the topic.
        :param count: messages since it said so before.
        """
        self._reported[name] += max(count, 0)

    def take(self, name: str, info: Mapping[str, Any], latched: bool) -> bool:
        """
        Take one message.

        :param name: its topic.
        :param info: what rclpy tells of the message.
        :param latched: whether the topic is one.
        :return: false if it came before.
        """
        sequence, told = info.get('publication_sequence_number'), publisher_of(info)
        # Numbers of nobody in particular do not tell messages apart: the time of sending does.
        number = sequence if told and sequence is not None else info['source_timestamp']
        if not self.once.first(name, told, number):
            return False
        publisher = told or self._sender(name, sequence)
        if publisher and sequence is not None:
            new = self._before is not None and told not in {b'', *self._before.get(name, ())}
            self._numbered.add(name, publisher, sequence, FIRST if new and not latched else None)
        return True

    def _sender(self, name: str, sequence: int | None) -> bytes:
        """
        Give who sends a topic alone, for an rclpy that does not tell; nothing where others do too.
        """
        alone = self._alone.get(name, b'')
        if not self._numbered.follows(name, alone, sequence):
            infos = self._node.get_publishers_info_by_topic(name)
            alone = identity(infos[0].endpoint_gid) if len(infos) == 1 else b''
            if alone != self._alone.get(name, b''):
                self._numbered.forget(name)
            self._alone[name] = alone
        return alone
