# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
From which frames a command came, and where the time between them went.

Everything is joined by the stamp of the observation, which is that of its first camera's frame.
Times are passed in. Each kind of event is told by one thread, which may be another for each.
"""
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import TypeVar

from vaa_ros.core.latency import LatencyStats
from vaa_ros.core.types import Observation

STAGES = ('transport', 'decode', 'sync', 'inference', 'post', 'publish')
"""In this order: stamp to arrival; message to picture; waiting for the other inputs and for the
policy to be asked; the policy; from its answer to a command inside the limits; and sending it."""
REMEMBERED = 64

Entry = TypeVar('Entry')


@dataclass(frozen=True)
class Trace:
    """
    One command and what it came from.

    :param number: counts the commands.
    :param stamp_ns: stamp of the observation behind it, 0 without one [ns].
    :param sources: stamps of that observation's inputs, by camera key and ``joint_states`` [ns];
        empty for a hold.
    :param stages_ms: time of every stage [ms], for the first command of an answer alone.
    """

    number: int
    stamp_ns: int
    sources: Mapping[str, int] = field(default_factory=dict)
    stages_ms: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    """An observation that the policy was asked about."""

    sources: Mapping[str, int]
    begin_ns: int
    end_ns: int = 0


class StageTimes:
    """
    Follows observations from the arrival of their frames to their commands.

    :param reference: key of the first camera.
    """

    def __init__(self, reference: str) -> None:
        self.stats = {stage: LatencyStats() for stage in STAGES}
        self._reference = reference
        self._frames: dict[int, tuple[int, float, float]] = {}
        self._asked: dict[int, _Asked] = {}
        self._number = 0
        self._newest_ns: int | None = None

    def frame(self, key: str, stamp_ns: int, ros_ns: int, begin_ns: int, end_ns: int) -> None:
        """
        Tell of a frame.

        :param key: its camera.
        :param stamp_ns: its stamp [ns].
        :param ros_ns: when it came, on the clock of the stamps [ns].
        :param begin_ns: when it came, on the monotonic clock [ns].
        :param end_ns: when it was decoded [ns].
        """
        decode_ms = (end_ns - begin_ns) / 1e6
        self.stats['decode'].add(decode_ms)
        if key == self._reference:
            _remember(self._frames, stamp_ns, (end_ns, (ros_ns - stamp_ns) / 1e6, decode_ms))

    def asked(self, observation: Observation, now_ns: int) -> None:
        """
        Tell that the policy is asked.

        :param observation: about what.
        :param now_ns: the present on the monotonic clock [ns].
        """
        _remember(self._asked, observation.stamp_ns, _Asked(observation.sources, now_ns))

    def answered(self, observation: Observation, now_ns: int) -> None:
        """
        Tell that the policy answered.

        :param observation: about what.
        :param now_ns: the present on the monotonic clock [ns].
        """
        asked = self._asked[observation.stamp_ns]
        _remember(self._asked, observation.stamp_ns, replace(asked, end_ns=now_ns))

    def published(self, stamp_ns: int, moving: bool, begin_ns: int, end_ns: int) -> Trace:
        """
        Tell that a command left.

        :param stamp_ns: stamp of the observation behind it [ns].
        :param moving: whether it is a new setpoint, not a hold.
        :param begin_ns: when it was ready, on the monotonic clock [ns].
        :param end_ns: when it had left [ns].
        :return: where it came from.
        """
        self._number += 1
        asked = self._asked.get(stamp_ns) if moving else None
        if asked is None:
            return Trace(self._number, stamp_ns)
        stages: dict[str, float] = {}
        if stamp_ns != self._newest_ns and asked.end_ns:
            self._newest_ns = stamp_ns
            stages = {'inference': (asked.end_ns - asked.begin_ns) / 1e6,
                      'post': (begin_ns - asked.end_ns) / 1e6,
                      'publish': (end_ns - begin_ns) / 1e6}
            frame = self._frames.get(stamp_ns)
            if frame is not None:
                stages['transport'], stages['decode'] = frame[1:]
                stages['sync'] = (asked.begin_ns - frame[0]) / 1e6
            for stage, milliseconds in stages.items():
                if stage != 'decode':
                    self.stats[stage].add(milliseconds)
        return Trace(self._number, stamp_ns, asked.sources, stages)


def _remember(entries: dict[int, Entry], stamp_ns: int, entry: Entry) -> None:
    entries[stamp_ns] = entry
    while len(entries) > REMEMBERED:
        del entries[next(iter(entries))]
