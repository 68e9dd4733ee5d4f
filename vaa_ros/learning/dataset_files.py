# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
The description of a dataset folder: what is in it, and which recordings it came from.
"""
from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import replace
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

import vaa_ros
from vaa_ros.core.instructions import distinct
from vaa_ros.core.instructions import words
from vaa_ros.core.spec import PolicySpec
from vaa_ros.learning.frames import DATASET_VERSION
from vaa_ros.learning.frames import DESCRIPTION
from vaa_ros.learning.frames import HELD_OUT
from vaa_ros.learning.frames import recording_names
from vaa_ros.learning.frames import taken_together
from vaa_ros.recording.episode import EpisodeMetadata


def describe(folder: Path, spec: PolicySpec, command_type: str | None,
             episodes: Sequence[Mapping[str, Any]], more: Mapping[str, Any]) -> PolicySpec:
    """
    Write the description of a dataset whose arrays are written.

    :param folder: the folder.
    :param spec: what a policy sees and does; instructions and provenance are filled in.
    :param command_type: the command topic's name in the ROS interface.
    :param episodes: what is known of each episode, in order.
    :param more: what else is to be said.
    :return: the spec as it was written. Its provenance lists the hash of every recording, and
        those that no episode to train with comes from.
    """
    hashes = [item['sha256'] for item in episodes]
    held_out, trained = (dict.fromkeys(
        name for item in episodes if (item['split'] == HELD_OUT) == held
        for name in recording_names(item))
        for held in (True, False))
    spec = replace(
        spec, instructions=distinct(item['instruction'] for item in episodes), provenance={
            'episodes': len(episodes), 'frames': sum(item['frames'] for item in episodes),
            'seeds': [item['seed'] for item in episodes],
            'bags': list(dict.fromkeys(
                [*hashes, *(taken_together(item).partition('/')[0] for item in episodes)])),
            'held_out_recordings': [name for name in held_out if name not in trained],
            'bags_sha256': hashlib.sha256(''.join(hashes).encode()).hexdigest()})
    description = {
        'version': DATASET_VERSION, 'vaa_version': vaa_ros.__version__,
        'command_type': command_type, 'spec': spec.to_dict(), 'episodes': list(episodes),
        **more, 'normalisation': statistics(folder)}
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1), encoding='utf-8')
    return spec


def hold_out(episodes: Sequence[dict[str, Any]], fraction: float) -> int:
    """
    Hold recordings out of training, evenly spread; no instruction is left with none to train with.

    Episodes that were cut from one recording look alike, so they stay together.

    :param episodes: what is known of each, all of them to train with; their split is changed.
    :param fraction: part of their recordings to hold out, at least one and never all; 0 for none.
    :return: how many episodes are held out.
    """
    recordings: dict[Any, list[dict[str, Any]]] = {}
    for item in episodes:
        recordings.setdefault(taken_together(item), []).append(item)
    together, count = list(recordings.values()), len(recordings)
    wanted = min(count - 1, max(1, round(fraction * count))) if fraction > 0 else 0
    left = Counter(words(item['instruction']) for item in episodes)
    held = 0
    for number in range(wanted):
        items = together[int((number + 0.5) * count / wanted)]
        asked = Counter(words(item['instruction']) for item in items)
        if all(left[text] > times for text, times in asked.items()):
            left -= asked
            for item in items:
                item['split'] = HELD_OUT
            held += len(items)
    return held


def statistics(folder: Path) -> dict[str, dict[str, list[float]]]:
    """
    Measure states and actions: mean, standard deviation, minimum and maximum of each element.
    """
    result = {}
    for name in ('state', 'action'):
        values = np.load(folder / f'{name}.npy').astype(np.float64)
        result[name] = {'mean': values.mean(0).tolist(), 'std': values.std(0).tolist(),
                        'min': values.min(0).tolist(), 'max': values.max(0).tolist()}
    return result


def origin(known: EpisodeMetadata) -> dict[str, Any]:
    """
    Tell how good a take was, and by which policy it was made, where that was recorded.
    """
    told = {'verdict': known.verdict.get('judgement'), 'operator': known.operator,
            'policy': known.policy, 'policy_sha256': known.active_policy.get('sha256')
            if known.policy else None}
    return {name: value for name, value in told.items() if value}
