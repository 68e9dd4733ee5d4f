# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""A dataset in one picture: lengths, ranges of the commands, and what its cameras saw."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from vaa_ros.cli.plots import figure_of
from vaa_ros.cli.plots import STYLE
from vaa_ros.core.errors import DatasetError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vaa_ros.learning.frames import Frames

SUFFIXES = ('.png', '.jpg', '.webp', '.pdf')
MOST_EPISODES, COLUMNS = 12, 6
DPI = 110


def check_picture(path: Path) -> None:
    """
    Make sure that a picture can be written there.

    :raises DatasetError: if its name does not say a kind of picture that is known.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise DatasetError(f'{path}: a picture ends in {", ".join(SUFFIXES)}')


def draw(path: Path, frames: Frames) -> None:
    """
    Draw a dataset.

    :param path: the file.
    :param frames: the dataset.
    """
    from matplotlib import rc_context
    check_picture(path)
    with rc_context(STYLE):
        figure = _figure(frames)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, bbox_inches='tight')


def film(frames: Frames) -> np.ndarray:
    """
    Show episodes at even times, one a row, its cameras one after the other (H, W, 3) uint8.
    """
    count = len(frames.episodes)
    chosen = np.unique(np.linspace(0, count - 1, min(MOST_EPISODES, count)).round().astype(int))
    rows = []
    for number in chosen:
        places = np.flatnonzero(frames.episode == number)
        places = places[np.linspace(0, len(places) - 1, COLUMNS).round().astype(int)]
        rows.append(np.concatenate([image for pictures in frames.images.values()
                                    for image in pictures[places]], axis=1))
    return np.concatenate(rows)


def _figure(frames: Frames) -> Figure:
    from vaa_ros.learning.dataset_figures import episode_seconds
    names = frames.spec.action.names
    sheet = film(frames)
    height = 12.0 * sheet.shape[0] / sheet.shape[1]
    figure, axes = figure_of(3, 1, (12.0, 5.5 + height),
                             gridspec_kw={'height_ratios': [1.0, 1.0, max(height / 2.2, 0.3)]})
    lengths, ranges, pictures = axes
    lengths.hist(episode_seconds(frames), bins=30)
    lengths.set_xlabel('length of an episode [s]')
    lengths.set_ylabel('episodes')
    action = np.asarray(frames.action)
    low, high = action.min(0), action.max(0)
    spread = np.where(high > low, high - low, 1.0)
    ranges.violinplot((action - low) / spread, showextrema=False)
    ranges.set_xticks(range(1, len(names) + 1), [
        f'{name}\n{first:.3g} to {last:.3g}'
        for name, first, last in zip(names, low, high, strict=True)])
    ranges.set_ylabel('commands in their range')
    pictures.imshow(sheet)
    pictures.set_axis_off()
    pictures.set_title(f'{", ".join(frames.spec.camera_keys)}: {frames.folder}')
    return figure
