# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A test node that spins in a thread: publish, collect, call services, make other nodes.
"""
from __future__ import annotations

from collections.abc import Callable
import gc
import threading
import traceback
from typing import Any

from processes import TIMEOUT_S
from processes import wait_for
import pytest
import rclpy
from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import QoSProfile
from std_msgs.msg import Bool

from vaa_ros.ros.qos import LATCHED


class Collector:
    """
    Keeps every message of a topic.
    """

    def __init__(self) -> None:
        self.messages: list[Any] = []
        self._changed = threading.Condition()

    def __call__(self, message: Any) -> None:
        with self._changed:
            self.messages.append(message)
            self._changed.notify_all()

    def wait(self, count: int = 1, timeout_s: float = TIMEOUT_S) -> list[Any]:
        """Wait until that many messages have come, and give all."""
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.messages) >= count, timeout_s), (
                f'{len(self.messages)} messages came, waited for {count}')
            return list(self.messages)

    def wait_until(self, good: Callable[[Any], object], timeout_s: float = TIMEOUT_S) -> Any:
        """Wait for a message that fits, and give it."""
        def find() -> list[Any]:
            return [message for message in self.messages if good(message)]
        with self._changed:
            found = self._changed.wait_for(find, timeout_s)
            assert found, f'none of {len(self.messages)} messages fits; last: {self.messages[-1:]}'
            return found[0]


class Harness:
    """
    A node named ``test_node``, spinning in a thread, and what tests do with it.
    """

    def __init__(self) -> None:
        rclpy.init()
        self.node = Node('test_node')
        self._nodes: list[Node] = [self.node]
        self._executor = MultiThreadedExecutor(4)
        self._executor.add_node(self.node)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def _spin(self) -> None:
        while not self._ended.is_set():
            try:
                self._executor.spin_once(timeout_sec=0.05)
            except InvalidHandle as error:
                # What another thread destroys between two steps of rclpy's wait ends that wait;
                # the next one leaves it out. In a callback it would be a bug.
                if not any(frame.name == '_wait_for_ready_callbacks'
                           for frame in traceback.extract_tb(error.__traceback__)):
                    raise

    def close(self) -> None:
        """End everything."""
        for node in self._nodes[1:]:
            stop = getattr(node, 'stop', None)
            if stop is not None:
                stop()
        self._ended.set()
        self._executor.wake()
        self._thread.join(TIMEOUT_S)
        self._executor.shutdown(timeout_sec=2.0)
        for node in self._nodes:
            node.destroy_node()
        rclpy.try_shutdown()
        # Nodes are parts of cycles, and each that is left keeps its DDS participant: from the
        # hundredth on, processes that come later are not discovered any more.
        self._nodes.clear()
        gc.collect()

    def make_node(self, kind: Callable[..., Node], **parameters: Any) -> Any:
        """Make a node in this process with parameters, and spin it."""
        node = kind(parameter_overrides=[
            Parameter(name, value=value) for name, value in parameters.items()])
        self._nodes.append(node)
        self._executor.add_node(node)
        return node

    def publisher(self, kind: type, topic: str, qos: QoSProfile | int,
                  subscribers: int = 1) -> Any:
        """Make a publisher, and wait until somebody is connected to it."""
        publisher = self.node.create_publisher(kind, topic, qos)
        wait_for(lambda: publisher.get_subscription_count() >= subscribers,
                 message=f'a subscriber of {topic}')
        return publisher

    def collect(self, kind: type, topic: str, qos: QoSProfile | int,
                publishers: int = 1) -> Collector:
        """Subscribe, and wait until a publisher is connected."""
        collector = Collector()
        subscription = self.node.create_subscription(kind, topic, collector, qos)
        wait_for(lambda: subscription.get_publisher_count() >= publishers,
                 message=f'a publisher of {topic}')
        return collector

    def call(self, kind: type, name: str, request: Any = None,
             timeout_s: float = TIMEOUT_S) -> Any:
        """Call a service, and give its answer."""
        client = self.node.create_client(kind, name)
        try:
            assert client.wait_for_service(timeout_s), f'no service {name}'
            done = threading.Event()
            future = client.call_async(request or kind.Request())
            future.add_done_callback(lambda _: done.set())
            wait_for(done, timeout_s, f'the answer of {name}')
            return future.result()
        finally:
            self.node.destroy_client(client)

    def set_parameters(self, node_name: str, **values: Any) -> list[Any]:
        """Set parameters of another node, and give the results."""
        client = AsyncParameterClient(self.node, node_name)
        assert client.wait_for_services(TIMEOUT_S), f'no parameter services of {node_name}'
        done = threading.Event()
        future = client.set_parameters([
            Parameter(name, value=value) for name, value in values.items()])
        future.add_done_callback(lambda _: done.set())
        wait_for(done, message=f'{node_name} to set parameters')
        return list(future.result().results)

    def needs_senders(self) -> None:
        """Skip where rclpy does not tell who sent a message, as Jazzy's does not."""
        told: list[dict[str, Any]] = []
        self.node.create_subscription(Bool, 'anything', lambda _, info: told.append(info), LATCHED)
        self.publisher(Bool, 'anything', LATCHED).publish(Bool())
        wait_for(lambda: told)
        if 'publisher_gid' not in told[0]:
            pytest.skip('this rclpy does not tell who sent a message')
