# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What goes wrong with a take while it is recorded, for a person who can still begin it anew.

Pure: time is an argument. It reads what recorder and take have counted, and goes by the thresholds
of the verdict; each message costs it no more than its time in a dictionary.
"""
from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from vaa_ros.core.types import NANOSECONDS
from vaa_ros.recording.episode import EpisodeMetadata
from vaa_ros.recording.image_encoder import topic_in_bag
from vaa_ros.recording.recorded_spec import command_topics
from vaa_ros.recording.take import CAMERAS
from vaa_ros.recording.take import COMMANDS
from vaa_ros.recording.take import Stream
from vaa_ros.recording.take import Take
from vaa_ros.recording.take_figures import frozen_s
from vaa_ros.recording.take_figures import picture_shares
from vaa_ros.recording.take_figures import roles
from vaa_ros.recording.take_figures import unreadable
from vaa_ros.recording.take_times import Figures
from vaa_ros.recording.take_times import is_steady
from vaa_ros.recording.take_times import lost_shares
from vaa_ros.recording.take_times import STEADY_MESSAGES
from vaa_ros.recording.take_times import TakeClock
from vaa_ros.recording.take_times import uncommanded_s
from vaa_ros.recording.verdict import DISCARD
from vaa_ros.recording.verdict import excesses
from vaa_ros.recording.verdict import Limits

NEWEST_S = 5.0
"""How far back is looked for a picture or an arm that does not do as it should [s]."""
FEW_PICTURES, FEW_LOST = 2, 3
"""Fewer bad pictures or lost messages say nothing yet of a take that has only begun."""
PASSING = ('frozen_s', 'uncommanded_s')
"""What may end, and begin again: each time is told."""


class TakeWatch:
    """
    Watches one take; every method is called from one thread.

    :param required: topics that it must have.
    :param thresholds: those of the verdict by figure; what has none is not watched.
    :param metadata: what is known of it at the start.
    """

    def __init__(self, required: Sequence[str], thresholds: Mapping[str, Limits],
                 metadata: EpisodeMetadata) -> None:
        self.heard: dict[str, int] = {}
        """When the newest message of each topic was received [ns]."""
        self._problems: dict[object, str] = {}
        self._required, self._thresholds, self._metadata = required, thresholds, metadata
        self._orders = command_topics(metadata, required)
        self._first_s, self._firm_s = _limits(thresholds, 'gap_s')
        self._resting_s = _limits(thresholds, 'uncommanded_s')[0]
        self._silent: dict[str, int] = {}
        self._told: dict[tuple[str, str], int] = {}

    @property
    def trouble(self) -> str:
        """Say what has gone wrong until now, or nothing."""
        return '; '.join(self._problems.values())

    def look(self, now_ns: int, take: Take, counts: Mapping[str, int],
             lost: Mapping[str, int]) -> list[str]:
        """
        Tell what has gone wrong since the last call, or is well again.

        :param now_ns: the time, by the clock of ``heard`` [ns].
        :param take: what was gathered, by another thread perhaps.
        :param counts: messages that have come by topic in the bag.
        :param lost: messages lost by topic in the bag.
        :return: a line for each event.
        """
        if not self._thresholds:
            return []
        try:
            return self._events(now_ns, take, counts, lost)
        except Exception as error:  # an episode is never lost because it could not be watched
            line = f'the take cannot be watched: {error!r}'
            new = [] if line in self._problems.values() else [line]
            self._problems['watch'] = line
            return new

    def _events(self, now_ns: int, take: Take, counts: Mapping[str, int],
                lost: Mapping[str, int]) -> list[str]:
        newest = take.newest(NEWEST_S)
        joints, commands, driving = roles(newest.streams, self._metadata)
        clock = TakeClock(joints, self._metadata.started_ns)
        if clock.simulated:  # its time stands still where nothing comes
            now_ns = max(self.heard.values(), default=self._metadata.started_ns)
        in_bag = {topic: topic_in_bag(topic, counts) for topic in self._required}
        lines: list[str] = []
        for topic, name in in_bag.items():
            stream = newest.streams.get(name, Stream(''))
            if topic in self._orders or any(stream is each for each in (commands, driving)):
                continue  # a person may rest
            seen = stream.msgtype in CAMERAS or stream is joints
            lines += self._silence(topic, stream, seen, clock, now_ns)
            lines += self._return(topic, take.streams.get(name, stream), clock)
        cameras = {topic: stream for topic, stream in newest.streams.items()
                   if stream.msgtype in CAMERAS and stream.log_ns}
        shares = {name: {topic: share for topic, share in of.items() if share * len(
            cameras[topic].brightness or cameras[topic].measured) > FEW_PICTURES - 0.5}
            for name, of in picture_shares(cameras).items()}
        many = {topic: count for topic, count in lost.items()
                if count >= FEW_LOST and counts.get(topic)}
        return lines + self._beyond({
            'missing_share': lost_shares(many, counts), **shares,
            'unreadable': unreadable(newest, self._metadata, list(in_bag.values())),
            'frozen_s': {topic: frozen_s(stream, joints, clock)
                         for topic, stream in cameras.items() if any(stream.same)},
            'uncommanded_s': self._uncommanded(joints, driving, clock, now_ns)})

    def _silence(self, topic: str, stream: Stream, seen: bool, clock: TakeClock,
                 now_ns: int) -> list[str]:
        """Tell whether nothing comes any more, or nothing has ever come."""
        last_ns = self.heard.get(topic, self._metadata.started_ns)
        since_s = _seconds(clock, last_ns, now_ns)
        if topic in self._silent or since_s <= self._first_s:
            return []
        if topic not in self.heard:
            if stream.msgtype in COMMANDS or since_s <= self._firm_s:
                return []
            line = f'nothing has come on {topic} yet'
        else:
            intervals = np.diff(stream.times_ns()) / NANOSECONDS
            period_s = float(np.median(intervals)) if len(intervals) else 0.0
            known = len(stream.log_ns) >= STEADY_MESSAGES
            if not seen and not (known and is_steady(intervals, period_s)):
                return []  # events come when they happen
            # Short pauses are told once; who knows of them wants to hear of long ones only.
            first = known and topic not in self._problems
            if since_s <= max(self._first_s if first else self._firm_s, 2 * period_s):
                return []
            line = f'{topic} is silent'
        self._silent[topic], self._problems[topic] = last_ns, line
        return [line]

    def _return(self, topic: str, stream: Stream, clock: TakeClock) -> list[str]:
        """Tell whether what was silent is back."""
        last_ns = self._silent.get(topic)
        newest_ns = self.heard.get(topic, last_ns)
        if last_ns is None or newest_ns is None or newest_ns == last_ns:
            return []
        del self._silent[topic]
        place = bisect_right(stream.log_ns, last_ns)
        back_ns = stream.log_ns[place] if place < len(stream.log_ns) else newest_ns
        away = f'away for {_seconds(clock, last_ns, back_ns):.1f} s'
        self._problems[topic] = f'{topic} was {away}'
        return [f'{topic} is back, after it was {away}']

    def _uncommanded(self, joints: Stream | None, driving: Stream | None, clock: TakeClock,
                     now_ns: int) -> dict[str, float]:
        if joints is None or (driving is None and not self._orders):
            return {}
        begin_ns = max(self._metadata.started_ns, joints.log_ns[0])
        span_s = clock.place([begin_ns, now_ns])
        commands_s = clock.place([] if driving is None else driving.arrivals_ns())
        commands_s = commands_s[commands_s > span_s[0]]
        pauses_s = np.diff([span_s[0], *commands_s, span_s[1]])
        return {'the arm': uncommanded_s(commands_s, joints, clock, tuple(span_s))} if (
            pauses_s.max() > self._resting_s) else {}

    def _beyond(self, figures: Figures) -> list[str]:
        """Tell of figures that have got beyond a threshold."""
        told = {key: rank for key, rank in self._told.items() if key[0] not in PASSING}
        lines = []
        for excess in excesses(figures, self._thresholds):
            key = (excess.figure, excess.subject)
            rank = 2 if excess.judgement == DISCARD and excess.figure not in PASSING else 1
            if rank > self._told.get(key, 0):
                lines.append(excess.reason)
                self._problems[key] = excess.reason
            told[key] = max(rank, self._told.get(key, 0))
        self._told = told
        return lines


def _limits(thresholds: Mapping[str, Limits], figure: str) -> tuple[float, float]:
    limits = thresholds.get(figure, Limits())
    known = [limit for limit in (limits.look, limits.discard) if limit is not None]
    return (known[0], known[-1]) if known else (np.inf, np.inf)


def _seconds(clock: TakeClock, first_ns: int, last_ns: int) -> float:
    return float(np.ptp(clock.place([first_ns, last_ns]))) if last_ns > first_ns else 0.0
