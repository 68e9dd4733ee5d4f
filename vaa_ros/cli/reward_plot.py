# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""What a learned reward makes of an episode, drawn along it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from vaa_ros.cli.plots import LINES
from vaa_ros.cli.plots import STYLE


def draw_costs(costs: Mapping[str, np.ndarray], title: str, path: Path) -> Path:
    """
    Draw the cost of each tick of some episodes, one line each, and their means.

    :param costs: a name to costs (N,) at each control tick.
    :param title: what is above it.
    :param path: the picture to write, its kind by its suffix.
    :return: the picture.
    """
    import matplotlib
    from matplotlib.figure import Figure
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.2))
        axes = figure.subplots()
        for (name, values), colour in zip(costs.items(), LINES, strict=False):
            axes.plot(values, color=colour, label=f'{name}, mean {values.mean():.3f}')
        axes.set(title=title, xlabel='control tick', ylabel='cost in the aligned space')
        axes.set_ylim(bottom=0)
        axes.legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return path
