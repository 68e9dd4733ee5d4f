# Copyright 2026 vaa_ros contributors
# SPDX-License-Identifier: Apache-2.0
"""
An exported policy is judged from its file alone, and as torch judges it.
"""
from __future__ import annotations

import json
from pathlib import Path

from learning_samples import tiny_config
from learning_samples import tiny_spec
from learning_samples import write_dataset
import numpy as np
import onnx
import pytest

from vaa_ros.core.errors import DatasetError
from vaa_ros.core.errors import ModelError
from vaa_ros.core.types import Observation
from vaa_ros.learning.calibrate import fit_dataset
from vaa_ros.learning.calibrate import store
from vaa_ros.learning.checkpoint import load_policy
from vaa_ros.learning.dataset_edit import Chosen
from vaa_ros.learning.dataset_edit import write_chosen
from vaa_ros.learning.export import ENCODER_KEY
from vaa_ros.learning.export import export
from vaa_ros.learning.frames import Frames
from vaa_ros.learning.held_out import evaluate_held_out
from vaa_ros.learning.held_out import learned_from
from vaa_ros.learning.held_out import trained_with
from vaa_ros.learning.train import train
from vaa_ros.learning.validate import answer
from vaa_ros.learning.validate import judge
from vaa_ros.policies.onnx_policy import OnnxPolicy


def told(data: Path, target: Path, **changes: object) -> Path:
    """The same episodes as another dataset."""
    frames = Frames(data)
    write_chosen([Chosen(frames, range(len(frames.episodes)))], target,
                 changes=changes or {'note': 'hello'})
    return target


@pytest.fixture(scope='module')
def made(tmp_path_factory) -> tuple[Path, Path, Path]:
    folder = tmp_path_factory.mktemp('held_out')
    data = told(write_dataset(folder / 'written', episodes=8, held_out=2), folder / 'data')
    train(tiny_config(steps=60), data, folder / 'run', progress=False)
    export(folder / 'run', folder / 'p.onnx')
    return folder / 'p.onnx', data, folder / 'run'


def test_the_file_alone_gives_the_figures_of_torch(made):
    model, data, run = made
    found = evaluate_held_out(model, data)
    frames = Frames(data)
    policy, _, state = load_policy(run)
    wanted = judge(answer(policy, frames, frames.split('held_out')), policy.spec)
    assert found.keys() == wanted.keys() == state['metrics'].keys()
    for name, value in wanted.items():
        # Embeddings agree to 1e-6, but ranks of answers closer than that may swap: in a pool of
        # 60 a query or two.
        margin = 2.1 / 60 if 'recall' in name or 'mrr' in name else 1e-4
        assert found[name] == pytest.approx(value, abs=margin), name
        assert state['metrics'][name] == pytest.approx(value, abs=margin), name


def test_embeddings_and_chunks_are_those_of_torch(made):
    from vaa_ros.learning.held_out import ask
    from vaa_ros.learning.held_out import load_encoder
    model, data, run = made
    frames = Frames(data)
    chosen = frames.split('held_out')
    ours = ask(OnnxPolicy(model), load_encoder(model), frames, chosen)
    theirs = answer(load_policy(run)[0], frames, chosen)
    for name in ('predicted', 'z_vision', 'z_action', 'z_own', 'relative', 'mask'):
        difference = (getattr(ours, name) - getattr(theirs, name)).abs().max().item()
        # Normal units of an element that hardly moves are of the size of its rounding.
        assert difference < (2e-3 if name == 'relative' else 1e-5), name


def test_a_dataset_of_other_episodes_is_used_whole(made, tmp_path):
    model, _, _ = made
    other = write_dataset(tmp_path / 'other', episodes=3, held_out=0, seed=7)
    assert evaluate_held_out(model, other)['pool'] == 90


def test_the_training_episodes_are_no_test(tmp_path):
    data = write_dataset(tmp_path / 'data', episodes=4, held_out=0)
    train(tiny_config(steps=3), data, tmp_path / 'run', progress=False)
    export(tmp_path / 'run', tmp_path / 'p.onnx')
    with pytest.raises(DatasetError, match='the recordings of 4 of the 4 episodes'):
        evaluate_held_out(tmp_path / 'p.onnx', data)


def test_nor_are_they_in_a_dataset_that_tells_otherwise_of_them(made, tmp_path):
    model, data, _ = made
    wanted = evaluate_held_out(model, data)
    for name, changes in (('note', {'note': 'other'}), ('split', {'split': 'held_out'})):
        again = told(data, tmp_path / name, **changes)
        assert evaluate_held_out(model, again) == wanted, name
    more = [Chosen(Frames(data), range(8)), Chosen(Frames(
        write_dataset(tmp_path / 'other', episodes=1, held_out=0, seed=7)), [0])]
    write_chosen(more, tmp_path / 'grown')
    spec, grown = OnnxPolicy(model).spec, Frames(tmp_path / 'grown')
    assert trained_with(spec, grown).tolist() == [True] * 6 + [False] * 3


def test_nor_are_they_where_they_went_through_another_format(made, tmp_path):
    model, data, _ = made
    path = told(data, tmp_path / 'again') / 'dataset.json'
    description = json.loads(path.read_text())
    for number, item in enumerate(description['episodes']):  # as an import from LeRobot tells it
        item |= {'cut_from': item['sha256'], 'sha256': 'lerobot', 'part': number}
    path.write_text(json.dumps(description))
    wanted = [True] * 6 + [False] * 2
    imported = Frames(path.parent)
    assert trained_with(OnnxPolicy(model).spec, imported).tolist() == wanted
    provenance = Frames(told(path.parent, tmp_path / 'back')).spec.provenance
    assert learned_from(provenance, imported).tolist() == wanted
    assert learned_from(provenance, Frames(data)).tolist() == wanted


def test_a_dataset_of_another_shape_is_refused(made, tmp_path):
    model, _, _ = made
    other = write_dataset(tmp_path / 'other', tiny_spec(length=9, width=40))
    with pytest.raises(DatasetError, match='cameras: policy.*chunk_length: policy 6, dataset 9'):
        evaluate_held_out(model, other)


@pytest.mark.parametrize('value, message', [
    (None, 'holds no action encoder'), ('?', 'not base64'), ('AAAA', 'not an ONNX')])
def test_a_missing_or_damaged_action_encoder_is_named(made, tmp_path, value, message):
    path, data, _ = made
    model = onnx.load(path)
    kept = {item.key: item.value for item in model.metadata_props if item.key != ENCODER_KEY}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, kept if value is None else {**kept, ENCODER_KEY: value})
    other = tmp_path / 'other.onnx'
    onnx.save(model, other)
    with pytest.raises(ModelError, match=message):
        evaluate_held_out(other, data)


def test_relative_elements_start_from_the_state(made):
    from vaa_ros.learning.held_out import start_of
    from vaa_ros.policies.onnx_policy import OnnxPolicy
    spec = OnnxPolicy(made[0]).spec
    start = start_of(spec, np.array([[0.3, -0.2, 0.05]], np.float32))
    assert start[0, 0].tolist() == pytest.approx([0.3, -0.2, 0.0])


def test_a_dataset_tells_which_scenes_a_policy_knows(made, tmp_path):
    model, data, _ = made
    policy = OnnxPolicy(model)
    known = fit_dataset(policy, data)
    frames = Frames(data)
    assert (known.frames, known.episodes) == (len(frames), 8)
    store(model, known, tmp_path / 'p.onnx')
    calibrated = OnnxPolicy(tmp_path / 'p.onnx').familiarity
    frame = frames.split('held_out')[0]
    seen = {key: np.array(pictures[frame]) for key, pictures in frames.images.items()}
    scores = []
    for images in (seen, {key: 255 - picture for key, picture in seen.items()}):
        observation = Observation(0, images, np.array(frames.state[frame]))
        scores.append(calibrated.score(observation, policy.infer(observation).z_vision))
    assert scores[0] < calibrated.threshold(1.0) < scores[1]
    assert known.source == '8 demonstrations of data; limit from 5 of them, 0.1 minutes'
    with pytest.raises(DatasetError, match='3 episodes.*at least 4'):
        fit_dataset(policy, write_dataset(tmp_path / 'few', episodes=3, held_out=0))
