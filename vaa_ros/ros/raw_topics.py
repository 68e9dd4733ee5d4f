# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Serialised messages from topics whose types and QoS are found on the graph.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence
from dataclasses import dataclass
import time
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from vaa_ros.core.errors import RosError
from vaa_ros.core.losses import SequenceLosses
from vaa_ros.ros.message_types import definition_text
from vaa_ros.ros.message_types import message_class

DEPTH = 200
BATCH_S = 0.01
"""How long the executor rests after it has read what came; stamps do not depend on it [s]."""

OnMessage = Callable[[str, int, bytes, int], None]
"""Takes (topic, receive time [ns], CDR bytes, publish time [ns])."""


@dataclass(frozen=True)
class Offer:
    """
    What the publishers of a topic offer.

    :param msgtype: the message type.
    :param reliable: true if every publisher is reliable.
    :param latched: true if every publisher keeps its last messages for late joiners.
    """

    msgtype: str
    reliable: bool
    latched: bool


class RawTopics:
    """
    Subscribes to topics, asking for the best that their publishers offer.

    :param node: the node that subscribes.
    :param names: absolute topic names.
    :param on_message: called for every message, from the executor's thread.
    """

    def __init__(self, node: Node, names: Sequence[str], on_message: OnMessage) -> None:
        self._node = node
        self._names = tuple(names)
        self._on_message = on_message
        self._subscriptions: dict[str, Subscription] = {}
        self._offers: dict[str, Offer] = {}
        self.latched: dict[str, tuple[bytes, int]] = {}
        """The last (CDR bytes, publish time [ns]) of each latched topic."""
        self._numbered = SequenceLosses()
        self._reported: Counter[str] = Counter()
        self.problems: dict[str, str] = {}
        """Why a published topic cannot be subscribed to."""
        self.refresh()

    @property
    def types(self) -> dict[str, str]:
        """Give the message type of every topic that has been found."""
        return {name: offer.msgtype for name, offer in self._offers.items()}

    @property
    def lost(self) -> Counter[str]:
        """Give the messages that were sent and never came, by topic."""
        # The numbers also show what a full queue of this reader overwrote, which no event tells;
        # some middlewares give no numbers. Both count the same losses.
        return self._numbered.lost | self._reported

    def refresh(self) -> None:
        """Subscribe to topics that have appeared, and again to those whose offer changed."""
        for name in self._names:
            infos = self._node.get_publishers_info_by_topic(name)
            if not infos:
                continue
            try:
                offer = _offer(name, infos)
                if offer != self._offers.get(name):
                    self._subscribe(name, offer)
                self.problems.pop(name, None)
            except RosError as error:
                self.problems[name] = str(error)

    def unmatched(self, names: Sequence[str]) -> list[str]:
        """
        Tell which topics cannot be received now.

        :param names: the topics wanted.
        :return: those without a connected publisher.
        """
        return [name for name in names if name not in self._subscriptions
                or not self._subscriptions[name].get_publisher_count()]

    def standing(self, name: str) -> tuple[bytes, int] | None:
        """
        Give what a latched topic says now.

        :param name: the topic.
        :return: its last message (CDR) and when it was sent [ns], or None if there is none or its
            publisher is gone.
        """
        return None if self.unmatched([name]) else self.latched.get(name)

    def explain(self, name: str) -> str:
        """
        Say why a topic cannot be received.

        :param name: one of the topics.
        :return: one line.
        """
        if name in self.problems:
            return self.problems[name]
        if name in self._subscriptions and self._node.count_publishers(name):
            return f'{name} has a publisher that does not connect'
        return f'nobody publishes {name}'

    def published(self) -> list[str]:
        """
        List the topics that somebody publishes.

        :return: absolute names, sorted.
        """
        return sorted(name for name, _ in self._node.get_topic_names_and_types()
                      if self._node.count_publishers(name))

    def definition(self, msgtype: str) -> str:
        """
        Write the definition of an installed message type.

        :param msgtype: its name.
        :return: .msg text with its dependencies.
        :raises RosError: if its package is not installed.
        """
        return definition_text(msgtype)

    def offered(self, name: str) -> list[tuple[str, str, int]]:
        """
        Tell what the publishers of a topic offer.

        :param name: the topic.
        :return: (reliability, durability, depth) of each publisher.
        """
        profiles = [info.qos_profile for info in self._node.get_publishers_info_by_topic(name)]
        return [(profile.reliability.name.lower(), profile.durability.name.lower(),
                 profile.depth) for profile in profiles]

    def drain(self) -> None:
        """
        Take every message that has arrived.

        One pass of the executor takes one message of each topic; a recorder that falls behind, or
        that is about to stop, wants them all.
        """
        for name, subscription in list(self._subscriptions.items()):
            for _ in range(DEPTH):
                with subscription.handle:
                    taken = subscription.handle.take_message(subscription.msg_type, True)
                if taken is None:
                    break
                self._take(name, *taken)

    def close(self) -> None:
        """Give the subscriptions back."""
        for subscription in self._subscriptions.values():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._offers.clear()

    def _subscribe(self, name: str, offer: Offer) -> None:
        kind = message_class(offer.msgtype)
        old = self._subscriptions.pop(name, None)
        if old is not None:
            self._node.destroy_subscription(old)
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST, depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if offer.reliable
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if offer.latched
            else DurabilityPolicy.VOLATILE)

        def on_message(data: bytes, info: dict[str, Any]) -> None:
            self._take(name, data, info)
            self.drain()
            # Waking the executor costs ten times what reading a message does: read in batches.
            time.sleep(BATCH_S)

        self._subscriptions[name] = self._node.create_subscription(
            kind, name, on_message, profile, raw=True,
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=lambda event: self._count_lost(name, event.total_count_change)))
        self._offers[name] = offer

    def _take(self, name: str, data: bytes, info: dict[str, Any]) -> None:
        if self._offers[name].latched:
            self.latched[name] = (data, info['source_timestamp'])
        sequence = info.get('publication_sequence_number')
        if sequence is not None:
            self._numbered.add(name, bytes(info['publisher_gid']['data']), sequence)
        self._on_message(name, info['received_timestamp'], data, info['source_timestamp'])

    def _count_lost(self, name: str, count: int) -> None:
        self._reported[name] += max(count, 0)


def _offer(name: str, infos: Sequence[TopicEndpointInfo]) -> Offer:
    types = {info.topic_type for info in infos}
    if len(types) > 1:
        raise RosError(f'{name} is published with several types: {", ".join(sorted(types))}')
    profiles = [info.qos_profile for info in infos]
    return Offer(types.pop(),
                 all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles),
                 all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles))
