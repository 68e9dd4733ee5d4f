# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a run of episodes gave: per episode, in sum, as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from dataclasses import dataclass
from dataclasses import field
import math

import numpy as np

from vaa_ros.cli.output import table

NAMED = {
    'first_l1': ('action error, first step', 1.0, 4, ''),
    'chunk_l1': ('action error, whole chunk', 1.0, 4, ''),
    'accuracy': ('actions within tolerance', 100.0, 1, ' %'),
    'first_accuracy': ('next actions within tolerance', 100.0, 1, ' %'),
    'tolerance_recall_at_1': ('tolerance recall@1', 100.0, 1, ' %'),
    'chance_tolerance_at_1': ('tolerance recall@1 by chance', 100.0, 1, ' %'),
    'recall_at_1': ('recall@1', 100.0, 1, ' %'),
    'recall_at_5': ('recall@5', 100.0, 1, ' %'),
    'recall_at_10': ('recall@10', 100.0, 1, ' %'),
    'recall_back_at_10': ('recall@10, action to scene', 100.0, 1, ' %'),
    'chance_at_10': ('recall@10 by chance', 100.0, 1, ' %'),
}
"""Figures on held-out episodes that are shown: name, factor, digits and unit."""


@dataclass(frozen=True)
class EpisodeResult:
    """
    One episode.

    :param seed: what it was started with.
    :param success: the task's own verdict.
    :param time_s: from reset to success or time-out [s], on the simulator's clock.
    :param latencies_ms: camera stamp to command received, one per command [ms].
    :param control_ticks: commands published.
    :param missed_ticks: control periods without a command.
    :param rms_jerk: root mean square of the joints' third derivative [rad/s^3], or NaN.
    :param instruction: what was asked for.
    :param refused: whether the policy does not know that instruction.
    """

    seed: int
    success: bool
    time_s: float
    latencies_ms: tuple[float, ...] = ()
    control_ticks: int = 0
    missed_ticks: int = 0
    rms_jerk: float = math.nan
    instruction: str = ''
    refused: bool = False


@dataclass(frozen=True)
class Latency:
    """Percentiles of the latency [ms]; NaN when nothing was measured."""

    p50: float
    p99: float
    max: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Latency:
        """Summarise samples [ms]."""
        if not samples:
            return cls(math.nan, math.nan, math.nan)
        p50, p99 = np.percentile(samples, (50, 99))
        return cls(float(p50), float(p99), float(max(samples)))

    def text(self) -> str:
        """Return one cell of a table."""
        if math.isnan(self.p50):
            return 'not measured'
        return f'{self.p50:.1f} / {self.p99:.1f} / {self.max:.1f} ms'


@dataclass(frozen=True)
class Summary:
    """All episodes of a run."""

    results: tuple[EpisodeResult, ...]
    extra: dict[str, float] = field(default_factory=dict)

    @property
    def episodes(self) -> int:
        """Number of episodes."""
        return len(self.results)

    @property
    def successes(self) -> int:
        """Number of episodes that succeeded."""
        return sum(result.success for result in self.results)

    @property
    def success_rate(self) -> float:
        """Share of episodes that succeeded, NaN without episodes."""
        return self.successes / self.episodes if self.results else math.nan

    @property
    def latency(self) -> Latency:
        """Latency over every command of every episode."""
        return Latency.of([value for result in self.results for value in result.latencies_ms])

    @property
    def episode_time_s(self) -> float:
        """Median time of the episodes that succeeded [s], NaN when none did."""
        times = [result.time_s for result in self.results if result.success]
        return float(np.median(times)) if times else math.nan

    @property
    def missed_share(self) -> float:
        """Share of the control periods that went without a command, 0 when none was counted."""
        missed = sum(result.missed_ticks for result in self.results)
        return missed / max(sum(result.control_ticks for result in self.results) + missed, 1)

    @property
    def rms_jerk(self) -> float:
        """Mean over episodes of the joints' RMS jerk [rad/s^3]."""
        jerks = [r.rms_jerk for r in self.results if not math.isnan(r.rms_jerk)]
        return float(np.mean(jerks)) if jerks else math.nan

    def by_instruction(self) -> dict[str, tuple[int, int]]:
        """Return successes and episodes of each instruction, where there were several."""
        asked = sorted({result.instruction for result in self.results})
        if len(asked) < 2:
            return {}
        mine = {text: [r.success for r in self.results if r.instruction == text]
                for text in asked}
        return {text: (sum(found), len(found)) for text, found in mine.items()}

    def figures(self) -> dict[str, object]:
        """Return the figures for machines."""
        return {
            'success_rate': self.success_rate,
            'successes': self.successes,
            'episodes': self.episodes,
            'success_interval': list(interval(self.successes, self.episodes)),
            'episode_time_s': self.episode_time_s,
            'latency_ms': asdict(self.latency),
            'control_ticks': sum(result.control_ticks for result in self.results),
            'missed_ticks': sum(result.missed_ticks for result in self.results),
            'rms_jerk': self.rms_jerk,
            **self.extra,
            'by_instruction': {
                text: {'successes': wins, 'episodes': count}
                for text, (wins, count) in self.by_instruction().items()},
            'per_episode': [
                {'seed': r.seed, 'instruction': r.instruction, 'success': r.success,
                 'time_s': r.time_s,
                 'control_ticks': r.control_ticks, 'missed_ticks': r.missed_ticks,
                 'latency_ms': asdict(Latency.of(r.latencies_ms)), 'rms_jerk': r.rms_jerk}
                for r in self.results],
        }

    def rows(self) -> list[tuple[str, str]]:
        """Return the figures for people: name and value."""
        low, high = interval(self.successes, self.episodes)
        rows = [
            ('success rate', f'{100 * self.success_rate:.1f} %  '
                             f'({self.successes} of {self.episodes})'),
            ('95 % interval', f'{100 * low:.1f} to {100 * high:.1f} %'),
            ('episode time', _number(self.episode_time_s, 's', 1) + ' (median of successes)'),
        ]
        if any(result.latencies_ms for result in self.results):
            ticks = sum(result.control_ticks for result in self.results)
            missed = sum(result.missed_ticks for result in self.results)
            rows += [('latency p50 / p99 / max', self.latency.text()),
                     ('control ticks', str(ticks)), ('missed ticks', str(missed))]
        if not math.isnan(self.rms_jerk):
            rows.append(('RMS jerk', _number(self.rms_jerk, 'rad/s³', 1)))
        unknown = {result.instruction for result in self.results if result.refused}
        rows += [(text, f'{wins} of {count}' + ', not known to it' * (text in unknown))
                 for text, (wins, count) in self.by_instruction().items()]
        return rows + self.named_extra()

    def named_extra(self) -> list[tuple[str, str]]:
        """Return the further figures that people know: name and value."""
        return [(name, f'{value * scale:.{digits}f}{unit}')
                for key, (name, scale, digits, unit) in NAMED.items()
                if (value := self.extra.get(key)) is not None]

    def table(self, title: str) -> str:
        """Return the table that the commands print."""
        return table(self.rows(), title=title)


def interval(successes: int, episodes: int) -> tuple[float, float]:
    """Return the 95 % Wilson interval of a success rate, 0..1."""
    from vaa_ros.learning.evaluate import wilson_interval
    return wilson_interval(successes, episodes)


def _number(value: float, unit: str, digits: int) -> str:
    return '-' if math.isnan(value) else f'{value:.{digits}f} {unit}'
