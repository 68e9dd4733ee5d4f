# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What the judge of the inputs may find, how bad it is, and what a person may choose about it.

One rule grades everything that is measured: from half of its limit on it is told, from three
quarters on the arm is slowed, from the limit on it holds.
"""
from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import fields
import math

from vaa_ros.core.errors import ConfigError

FINE, WARNED, SLOWED, HELD = range(4)
GRADES = ('fine', 'warning', 'slowed', 'holding')
WARN_FROM, SLOW_FROM = 0.5, 0.75


@dataclass(frozen=True)
class JudgeOptions:
    """
    What is still good enough; 0 does not judge it.

    :param max_image_age_s: age of a picture, by its stamp or its arrival [s].
    :param max_joint_age_s: age of the joint states [s].
    :param max_clock_skew_s: how far the clock of an input may be from that of this computer, as
        the shortest time from stamp to arrival tells; a steady delay counts too [s].
    :param max_clock_jump_s: how far a clock may be set within a moment [s].
    :param max_disorder: share of the messages of a second whose stamp is not newer than the last.
    :param max_blank_s: how long a camera may show nothing but black or white [s].
    :param max_joints_missing_s: how long joint states may come without every joint [s].
    :param max_joint_speed: how fast joints may be measured to move, in multiples of their speed
        limits.
    :param max_unpaired_s: how long pictures may come that cannot be paired by stamp [s].
    :raises ConfigError: if a limit is not 0 or a positive number.
    """

    max_image_age_s: float = 0.2
    max_joint_age_s: float = 0.2
    max_clock_skew_s: float = 0.15
    max_clock_jump_s: float = 0.05
    max_disorder: float = 0.3
    max_blank_s: float = 0.2
    max_joints_missing_s: float = 0.1
    max_joint_speed: float = 2.0
    max_unpaired_s: float = 0.2

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value < math.inf:
                raise ConfigError(f'{field.name} is {value}, expected 0 or a positive number')

    def limit(self, check: str) -> float:
        """
        Give the limit of a check.

        :param check: a name of a field of this class.
        :return: the limit; infinite where it is not judged.
        """
        return getattr(self, check) or math.inf


@dataclass(frozen=True)
class Finding:
    """
    One measured figure of one input.

    :param topic: the input.
    :param name: what was measured, with its unit.
    :param value: the figure.
    :param limit: what it may be.
    :param text: what it means, a sentence for a person.
    """

    topic: str
    name: str
    value: float
    limit: float
    text: str

    @property
    def grade(self) -> int:
        """
        Tell how bad it is, from ``FINE`` to ``HELD``.
        """
        share = abs(self.value) / self.limit
        return (share >= WARN_FROM) + (share >= SLOW_FROM) + (share >= 1)


@dataclass(frozen=True)
class Judgement:
    """
    What was found at one instant.

    :param findings: every figure, good or bad.
    :param hold: why the arm must hold, or nothing.
    :param slow: why it may only move slowly, or nothing.
    """

    findings: Sequence[Finding] = ()
    hold: str = ''
    slow: str = ''

    @property
    def grade(self) -> int:
        """
        Give the worst grade.
        """
        return max((finding.grade for finding in self.findings), default=FINE)

    def values(self) -> dict[str, float]:
        """
        Give every figure by input and name.
        """
        return {f'{finding.topic} {finding.name}': finding.value for finding in self.findings}


NOTHING_FOUND = Judgement()


def told(findings: Sequence[Finding], grade: int) -> str:
    """
    Say what is of a grade.

    :param findings: what was found.
    :param grade: which of it.
    :return: one sentence for each, with its limit.
    """
    return '; '.join(f'{found.topic}: {found.text}, limit {found.limit:g}'
                     for found in findings if found.grade == grade)
