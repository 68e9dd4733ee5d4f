# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of the report as SVG text, to be put into the page itself."""

from __future__ import annotations

from collections.abc import Callable
from collections.abc import Mapping
from collections.abc import Sequence
import functools
import io
import itertools
import math
import re
from typing import Any
from typing import ParamSpec
from typing import TYPE_CHECKING
import zlib

import numpy as np

from vaa_ros.cli.results import Latency
from vaa_ros.cli.trace import EpisodeTrace
from vaa_ros.core.replay import Comparison

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED = '#2f6fde', '#e07b39', '#2e9d64', '#d2493c'
INK, GREY, PALE = '#22303f', '#7a8794', '#dfe5eb'
LINES = (BLUE, ORANGE, GREEN, '#8a5cd1', '#c2417f', '#4aa3a2', '#9a8034', RED)

LEAST_SPAN = 0.02
"""Smallest range of a joint's plot [rad or m]."""

STYLE: Any = {
    'font.family': 'sans-serif', 'font.size': 9.5, 'svg.fonttype': 'none', 'text.color': INK,
    'axes.edgecolor': PALE, 'axes.labelcolor': GREY, 'axes.titlesize': 10,
    'axes.titlelocation': 'left', 'axes.titleweight': 'bold', 'axes.grid': True,
    'axes.spines.top': False, 'axes.spines.right': False, 'axes.axisbelow': True,
    'grid.color': '#eef1f4', 'xtick.color': GREY, 'ytick.color': GREY, 'lines.linewidth': 1.6,
    'axes.formatter.useoffset': False, 'legend.frameon': False,
    'figure.constrained_layout.use': True,
}

Arguments = ParamSpec('Arguments')


def styled(plot: Callable[Arguments, str]) -> Callable[Arguments, str]:
    """Draw a figure in the style of the report."""
    @functools.wraps(plot)
    def in_style(*args: Arguments.args, **kwargs: Arguments.kwargs) -> str:
        import matplotlib
        with matplotlib.rc_context(STYLE):
            return plot(*args, **kwargs)
    return in_style


@styled
def latency_histogram(samples_ms: Sequence[float]) -> str:
    """Plot how long commands took from the camera's stamp on."""
    latency = Latency.of(samples_ms)
    figure, (axes,) = figure_of(1, 1, (5.6, 2.7))
    top = max(np.percentile(samples_ms, 99.5) * 1.15, 1.0)
    axes.hist(np.clip(samples_ms, 0, top), bins=60, range=(0, top), color=BLUE, alpha=0.85)
    axes.margins(y=0.22)
    for value, name, height in ((latency.p50, 'p50', 0.94), (latency.p99, 'p99', 0.84)):
        axes.axvline(value, color=INK, linewidth=1, linestyle='--')
        left = value < 0.75 * top
        axes.annotate(f'{name} {value:.1f} ms', (value, height), (4 if left else -4, 0),
                      xycoords=('data', 'axes fraction'), textcoords='offset points',
                      ha='left' if left else 'right', color=INK)
    axes.set(xlabel='camera stamp to command received [ms]', ylabel='commands', xlim=(0, top))
    return svg_of(figure, 'Histogram of the latency from camera stamp to command')


@styled
def joints(trace: EpisodeTrace, units: Sequence[str]) -> str:
    """Plot commanded and measured positions of every joint over one episode."""
    columns = 4 if len(trace.names) > 4 else max(len(trace.names), 1)
    rows = math.ceil(len(trace.names) / columns)
    figure, axes = figure_of(rows, columns, (11.4, 2.0 * rows))
    start = _start(trace)
    commanded_at, commanded = trace.commands.since(start)
    measured_at, measured = trace.measured.since(start)
    for index, name in enumerate(trace.names):
        if len(measured):
            axes[index].plot(measured_at, measured[:, index], color=BLUE, label='measured')
        if len(commanded):
            axes[index].plot(commanded_at, commanded[:, index], color=ORANGE, linewidth=1.1,
                             label='commanded')
        axes[index].set_title(f'{name} [{units[index]}]')
        _widen(axes[index])
    for spare in axes[len(trace.names):]:
        spare.axis('off')
    handles = axes[0].get_legend_handles_labels()
    (axes[len(trace.names)] if len(axes) > len(trace.names) else axes[0]).legend(
        *handles, loc='center')
    return svg_of(figure,
                  'Commanded and measured joint positions over an episode, time in seconds')


@styled
def commands(pairs: Comparison, names: Sequence[str]) -> str:
    """Plot replayed and recorded commands, one panel an element."""
    columns = min(4, len(names))
    rows = math.ceil(len(names) / columns)
    figure, axes = figure_of(rows, columns, (11.4, 2.0 * rows))
    times = (pairs.times_ns - pairs.times_ns[0]) / 1e9
    for index, name in enumerate(names):
        axes[index].plot(times, pairs.recorded[:, index], color=BLUE, label='recorded')
        axes[index].plot(times, pairs.replayed[:, index], color=ORANGE, linewidth=1.1,
                         label='replayed')
        axes[index].set_title(name)
        _widen(axes[index])
    for spare in axes[len(names):]:
        spare.axis('off')
    axes[0].legend()
    return svg_of(figure, 'Replayed and recorded commands over time in seconds')


@styled
def alignment(traces: Sequence[EpisodeTrace]) -> str:
    """Plot the agreement of what is seen with what is done, one line an episode."""
    figure, (axes,) = figure_of(1, 1, (5.6, 2.7))
    for trace in traces:
        times, values = trace.alignment.since(_start(trace))
        good = trace.result is not None and trace.result.success
        axes.plot(times, values, color=GREEN if good else RED, alpha=0.75, linewidth=1.1)
    for colour, name in ((GREEN, 'success'), (RED, 'failure')):
        axes.plot([], [], color=colour, label=name)
    axes.legend(loc='lower right', ncols=2)
    axes.set(xlabel='time [s]', ylabel='cosine')
    return svg_of(figure, 'Alignment of vision and action embedding over each episode')


@styled
def curves(series: Mapping[str, Mapping[str, tuple[Sequence[float], Sequence[float]]]],
           xlabel: str = 'step') -> str:
    """
    Plot groups of training curves, one panel a group.

    :param series: group -> name -> (steps, values).
    """
    columns = min(3, max(len(series), 1))
    rows = math.ceil(len(series) / columns)
    figure, axes = figure_of(rows, columns, (11.4, 2.6 * rows))
    for panel, (group, lines) in zip(axes, series.items(), strict=False):
        for colour, (name, (steps, values)) in zip(
                itertools.cycle(LINES), lines.items(), strict=False):
            panel.plot(steps, values, color=colour, label=name, linewidth=1.3,
                       marker='o' if len(steps) < 12 else None, markersize=3)
        panel.set_title(group)
        panel.set_xlabel(xlabel)
        panel.legend(fontsize=8.5)
    for spare in axes[len(series):]:
        spare.axis('off')
    return svg_of(figure, 'Losses and metrics over the training')


def _widen(axes: Axes) -> None:
    low, high = axes.get_ylim()
    if high - low < LEAST_SPAN:  # a joint at rest is a line, not its noise
        middle = (low + high) / 2
        axes.set_ylim(middle - LEAST_SPAN / 2, middle + LEAST_SPAN / 2)


def _start(trace: EpisodeTrace) -> int:
    if trace.start_ns is not None:
        return trace.start_ns
    stamps = trace.measured.stamps_ns or trace.commands.stamps_ns or [0]
    return stamps[0]


def figure_of(rows: int, columns: int, size: tuple[float, float],
              **options: Any) -> tuple[Figure, list[Axes]]:
    """Return a figure of this size [inch] and its panels, row by row."""
    from matplotlib.figure import Figure
    figure = Figure(figsize=size)
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    return figure, list(axes.ravel())


def svg_of(figure: Figure, description: str) -> str:
    """Return a figure as SVG that can stand in a page with others."""
    sink = io.StringIO()
    figure.savefig(sink, format='svg', transparent=True, metadata={'Date': None})
    text = sink.getvalue()
    text = text[text.index('<svg'):]
    # A page holds several figures, and the identifiers inside an SVG are global to the page.
    prefix = f'f{zlib.crc32(text.encode()):08x}_'
    text = re.sub(r'(id="|href="#|url\(#)', lambda match: match.group(1) + prefix, text)
    text = re.sub(r'<metadata>.*?</metadata>', '', text, flags=re.DOTALL)
    return text.replace('<svg ', f'<svg role="img" aria-label="{description}" ', 1)
