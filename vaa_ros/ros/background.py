# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Slow work of a service beside the executor, which goes on with its other callbacks.
"""
from __future__ import annotations

from collections.abc import Callable
import threading

from rclpy.node import Node
from rclpy.task import Future

from vaa_ros.core.errors import VaaError


async def in_background(node: Node, work: Callable[[], str]) -> tuple[bool, str]:
    """
    Do something in a thread of its own; to be awaited in an ``async`` service callback.

    :param node: the node whose executor waits.
    :param work: does it, and says what was done.
    :return: whether it worked, and what it said or why not.
    """
    future = Future(executor=node.executor)

    def run() -> None:
        try:
            future.set_result((True, work()))
        except VaaError as error:
            future.set_result((False, str(error)))
        except Exception as error:
            future.set_result((False, f'{type(error).__name__}: {error}'))

    threading.Thread(target=run, name='background', daemon=True).start()
    return await future
