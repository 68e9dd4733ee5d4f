# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What is told of an episode while it is recorded, and when it has ended.
"""
from __future__ import annotations

from vaa_ros.recording.episode import RecordedEpisode
from vaa_ros.recording.recorder import EpisodeRecorder


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
    if last is not None and last.verdict is not None:
        values |= {'verdict': last.verdict.judgement, 'reasons': '; '.join(last.verdict.reasons)}
    return values
