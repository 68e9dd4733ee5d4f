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

from rclpy.clock import Clock
from rclpy.clock import ClockType
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy
from rclpy.qos import HistoryPolicy
from rclpy.qos import QoSProfile
from rclpy.qos import ReliabilityPolicy
from rclpy.subscription import Subscription
from rclpy.topic_endpoint_info import TopicEndpointInfo

from vaa_ros.core.errors import RosError
from vaa_ros.ros.arrivals import Arrivals
from vaa_ros.ros.direct_subscriptions import NotByExecutor
from vaa_ros.ros.direct_subscriptions import take_events
from vaa_ros.ros.message_types import definition_text
from vaa_ros.ros.message_types import message_class

DEPTH = 200
READ_S = 0.02
"""How often what came is read; stamps do not depend on it [s]."""

LOOK_S = 0.05
"""How often to look whether a topic that nobody published has a publisher now [s]."""

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

    What came is read by a timer: waking the executor for each message costs ten times what
    reading it does, and would keep services waiting. When the offer changes, the old subscription
    stays until the new one is known to all: no message is lost between them, and one that comes
    to both is taken once.

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
        self._arrivals = Arrivals(node)
        self._followed: dict[str, tuple[Subscription, float]] = {}
        self.problems: dict[str, str] = {}
        """Why a published topic cannot be subscribed to."""
        self._look_due_s = 0.0
        self._group = NotByExecutor()
        self._timer = node.create_timer(READ_S, self._read,
                                        clock=Clock(clock_type=ClockType.STEADY_TIME))
        self.refresh()

    @property
    def types(self) -> dict[str, str]:
        """Give the message type of every topic that has been found."""
        return {name: offer.msgtype for name, offer in self._offers.items()}

    @property
    def numbered(self) -> set[str]:
        """Give the topics whose messages are numbered by who sends them."""
        return self._arrivals.numbered

    @property
    def lost(self) -> Counter[str]:
        """Give the messages that were sent and never came, by topic."""
        take_events(self._node.context, self._all())
        return self._arrivals.lost

    def begin(self) -> None:
        """Read out what has arrived; what publishers that appear send unheard is lost from now."""
        self.drain()
        self._arrivals.begin(self._names)

    def refresh(self) -> None:
        """Subscribe to topics that have appeared, and again to those whose offer changed."""
        for name, (_, until_s) in list(self._followed.items()):
            if time.monotonic() >= until_s:
                self._let_go(name)
        self._subscribe_to(self._names)

    def _read(self) -> None:
        self.drain()
        now_s = time.monotonic()
        if now_s >= self._look_due_s:
            self._look_due_s = now_s + LOOK_S
            self._subscribe_to([name for name in self._names
                                if name not in self._offers and name not in self.problems
                                and self._node.count_publishers(name)])

    def _subscribe_to(self, names: Sequence[str]) -> None:
        for name in names:
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
        Take every message that has arrived, rather than at the next turn of the timer.
        """
        for name in list(self._subscriptions):
            self._drain(name)

    def close(self) -> None:
        """Give the subscriptions back."""
        self._node.destroy_timer(self._timer)
        for subscription in self._all():
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()
        self._followed.clear()
        self._offers.clear()

    def _all(self) -> list[Subscription]:
        return [*self._subscriptions.values(), *(old for old, _ in self._followed.values())]

    def _subscribe(self, name: str, offer: Offer) -> None:
        kind = message_class(offer.msgtype)
        self._follow(name, offer)
        profile = QoSProfile(
            history=HistoryPolicy.KEEP_LAST, depth=DEPTH,
            reliability=ReliabilityPolicy.RELIABLE if offer.reliable
            else ReliabilityPolicy.BEST_EFFORT,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if offer.latched
            else DurabilityPolicy.VOLATILE)
        self._subscriptions[name] = self._node.create_subscription(
            kind, name, _never_called, profile, callback_group=self._group, raw=True,
            event_callbacks=SubscriptionEventCallbacks(
                message_lost=lambda lost: self._arrivals.report(name, lost.total_count_change)))
        self._offers[name] = offer

    def _follow(self, name: str, offer: Offer) -> None:
        """Keep the subscription of a topic until the next one, about to be made, is known."""
        self._let_go(name)
        old = self._subscriptions.pop(name, None)
        if old is None:
            return
        self._followed[name] = (old, time.monotonic() + OVERLAP_S)
        self._arrivals.once.begin(name)
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
            self._arrivals.once.end(name)

    def _drain(self, name: str) -> None:
        if name in self._followed:  # what it has is older
            self._drain_one(name, self._followed[name][0])
        if name in self._subscriptions:
            self._drain_one(name, self._subscriptions[name])

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
        if self._arrivals.take(name, info, self._offers[name].latched):
            self._on_message(name, info['received_timestamp'], data, info['source_timestamp'])


def _never_called(message: bytes) -> None:
    raise AssertionError('an executor has served a subscription that a timer reads')


def _offer(name: str, infos: Sequence[TopicEndpointInfo]) -> Offer:
    types = {info.topic_type for info in infos}
    if len(types) > 1:
        raise RosError(f'{name} is published with several types: {", ".join(sorted(types))}')
    profiles = [info.qos_profile for info in infos]
    return Offer(types.pop(),
                 all(p.reliability == ReliabilityPolicy.RELIABLE for p in profiles),
                 all(p.durability == DurabilityPolicy.TRANSIENT_LOCAL for p in profiles))
