# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is told of an episode while it is recorded, and when it has ended.
"""
from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.image_encoder import topic_in_bag
from vaa_ros.recording.recorder import EpisodeRecorder
from vaa_ros.recording.verdict import KEEP


class Once:
    """
    Lines that an episode tells once.
    """

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._new: list[str] = []

    def add(self, line: str) -> None:
        """
        Take a line, which may have been told.
        """
        if line not in self._told:
            self._told.add(line)
            self._new.append(line)

    def take(self) -> list[str]:
        """
        Give those that are new.
        """
        new, self._new = self._new, []
        return new


def silent_topics(required: Sequence[str], recorded: RecordedEpisode) -> list[str]:
    """
    Tell which topics an episode has no message of.

    :param required: those that it must have.
    :param recorded: the episode.
    """
    return [name for name in required
            if not recorded.counts.get(topic_in_bag(name, recorded.counts))]


def shortcomings(required: Sequence[str], recorded: RecordedEpisode) -> list[str]:
    """
    Tell what an episode lacks, and what is doubtful about it.

    :param required: topics that it must have.
    :param recorded: the episode.
    :return: a line for each.
    """
    return [*(f'no message on {name}' for name in silent_topics(required, recorded)),
            *(f'{count} messages of {name} lost' for name, count in recorded.dropped.items()),
            *filter(None, [recorded.warning])]


def shown_values(shown: EpisodeRecorder | RecordedEpisode | None,
                 last: RecordedEpisode | None) -> dict[str, object]:
    """
    Give what a status tells of an episode.

    :param shown: the one that is being recorded, or the last one; None for none.
    :param last: the last one, whose verdict is told; None for none.
    """
    values: dict[str, object] = {} if shown is None else {
        'path': shown.path, 'seconds': float(shown.seconds), 'messages': shown.messages,
        'dropped': sum(shown.dropped.values())}
    if isinstance(shown, EpisodeRecorder):
        values['at_risk_s'] = shown.at_risk_s
    if last is not None and last.verdict is not None:
        values |= {'verdict': last.verdict.judgement, 'reasons': '; '.join(last.verdict.reasons)}
    return values


def log_ended(log: Any, what: str, recorded: RecordedEpisode, problems: Sequence[str]) -> str:
    """
    Log what became of an episode.

    :param log: a logger, with ``info`` and ``warning``.
    :param what: one word or two.
    :param recorded: the episode.
    :param problems: what is wrong with it, a line each.
    :return: what a person has to know of it; empty for nothing.
    """
    text = f'{what}: {recorded.path}, {recorded.seconds:.1f} s, {recorded.messages} messages'
    if problems:
        log.warning(f'{text}; {"; ".join(problems)}')
    else:
        log.info(text)
    verdict = recorded.verdict
    if verdict is None:
        return '; '.join(problems[:1])
    if verdict.judgement == KEEP:
        log.info(f'verdict: {verdict}')
        return '; '.join(problems[:1])
    log.warning(f'verdict: {verdict}')  # rclpy lets no line of the code log with two severities
    return f'{verdict.judgement}: {next(iter(verdict.reasons), "")}'
