# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Messages that were sent and never came, found by the numbers that their publishers gave them.
"""
from __future__ import annotations

from collections import Counter


class SequenceLosses:
    """
    Counts the numbers that are missing, by topic.

    A publisher is known from its first message on: what it lost before that is not counted.
    """

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        """Messages that never came, by topic."""
        self._next: dict[tuple[str, bytes], int] = {}

    def add(self, topic: str, publisher: bytes, sequence: int) -> None:
        """
        Take the number of a message that came.

        :param topic: where it came from.
        :param publisher: identity of who sent it.
        :param sequence: its number; a publisher counts up by 1. A number that came before, such
            as that of a latched message after a new subscription, says nothing.
        """
        key = topic, publisher
        due = self._next.get(key, sequence)
        if sequence >= due:
            self.lost[topic] += sequence - due
            self._next[key] = sequence + 1
