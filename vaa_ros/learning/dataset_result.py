# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What came of building a dataset, and what of the recordings is not in it.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from pathlib import Path


@dataclass(frozen=True)
class DatasetResult:
    """
    What came of a build.

    :param folder: the dataset folder.
    :param episodes: episodes in it.
    :param held_out: how many of them are held out.
    :param frames: frames in it.
    :param failed: episodes left out because they failed.
    :param skipped: bags left out, with the reason.
    :param dropped: pictures that gave no frame, by reason.
    :param bad: messages that could not be used, by topic and reason.
    :param notes: a line for each plain bag: how it was cut, and what stood for what.
    """

    folder: Path
    episodes: int
    held_out: int
    frames: int
    failed: int
    skipped: list[tuple[Path, str]]
    dropped: Mapping[str, int]
    bad: Mapping[str, int]
    notes: list[str] = field(default_factory=list)

    @property
    def dropped_frames(self) -> int:
        """Give the number of pictures that gave no frame."""
        return sum(self.dropped.values())

    @property
    def bad_messages(self) -> int:
        """Give the number of messages that could not be used."""
        return sum(self.bad.values())


@dataclass(frozen=True)
class Unusable:
    """
    Messages of a topic that could not be used.

    :param topic: the topic.
    :param messages: how many.
    :param reason: why, most of them.
    """

    topic: str
    messages: int
    reason: str


def by_topic(bad: Mapping[str, int]) -> list[Unusable]:
    """
    Tell which messages could not be used, a topic each, and why.

    :param bad: messages by ``topic: reason``.
    """
    found: dict[str, list[tuple[int, str]]] = {}
    for text, count in bad.items():
        topic, _, reason = text.partition(': ')
        found.setdefault(topic, []).append((count, reason))
    return [Unusable(topic, sum(count for count, _ in items),
                     max(items, key=lambda item: item[0])[1])
            for topic, items in sorted(found.items())]
