# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Whether a take is worth keeping: figures against thresholds, with the reasons in words.
"""
from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass
import math
from pathlib import Path
from typing import Any

import yaml

from vaa_ros.core.errors import ConfigError
from vaa_ros.core.errors import unknown_name
from vaa_ros.core.paths import config_file
from vaa_ros.core.records import from_mapping

KEEP = 'keep'
LOOK = 'look'
DISCARD = 'discard'

AT_LEAST = ('length_s', 'messages', 'rate_share', 'moved_share', 'follow_share')
"""The figures of which less is worse."""
_WORDS = {
    'length_s': '{subject} is {value:.2f} s long',
    'messages': '{value:.0f} messages on {subject}',
    'unreadable': '{value:.0f} messages of {subject} cannot be read',
    'rate_share': '{subject} come at {value:.0%} of the rate that the control loop needs',
    'jitter_share': '{subject}: messages are late by {value:.0%} of the period',
    'gap_s': '{subject}: nothing for {value:.2f} s',
    'command_gap_s': 'no {subject} for {value:.2f} s in between',
    'uncommanded_s': '{subject} went on for {value:.2f} s without a command',
    'missing_share': '{subject}: {value:.2%} of the messages are missing',
    'skipped_share': '{subject}: the source left out {value:.2%}, nothing was lost on the way',
    'dark_share': '{subject}: {value:.0%} of the pictures are dark',
    'white_share': '{subject}: {value:.0%} of the pictures are white',
    'blind_share': '{subject}: {value:.0%} of the depth pictures measure nothing',
    'frozen_s': '{subject} is frozen: the same picture for {value:.2f} s while the arm moved',
    'skew_ms': '{subject}: pictures are {value:.0f} ms apart',
    'clock_ms': '{subject}: by the stamps pictures come {value:.0f} ms later or earlier than '
                'joint states; is the clock of that camera right?',
    'idle_s': '{subject}: nothing moved for {value:.1f} s',
    'unnamed_share': '{subject}: {value:.0%} of the joints of the arm are not in it',
    'saturation_share': '{subject}: {value:.0%} of the commands are at a limit',
    'moved_share': '{subject} moved {value:.0%} of the way that was commanded; is it, or its '
                   'encoder, stuck?',
    'follow_share': '{subject}: the joints do not follow the commands: they agree by {value:.0%}',
    'delay_ms': '{subject}: the motion comes {value:.0f} ms after the command',
    'jerk': '{subject}: jerk {value:.0f} per s^3',
}
JUDGED = tuple(_WORDS)
"""The figures that have thresholds."""


@dataclass(frozen=True)
class Limits:
    """
    The thresholds of one figure.

    :param look: beyond it, somebody should look at the take; None for never.
    :param discard: beyond it, the take should be discarded; None for never.
    """

    look: float | None = None
    discard: float | None = None

    def __post_init__(self) -> None:
        for name in ('look', 'discard'):
            value = getattr(self, name)
            if value is not None and not math.isfinite(value):
                raise ValueError(f'{name} is {value}, expected a number or null')


@dataclass(frozen=True)
class Excess:
    """
    A figure that is beyond a threshold.

    :param judgement: ``look`` or ``discard``.
    :param figure: its name.
    :param subject: whose it is.
    :param reason: both in words.
    """

    judgement: str
    figure: str
    subject: str
    reason: str


@dataclass(frozen=True)
class Verdict:
    """
    What is thought of a take.

    :param judgement: ``keep``, ``look`` or ``discard``.
    :param reasons: why, the worst first; empty for ``keep``.
    :param figures: value by subject by figure.
    """

    judgement: str
    reasons: tuple[str, ...]
    figures: Mapping[str, Mapping[str, float]]

    def __str__(self) -> str:
        return ': '.join(text for text in (self.judgement, '; '.join(self.reasons)) if text)

    def to_mapping(self) -> dict[str, Any]:
        """
        Give plain values for the metadata.

        :return: judgement, reasons and figures with six digits.
        """
        return {'judgement': self.judgement, 'reasons': list(self.reasons),
                'figures': {name: {subject: float(f'{value:.6g}')
                                   for subject, value in values.items()}
                            for name, values in self.figures.items() if values}}


def judge(figures: Mapping[str, Mapping[str, float]],
          thresholds: Mapping[str, Limits]) -> Verdict:
    """
    Hold figures against thresholds.

    :param figures: value by subject by figure (:func:`figures_of`).
    :param thresholds: limits by figure (:func:`load_thresholds`).
    :return: the verdict: that of the worst figure.
    """
    reasons: dict[str, list[str]] = {DISCARD: [], LOOK: []}
    for excess in excesses(figures, thresholds):
        reasons[excess.judgement].append(excess.reason)
    judgement = next((level for level in (DISCARD, LOOK) if reasons[level]), KEEP)
    return Verdict(judgement, tuple(reasons[DISCARD] + reasons[LOOK]), figures)


def excesses(figures: Mapping[str, Mapping[str, float]],
             thresholds: Mapping[str, Limits]) -> Iterator[Excess]:
    """
    Find the figures that are beyond their thresholds.

    :param figures: value by subject by figure.
    :param thresholds: limits by figure.
    """
    for name, limits in thresholds.items():
        for subject, value in figures.get(name, {}).items():
            for level, limit in ((DISCARD, limits.discard), (LOOK, limits.look)):
                if limit is not None and _beyond(name, value, limit):
                    words = _WORDS[name].format(subject=subject, value=value)
                    yield Excess(level, name, subject, f'{words} (limit {limit:g})')
                    break


def load_thresholds(name: str = '') -> dict[str, Limits]:
    """
    Read the thresholds.

    :param name: a YAML file; empty for ``config/verdict.yaml``. Figures that it leaves out are
        not judged.
    :return: limits by figure.
    :raises ConfigError: naming the key that is wrong, and those that exist.
    """
    path = Path(name).expanduser() if name else config_file('verdict.yaml')
    try:
        values = yaml.safe_load(path.read_text(encoding='utf-8'))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise ConfigError(f'cannot read the thresholds {path}: {problem}') from problem
    if not isinstance(values, dict):
        raise ConfigError(f'{path}: found {type(values).__name__}, expected a mapping of figures')
    for key in values:
        if key not in JUDGED:
            raise ConfigError(f'{path}: {unknown_name("figure", key, JUDGED)}')
    return {key: from_mapping(Limits, item or {}, f'{path}: {key}')
            for key, item in values.items()}


def _beyond(name: str, value: float, limit: float) -> bool:
    return value < limit if name in AT_LEAST else value > limit
