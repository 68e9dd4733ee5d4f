# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""The report of a run: one HTML file with everything in it, to be read and passed on."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from html import escape
import math
from pathlib import Path

from vaa_ros.cli import plots
from vaa_ros.cli.report_style import PAGE
from vaa_ros.cli.results import interval
from vaa_ros.cli.results import Latency
from vaa_ros.cli.results import Summary
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.core.errors import ConfigError

MOST_VIDEO_BYTES = 24_000_000
MOST_EPISODES = 40
"""Episodes whose pictures go into the page; a page of 200 would take seconds to open."""


@dataclass(frozen=True)
class Report:
    """
    What the page shows.

    :param title: heading, such as ``pick_place``.
    :param subtitle: one sentence that says what was run.
    :param summary: figures of all episodes.
    :param traces: what was seen of each episode.
    :param units: unit of each joint, in the order of the traces.
    :param video: the film, put into the page when it is small enough.
    :param training: curves of the training, see :func:`plots.curves`.
    :param facts: name and value of what one needs to repeat the run.
    """

    title: str
    subtitle: str
    summary: Summary
    traces: Sequence[EpisodeTrace] = ()
    units: Sequence[str] = ()
    video: Path | None = None
    training: dict[str, dict[str, tuple[list[float], list[float]]]] = field(default_factory=dict)
    facts: Sequence[tuple[str, str]] = ()

    def write(self, path: Path) -> Path:
        """
        Write the page.

        :raises ConfigError: when the file cannot be written.
        """
        page = PAGE.substitute(
            title=escape(self.title), subtitle=escape(self.subtitle), cards=self._cards(),
            video=self._video(), figures=self._figures(), training=self._training(),
            episodes=self._episodes(), facts=facts_section(self.facts))
        return write_page(path, page)

    def _cards(self) -> str:
        summary = self.summary
        low, high = interval(summary.successes, summary.episodes)
        cards = [('success', _percent(summary.success_rate),
                  f'{summary.successes} of {summary.episodes} episodes; 95 % interval '
                  f'{100 * low:.0f} to {100 * high:.0f} %')]
        if not math.isnan(summary.episode_time_s):
            cards.append(('episode time', f'{summary.episode_time_s:.1f} s',
                          'median of the successes'))
        if any(result.latencies_ms for result in summary.results):
            latency = summary.latency
            cards.append(('camera to command', f'{latency.p50:.1f} ms',
                          f'median; p99 {latency.p99:.1f} ms, max {latency.max:.1f} ms'))
        ticks = sum(result.control_ticks for result in summary.results)
        if ticks:
            missed = sum(result.missed_ticks for result in summary.results)
            cards.append(('missed ticks', str(missed), f'of {ticks} control ticks'))
        cards += [(name, value, 'on held-out demonstrations')
                  for name, value in summary.named_extra()]
        return cards_of(cards)

    def _video(self) -> str:
        return video_of(self.video)

    def _figures(self) -> str:
        samples = [value for result in self.summary.results for value in result.latencies_ms]
        figures = []
        if samples:
            figures.append(('half', 'Latency', plots.latency_histogram(samples)))
        aligned = [trace for trace in self.traces if len(trace.alignment.values) > 1]
        if aligned:
            figures.append(('half', 'Alignment of what is seen and what is done',
                            plots.alignment(aligned)))
        moved = next((t for t in self.traces if t.commands.values and t.measured.values), None)
        if moved is not None:
            figures.append(('whole', f'Joints, commanded and measured, seed {_seed(moved)}',
                            plots.joints(moved, self.units)))
        if [size for size, _, _ in figures].count('half') == 1:
            figures = [('whole narrow' if size == 'half' else size, name, svg)
                       for size, name, svg in figures]
        return section('How it moved', ''.join(
            f'<figure class="{size}"><figcaption>{escape(name)}</figcaption>{svg}</figure>'
            for size, name, svg in figures), grid=True)

    def _training(self) -> str:
        if not self.training:
            return ''
        return section('How it learned', '<figure class="whole">'
                        + plots.curves(self.training) + '</figure>', grid=True)

    def _episodes(self) -> str:
        strips = {trace.result.seed: trace for trace in self.traces if trace.result is not None}
        rows = []
        for number, result in enumerate(self.summary.results, 1):
            trace = strips.get(result.seed) if number <= MOST_EPISODES else None
            pictures = strip_of(trace)
            verdict = 'success' if result.success else 'failure'
            rows.append(
                f'<tr><td class="n">{number}</td><td class="n">{result.seed}</td>'
                f'<td><em class="{verdict}">{verdict}</em></td>'
                f'<td class="n">{result.time_s:.1f} s</td>'
                f'<td class="n">{Latency.of(result.latencies_ms).text()}</td>'
                f'<td class="n">{result.missed_ticks} / {result.control_ticks}</td>'
                f'<td class="strip">{pictures}</td></tr>')
        head = ''.join(f'<th>{name}</th>' for name in (
            '#', 'seed', 'result', 'time', 'latency p50 / p99 / max', 'missed / ticks',
            'from start to end'))
        return section('Episode by episode', f'<div class="wide"><table><thead><tr>{head}</tr>'
                        f'</thead><tbody>{"".join(rows)}</tbody></table></div>')


def write_page(path: Path, page: str) -> Path:
    """
    Write a page.

    :raises ConfigError: when the file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page, encoding='utf-8')
    except OSError as error:
        raise ConfigError(f'{path}: cannot write the report: {error}') from error
    return path


def cards_of(cards: Sequence[tuple[str, str, str]]) -> str:
    """Return the figures at the top: name, value and note of each."""
    return ''.join(
        f'<div class="card"><span>{escape(name)}</span><b>{escape(value)}</b>'
        f'<small>{escape(note)}</small></div>' for name, value, note in cards)


def video_of(video: Path | None) -> str:
    """Return a film to be played in the page, or where it lies when it is too large."""
    if video is None or not video.is_file():
        return ''
    if video.stat().st_size > MOST_VIDEO_BYTES:
        name = escape(video.name, quote=True)
        return f'<p>The film of the episodes lies beside this page: <code>{name}</code></p>'
    data = base64.b64encode(video.read_bytes()).decode()
    return ('<video controls muted playsinline preload="metadata" '
            f'src="data:video/mp4;base64,{data}"></video>')


def strip_of(trace: EpisodeTrace | None, count: int = 5) -> str:
    """Return pictures of an episode from start to end, as its first camera saw it."""
    return ''.join(
        f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data).decode()}">'
        for data in (trace.strip(next(iter(trace.pictures), ''), count) if trace else []))


def section(title: str, body: str, grid: bool = False) -> str:
    """Return a part of the page under a heading, nothing without a body."""
    if not body:
        return ''
    kind = ' class="grid"' if grid else ''
    return f'<section><h2>{escape(title)}</h2><div{kind}>{body}</div></section>'


def facts_section(facts: Sequence[tuple[str, str]]) -> str:
    """Return the part that says how to repeat the run."""
    rows = ''.join(f'<dt>{escape(name)}</dt><dd>{escape(value)}</dd>' for name, value in facts)
    return section('To repeat it', f'<dl>{rows}</dl>') if rows else ''


def _percent(rate: float) -> str:
    return '-' if math.isnan(rate) else f'{100 * rate:.0f} %'


def _seed(trace: EpisodeTrace) -> str:
    return str(trace.result.seed) if trace.result is not None else '?'
