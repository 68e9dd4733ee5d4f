# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What of a frame tells whether its scene is known: colours, places, and hues.

Mean colours of whole pictures show that the light has changed; coarse pictures, together with the
embedding and the joints, that some place looks otherwise; the share of each hue, that something
has a colour which nothing had before, however small it is and wherever it stands.
"""
from __future__ import annotations

from collections.abc import Sequence

import numpy as np

GRID = (6, 8)
"""Rows and columns of a coarse picture."""

STEP = 2
"""Of every so many rows and columns one is looked at for hues: a quarter tells as much."""

HUES = 24
COLOURED = 20
"""Difference of the channels from which a pixel has a hue at all, of 255."""


def coarse(picture: np.ndarray) -> np.ndarray:
    """
    Shrink a picture to the mean colours of a grid.

    :param picture: (H, W, 3) uint8 rgb.
    :return: (cells, 3) float32, 0 to 255; a picture with fewer pixels than cells keeps those.
    """
    rows, columns = (min(wanted, side) for wanted, side in zip(GRID, picture.shape, strict=False))
    height, width = picture.shape[0] // rows, picture.shape[1] // columns
    # Whole rows first, in integers: 5 times as fast as a mean over both axes at once.
    bands = picture[:rows * height, :columns * width].reshape(rows, height, -1)
    sums = bands.sum(1, dtype=np.uint32).reshape(rows * columns, width, 3).sum(1)
    return (sums / (height * width)).astype(np.float32)


def hues(picture: np.ndarray) -> np.ndarray:
    """
    Give how much of a picture has each hue; grey and dark pixels have none.

    :param picture: (H, W, 3) uint8 rgb.
    :return: shares of the pixels (HUES,) float32, the first around red, then to green and blue.
    """
    channels = np.ascontiguousarray(picture[::STEP, ::STEP].reshape(-1, 3).T)
    high, low = (pick(pick(channels[0], channels[1]), channels[2])
                 for pick in (np.maximum, np.minimum))
    some = np.flatnonzero(high - low >= COLOURED)
    red, green, blue = channels[:, some].astype(np.float32)
    high, spread = high[some], (high[some] - low[some]).astype(np.float32)
    # The usual hexagon: sixths of a turn from red over green and blue back to red.
    sixth = np.where(high == red, (green - blue) / spread, np.where(
        high == green, (blue - red) / spread + 2, (red - green) / spread + 4))
    bins = np.floor(sixth * (HUES / 6)).astype(np.int64) % HUES
    return (np.bincount(bins, minlength=HUES) / channels.shape[1]).astype(np.float32)


def views(pictures: Sequence[np.ndarray], z_vision: np.ndarray,
          state: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """
    Give what is judged about a frame.

    :param pictures: one a camera, (H, W, 3) uint8 rgb.
    :param z_vision: embedding of the scene (E,).
    :param state: joint positions (S,) [rad, m].
    :return: the mean colours of whole pictures (3 C,); coarse pictures, embedding and joints
        (P,); and the hues of each picture (HUES C,).
    """
    cells = [coarse(picture) for picture in pictures]
    whole = np.concatenate([each.mean(0) for each in cells])
    return (whole, np.concatenate([*(each.ravel() for each in cells), z_vision, state]),
            np.concatenate([hues(picture) for picture in pictures]))
