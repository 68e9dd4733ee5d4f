# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
Calibrating a policy: statistics against closed forms, and what is written into its file.
"""
from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from learning_samples import arm_spec
from learning_samples import write_dataset
import numpy as np
import onnx
from policy_models import model
from policy_models import observation
from policy_models import SPEC
import pytest

from vaa_ros.core.errors import ExportError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.familiarity import METADATA_KEY
from vaa_ros.core.paths import model_file
from vaa_ros.core.scene_views import HUES
from vaa_ros.core.types import ActionChunk
from vaa_ros.core.types import Observation
from vaa_ros.learning import calibrate
from vaa_ros.learning.calibrate import every_second
from vaa_ros.learning.calibrate import fit
from vaa_ros.learning.calibrate import fit_rollouts
from vaa_ros.learning.calibrate import HARDLY_ANY
from vaa_ros.learning.calibrate import most_hues
from vaa_ros.learning.calibrate import peaks
from vaa_ros.learning.calibrate import scores
from vaa_ros.learning.calibrate import smooth
from vaa_ros.learning.calibrate import store
from vaa_ros.learning.calibrate import tail
from vaa_ros.learning.calibrate import whiten
from vaa_ros.learning.evaluate import Rollout
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.looks import look_at_rollouts
from vaa_ros.learning.looks import Looks
from vaa_ros.learning.looks import Witness
from vaa_ros.policies.hold_policy import HoldPolicy
from vaa_ros.policies.onnx_policy import OnnxPolicy
from vaa_ros.sim.disturbances import COVERED
from vaa_ros.sim.disturbances import FOREIGN
from vaa_ros.sim.disturbances import Plan

NAN = np.nan
CELLS = 6 * 8 + 4 * 4  # of the 8x6 and the 4x4 camera


def looks(count: int = 4000, size: int = 3, joints: int = 2, episodes: int = 20,
          seed: int = 0) -> Looks:
    random = np.random.default_rng(seed)
    z_vision = random.normal(size=(count, size)) @ random.normal(size=(size, size)) + 2.0
    cells = random.normal(100.0, 20.0, (count, CELLS, 3))
    whole = np.hstack([cells[:, :48].mean(1), cells[:, 48:].mean(1)])
    parts = np.hstack([cells.reshape(count, -1), z_vision, random.normal(size=(count, joints))])
    hues = np.zeros((count, 2 * HUES), np.float32)
    hues[:, 3] = random.uniform(0.0, 0.2, count)
    return Looks(z_vision, z_vision, whole, parts, hues, np.arange(count) * episodes // count,
                 np.zeros(count, bool), np.zeros(count, bool))


def test_whitened_features_have_no_correlation() -> None:
    features = looks().z_vision * [1.0, 100.0, 1e-3]
    mean, whitening = whiten(features, 0.01, 1e-4)
    covariance = np.cov((features - mean) @ whitening.T, rowvar=False)
    assert covariance == pytest.approx(np.eye(3), abs=0.25)
    assert mean == pytest.approx(features.mean(0))


def test_a_feature_that_never_varies_does_not_blow_up() -> None:
    features = np.hstack([looks().z_vision, np.full((4000, 1), 0.5)])
    _, whitening = whiten(features, 0.01, 1e-4)
    assert np.isfinite(whitening).all() and np.abs(whitening).max() < 1e6


def test_smoothing_starts_anew_with_each_episode() -> None:
    scores = np.array([5.0, 6.0, 7.0, 8.0, 1.0, 1.0, 1.0])
    episode = np.array([0, 0, 0, 0, 1, 1, 1])
    assert np.array_equal(smooth(scores, episode), [NAN, NAN, 5, 6, NAN, NAN, 1], equal_nan=True)


def test_near_crossings_are_one_peak_and_episodes_part_them() -> None:
    smoothed = np.array([NAN, 3, 0, 4, 0, 0, 0, 5, 6, 7, 0, 2.0])
    episode = np.array([0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1])
    assert peaks(smoothed, episode, 1.0, gap=2).tolist() == [4, 5, 7]
    assert peaks(smoothed, episode, 1.0, gap=4).tolist() == [5, 7]
    assert peaks(smoothed, episode, 7.0).tolist() == []


def test_the_tail_is_counted_in_hours() -> None:
    smoothed = np.zeros(30 * 60)
    smoothed[::100] = 2.0
    smoothed[100] = 4.0
    # Peaks above the 95 % quantile, which is 0 here: 18 of them in a minute.
    level, excess, rate = tail(smoothed, np.zeros(1800, int), 30.0)
    assert (level, rate) == (0.0, 18 * 60)
    assert excess == pytest.approx((17 * 2 + 4) / 18)


def test_what_is_known_stays_below_1_and_its_median_has_confidence_one_half() -> None:
    usual, other = looks().halves()
    known = fit(usual, other, SPEC, 'a test')
    smoothed = smooth(scores(known, other), other.episode)
    assert 0.85 < np.nanquantile(smoothed, 0.9) <= np.nanquantile(smoothed, 0.95) < 1.1
    assert known.confidence(float(np.nanmedian(smoothed))) == pytest.approx(0.5, abs=0.02)
    assert known.threshold(1.0) > known.threshold(100.0) >= known.peak_level
    for change in (('whole', 40.0), ('parts', 40.0), ('hues', 0.01)):
        far = {name: getattr(usual, name)[0] + (name == change[0]) * change[1]
               for name in ('whole', 'parts', 'hues')}
        assert max(known.distances(**far)) > known.threshold(1.0)
    assert (known.frames, known.episodes, known.cameras) == (4000, 20, ('front', 'wrist'))


def test_a_little_more_of_a_hue_that_neighbours_have_is_usual() -> None:
    usual = np.zeros((10, 2 * HUES), np.float32)
    usual[4, 0] = 0.3
    most = most_hues(usual)
    assert most[[HUES - 1, 0, 1]] == pytest.approx(0.3 + HARDLY_ANY)
    assert most[2:HUES - 1] == pytest.approx(HARDLY_ANY) == most[HUES:]


def test_halves_share_no_episode() -> None:
    usual, other = looks(episodes=5).halves()
    assert set(usual.episode) == {0, 2, 4} and set(other.episode) == {1, 3}


def test_only_the_metadata_of_the_file_changes(tmp_path: Path) -> None:
    path = tmp_path / 'tiny.onnx'
    path.write_bytes(model().SerializeToString())
    before = onnx.load(path)
    known = fit(*looks().halves(), SPEC, 'a test')
    assert OnnxPolicy(path).familiarity is None
    for _ in range(2):  # the second time it is replaced
        size = store(path, known, path)
        assert size == path.stat().st_size
    after = onnx.load(path)
    assert after.graph == before.graph
    keys = [item.key for item in after.metadata_props]
    assert sorted(keys) == sorted([*(item.key for item in before.metadata_props), METADATA_KEY])
    policy = OnnxPolicy(path)
    assert policy.spec == SPEC
    assert policy.familiarity.threshold(1.0) == known.threshold(1.0)
    assert policy.infer(observation()).z_vision.shape == (3,)
    assert sorted(tmp_path.iterdir()) == [path]


def test_statistics_of_another_size_are_not_written(tmp_path: Path) -> None:
    path = tmp_path / 'tiny.onnx'
    path.write_bytes(model().SerializeToString())
    whole = path.read_bytes()
    with pytest.raises(ExportError, match='run `vaa calibrate` again'):
        store(path, fit(*looks(size=7).halves(), SPEC, 'a test'), path)
    assert path.read_bytes() == whole and sorted(tmp_path.iterdir()) == [path]


def test_a_witness_keeps_what_it_saw(tmp_path: Path) -> None:
    path = tmp_path / 'tiny.onnx'
    path.write_bytes(model().SerializeToString())
    wrong = iter([False, False, True])
    witness = Witness(OnnxPolicy(path), lambda: next(wrong))
    witness.reset()
    witness.infer(observation())
    witness.reset()
    for turn in (0.1, 0.3):
        witness.infer(observation(state=(turn, 0.05)))
    found = witness.looks()
    assert found.episode.tolist() == [0, 1, 1] and found.disturbed.tolist() == [False] * 2 + [True]
    assert found.parts[:, -2] == pytest.approx([0.25, 0.1, 0.3])
    assert found.whole[0] == pytest.approx(np.full(6, 7.0))
    assert found.z_vision.shape == (3, 3)


def test_a_policy_without_embeddings_or_too_few_episodes_are_refused() -> None:
    policy = HoldPolicy(SPEC)
    with pytest.raises(ModelError, match='no embeddings'):
        Witness(policy).infer(observation())
    with pytest.raises(ModelError, match='too few'):
        fit_rollouts(policy, 'reach', [1, 2])


def test_frames_that_are_too_few_to_say_how_far_they_stray_are_refused() -> None:
    short = looks(count=5, episodes=1, seed=1)
    with pytest.raises(ModelError, match='1 episodes of 0.00 minutes in all are too little'):
        fit(looks(), short, SPEC, 'a test')


def test_what_a_policy_sees_when_it_fails_is_not_usual(monkeypatch) -> None:
    def half(policy, task, seeds, done):
        for seed in seeds:
            done(Rollout(seed, seed % 2 == 0, 1.0, 30, 0, 0.0, 0.0))
        found = looks(episodes=len(seeds))
        found.whole[found.episode % 2 == 1] = 1e6
        return found

    monkeypatch.setattr(calibrate, 'look_at_rollouts', half)
    policy = HoldPolicy(SPEC)
    known = fit_rollouts(policy, 'reach', range(20))
    assert known.episodes == 10 and np.abs(known.whole_mean).max() < 1e3
    assert known.source.startswith('10 of 20 own episodes of reach, seeds 0 to 19; limit from 5')
    with pytest.raises(ModelError, match='did 3 of 6 episodes of reach'):
        fit_rollouts(policy, 'reach', range(6))


def test_recordings_are_not_divided_between_what_is_usual_and_what_judges_it(tmp_path) -> None:
    frames = Frames(write_dataset(tmp_path / 'data', episodes=6, held_out=0))
    assert every_second(frames, range(6)) == ([0, 2, 4], [1, 3, 5])
    for number, item in enumerate(frames.episodes):
        item['sha256'] = 'ab'[number // 4]
    assert every_second(frames, range(6)) == ([0, 1, 2, 3], [4, 5])
    assert every_second(frames, range(4)) == ([0, 2], [1, 3])


class Seer(HoldPolicy):
    def infer(self, observation: Observation) -> ActionChunk:
        brightness = np.array([picture.mean() for picture in observation.images.values()])
        return replace(super().infer(observation), z_vision=brightness, z_action=brightness)


def test_rollouts_keep_every_tick_and_when_the_disturbance_was_there() -> None:
    policy = Seer(arm_spec())
    found = look_at_rollouts(policy, 'reach', [3, 4],
                             lambda seed: Plan(COVERED, 0.1, 0.2, seed=seed))
    assert found.episode.tolist() == [0] * 6 + [1] * 6
    assert found.disturbed.tolist() == ([False] * 3 + [True] * 3) * 2
    brightness = found.z_vision.min(1)
    assert (brightness[found.disturbed] < 20).all() and (brightness[~found.disturbed] > 20).all()


def test_the_shipped_policy_notices_a_thing_of_a_new_colour() -> None:
    policy = OnnxPolicy(model_file('pick_place'))
    known = policy.familiarity
    seen = look_at_rollouts(policy, 'pick_place', [0, 1, 2, 3],
                            lambda seed: Plan(FOREIGN, 0.4, 0.7, seed=1))
    smoothed = smooth(scores(known, seen), seen.episode)
    unknown = smoothed > known.threshold(1.0)
    assert not unknown[~seen.disturbed].any()
    assert sum(unknown[seen.episode == episode].any() for episode in range(4)) >= 3
