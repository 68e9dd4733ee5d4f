# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What a recording session needs of whoever receives the messages.
"""
from __future__ import annotations

from collections.abc import Collection
from collections.abc import Mapping
from collections.abc import Sequence
import time
from typing import Protocol

from vaa_ros.core.errors import BagError

_POLL_S = 0.02


class TopicSource(Protocol):
    """Where messages come from; :class:`vaa_ros.ros.raw_topics.RawTopics` on a robot."""

    types: Mapping[str, str]
    lost: Mapping[str, int]
    problems: Mapping[str, str]
    numbered: Collection[str]

    def refresh(self) -> None:
        """Look for topics that have appeared."""

    def unmatched(self, names: Sequence[str]) -> list[str]:
        """Give those of the topics that cannot be received now."""

    def standing(self, name: str) -> tuple[bytes, int] | None:
        """Give what a latched topic says now, and when it was sent [ns]; None for nothing."""

    def type_of(self, name: str) -> str:
        """Give the message type of a topic that has been found."""

    def explain(self, name: str) -> str:
        """Say why a topic cannot be received."""

    def published(self) -> list[str]:
        """List the topics that somebody publishes."""

    def offered(self, name: str) -> list[tuple[str, str, int]]:
        """Give (reliability, durability, depth) of each publisher."""

    def definition(self, msgtype: str) -> str:
        """Write the definition of a message type."""

    def begin(self) -> None:
        """
        Read out what arrived before an episode, which does not belong to it.

        From now on what publishers that appear send before they are heard is lost.
        """

    def drain(self) -> None:
        """Hand over every message that has arrived."""


def await_topics(source: TopicSource, required: Sequence[str], wait_s: float) -> None:
    """
    Wait until topics can be received.

    :param source: where their messages come from.
    :param required: the topics.
    :param wait_s: longest time to wait [s].
    :raises BagError: if one is missing still.
    """
    deadline_s = time.monotonic() + wait_s
    source.refresh()
    while True:
        missing = source.unmatched(required)
        if not missing:
            return
        if time.monotonic() >= deadline_s:
            break
        # The graph is updated by the middleware's own threads while this one waits.
        time.sleep(_POLL_S)
        source.refresh()
    reasons = '; '.join(source.explain(name) for name in missing)
    there = ', '.join(source.published()) or 'none'
    raise BagError(f'cannot record: {reasons}. Published topics: {there}')


def unrecorded(source: TopicSource) -> list[str]:
    """
    Tell which topics that somebody publishes cannot be received.

    :param source: where messages come from.
    :return: a line for each, with the reason.
    """
    return [f'not recorded: {why}' for why in source.problems.values()]
