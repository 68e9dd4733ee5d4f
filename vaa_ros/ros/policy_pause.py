# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Keeps the policy paused while somebody else has the arm, by the policy's own service.
"""
from __future__ import annotations

import math
import time
from typing import Any

from rclpy.node import Node
from std_srvs.srv import SetBool

ANSWER_S = 4.0
"""How long to wait for an answer before asking again; the policy takes up to 3 s [s]."""
AGAIN_S = 0.5


class PolicyPause:
    """
    Asks for a pause until it is confirmed, and for its end once.

    :param node: the node that asks.
    :param service: the SetBool service; empty for none, and then nothing is asked.
    """

    def __init__(self, node: Node, service: str) -> None:
        self._service = service
        self._client = node.create_client(SetBool, service) if service else None
        self._asked: Any = None
        self._asked_s = -math.inf
        self._wanted = self._paused = False
        self.trouble = ''
        """Why the policy is not as it was asked to be, as far as that is known."""

    def look(self, wait: bool) -> None:
        """
        Ask for what is missing; to be called again and again.

        :param wait: whether the policy has to be paused.
        """
        if self._client is None:
            return
        self._wanted = wait
        now_s = time.monotonic()
        if self._asked is not None and now_s - self._asked_s > ANSWER_S:
            self._client.remove_pending_request(self._asked)
            self._asked, self.trouble = None, f'{self._service} does not answer'
        if not wait:
            return
        if not self._client.service_is_ready():
            # Another process may offer it next, which is not paused.
            self._paused, self.trouble = False, f'there is no service {self._service}'
        elif self._asked is None and not self._paused and now_s - self._asked_s > AGAIN_S:
            self._ask(True)

    def bars(self) -> str:
        """
        Say why the policy may not go on yet: it would not begin where the arm is.
        """
        if self._client is None or self._paused or not self._wanted:
            return ''
        return f'the policy is not paused: {self.trouble or "it did not answer yet"}'

    def go_on(self) -> None:
        """
        End the pause, also one of before this process began.
        """
        self._wanted = self._paused = False
        if self._client is None:
            return
        if self._client.service_is_ready():
            self._ask(False)
        else:
            self.trouble = f'there is no service {self._service}'

    def _ask(self, pause: bool) -> None:
        self._asked = self._client.call_async(SetBool.Request(data=pause))
        self._asked_s = time.monotonic()
        self._asked.add_done_callback(lambda future: self._on_answer(future, pause))

    def _on_answer(self, future: Any, pause: bool) -> None:
        if future is not self._asked:
            return
        self._asked, answer = None, future.result()
        self._paused = pause and answer.success
        self.trouble = '' if answer.success else f'{self._service}: {answer.message}'
