# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Subscriptions that are served by a thread of their own, past the executor.

rclpy's executors build a wait set of everything a node has (parameter and lifecycle services,
events of publishers) for every turn, which takes longer than all that is done with a picture.
This waits for a few subscriptions alone, as :func:`rclpy.wait_for_message` does.
"""
from __future__ import annotations

from collections.abc import Callable
from collections.abc import Sequence
import contextlib
import threading
import traceback
from typing import Any

from rclpy.callback_groups import CallbackGroup
from rclpy.context import Context
from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.exceptions import InvalidHandle
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.qos import QoSProfile
from rclpy.subscription import Subscription

POLL_NS = 100_000_000
TAKEN_AT_ONCE = 64


class NotByExecutor(CallbackGroup):
    """Entities that no executor shall wait for."""

    def can_execute(self, entity: Any) -> bool:
        """
        Refuse: someone else serves it.
        """
        return False

    def beginning_execution(self, entity: Any) -> bool:
        """
        Refuse: someone else serves it.
        """
        return False

    def ending_execution(self, entity: Any) -> None:
        """
        Do nothing: it never begins.
        """


def take_events(context: Context, subscriptions: Sequence[Subscription]) -> None:
    """
    Call back for what has happened to subscriptions of :class:`NotByExecutor`, such as losses.

    An executor must not wait for their events either: that wakes it for every message, too.

    :param context: of their node.
    :param subscriptions: the subscriptions.
    """
    handlers = [handler for subscription in subscriptions
                for handler in subscription.event_handlers]
    with contextlib.ExitStack() as in_use:
        in_use.enter_context(context.handle)
        for handler in handlers:
            in_use.enter_context(handler)
        wait_set = rclpy_implementation.WaitSet(0, 0, 0, 0, 0, len(handlers), context.handle)
        wait_set.clear_entities()
        for handler in handlers:
            handler.add_to_wait_set(wait_set)
        wait_set.wait(0)
        told = [(handler, handler.take_data()) for handler in handlers
                if handler.is_ready(wait_set)]
    for handler, event in told:
        if event is not None:
            handler.callback(event)


class DirectSubscriptions:
    """
    Takes messages and calls back, in the order in which the subscriptions were added.

    :param node: the node that subscribes.
    :param on_error: told in one line about an exception of a callback.
    """

    def __init__(self, node: Node, on_error: Callable[[str], None]) -> None:
        self._node = node
        self._on_error = on_error
        self._group = NotByExecutor()
        self._subscriptions: list[Any] = []
        self._callbacks: list[Callable[[Any], None]] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._main, name='inputs', daemon=True)

    def add(
        self, kind: type, topic: str, callback: Callable[[Any], None], qos: QoSProfile,
        raw: bool = False,
    ) -> None:
        """
        Subscribe; before :meth:`start`.

        :param kind: the message type.
        :param topic: the topic.
        :param callback: called with each message, in the thread.
        :param qos: the quality of service.
        :param raw: whether to hand over the serialised bytes.
        """
        # Its events would be waited for by the executor.
        quiet = SubscriptionEventCallbacks(use_default_callbacks=False)
        self._subscriptions.append(self._node.create_subscription(
            kind, topic, callback, qos, callback_group=self._group, event_callbacks=quiet,
            raw=raw))
        self._callbacks.append(callback)

    def start(self) -> None:
        """
        Begin to take messages.
        """
        self._thread.start()

    def close(self) -> None:
        """
        Stop, and give the subscriptions back.
        """
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5.0)
        subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            self._node.destroy_subscription(subscription)

    def _main(self) -> None:
        try:
            while not self._ended.is_set() and self._node.context.ok():
                self._turn()
        except InvalidHandle:
            # The node was destroyed.
            return

    def _turn(self) -> None:
        """
        Wait once, and take what has come.
        """
        context = self._node.context.handle
        with contextlib.ExitStack() as in_use:
            # What is in use is not destroyed under the wait set's feet.
            in_use.enter_context(context)
            for subscription in self._subscriptions:
                in_use.enter_context(subscription.handle)
            wait_set = rclpy_implementation.WaitSet(
                len(self._subscriptions), 0, 0, 0, 0, 0, context)
            wait_set.clear_entities()
            for subscription in self._subscriptions:
                wait_set.add_subscription(subscription.handle)
            wait_set.wait(POLL_NS)
            ready = wait_set.get_ready_entities('subscription')
            for subscription, callback in zip(self._subscriptions, self._callbacks, strict=True):
                if subscription.handle.pointer in ready:
                    self._take(subscription, callback)

    def _take(self, subscription: Any, callback: Callable[[Any], None]) -> None:
        for _ in range(TAKEN_AT_ONCE):
            taken = subscription.handle.take_message(subscription.msg_type, subscription.raw)
            if taken is None:
                return
            try:
                callback(taken[0])
            except Exception as error:
                self._node.get_logger().error(
                    f'a callback of {subscription.topic_name} failed:\n{traceback.format_exc()}',
                    throttle_duration_sec=1.0)
                self._on_error(f'a callback failed: {type(error).__name__}: {error}')
