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
from vaa_ros.core.losses import TakenOnce
from vaa_ros.ros.message_types import definition_text
from vaa_ros.ros.message_types import message_class
from vaa_ros.ros.publishers import publisher_of

DEPTH = 200
BATCH_S = 0.01
"""How long the executor rests after it has read what came; stamps do not depend on it [s]."""

OVERLAP_S = 1.0
"""How long a subscription lives on beside the one that follows it: until publishers in other
processes must know that one [s]."""

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

    When the offer changes, the old subscription stays until the new one is known to all: no
    message is lost between them, and one that comes to both is taken once.

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
        self._followed: dict[str, tuple[Subscription, float]] = {}
        self._once = TakenOnce()
        self._alone: dict[str, bytes] = {}
        """Who sends a topic that nobody else does."""
        self._reported: Counter[str] = Counter()
        self.problems: dict[str, str] = {}
        """Why a published topic cannot be subscribed to."""
        self.refresh()

    @property
    def types(self) -> dict[str, str]:
        """Give the message type of every topic that has been found."""
        return {name: offer.msgtype for name, offer in self._offers.items()}

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

    def refresh(self) -> None:
        """Subscribe to topics that have appeared, and again to those whose offer changed."""
        for name, (_, until_s) in list(self._followed.items()):
            if time.monotonic() >= until_s:
                self._let_go(name)
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

    def type_of(self, name: str) -> str:
        """
        Give the message type of a topic that has been found.

        :param name: the topic.
        """
        return self._offers[name].msgtype

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
        for name in list(self._subscriptions):
            self._drain(name)

    def close(self) -> None:
        """Give the subscriptions back."""
        for subscription in (*self._subscriptions.values(),
                             *(old for old, _ in self._followed.values())):
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._followed.clear()
        self._offers.clear()

    def _subscribe(self, name: str, offer: Offer) -> None:
        kind = message_class(offer.msgtype)
        self._follow(name, offer)
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST, depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if offer.reliable
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if offer.latched
            else DurabilityPolicy.VOLATILE)

        def on_message(data: bytes, info: dict[str, Any]) -> None:
            if subscription is self._subscriptions.get(name):
                self._drain_followed(name)  # what it has is older
            self._take(name, data, info)
            self.drain()
            # Waking the executor costs ten times what reading a message does: read in batches.
            time.sleep(BATCH_S)

        subscription = self._subscriptions[name] = self._node.create_subscription(
            kind, name, on_message, profile, raw=True,
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=lambda event: self._count_lost(name, event.total_count_change)))
        self._offers[name] = offer

    def _follow(self, name: str, offer: Offer) -> None:
        """Keep the subscription of a topic until the next one, about to be made, is known."""
        self._let_go(name)
        old = self._subscriptions.pop(name, None)
        if old is None:
            return
        self._followed[name] = (old, time.monotonic() + OVERLAP_S)
        self._once.begin(name)
        # A participant cannot have two types on one topic.
        changed = offer.msgtype != self._offers[name].msgtype
        if changed or not old.get_publisher_count():
            self._let_go(name)
        if changed:
            self.latched.pop(name, None)

    def _let_go(self, name: str) -> None:
        if name in self._followed:
            self._drain(name)
            self._node.destroy_subscription(self._followed.pop(name)[0])
            self._once.end(name)

    def _drain(self, name: str) -> None:
        self._drain_followed(name)
        if name in self._subscriptions:
            self._drain_one(name, self._subscriptions[name])

    def _drain_followed(self, name: str) -> None:
        if name in self._followed:
            self._drain_one(name, self._followed[name][0])

    def _drain_one(self, name: str, subscription: Subscription) -> None:
        for _ in range(DEPTH):
            with subscription.handle:
                taken = subscription.handle.take_message(subscription.msg_type, True)
            if taken is None:
                break
            self._take(name, *taken)

    def _take(self, name: str, data: bytes, info: dict[str, Any]) -> None:
        if self._offers[name].latched:
            self.latched[name] = (data, info['source_timestamp'])
        sequence = info.get('publication_sequence_number')
        publisher = publisher_of(info) or self._sender(name, sequence)
        if not publisher:
            sequence = None  # nobody's numbers: the time of sending tells messages apart
        number = info['source_timestamp'] if sequence is None else sequence
        if not self._once.first(name, publisher, number):
            return
        if sequence is not None:
            self._numbered.add(name, publisher, sequence)
        self._on_message(name, info['received_timestamp'], data, info['source_timestamp'])

    def _sender(self, name: str, sequence: int | None) -> bytes:
        """
        Give who sends a topic alone, for an rclpy that does not tell; nothing where others do too.
        """
        alone = self._alone.get(name, b'')
        if not self._numbered.follows(name, alone, sequence):
            infos = self._node.get_publishers_info_by_topic(name)
            alone = bytes(infos[0].endpoint_gid) if len(infos) == 1 else b''
            if alone != self._alone.get(name, b''):
                self._numbered.forget(name)
            self._alone[name] = alone
        return alone

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
