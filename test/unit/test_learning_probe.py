# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Linear probes against closed forms, and what they must not be able to do.
"""
from __future__ import annotations

import numpy as np
import pytest

from vaa_ros.core.errors import DatasetError
from vaa_ros.learning.probe import LinearProbe
from vaa_ros.learning.probe import probe
from vaa_ros.learning.probe import r_squared
from vaa_ros.learning.probe import ridge


def test_ridge_is_its_closed_form():
    x = np.array([[1.0], [2.0], [-3.0]])
    y = np.array([[2.0], [3.0], [-7.0]])
    for penalty in (0.0, 0.5, 14.0):
        assert ridge(x, y, penalty)[0, 0] == pytest.approx((2 + 6 + 21) / (14 + penalty))


def test_ridge_is_least_squares_on_rows_that_stand_for_the_penalty():
    random = np.random.default_rng(0)
    x, y, penalty = random.normal(size=(40, 6)), random.normal(size=(40, 2)), 3.0
    rows = np.concatenate((x, np.sqrt(penalty) * np.eye(6)))
    wanted = np.linalg.lstsq(rows, np.concatenate((y, np.zeros((6, 2)))), rcond=None)[0]
    assert ridge(x, y, penalty) == pytest.approx(wanted)


def test_a_probe_has_an_intercept_and_does_not_mind_units():
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 3)) * (1e-3, 1.0, 1e4) + (5, -2, 1e5)
    x = np.column_stack((x, np.full(60, 7.0)))  # a feature that says nothing
    y = (x[:, :3] - (5, -2, 1e5)) @ np.array([[1e3, 0], [0, 2], [1e-4, 0]]) + (0.5, -0.25)
    assert LinearProbe(x, y, 1e-12)(x) == pytest.approx(y, abs=1e-6)


def test_what_is_linear_is_read_and_what_is_not_there_is_not():
    random = np.random.default_rng(2)
    episode = np.repeat(np.arange(20), 10)
    x = random.normal(size=(200, 5))
    y = x @ random.normal(size=(5, 3)) / 10
    found = probe('x', x, y, episode, 'cube')
    assert (found.name, found.target, found.features) == ('x', 'cube', 5)
    assert (found.frames, found.episodes) == (200, 20)
    assert found.r2 > 0.9999 and found.error_m < 1e-3
    noise = probe('noise', random.normal(size=(200, 5)), y, episode)
    assert noise.r2 < 0.1
    assert noise.error_m == pytest.approx(np.linalg.norm(y - y.mean(0), axis=1).mean(), rel=0.1)


def test_knowing_the_episode_does_not_help():
    """Split by frames, features that name the episode would give an R² of 1."""
    random = np.random.default_rng(3)
    episode = np.repeat(np.arange(12), 10)
    place = random.normal(size=(12, 3))[episode]
    assert probe('which', np.eye(12)[episode], place, episode).r2 < 0.1


def test_r_squared_at_its_ends():
    y = np.array([[0.0, 1], [2, 3], [4, 8]])
    assert r_squared(y, y) == 1.0
    assert r_squared(y, np.tile(y.mean(0), (3, 1))) == 0.0
    assert np.isnan(r_squared(np.ones((3, 1)), np.zeros((3, 1))))


def test_too_few_episodes_are_refused():
    with pytest.raises(DatasetError, match='at least 3 episodes, found 2'):
        probe('x', np.zeros((4, 1)), np.zeros((4, 1)), np.array([0, 0, 1, 1]))
    three = probe('x', np.arange(6.0)[:, None], np.arange(6.0)[:, None],
                  np.array([0, 0, 1, 1, 2, 2]))
    assert three.r2 > 0.9
