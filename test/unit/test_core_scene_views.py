# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What of a frame is judged: places, colours and hues.
"""
from __future__ import annotations

import colorsys

import numpy as np
import pytest

from vaa_ros.core.scene_views import coarse
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.scene_views import hues
from vaa_ros.core.scene_views import views


def test_a_coarse_picture_has_the_mean_colour_of_each_cell() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (14, 16, 3), dtype=np.uint8)
    cells = coarse(picture)
    assert cells.shape == (48, 3)
    # Rows that do not fill a cell are left out: 14 of 6 cells are 2 each, and 2 more.
    wanted = [picture[2 * r:2 * r + 2, 2 * c:2 * c + 2].reshape(4, 3).mean(0)
              for r in range(6) for c in range(8)]
    assert cells == pytest.approx(np.array(wanted))


def test_a_tiny_picture_keeps_its_pixels() -> None:
    picture = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(coarse(picture), picture.reshape(6, 3))


@pytest.mark.parametrize('index', range(HUES))
def test_a_hue_is_counted_where_colorsys_has_it(index: int) -> None:
    red, green, blue = colorsys.hsv_to_rgb((index + 0.5) / HUES, 0.7, 0.6)
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[:, :2] = np.round(255 * np.array([red, green, blue]))
    found = hues(picture)
    assert found[index] == pytest.approx(1 / 3) and found.sum() == pytest.approx(1 / 3)


def test_grey_and_dark_pixels_have_no_hue() -> None:
    grey = np.full((6, 8, 3), 120, np.uint8)
    dark = np.array([[[19, 0, 0]]], np.uint8)
    assert hues(grey).sum() == hues(dark).sum() == 0
    assert hues(np.array([[[20, 0, 0]]], np.uint8))[0] == 1


def test_views_hold_every_camera() -> None:
    pictures = [np.zeros((12, 16, 3), np.uint8), np.full((6, 8, 3), [200, 0, 0], np.uint8)]
    whole, parts, found = views(pictures, np.ones(5), np.ones(2))
    assert (len(whole), len(parts), len(found)) == (6, 2 * 48 * 3 + 7, 2 * HUES)
    assert found[HUES] == 1 and found[:HUES].sum() == 0
