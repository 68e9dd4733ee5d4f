# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How far a folder of episodes is, so that a session goes on where it was left.
"""
from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from vaa_ros.core.errors import BagError
from vaa_ros.recording.bag_files import read_information
from vaa_ros.recording.episode import EpisodeMetadata


def tally(output_dir: Path, tasks: Collection[str]) -> tuple[int, int]:
    """
    Count the episodes that a folder holds.

    :param output_dir: folder of the episodes; need not exist.
    :param tasks: names of the tasks that count; empty for all.
    :return: successes and failures. What cannot be read, or has no verdict, is neither.
    """
    successes = failures = 0
    for folder in sorted(output_dir.glob('episode_*')):
        try:
            known = EpisodeMetadata.from_custom_data(
                read_information(folder).get('custom_data') or {})
        except (BagError, OSError, AttributeError):
            continue
        if not tasks or known.task in tasks:
            successes += known.success is True
            failures += known.success is False
    return successes, failures
