# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What faults.py hears of the policy node, and asks it for.

Imported by it; it does nothing by itself.
"""
from __future__ import annotations

import argparse
from collections.abc import Callable
import re
import threading
import time
from typing import Any

from bench import Spinning
import numpy as np

ANSWER_S = 30.0
NS = 10**9


class Failed(Exception):
    """What was expected did not come."""


class Observer(Spinning):
    """
    Hears what the policy node says and commands, in a thread.
    """

    def __init__(self) -> None:
        from diagnostic_msgs.msg import DiagnosticArray
        from diagnostic_msgs.msg import DiagnosticStatus
        from std_msgs.msg import Bool
        from trajectory_msgs.msg import JointTrajectory

        from vaa_ros.ros.diagnostics import status_values
        super().__init__('observer')
        self._values = status_values
        self._clock_ns = time.time_ns() - time.monotonic_ns()
        self.commands: list[tuple[int, np.ndarray]] = []
        self.says: list[tuple[int, str, str]] = []
        """When [ns], state and reason."""
        self.figures: dict[str, str] = {}
        self.stops: list[tuple[int, bool]] = []
        self.diagnostics: list[tuple[str, int, str]] = []
        self.printed: Callable[[], list[str]] = list
        """Gives the last lines of the policy node."""
        self.changed = threading.Condition()
        node = self.node
        node.create_subscription(JointTrajectory, 'joint_trajectory', self._on_command, 100)
        node.create_subscription(DiagnosticStatus, 'policy/status', self._on_status, 100)
        node.create_subscription(Bool, 'e_stop', self._on_stop, 10)
        node.create_subscription(DiagnosticArray, '/diagnostics', self._on_diagnostics, 10)
        self.spin()

    def _at_ns(self, info: dict[str, Any]) -> int:
        return info['source_timestamp'] - self._clock_ns

    def _add(self, place: list[Any], found: Any) -> None:
        with self.changed:
            place.append(found)
            self.changed.notify_all()

    def _on_command(self, message: Any, info: dict[str, Any]) -> None:
        self._add(self.commands, (self._at_ns(info), np.array(message.points[0].positions)))

    def _on_status(self, message: Any, info: dict[str, Any]) -> None:
        self.figures = self._values(message)
        self._add(self.says, (self._at_ns(info), self.figures['state'], self.figures['reason']))

    def _on_stop(self, message: Any, info: dict[str, Any]) -> None:
        self._add(self.stops, (self._at_ns(info), message.data))

    def _on_diagnostics(self, message: Any) -> None:
        for status in message.status:
            self._add(self.diagnostics, (status.name, status.level[0], status.message))

    def wait(self, find: Callable[[], Any], what: str, timeout_s: float = ANSWER_S) -> Any:
        """
        Wait until something is found among what was heard, and give it.

        :param find: looks for it.
        :param what: what it is.
        :param timeout_s: for how long [s].
        :raises Failed: if it does not come.
        """
        with self.changed:
            if not self.changed.wait_for(find, timeout_s):
                last = self.says[-1][1:] if self.says else 'nothing'
                raise Failed(f'waited in vain for {what}; last heard: {last}; last printed: '
                             f'{self.printed()}')
            return find()

    def said(self, state: str, since_ns: int, match: str = '',
             timeout_s: float = ANSWER_S) -> tuple[int, str]:
        """
        Wait until the node says that it is in a state; gives since when [ns], and its reason.
        """
        def find() -> tuple[int, str] | None:
            return next(((at_ns, reason) for at_ns, is_, reason in list(self.says)
                         if at_ns > since_ns and re.fullmatch(state, is_)
                         and re.search(match, reason)), None)
        return self.wait(find, f'{state} with {match!r}', timeout_s)

    def call(self, kind: type, name: str, **fields: Any) -> Any:
        """
        Call a service, and give its answer.
        """
        client = self.node.create_client(kind, name)
        if not client.wait_for_service(ANSWER_S):
            raise Failed(f'there is no service {name}')
        return self.answer(client.call_async(kind.Request(**fields)), name)

    def answer(self, future: Any, name: str) -> Any:
        """
        Wait for the answer to a request.
        """
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        if not done.wait(2 * ANSWER_S):
            raise Failed(f'{name} gave no answer')
        return future.result()


if __name__ == '__main__':
    argparse.ArgumentParser(description=__doc__).parse_args()
