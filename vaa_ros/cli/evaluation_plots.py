# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""Figures of the report of an evaluation as SVG text; see plots.py for those of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli.plots import BLUE
from vaa_ros.cli.plots import figure_of
from vaa_ros.cli.plots import GREEN
from vaa_ros.cli.plots import GREY
from vaa_ros.cli.plots import INK
from vaa_ros.cli.plots import LINES
from vaa_ros.cli.plots import ORANGE
from vaa_ros.cli.plots import PALE
from vaa_ros.cli.plots import RED
from vaa_ros.cli.plots import styled
from vaa_ros.cli.plots import svg_of

if TYPE_CHECKING:
    from vaa_ros.cli.closeups import CloseUp
    from vaa_ros.learning.probe import ProbeResult
    from vaa_ros.learning.study import EmbeddingMap
    from vaa_ros.learning.study import Moment

PAIRS = 25
"""Pairs of the map that are joined by a line; more would hide it."""

COLOURS = 'viridis'


@styled
def times(seconds: dict[str, Sequence[float]]) -> str:
    """Plot how long the episodes that succeeded took, one colour a policy."""
    from matplotlib.ticker import MaxNLocator
    figure, (axes,) = figure_of(1, 1, (11.4, 2.2))
    known = [value for values in seconds.values() for value in values]
    edges = np.linspace(min(known), max(max(known), min(known) + 0.5), 41)
    for colour, (name, values) in zip(LINES, seconds.items(), strict=False):
        axes.hist(values, bins=edges, color=colour, alpha=0.7, label=name)
    if len(seconds) > 1:
        axes.legend()
    axes.set(xlabel='time to success [s]', ylabel='episodes')
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    return svg_of(figure, 'Histogram of the times of successful episodes')


@styled
def along_chunk(along: dict[str, list[float]], dt_s: float, unit: str) -> str:
    """Plot how error and accuracy change along the chunk."""
    figure, (left, right) = figure_of(1, 2, (11.4, 2.9))
    when = np.arange(len(along['l1'])) * dt_s
    left.plot(when, along['l1'], color=BLUE, label='mean')
    left.plot(when, along['l1_p90'], color=BLUE, linestyle=':', label='90 % of frames below')
    left.set(xlabel='time after the picture [s]', ylabel=f'error [{unit}]', ylim=(0, None))
    left.set_title('mean absolute error of the arm')
    left.legend(loc='upper left')
    right.plot(when, 100 * np.array(along['accuracy']), color=GREEN)
    right.set(xlabel='time after the picture [s]', ylabel='frames [%]', ylim=(0, 102))
    right.set_title('every joint within its tolerance')
    return svg_of(figure, 'Action error and accuracy along the chunk')


@styled
def space(embedding: EmbeddingMap) -> str:
    """Plot the map of the shared space, scenes and chunks, coloured by progress."""
    figure, panels = figure_of(1, 2, (11.4, 5.0), sharex=True, sharey=True)
    pairs = np.linspace(0, len(embedding.vision) - 1, PAIRS).round().astype(int)
    for axes, (points, other, title) in zip(panels, (
            (embedding.vision, embedding.action, 'scenes (z_vision)'),
            (embedding.action, embedding.vision, 'action chunks (z_action)')), strict=True):
        axes.scatter(*other.T, s=9, color=PALE, linewidths=0)
        for pair in np.unique(pairs):
            axes.plot(*np.stack((points[pair], other[pair])).T, color=GREY, linewidth=0.6,
                      alpha=0.8)
        shown = axes.scatter(*points.T, s=13, c=embedding.progress, cmap=COLOURS, vmin=0, vmax=1,
                             linewidths=0)
        axes.set_title(title)
        axes.set_xlabel(f'first component, {100 * embedding.explained[0]:.0f} % of the variance')
    panels[0].set_ylabel(f'second, {100 * embedding.explained[1]:.0f} %')
    bar = figure.colorbar(shown, ax=list(panels), shrink=0.8, pad=0.01)
    bar.set_label('progress in the episode')
    bar.outline.set_visible(False)
    return svg_of(figure, 'Map of the shared space by principal components')


@styled
def probes(results: Sequence[ProbeResult]) -> str:
    """Plot how well each kind of features tells where the objects are."""
    targets = list(dict.fromkeys(result.target for result in results))
    names = list(dict.fromkeys(result.name for result in results))
    figure, (left, right) = figure_of(1, 2, (11.4, 1.2 + 0.62 * len(targets)))
    for place, name in enumerate(names):
        chosen = {result.target: result for result in results if result.name == name}
        rows = [index + (place - (len(names) - 1) / 2) * 0.25 for index in range(len(targets))]
        for axes, values, text in (
                (left, [chosen[t].r2 for t in targets], '{:.2f}'),
                (right, [100 * chosen[t].error_m for t in targets], '{:.1f}')):
            axes.barh(rows, np.maximum(values, 0), 0.22, color=LINES[place], label=name)
            for row, value in zip(rows, values, strict=True):
                axes.annotate(text.format(value), (max(value, 0), row), (3, 0), va='center',
                              textcoords='offset points', fontsize=8.5)
    for axes, title in ((left, 'variance explained (R²)'), (right, 'mean error [cm]')):
        axes.set_yticks(range(len(targets)), targets)
        axes.invert_yaxis()
        axes.set_title(title)
        axes.margins(x=0.12)
    figure.legend(*left.get_legend_handles_labels(), loc='outside lower center',
                  ncols=len(names), borderaxespad=0)
    return svg_of(figure, 'How well linear probes read object positions')


@styled
def chunks(moment: Moment, names: Sequence[str], dt_s: float) -> str:
    """Plot what was done, what the nearest demonstrations did, and what the policy would do."""
    columns = len(names)
    figure, axes = figure_of(1, columns, (11.4, 1.75))
    when = np.arange(len(moment.chunk)) * dt_s
    for index, name in enumerate(names):
        for neighbour in moment.neighbours:
            axes[index].plot(when, neighbour.chunk[:, index], color=ORANGE, linewidth=1,
                             alpha=0.75, label='nearest demonstrations')
        axes[index].plot(when, moment.predicted[:, index], color=GREEN, linewidth=1.2,
                         linestyle='--', label='policy')
        axes[index].plot(when, moment.chunk[:, index], color=BLUE, label='really done')
        axes[index].set_title(name, fontsize=9)
        axes[index].tick_params(labelsize=7.5)
        low, high = axes[index].get_ylim()
        if high - low < 0.05:
            middle = (low + high) / 2
            axes[index].set_ylim(middle - 0.025, middle + 0.025)
    handles = dict(zip(*reversed(axes[0].get_legend_handles_labels()), strict=True))
    figure.legend(handles.values(), handles.keys(), loc='outside lower center', ncols=3,
                  fontsize=8.5, borderaxespad=0)
    return svg_of(figure, 'Action chunks: really done, nearest demonstrations, policy')


@styled
def watched(close_ups: Sequence[CloseUp], limit: float | None) -> str:
    """Plot how unusual the scenes are along episodes, the limit, and the confidence."""
    figure, (left, right) = figure_of(1, 2, (11.4, 2.9))
    for close_up in close_ups:
        colour = GREEN if close_up.result.success else RED
        start = close_up.trace.start_ns or 0
        for axes, series in ((left, close_up.score), (right, close_up.confidence)):
            axes.plot(*series.since(start), color=colour, linewidth=1.1, alpha=0.8)
    if limit is not None:
        left.axhline(limit, color=INK, linewidth=1, linestyle='--')
        left.annotate('limit: above it the arm slows, then holds', (0.01, limit), (0, 3),
                      xycoords=('axes fraction', 'data'), textcoords='offset points',
                      fontsize=8.5)
        left.set_ylim(0, max(1.18 * limit, left.get_ylim()[1]))
    for colour, name in ((GREEN, 'success'), (RED, 'failure')):
        left.plot([], [], color=colour, label=name)
    left.legend(loc='lower left', ncols=2)
    left.set_title('score: how unlike the known scenes')
    right.set_title('confidence: share of known frames at least as unusual')
    left.set(xlabel='time [s]')
    right.set(xlabel='time [s]', ylim=(0, 1.02))
    return svg_of(figure, 'Scene score with its limit, and confidence, along episodes')
