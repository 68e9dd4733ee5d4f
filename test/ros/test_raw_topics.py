# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
RawTopics: subscriptions that follow what publishers offer.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator

from processes import wait_for
import pytest
import rclpy
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.serialization import deserialize_message
from ros_harness import Harness
from std_msgs.msg import Bool
from std_msgs.msg import String

from vaa_ros.ros import raw_topics
from vaa_ros.ros.qos import EVENTS
from vaa_ros.ros.qos import LATCHED
from vaa_ros.ros.qos import SENSOR
from vaa_ros.ros.raw_topics import RawTopics

NAME = '/words'


class Listener(Node):
    """A node whose topics are refreshed and drained by the test alone."""

    def __init__(self) -> None:
        super().__init__('listener')
        self.got: list[str] = []
        self.times: list[tuple[int, int]] = []
        self.topics = RawTopics(self, [NAME], self._take)

    def _take(self, topic: str, received_ns: int, data: bytes, sent_ns: int) -> None:
        assert topic == NAME
        self.got.append(deserialize_message(data, String).data)
        self.times.append((sent_ns, received_ns))

    def matched(self) -> bool:
        self.topics.refresh()
        return not self.topics.unmatched([NAME])


@pytest.fixture
def listener(ros: Harness):
    node = Listener()
    yield node
    node.topics.close()
    node.destroy_node()


@pytest.fixture
def other() -> Iterator[Node]:
    """A node of another participant: one alone cannot give a topic two types."""
    context = rclpy.Context()
    rclpy.init(context=context)
    node = Node('other', context=context)
    yield node
    node.destroy_node()
    context.try_shutdown()


@pytest.fixture
def say(listener: Listener, other: Node) -> Callable[[str, QoSProfile], None]:
    def say(word: str, qos: QoSProfile) -> None:
        # Of a node that nobody spins: what is destroyed while rclpy takes from it ends a spin.
        publisher = other.create_publisher(String, NAME, qos)
        wait_for(lambda: listener.matched() and publisher.get_subscription_count() == 1,
                 message=f'a subscription for {word}')
        publisher.publish(String(data=word))

        def heard() -> bool:
            listener.topics.drain()
            return word in listener.got
        wait_for(heard, message=word)
        other.destroy_publisher(publisher)
        wait_for(lambda: not listener.count_publishers(NAME), message='the publisher to go')
    return say


def test_every_offer_is_met(listener: Listener, say) -> None:
    assert listener.topics.unmatched([NAME]) == [NAME]
    assert listener.topics.explain(NAME) == f'nobody publishes {NAME}'
    for word, qos in (('sensor', SENSOR), ('events', EVENTS), ('latched', LATCHED),
                      ('sensor again', SENSOR)):
        say(word, qos)
    assert listener.got == ['sensor', 'events', 'latched', 'sensor again']
    assert listener.topics.types == {NAME: 'std_msgs/msg/String'}
    assert deserialize_message(listener.topics.latched[NAME][0], String).data == 'latched'
    assert all(0 < sent_ns <= received_ns for sent_ns, received_ns in listener.times)


def test_drain_takes_all_that_has_arrived(ros: Harness, listener: Listener) -> None:
    publisher = ros.node.create_publisher(String, NAME, QoSProfile(depth=100))
    wait_for(lambda: listener.matched() and publisher.get_subscription_count() == 1)
    words = [str(index) for index in range(100)]
    for word in words:
        publisher.publish(String(data=word))

    def all_heard() -> bool:
        listener.topics.drain()
        return len(listener.got) >= len(words)
    wait_for(all_heard, message='100 messages')
    assert listener.got == words
    assert [offer[:2] for offer in listener.topics.offered(NAME)] == [('reliable', 'volatile')]


def test_nothing_is_lost_and_nothing_comes_twice_when_the_offer_changes(
        listener: Listener, other: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(raw_topics, 'OVERLAP_S', 0.3)
    publisher = other.create_publisher(String, NAME, QoSProfile(depth=1000))
    sent: list[str] = []

    def reliable() -> bool:
        return listener.topics._offers[NAME].reliable

    def go_on(until: Callable[[], bool]) -> None:
        def step() -> bool:
            sent.append(str(len(sent)))
            publisher.publish(String(data=sent[-1]))
            matched = listener.matched()
            if len(sent) % 7 == 0:
                listener.topics.drain()
            return matched and until()
        wait_for(step, message='the next offer')

    wait_for(lambda: listener.matched() and publisher.get_subscription_count() == 1)
    go_on(lambda: reliable() and len(sent) > 20)
    rival = other.create_publisher(String, NAME, SENSOR)
    go_on(lambda: not reliable() and not listener.topics._followed)
    other.destroy_publisher(rival)
    go_on(lambda: reliable() and not listener.topics._followed)

    def all_heard() -> bool:
        listener.topics.drain()
        return listener.got[-1:] == sent[-1:]
    wait_for(all_heard, message='the last message')
    assert listener.got == sent
    assert not listener.topics.lost


@pytest.mark.parametrize(('qos', 'begun_before', 'lost'), [
    (EVENTS, True, 3), (SENSOR, True, 3), (EVENTS, False, 0), (LATCHED, True, 0)])
def test_what_a_new_publisher_sends_before_it_is_heard_is_lost(
        ros: Harness, listener: Listener, other: Node, qos: QoSProfile, begun_before: bool,
        lost: int) -> None:
    ros.needs_senders()
    if begun_before:
        listener.topics.begin()
    publisher = other.create_publisher(String, NAME, qos)
    for word in 'abc':
        publisher.publish(String(data=word))
    wait_for(lambda: listener.count_publishers(NAME), message='the publisher to be seen')
    if not begun_before:
        listener.topics.begin()
    wait_for(lambda: listener.matched() and publisher.get_subscription_count() == 1)
    publisher.publish(String(data='d'))

    def heard() -> bool:
        listener.topics.drain()
        return 'd' in listener.got
    wait_for(heard, message='the last word')
    assert listener.topics.lost[NAME] == lost


def test_what_one_type_said_is_not_said_by_another(listener: Listener, other: Node,
                                                   say) -> None:
    say('before', LATCHED)
    assert NAME in listener.topics.latched
    publisher = other.create_publisher(Bool, NAME, LATCHED)
    wait_for(lambda: listener.matched() and publisher.get_subscription_count() == 1)
    assert listener.topics.type_of(NAME) == 'std_msgs/msg/Bool'
    assert listener.topics.standing(NAME) is None


def test_two_types_on_one_topic_are_a_problem(ros: Harness, listener: Listener,
                                              other: Node) -> None:
    ros.node.create_publisher(String, NAME, EVENTS)
    other.create_publisher(Bool, NAME, EVENTS)

    def problem() -> bool:
        listener.topics.refresh()
        return NAME in listener.topics.problems
    wait_for(problem, message='the problem')
    assert 'std_msgs/msg/Bool, std_msgs/msg/String' in listener.topics.explain(NAME)
