# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Subscriptions past the executor: every message once, errors told, a clean end.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Iterator
import threading
from typing import Any

from processes import TIMEOUT_S
from processes import wait_for
import pytest
from rclpy.node import Node
from ros_harness import Harness
from std_msgs.msg import String

from vaa_ros.ros.direct_subscriptions import DirectSubscriptions
from vaa_ros.ros.qos import EVENTS


@pytest.fixture
def direct(ros: Harness) -> Iterator[Callable[..., DirectSubscriptions]]:
    made: list[DirectSubscriptions] = []

    def make(on_error: Callable[[str], None] = lambda reason: None) -> DirectSubscriptions:
        made.append(DirectSubscriptions(ros.node, on_error))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_every_message_comes_once_and_in_order(
    ros: Harness, direct: Callable[..., DirectSubscriptions],
) -> None:
    got: list[tuple[str, str]] = []
    streams = direct()
    streams.add(String, 'text', lambda m: got.append((threading.current_thread().name, m.data)),
                EVENTS)
    streams.start()
    publisher = ros.publisher(String, 'text', EVENTS)
    for index in range(8):
        publisher.publish(String(data=str(index)))
        wait_for(lambda: len(got) > index)  # noqa: B023
    # One more through the executor: had it served the others too, they would be here by now.
    echo = ros.collect(String, 'echo', EVENTS, publishers=0)
    ros.publisher(String, 'echo', EVENTS).publish(String(data='x'))
    echo.wait()
    assert got == [('inputs', str(index)) for index in range(8)]


def test_raw_messages_are_bytes(
    ros: Harness, direct: Callable[..., DirectSubscriptions],
) -> None:
    got: list[Any] = []
    streams = direct()
    streams.add(String, 'text', got.append, EVENTS, raw=True)
    streams.start()
    ros.publisher(String, 'text', EVENTS).publish(String(data='hello'))
    wait_for(lambda: got)
    assert isinstance(got[0], bytes) and b'hello' in got[0]


def test_a_callback_that_fails_is_told_and_the_next_message_comes(
    ros: Harness, direct: Callable[..., DirectSubscriptions],
) -> None:
    errors: list[str] = []
    got: list[str] = []

    def callback(message: String) -> None:
        if message.data == 'bad':
            raise ValueError('too bad')
        got.append(message.data)
    streams = direct(errors.append)
    streams.add(String, 'text', callback, EVENTS)
    streams.start()
    publisher = ros.publisher(String, 'text', EVENTS)
    publisher.publish(String(data='bad'))
    publisher.publish(String(data='good'))
    wait_for(lambda: got == ['good'])
    assert len(errors) == 1 and 'too bad' in errors[0]


def test_closing_gives_the_subscriptions_back(
    ros: Harness, direct: Callable[..., DirectSubscriptions],
) -> None:
    streams = direct()
    streams.add(String, 'text', lambda message: None, EVENTS)
    streams.start()
    wait_for(lambda: ros.node.count_subscribers('text') == 1)
    streams.close()
    wait_for(lambda: ros.node.count_subscribers('text') == 0)
    direct().close()


def test_destroying_the_node_ends_it(ros: Harness) -> None:
    node = Node('short_lived')
    streams = DirectSubscriptions(node, lambda reason: None)
    streams.add(String, 'text', lambda message: None, EVENTS)
    streams.start()
    node.destroy_node()
    streams._thread.join(TIMEOUT_S)
    assert not streams._thread.is_alive()
