# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Every change of the gate as one line of JSON in the log of the node.

The control thread only notes a change: a line of the log also goes to a file and to a topic, and
a disk that takes its time must not make a tick late.
"""
from __future__ import annotations

from collections import deque
from collections.abc import Callable
import json
import threading
import time

from rclpy.node import Node

from vaa_ros.core.gate import GateDecision
from vaa_ros.core.gate import HOLDING
from vaa_ros.core.gate import STOPPED
from vaa_ros.core.gate import UNCONFIGURED
from vaa_ros.core.gate import WAITING

MOST = 1000
"""Changes kept until they are written; more come only from a node that is stuck."""


class GateLog:
    """
    Notes changes of state in any thread, and writes them in another.

    :param node: whose log takes the lines, and whose clock stamps them.
    :param decision: gives the gate's newest decision.
    :param policy: gives the name of the policy at work.
    """

    def __init__(self, node: Node, decision: Callable[[], GateDecision],
                 policy: Callable[[], str]) -> None:
        self._node = node
        self._decision = decision
        self._policy = policy
        self._lock = threading.Lock()
        self._state = UNCONFIGURED
        self._changes: deque[tuple[str, dict[str, object]]] = deque(maxlen=MOST)

    def note(self) -> bool:
        """
        Look at the gate; whether its state is another one than before.
        """
        # Read inside, so that of two threads the later one does not have the older decision.
        with self._lock:
            decision = self._decision()
            before, self._state = self._state, decision.state
            if before == decision.state:
                return False
            self._changes.append((decision.state, {
                'event': 'gate', 'from': before, 'to': decision.state, 'reason': decision.reason,
                'policy': self._policy(), 'ros_ns': self._node.get_clock().now().nanoseconds,
                'monotonic_ns': time.monotonic_ns()}))
        return True

    def write(self) -> None:
        """
        Write the changes that were noted, one line each.
        """
        logger = self._node.get_logger()
        while self._changes:
            state, change = self._changes.popleft()
            line = json.dumps(change, ensure_ascii=False)
            # rclpy wants one severity for each line of code.
            if state == STOPPED:
                logger.error(line)
            elif state in (HOLDING, WAITING):
                logger.warning(line)
            else:
                logger.info(line)
