# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
How far a folder of episodes is, so that a session goes on where it was left.
"""
from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import Future
import functools
from pathlib import Path
from typing import NamedTuple

from vaa_ros.core.errors import BagError
from vaa_ros.recording.background import in_thread
from vaa_ros.recording.bag_files import read_information
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.trash import METADATA


class Tally(NamedTuple):
    """
    The episodes that a folder holds.

    :param successes: how many are successes.
    :param failures: how many are failures.
    :param paths: which ones they are.
    """

    successes: int = 0
    failures: int = 0
    paths: Collection[Path] = ()


def tally(output_dir: Path, tasks: Collection[str]) -> Tally:
    """
    Count the episodes that a folder holds; the first time takes milliseconds for each.

    :param output_dir: folder of the episodes; need not exist.
    :param tasks: names of the tasks that count; empty for all.
    :return: how many there are. What cannot be read, or has no verdict, is not counted.
    """
    found: dict[Path, bool] = {}
    for folder in sorted(output_dir.glob('episode_*')):
        try:
            state = (folder / METADATA).stat()
            task, success = _known(folder, state.st_mtime_ns, state.st_size)
        except (BagError, OSError, AttributeError, TypeError):
            continue
        if success is not None and (not tasks or task in tasks):
            found[folder] = success
    successes = sum(found.values())
    return Tally(successes, len(found) - successes, found.keys())


def tally_later(output_dir: Path, tasks: Collection[str]) -> Future[Tally]:
    """
    Do what :func:`tally` does, in a thread of its own.
    """
    return in_thread(functools.partial(tally, output_dir, tasks), 'tally')


@functools.lru_cache(maxsize=100_000)
def _known(folder: Path, mtime_ns: int, size: int) -> tuple[str, bool | None]:
    """Give task and verdict of an episode, as long as its metadata.yaml is the same."""
    known = EpisodeMetadata.from_custom_data(read_information(folder).get('custom_data') or {})
    return known.task, None if known.discarded else known.success
