# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
A bag that is judged while it is written, for episodes that no recorder records.
"""
from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vaa_ros.recording.bag_writer import BagWriter
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.take import Take
from vaa_ros.recording.take_figures import figures_of
from vaa_ros.recording.verdict import judge
from vaa_ros.recording.verdict import Limits
from vaa_ros.recording.verdict import Verdict


class JudgedBag(BagWriter):
    """
    Writes one episode, and looks at what it writes.

    :param final_dir: folder of the finished bag; must not exist.
    :param topics: message type by topic.
    :param metadata: what is known at the start.
    :param options: those of :class:`BagWriter`.
    :raises BagError: if a type is unknown or the folder cannot be made.
    """

    def __init__(self, final_dir: Path, topics: Mapping[str, str], metadata: EpisodeMetadata,
                 *options: Any) -> None:
        super().__init__(final_dir, topics, metadata, *options)
        self._take = Take(topics)

    def write(self, topic: str, log_ns: int, data: bytes, publish_ns: int | None = None) -> None:
        """Write one message, as :meth:`BagWriter.write` does."""
        super().write(topic, log_ns, data, publish_ns)
        self._take.add(topic, log_ns, data)

    def verdict(self, required: Sequence[str], thresholds: Mapping[str, Limits]) -> Verdict:
        """
        Judge what was written so far.

        :param required: topics that the episode must have.
        :param thresholds: limits by figure.
        :return: the verdict.
        """
        return judge(figures_of(self._take, self.metadata, required), thresholds)
