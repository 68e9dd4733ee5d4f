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

    A publisher is known from its first message on: what it lost before that is not counted,
    unless it is known which number it began with.
    """

    def __init__(self) -> None:
        self.lost: Counter[str] = Counter()
        """Messages that never came, by topic."""
        self._next: dict[tuple[str, bytes], int] = {}

    @property
    def topics(self) -> set[str]:
        """Give the topics of which every loss is known."""
        return {topic for topic, _ in self._next}

    def follows(self, topic: str, publisher: bytes, sequence: int | None) -> bool:
        """
        Tell whether a number is the next one of a publisher.
        """
        return self._next.get((topic, publisher)) == sequence

    def forget(self, topic: str) -> None:
        """
        Begin anew with who sends a topic: what they send meanwhile is not counted.
        """
        self._next = {key: due for key, due in self._next.items() if key[0] != topic}

    def add(self, topic: str, publisher: bytes, sequence: int, first: int | None = None) -> None:
        """
        Take the number of a message that came.

        :param topic: where it came from.
        :param publisher: identity of who sent it.
        :param sequence: its number; a publisher counts up by 1. A number that came before, such
            as that of a latched message after a new subscription, says nothing.
        :param first: the number with which the publisher began; None if it is not known, or if
            it began before anybody listened.
        """
        key = topic, publisher
        due = self._next.get(key, sequence if first is None else first)
        if sequence >= due:
            self.lost[topic] += sequence - due
            self._next[key] = sequence + 1


class TakenOnce:
    """
    Tells which messages came before, where one subscription of a topic follows another.

    While both are there, one message may come to both, in any order; after that only what came
    to the first may come again.
    """

    def __init__(self) -> None:
        self._newest: dict[str, dict[bytes, int]] = {}
        self._before: dict[str, dict[bytes, int]] = {}
        self._seen: dict[str, set[tuple[bytes, int]]] = {}

    def begin(self, topic: str) -> None:
        """
        Begin to take messages of a topic from two subscriptions.

        :param topic: the topic.
        """
        self._before[topic] = dict(self._newest.get(topic, {}))
        self._seen[topic] = set()

    def end(self, topic: str) -> None:
        """
        Go on with the second subscription alone, both having been read out.

        :param topic: the topic.
        """
        self._before[topic] = dict(self._newest.get(topic, {}))
        self._seen.pop(topic, None)

    def first(self, topic: str, publisher: bytes, number: int) -> bool:
        """
        Take a message.

        :param topic: where it came from.
        :param publisher: identity of who sent it.
        :param number: its number, or when it was sent; 0 where nothing is known.
        :return: false if it came before.
        """
        if number == 0:
            return True
        newest, before = self._newest.setdefault(topic, {}), self._before.get(topic, {})
        if number <= before.get(publisher, 0):
            return False
        if topic in self._seen:
            if (publisher, number) in self._seen[topic]:
                return False
            self._seen[topic].add((publisher, number))
        else:
            before.pop(publisher, None)  # nothing old comes any more, whatever a clock does
        newest[publisher] = max(number, newest.get(publisher, 0))
        return True
