# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
What unseen demonstrations tell about a policy: figures, map and neighbours, from its file alone.
"""
from __future__ import annotations

import json
from pathlib import Path

from learning_samples import tiny_config
from learning_samples import write_dataset
import numpy as np
import pytest

from vaa_ros.learning.export import export
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.held_out import evaluate_held_out
from vaa_ros.learning.held_out import load_encoder
from vaa_ros.learning.neighbours import Bank
from vaa_ros.learning.neighbours import make_bank
from vaa_ros.learning.study import map_space
from vaa_ros.learning.study import Study
from vaa_ros.learning.study import study
from vaa_ros.learning.train import train
from vaa_ros.policies.onnx_policy import OnnxPolicy


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp('study')
    data = write_dataset(folder / 'data', episodes=8, held_out=2)
    train(tiny_config(steps=30), data, folder / 'run', progress=False)
    export(folder / 'run', folder / 'p.onnx')
    return folder / 'p.onnx', data, write_dataset(folder / 'other', episodes=5, seed=3)


@pytest.fixture(scope='module')
def found(made) -> Study:
    model, _, other = made
    return study(OnnxPolicy(model), load_encoder(model), other)


def bank_of(model: Path, data: Path) -> Bank:
    frames = Frames(data)
    return make_bank(OnnxPolicy(model), load_encoder(model), frames, np.arange(len(frames)))


def test_the_figures_are_those_of_the_short_evaluation(made, found):
    model, _, other = made
    assert found.figures == evaluate_held_out(model, other)
    assert (found.frames, found.episodes) == (150, 5)
    assert found.along['l1'][0] == pytest.approx(found.figures['first_l1'], rel=1e-5)
    assert found.along['accuracy'][0] == pytest.approx(found.figures['first_accuracy'])
    assert len(found.along['l1']) == 6
    assert json.loads(json.dumps(found.to_dict(), default=str))['pool'] == 150


def test_without_recordings_the_reason_is_given(found):
    assert found.probes == ()
    assert 'no bag of it tells where the objects were' in found.probe_problem


def test_the_map_is_that_of_the_covariance(made):
    known = bank_of(made[0], made[2])
    shown = map_space(known.z_vision, known.z_action, np.linspace(0, 1, 150))
    both = np.concatenate((known.z_vision, known.z_action)).astype(np.float64)
    sizes, axes = np.linalg.eigh(np.cov(both.T, bias=True))
    assert shown.explained == pytest.approx(sizes[::-1][:2] / sizes.sum())
    wanted = (both - both.mean(0)) @ axes[:, ::-1][:, :2]
    place = np.concatenate((shown.vision, shown.action))
    assert np.abs(place) == pytest.approx(np.abs(wanted), abs=1e-6)
    assert np.linalg.norm(shown.vision[3] - shown.action[3]) == pytest.approx(
        np.linalg.norm(wanted[3] - wanted[153]), abs=1e-6)


def test_a_bank_of_the_same_dataset_does_not_find_the_own_episode(made, found):
    model, _, other = made
    again = study(OnnxPolicy(model), load_encoder(model), other, bank_of(model, other))
    for ours, theirs in zip(again.moments, found.moments, strict=True):
        assert [each.similarity for each in ours.neighbours] == pytest.approx(
            [each.similarity for each in theirs.neighbours])
        assert ours.episode not in {each.episode for each in ours.neighbours}


@pytest.mark.parametrize('with_bank', [False, True])
def test_neighbours_are_those_of_a_search_by_hand(made, found, with_bank):
    model, data, other = made
    asked = bank_of(model, other)
    bank = bank_of(model, data) if with_bank else asked
    looked = study(OnnxPolicy(model), load_encoder(model), other, bank) if with_bank else found
    assert looked.bank == (str(data) if with_bank else 'the other unseen episodes')
    assert len(looked.moments) == 5
    unit = np.array(OnnxPolicy(model).spec.normalisation['action_scale'])
    apart = [np.abs((a - b) / unit).mean() for i, a in enumerate(asked.chunks)
             for j, b in enumerate(asked.chunks) if i != j]
    for place, moment in enumerate(looked.moments):
        row = place * 30 + round((place + 0.5) / 5 * 29)
        assert moment.episode == f'episode_{place}'
        assert moment.time_s == pytest.approx((row % 30) / 30, abs=1e-6)
        assert (moment.picture == np.array(asked.frames.images['front'][row])).all()
        assert moment.similarity == pytest.approx(
            float(asked.z_vision[row] @ asked.z_action[row]), abs=1e-5)
        best = {}
        for other_row in range(len(bank.chosen)):
            episode = other_row // 30
            cosine = float(bank.z_action[other_row] @ asked.z_vision[row])
            if (with_bank or episode != place) and cosine > best.get(episode, (-2, 0))[0]:
                best[episode] = (cosine, other_row)
        wanted = sorted(best.values(), reverse=True)[:3]
        assert [each.similarity for each in moment.neighbours] == pytest.approx(
            [cosine for cosine, _ in wanted], abs=1e-5)
        for each in moment.neighbours:
            cosine, _ = best[int(each.episode.removeprefix('episode_'))]
            assert each.similarity == pytest.approx(cosine, abs=1e-5)
            distance = np.abs((each.chunk - asked.chunks[row]) / unit).mean()
            assert each.near == (distance <= np.quantile(apart, 0.05))
        assert len({each.episode for each in moment.neighbours}) == 3
