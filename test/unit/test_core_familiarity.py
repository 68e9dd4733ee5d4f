# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Statistics of known scenes: distances, confidence, limits, and what may not be read.
"""
from __future__ import annotations

from dataclasses import replace
import json
import math

import numpy as np
import pytest

from vaa_ros.core.errors import ModelError
from vaa_ros.core.familiarity import Familiarity
from vaa_ros.core.familiarity import KEYS
from vaa_ros.core.familiarity import NEEDED
from vaa_ros.core.familiarity import Smoother
from vaa_ros.core.familiarity import WINDOW
from vaa_ros.core.robot import JointSpec
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.spec import ActionSpec
from vaa_ros.core.spec import CameraSpec
from vaa_ros.core.spec import PolicySpec
from vaa_ros.core.types import Observation

KNOWN = Familiarity(
    cameras=('front',), whole_mean=[100.0, 100.0, 100.0], whole_whitening=0.1 * np.eye(3),
    parts_mean=[*[100.0] * 6, 1.0, 0.0, 0.5],
    parts_whitening=np.diag([*[0.0] * 6, 10.0, 2.0, 4.0]), hues_most=np.full(HUES, 0.25),
    quantiles=[1.0, 1.5, 1.5, 3.0, 4.0], peak_level=2.0, peak_excess=0.5, peaks_per_hour=100.0,
    frames=50, episodes=4, source='a test')
SPEC = PolicySpec(
    name='p', task='t', robot='r', cameras=(CameraSpec('front', 2, 1),),
    joints=(JointSpec('turn', 'rad', -1.0, 1.0, 2.0),), embedding_size=2,
    action=ActionSpec('joint_position', ('turn',)), control_rate_hz=30.0, chunk_length=4)


def frame(colour: float = 100.0, joint: float = 0.5) -> Observation:
    picture = np.full((1, 2, 3), colour, np.uint8)
    return Observation(0, {'front': picture}, np.array([joint], np.float32))


def test_the_distance_is_that_of_the_view_further_off() -> None:
    usual = np.array([1.0, 0.0])
    assert KNOWN.score(frame(), usual) == 0.0
    score = KNOWN.score(frame(joint=0.25), np.array([1.1, 1.0], np.float32))
    assert score == pytest.approx(math.sqrt(1.0 + 4.0 + 1.0), rel=1e-6)
    assert KNOWN.score(frame(150), usual) == pytest.approx(5 * math.sqrt(3))
    assert KNOWN.score(frame(101, joint=1.5), usual) == pytest.approx(4.0)


def test_a_hue_that_there_never_was_so_much_of_is_unknown() -> None:
    strange = Observation(0, {'front': np.array([[[100, 120, 100], [100] * 3]], np.uint8)},
                          np.array([0.5], np.float32))
    blind = replace(KNOWN, whole_whitening=np.zeros((3, 3)), hues_most=np.full(HUES, 0.25))
    assert blind.score(strange, np.array([1.0, 0.0])) == pytest.approx(4.0)


def test_nan_is_not_taken_for_known() -> None:
    assert math.isnan(KNOWN.score(frame(), np.array([math.nan, 0.0])))


@pytest.mark.parametrize(('score', 'confidence'), [
    (0.0, 1.0), (1.0, 1.0), (1.25, 0.875), (1.5, 0.5), (2.25, 0.375), (4.0, 0.0),
    (9.0, 0.0), (math.inf, 0.0)])
def test_confidence_is_the_share_of_frames_at_least_as_unusual(
    score: float, confidence: float,
) -> None:
    assert KNOWN.confidence(score) == pytest.approx(confidence)


def test_confidence_of_nothing_is_nothing() -> None:
    assert math.isnan(KNOWN.confidence(math.nan))


def test_rarer_alarms_need_higher_scores() -> None:
    assert KNOWN.threshold(1.0) == pytest.approx(2.0 + 0.5 * math.log(100))
    assert KNOWN.threshold(10.0) == pytest.approx(2.0 + 0.5 * math.log(10))
    assert KNOWN.threshold(100.0) == KNOWN.threshold(1e6) == 2.0
    assert replace(KNOWN, peaks_per_hour=0.0).threshold(1.0) == 2.0


@pytest.mark.parametrize('rate', [0.0, -1.0, math.nan, math.inf])
def test_a_rate_must_be_above_0(rate: float) -> None:
    with pytest.raises(ValueError, match='above 0'):
        KNOWN.threshold(rate)


def test_exponential_peaks_exceed_the_limit_as_often_as_promised() -> None:
    heights = 2.0 + np.random.default_rng(3).exponential(0.5, 200_000)
    hours = len(heights) / KNOWN.peaks_per_hour
    assert (heights > KNOWN.threshold(1.0)).sum() / hours == pytest.approx(1.0, rel=0.1)


def test_survives_json() -> None:
    again = Familiarity.from_json(KNOWN.to_json(), 'x')
    for name in ('whole_mean', 'parts_mean', 'parts_whitening', 'hues_most', 'quantiles'):
        assert np.array_equal(getattr(again, name), getattr(KNOWN, name))
    assert again.whole_whitening == pytest.approx(KNOWN.whole_whitening)
    assert again.cameras == ('front',)
    assert (again.threshold(1.0), again.source) == (KNOWN.threshold(1.0), 'a test')


@pytest.mark.parametrize('change', [
    {'version': 1}, {'hues_most': 'AAAAAA=='}, {'whole_mean': 'no base64!'}, {'whole_mean': 3},
    {'parts_mean': ''}, {'parts_whitening': 'AAAA'}, {'parts_whitening': 'AAAAAA=='},
    {'cameras': 1}, {'quantiles': [1.0]}, {'quantiles': [2.0, 1.0]}, {'quantiles': 'ab'},
    {'quantiles': []}, {'peak_level': -1.0}, {'peak_excess': 'much'}, {'peaks_per_hour': None}])
def test_refuses_what_is_damaged(change: dict) -> None:
    text = json.dumps({**json.loads(KNOWN.to_json()), **change})
    with pytest.raises(ModelError, match='vaa calibrate'):
        Familiarity.from_json(text, 'x')


@pytest.mark.parametrize('text', ['', '[]', '1', 'null', '{', '{"version": 2}'])
def test_refuses_what_is_something_else(text: str) -> None:
    with pytest.raises(ModelError, match='x: vaa_familiarity cannot be read'):
        Familiarity.from_json(text, 'x')


@pytest.mark.parametrize('key', [key for key in KEYS if key != 'version'])
def test_names_what_is_missing(key: str) -> None:
    values = json.loads(KNOWN.to_json())
    del values[key]
    with pytest.raises(ModelError, match=f'missing {key}'):
        Familiarity.from_json(json.dumps(values), 'x')


def test_refuses_statistics_that_are_not_finite() -> None:
    with pytest.raises(ValueError, match='whole_mean is not finite'):
        replace(KNOWN, whole_mean=[1.0, math.nan, 0.5])


def test_statistics_of_another_policy_are_refused() -> None:
    KNOWN.check_spec(SPEC, 'x')
    for other in (replace(SPEC, embedding_size=64), replace(SPEC, cameras=(
            CameraSpec('wrist', 2, 1),)), replace(SPEC, cameras=(CameraSpec('front', 3, 1),))):
        with pytest.raises(ModelError, match='cameras front with 3 and 9 features'):
            KNOWN.check_spec(other, 'x')


def test_the_smoothed_score_is_the_third_of_the_last_five() -> None:
    smoother = Smoother()
    given = [5.0, 1.0, 9.0, 2.0, 8.0, 7.0, 0.0, 0.0, 0.0]
    found = [smoother.add(score) for score in given]
    assert all(math.isnan(value) for value in found[:NEEDED - 1])
    wanted = [sorted(given[max(0, i - WINDOW + 1):i + 1])[-NEEDED]
              for i in range(NEEDED - 1, len(given))]
    assert found[NEEDED - 1:] == wanted
    smoother.reset()
    assert math.isnan(smoother.add(1.0))


def test_nan_counts_as_infinitely_unlike() -> None:
    smoother = Smoother()
    assert [smoother.add(math.nan) for _ in range(NEEDED)][-1] == math.inf
